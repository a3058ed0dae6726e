package term

import (
	"context"
	"os"
	"strconv"
	"testing"
	"time"

	"bwmon/traffic"
)

// TestDemo is the surface in a real terminal with made-up figures, to look
// at: BWMON_DEMO=typical, hostile, failed, waiting or a number of apps, then
// "go test -run TestDemo ./ui/term".
func TestDemo(t *testing.T) {
	demo := os.Getenv("BWMON_DEMO")
	if demo == "" {
		t.Skip("BWMON_DEMO is not set: this one is to be looked at")
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ch := make(chan *traffic.Snapshot, 1)
	go func() {
		defer close(ch)
		for tick := 1; ; tick++ {
			var s *traffic.Snapshot
			switch demo {
			case "hostile":
				s = hostile()
			case "failed":
				s = failing()
			case "waiting":
			case "typical":
				s = typical(tick)
			default:
				n, _ := strconv.Atoi(demo)
				s = many(n, tick)
			}
			if s != nil {
				ch <- s
			}
			select {
			case <-ctx.Done():
				return
			case <-time.After(time.Second):
			}
		}
	}()
	if err := mustNew(t, Options{Snapshots: ch, Version: "demo"}).Run(ctx); err != nil {
		t.Fatal(err)
	}
}
