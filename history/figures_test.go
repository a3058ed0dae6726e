package history

import (
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"testing"
	"time"
)

// TestFleetOfFigures: a host has room for so many names of figures, and is told when there
// is none; those that it has go on.
func TestFleetOfFigures(t *testing.T) {
	at := time.Date(2026, 5, 1, 12, 0, 30, 0, time.UTC)
	f := openFleet(t, Options{Path: filepath.Join(t.TempDir(), "fleet.db"), Now: func() time.Time { return at }})
	for i := range maxMetrics {
		if err := f.Note("ant", at, fmt.Sprint("figure", i), 1); err != nil {
			t.Fatal(err)
		}
	}
	if err := f.Note("ant", at, "one more", 1); !errors.Is(err, ErrTooManyFigures) {
		t.Errorf("%v", err)
	}
	if err := f.Note("ant", at, "figure7", math.NaN()); err == nil || errors.Is(err, ErrTooManyFigures) {
		t.Errorf("%v of what is no figure", err)
	}
	for _, host := range []string{"ant", "bee"} {
		if err := f.Note(host, at, "figure7", 1); err != nil {
			t.Error(err)
		}
	}
}
