package term

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"bwmon/traffic"
)

// TestDemo is the surface in a real terminal with made-up figures, to look
// at: BWMON_DEMO=typical, working, hostile, failed, waiting or a number of apps, then
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
			case "alarming":
				s = alarming(tick)
			case "failed":
				s = failing()
			case "waiting":
			case "working":
				s = working(tick)
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
	opts := Options{Snapshots: ch, Version: "demo", Attached: os.Getenv("BWMON_DEMO_ATTACHED"), Config: Config{Theme: Theme{Name: os.Getenv("BWMON_DEMO_THEME")}},
		History: demoHistory,
		Lookup: func(_ context.Context, a netip.Addr) (string, error) {
			return "host-" + strings.NewReplacer(".", "-", ":", "-").Replace(a.String()) + ".example.net.", nil
		},
		Signal: func(pid int, _ string, sig syscall.Signal) error {
			return fmt.Errorf("this is a demonstration: %v to %d", sig, pid)
		},
	}
	if demo == "working" {
		demoThings(&opts)
	}
	if err := mustNew(t, opts).Run(ctx); err != nil {
		t.Fatal(err)
	}
}

// demoThings lets things be started and stopped, after a while.
func demoThings(opts *Options) {
	var mu sync.Mutex
	list := idleThings()
	opts.Things = func(context.Context) ([]traffic.Thing, error) {
		mu.Lock()
		defer mu.Unlock()
		return slices.Clone(list), nil
	}
	opts.Switch = func(_ context.Context, id, action string) error {
		time.Sleep(300 * time.Millisecond)
		mu.Lock()
		defer mu.Unlock()
		for i := range list {
			if list[i].ID != id && id != allThings {
				continue
			}
			if list[i].Active == (action == "start") && id != allThings {
				return fmt.Errorf("%s is active already", id)
			}
			list[i].Active = action == "start"
		}
		return nil
	}
}

// demoHistory is a history that takes a while to answer.
func demoHistory(ctx context.Context, q traffic.Query) (*traffic.Report, error) {
	select {
	case <-time.After(300 * time.Millisecond):
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	r := &traffic.Report{By: q.By, Step: q.Step, From: q.From}
	for t := q.From; t.Before(time.Now()); t = t.AddDate(0, 0, 1) {
		r.Times = append(r.Times, t)
		r.Total.Rx, r.Total.Tx = append(r.Total.Rx, 3<<30), append(r.Total.Tx, 1<<28)
		r.Total.RxBytes += 3 << 30
		r.Total.TxBytes += 1 << 28
	}
	return r, nil
}
