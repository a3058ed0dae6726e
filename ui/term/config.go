package term

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Config is how the user wants it; zero values are the defaults. What he
// changes while he looks is remembered beside it, see Options.SettingsPath.
type Config struct {
	View    string        // the view to begin with, by its name: apps, commands, …
	Group   string        // what the view apps sums by: app, command, user, container, unit, remote
	Units   string        // iec, si or bits
	Window  time.Duration // rates are averages over it: 1 s, 10 s or 1 m
	Amounts string        // both, rates or totals
	Details string        // auto, on or off
	// HideIdle leaves rows without any traffic out; NoNames looks no names of
	// addresses up.
	HideIdle, NoNames bool
	// Machine shows what apps and commands use of disks, CPU and memory beside it.
	Machine bool

	Theme Theme
	// Keys are the keys of bindings, by their names, in place of the usual ones.
	Keys map[string][]string
	// Columns are those to be shown, by the name of the view.
	Columns map[string][]string
	// Sort is the column to sort by, by the name of the view: "tx_rate desc".
	Sort map[string]string
}

// windows are the averages there are, the first is the engine's own.
var windows = [...]time.Duration{time.Second, 10 * time.Second, time.Minute}

// Check says what is wrong with a configuration.
func (c Config) Check() error {
	_, err := New(Options{Config: c})
	return err
}

// configure applies a configuration.
func (u *UI) configure(c Config) error {
	colors, err := newPalette(c.Theme)
	if err != nil {
		return err
	}
	u.theme, u.colors = c.Theme, colors
	if u.bindings, err = bind(newBindings(u.views), c.Keys); err != nil {
		return err
	}
	u.window = windows[0]
	if c.Window != 0 {
		if !slices.Contains(windows[:], c.Window) {
			return fmt.Errorf("window: want %s, got %v", strings.Join(windowNames(), ", "), c.Window)
		}
		u.window = c.Window
	}
	for _, word := range [...]struct {
		what, word string
		names      []string
		set        func(i int)
	}{
		{"view", c.View, u.viewNames(), func(i int) { u.current = i }},
		{"group", c.Group, groupingNames(), func(i int) {
			u.group = grouping(i)
			u.views[0].stack = []page{u.kinds.groupedPage(u.group)}
		}},
		{"units", c.Units, unitNames[:], func(i int) { u.units = units(i) }},
		{"amounts", c.Amounts, amountNames[:], func(i int) { u.amounts = amountsShown(i) }},
		{"details", c.Details, detailsNames[:], func(i int) { u.details = detailsWish(i) }},
	} {
		if word.word == "" {
			continue
		}
		i, err := oneOf(word.what, word.word, word.names)
		if err != nil {
			return err
		}
		word.set(i)
	}
	u.hideIdle, u.machine, u.namesOff = c.HideIdle, c.Machine, c.NoNames
	if u.names != nil {
		u.names.enable(!u.namesOff)
	}
	return u.configureTables(c)
}

// configureTables applies what a configuration says of single views.
func (u *UI) configureTables(c Config) error {
	for _, name := range sortedKeys(c.Columns) {
		i, err := oneOf("columns: view", name, u.viewNames())
		if err != nil {
			return err
		}
		l := u.views[i].stack[0].base()
		if len(c.Columns[name]) == 0 {
			continue
		}
		names, err := l.pick(nil, c.Columns[name])
		if err != nil {
			return fmt.Errorf("columns of %s: %w", name, err)
		}
		u.setColumns(l.name, names)
	}
	for _, name := range sortedKeys(c.Sort) {
		i, err := oneOf("sort: view", name, u.viewNames())
		if err != nil {
			return err
		}
		p := u.views[i].stack[0]
		s, err := sortingOf(p, c.Sort[name])
		if err != nil {
			return fmt.Errorf("sort of %s: %w", name, err)
		}
		*p.base().sorting = s
	}
	u.enter()
	return nil
}

func sortedKeys[T any](m map[string]T) []string {
	var keys []string
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
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
