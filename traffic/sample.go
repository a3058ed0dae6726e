package traffic

import (
	"context"
	"time"
)

// Sample is the running total of one flow as its monitor knows it, never a
// delta: a lost sample costs resolution, not bytes.
type Sample struct {
	Flow   Flow
	Scope  Scope
	Counts Counts
	// Owner is nil while nobody knows it. A later sample of the same flow
	// may bring it; the ledger then rebooks all the flow's bytes.
	Owner *Owner
	// Label is the app a sample is booked under in place of one by the rules:
	// the name of a pipe or relay; empty for sockets. It is clean. With a Label
	// and no Owner the command is the flow's local address.
	Label string
	// Final: the flow has ended and Counts is its last total.
	Final bool
}

// InterfaceTotal is the running total of one network interface in layer-3
// bytes: what its driver counted less the link headers, as the host saw it.
type InterfaceTotal struct {
	Name   string
	Index  int
	Counts Counts
	// Balanced: the interface carries traffic of its own, which no other
	// listed interface counts again (not lo, not a bridge port, not a VLAN on
	// a listed parent). Only these enter the balance.
	Balanced bool
	// SpeedBits is the link speed in bits per second, 0 where it has none.
	SpeedBits uint64
}

// ProcessTotal is the running total of what one process used beside the network since
// its monitor knows it; a monitor that is run again goes on with it. Its Owner's PID and Start say which process it is; another
// command line of the same process is an Owner that it has from then on.
type ProcessTotal struct {
	Owner *Owner // never nil

	DiskRead, DiskWrite   uint64 // bytes of storage I/O, see Resources
	CacheRead, CacheWrite uint64 // bytes of read and write calls
	CPU                   time.Duration
	Memory                uint64 // bytes that are resident now

	// Final: the process has ended, and these are its last totals.
	Final bool
}

// Batch is what a monitor has to say at one moment. The monitor gives up its
// slices with it.
type Batch struct {
	Monitor string // the monitor's name
	At      time.Time

	Samples    []Sample
	Interfaces []InterfaceTotal
	// Processes is what processes used beside the network; Complete says the same of
	// them as of Samples.
	Processes []ProcessTotal
	// Series is all that the monitor measures of the machine, in place of what it said
	// before; nil: as before.
	Series []Series

	// Complete: every flow that changed since the former complete batch has
	// been sampled. Rates are computed from one complete batch to the next;
	// an incomplete one (events between two dumps) adds to totals only.
	Complete bool
	// Opening: the samples are the opening balance (lookback): they are
	// booked to their owners, but were carried before the interfaces were
	// first read and enter neither rates nor the balance.
	Opening bool

	// Lost counts what the monitor knows it missed since Run began (events,
	// messages), in its own unit, named in Detail.
	Lost uint64
	// Detail is one line on the monitor's condition, for people.
	Detail string
}

// Monitor is one source of samples. Its constructor starts nothing.
//
// Run works until ctx is cancelled, then reads its source a last time, emits
// that and returns nil; it undoes whatever it set up, on every way out. An
// error is shown and Run is called again after a pause, on the same Monitor:
// flows it knew stay open in the ledger, so it goes on with their totals or
// ends them with a final sample. Emit may block for as long as the ledger is
// busy; it is called from Run's goroutine only.
type Monitor interface {
	// Name is unique among the monitors of one program: its kind
	// (conntrack, socket, machine), or "kind:what" where several may run.
	Name() string
	Run(ctx context.Context, emit func(Batch)) error
}
