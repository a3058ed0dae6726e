package term

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Config is how the user wants it; zero values are the defaults.
type Config struct {
	View    string        // the view to begin with, by its name: apps, commands, …
	Group   string        // what the view apps sums by: app, command, user, container, unit, remote
	Units   string        // iec, si or bits
	Window  time.Duration // rates are averages over it: 1 s, 10 s or 1 m
	Amounts string        // both, rates or totals
}

// windows are the averages there are, the first is the engine's own.
var windows = [...]time.Duration{time.Second, 10 * time.Second, time.Minute}

func (u *UI) configure(c Config) error {
	u.window = windows[0]
	if c.Window != 0 {
		if !slices.Contains(windows[:], c.Window) {
			return fmt.Errorf("window: want 1s, 10s or 1m, got %v", c.Window)
		}
		u.window = c.Window
	}
	if c.View != "" {
		if u.current = u.viewNamed(c.View); u.current < 0 {
			return fmt.Errorf("view: there is none called %q: want one of %s", c.View, strings.Join(u.viewNames(), ", "))
		}
	}
	if c.Units != "" {
		i := slices.Index(unitNames[:], c.Units)
		if i < 0 {
			return fmt.Errorf("units: want %s, got %q", strings.Join(unitNames[:], ", "), c.Units)
		}
		u.units = units(i)
	}
	if c.Amounts != "" {
		i := slices.Index(amountNames[:], c.Amounts)
		if i < 0 {
			return fmt.Errorf("amounts: want %s, got %q", strings.Join(amountNames[:], ", "), c.Amounts)
		}
		u.amounts = amountsShown(i)
	}
	return nil
}

func (u *UI) viewNames() []string {
	var names []string
	for _, v := range u.views {
		names = append(names, v.name)
	}
	return names
}

// nextWindow averages over more, and after the longest over the shortest.
func (u *UI) nextWindow() {
	i := slices.Index(windows[:], u.window)
	u.window = windows[(i+1)%len(windows)]
	u.reload()
}

// toggleMark sets totals back, or shows those since the start again.
func (u *UI) toggleMark() {
	if u.shown == nil {
		return
	}
	if u.memory.marked.IsZero() {
		u.memory.mark(u.shown.At)
	} else {
		u.memory.unmark()
	}
	u.reload()
}

// windowText writes a window for people.
func windowText(d time.Duration) string {
	if d >= time.Minute {
		return strconv.Itoa(int(d/time.Minute)) + " min"
	}
	return strconv.Itoa(int(d/time.Second)) + " s"
}
