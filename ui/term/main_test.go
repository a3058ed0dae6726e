package term

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"testing"
	"time"

	"github.com/rivo/uniseg"

	"bwmon/lab"
	"bwmon/traffic"
)

// childEnv makes the test binary a program with the surface in a real
// terminal: "steady", "ticking", "machine", "killer", or "panic" as soon as connections are
// opened.
const childEnv = "BWMON_TERM_CHILD"

func TestMain(m *testing.M) {
	if how := os.Getenv(childEnv); how != "" {
		os.Exit(child(how))
	}
	// The golden frames are those of a terminal that draws characters of
	// ambiguous width in one cell, whatever RUNEWIDTH_EASTASIAN says here.
	uniseg.EastAsianAmbiguousWidth = 1
	os.Exit(lab.Main(m))
}

func child(how string) int {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	ch := make(chan *traffic.Snapshot, 1)
	ch <- typical(10)
	opts := Options{Snapshots: ch, Version: "child", Config: Config{Details: "off"}}
	switch how {
	case "panic":
		opts.WantFlows = func(bool) { panic("told about flows") }
	case "ticking":
		go tickForever(ctx, ch, alarming)
	case "machine":
		demoThings(&opts)
		go tickForever(ctx, ch, working)
	case "killer":
		opts.Signal = func(pid int, command string, sig syscall.Signal) error {
			return fmt.Errorf("%v for %d %s", sig, pid, command)
		}
	}
	ui, err := New(opts)
	if err == nil {
		err = ui.Run(ctx)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		return 1
	}
	return 0
}

// tickForever brings a new snapshot five times a second.
func tickForever(ctx context.Context, ch chan *traffic.Snapshot, at func(tick int) *traffic.Snapshot) {
	for tick := 11; ctx.Err() == nil; tick++ {
		s := at(tick)
		select {
		case <-ch:
		default:
		}
		ch <- s
		select {
		case <-time.After(200 * time.Millisecond):
		case <-ctx.Done():
		}
	}
}
