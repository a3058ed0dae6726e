// Package aggregate is the ledger: it books the running totals that monitors
// sample to accounts (the commands of apps, pipes, LAN and remote hosts,
// interfaces), measures their rates, keeps the balance and publishes it all as
// Snapshots.
//
// Ledger is the bookkeeping alone, without clock or goroutine; Engine runs
// monitors and owns a Ledger.
package aggregate

import (
	"regexp"
	"strings"
	"time"

	"bwmon/traffic"
)

// AppExcluded is the app that the commands a Filter leaves out are booked to.
// They are not shown one by one as apps, but their bytes stay in the books:
// otherwise the balance would not hold.
const AppExcluded = "(excluded)"

// The defaults of Options.
const (
	DefaultInterval    = time.Second
	DefaultMaxApps     = 2000
	DefaultMaxCommands = 1000
	DefaultMaxRows     = 20000
	DefaultMaxHosts    = 65536
	DefaultMaxRemotes  = 4096
	DefaultKeepClosed  = 10000
)

// Options configure a Ledger and an Engine. The zero value is usable: it has
// no rules, does not group, and every limit is its default.
type Options struct {
	Host     string        // published as it is: the caller cleans it
	Run      string        // likewise; "": the Engine makes one up
	Interval time.Duration // from one Snapshot to the next; used by Engine only

	Rules   Rules
	Filters map[string]Filter // by the monitor's kind, or by its whole name

	// Off says which monitors do not run until they are started; nil: none. Engine
	// only.
	Off func(name string) bool

	// Remotes puts the remote hosts into every Snapshot, not only into those with
	// flows.
	Remotes bool

	// MaxApps bounds the apps and the pipes, MaxCommands the commands of each app,
	// MaxRows the commands of all apps together, MaxHosts the LAN hosts,
	// MaxRemotes the remote ones. Beyond, those without open connections that were
	// idle longest are folded into one row (of MaxRows: of the app that has most);
	// where all have open connections, new ones go to that row at once. No byte is
	// lost by it. A pipe is also folded when its app is.
	MaxApps, MaxCommands, MaxRows, MaxHosts, MaxRemotes int

	// KeepClosed is how many ended flows are remembered, over all accounts, to
	// be listed and to recognise what is said of them again. Flows that ended
	// within the last five seconds are kept beyond it, up to eight times as
	// many: what a monitor learns late of a flow, it learns by then.
	KeepClosed int

	Now func() time.Time // time.Now where nil; used by Engine only
}

// filter returns that of the monitor of this name.
func (o Options) filter(name string) Filter {
	if f, ok := o.Filters[name]; ok {
		return f
	}
	kind, _, _ := strings.Cut(name, ":")
	return o.Filters[kind]
}

func (o Options) withDefaults() Options {
	if o.Interval <= 0 {
		o.Interval = DefaultInterval
	}
	for _, limit := range []struct {
		value    *int
		standard int
	}{
		{&o.MaxApps, DefaultMaxApps}, {&o.MaxCommands, DefaultMaxCommands},
		{&o.MaxRows, DefaultMaxRows}, {&o.MaxHosts, DefaultMaxHosts}, {&o.MaxRemotes, DefaultMaxRemotes},
		{&o.KeepClosed, DefaultKeepClosed},
	} {
		if *limit.value <= 0 {
			*limit.value = limit.standard
		}
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return o
}

// Filter says which commands one monitor's flows are shown for. Its regexes
// are searched, unanchored, in the full command line.
type Filter struct {
	Include []*regexp.Regexp // where there are any, one must match
	Exclude []*regexp.Regexp // none may match; stronger than Include
	// IgnoreLocal drops loopback flows altogether: they are in no balance.
	IgnoreLocal bool
}

// admits reports whether o's flows are shown under their own app.
func (f Filter) admits(o *traffic.Owner) bool {
	if matchesAny(f.Exclude, o.Command) {
		return false
	}
	return len(f.Include) == 0 || matchesAny(f.Include, o.Command)
}

func matchesAny(list []*regexp.Regexp, s string) bool {
	for _, re := range list {
		if re.MatchString(s) {
			return true
		}
	}
	return false
}
