package main

import (
	"errors"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"bwmon/fleet/receive"
	"bwmon/history"
)

// TestBooksFullOfFigures: a receiver hears that a figure has no room, and never will, so
// that it says so to whoever posted it.
func TestBooksFullOfFigures(t *testing.T) {
	f, err := history.OpenFleet(history.Options{Path: filepath.Join(t.TempDir(), "fleet.db")})
	if err != nil {
		t.Fatal(err)
	}
	books := &fleetBooks{f}
	defer books.close()
	const far = 100_000
	for i := range far {
		if err = books.Note("gw", time.Now(), fmt.Sprint("figure", i), 1); err != nil {
			break
		}
	}
	if !errors.Is(err, receive.ErrTooMany) {
		t.Errorf("after %d names: %v", far, err)
	}
}
