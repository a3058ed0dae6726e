package term

import (
	"context"
	"net/netip"
	"syscall"
	"time"

	"github.com/gdamore/tcell/v2"

	"bwmon/traffic"
)

// Options is what the surface needs to know. Only Snapshots is required. No
// function of it is called from two goroutines at once.
type Options struct {
	// Snapshots brings what to show. The sender keeps only the newest one
	// waiting; the surface never writes to a snapshot. When it is closed the
	// engine is gone: the last figures stay, marked as such.
	Snapshots <-chan *traffic.Snapshot
	// Interval is the time between two snapshots; 0: 1 s. Three of them without
	// a snapshot, and at least 5 s, count as an engine that is stuck.
	Interval time.Duration
	// WantFlows is told whether rows of single connections are on screen. It
	// is called from the event loop, only on a change, and must not block.
	WantFlows func(bool)

	// Attached is what the snapshots come from, such as "gw via /run/bwmon.sock";
	// "" is this process's own monitors.
	Attached string
	// Link tells when the way to it is lost, and found again; nil where that
	// does not happen. The sender keeps only the newest one waiting.
	Link <-chan Link

	// Signal sends a signal to a process, whose command line is given so that it
	// can make sure that the number has not gone to another. It is called
	// beside the event loop. nil: the key says that it is off, and Refused why.
	Signal func(pid int, command string, sig syscall.Signal) error
	// History answers what was used in the past; nil: there is none. It is
	// called beside the event loop, once at a time, and ends with ctx.
	History func(ctx context.Context, q traffic.Query) (*traffic.Report, error)
	// Lookup finds the name of an address; nil: names are not looked up. It is
	// called beside the event loop, for a few addresses at a time, and ends with
	// ctx.
	Lookup func(ctx context.Context, a netip.Addr) (string, error)
	// Things lists what can be measured, whether it is or not; nil: only what is
	// measured is shown. Switch starts or stops one of them by its ID, or "all" of
	// them: action is "start" or "stop". nil: neither is offered. Both are called
	// beside the event loop, each once at a time, and end with ctx.
	Things func(ctx context.Context) ([]traffic.Thing, error)
	Switch func(ctx context.Context, id, action string) error
	// Refused says of keys, by the names of their bindings, why they are off,
	// such as "signal": "attached to another machine".
	Refused map[string]string

	// Config is how the user wants it. SettingsPath is the file in which is
	// remembered what he changes; "" remembers nothing.
	Config       Config
	SettingsPath string

	// Screen is where to draw; nil is the terminal of the process.
	Screen tcell.Screen
	// Version is shown beside the program's name.
	Version string
	// Location is the time zone of the clock; nil is the local one.
	Location *time.Location
}

// Link is the condition of the way to what is attached to.
type Link struct {
	Lost   bool
	Detail string    // why it is lost, for people
	At     time.Time // since when
}
