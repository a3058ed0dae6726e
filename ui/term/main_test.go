package term

import (
	"context"
	"fmt"
	"os"
	"testing"

	"github.com/rivo/uniseg"

	"bwmon/traffic"
)

// childEnv makes the test binary a program with the surface in a real
// terminal: "steady", or "panic" as soon as connections are opened.
const childEnv = "BWMON_TERM_CHILD"

func TestMain(m *testing.M) {
	if how := os.Getenv(childEnv); how != "" {
		os.Exit(child(how))
	}
	// The golden frames are those of a terminal that draws characters of
	// ambiguous width in one cell, whatever RUNEWIDTH_EASTASIAN says here.
	uniseg.EastAsianAmbiguousWidth = 1
	os.Exit(m.Run())
}

func child(how string) int {
	ch := make(chan *traffic.Snapshot, 1)
	ch <- typical(10)
	opts := Options{Snapshots: ch, Version: "child"}
	if how == "panic" {
		opts.WantFlows = func(bool) { panic("told about flows") }
	}
	ui, err := New(opts)
	if err == nil {
		err = ui.Run(context.Background())
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		return 1
	}
	return 0
}
