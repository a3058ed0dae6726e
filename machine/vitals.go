package machine

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/prometheus/procfs"

	"bwmon/traffic"
)

// VitalsOptions says how a Vitals works. The zero value is usable.
type VitalsOptions struct {
	Interval time.Duration // between two readings; 0: one second
	Proc     string        // where procfs is mounted; "": /proc
	Sys      string        // where sysfs is mounted; "": /sys
	// Cgroup is the root of a cgroup v2 hierarchy; "": no storage I/O of containers and
	// units. Name says which container and unit a cgroup is of, by its path below the
	// root with a "/" before it; both clean, "" where there is none. It is called from
	// Run's goroutine, once for each cgroup that appears.
	Cgroup string
	Name   func(path string) (container, unit string)
	// Active says which series are measured before anybody started or stopped them, by
	// their ID; nil: all. It is called from Run's goroutine, once for each that appears,
	// and must not call this Vitals.
	Active func(id string) bool
}

// Vitals measures disks, processors, memory, mounts and what else of the machine has
// figures. What it reads of the network is of the namespace of the thread that calls
// Run; all else is the machine's, as the mounts of Proc and Sys show it.
type Vitals struct {
	interval time.Duration
	options  VitalsOptions
	things   things
	wake     chan struct{} // holds one: something was started or stopped

	running sync.Mutex // held by Run; protects all below
	sources []vital
	last    time.Time // reading
}

var _ traffic.Monitor = (*Vitals)(nil)

// vital is a source of series. Run's goroutine uses it alone. What it cannot read it
// tells as a fault and goes on.
type vital interface {
	read(r *reading)
	close() // it may be read again after that
}

// NewVitals returns a monitor that has not started.
func NewVitals(o VitalsOptions) *Vitals {
	v := &Vitals{interval: o.Interval, wake: make(chan struct{}, 1)}
	if v.interval <= 0 {
		v.interval = defaultInterval
	}
	if o.Proc == "" {
		o.Proc = "/proc"
	}
	if o.Sys == "" {
		o.Sys = "/sys"
	}
	v.options = o
	v.things.init(o.Active)
	return v
}

// Name is "vitals".
func (v *Vitals) Name() string { return "vitals" }

// soonest is how long after a reading the next one may be, where somebody started or
// stopped something: rates over less than that say little.
const soonest = 250 * time.Millisecond

// Run reads everything at once, then every interval, and a last time when ctx is
// cancelled; it emits a complete batch each time, in which Series is all that is
// active. Rates are over the time from one reading to the next, so the first batch has
// none, and the last batch has none where it follows too closely. What was stopped has
// none in its first batch after that, but for disks and interfaces, which are followed
// meanwhile, and containers and units while any of these is active. Totals go on when
// Run is called again.
//
// It starts a goroutine for each mount while it asks that for its size, and for each chip
// while it asks that for temperatures, and waits for answers for a quarter of a second. A
// goroutine that a dead file system or device holds in the kernel is left behind; that is
// not asked again before it is back.
func (v *Vitals) Run(ctx context.Context, emit func(traffic.Batch)) error {
	v.running.Lock()
	defer v.running.Unlock()
	if err := v.open(); err != nil {
		return err
	}
	defer func() {
		for _, s := range v.sources {
			s.close()
		}
	}()
	timer := time.NewTimer(0)
	defer timer.Stop()
	next := time.Now()
	for {
		at := time.Now()
		emit(v.readAt(at, time.Now))
		if ctx.Err() != nil {
			return nil
		}
		for next = next.Add(v.interval); !next.After(at); {
			next = at.Add(v.interval) // it was held up: no hurry to catch up
		}
		timer.Reset(time.Until(next))
		select {
		case <-timer.C:
		case <-ctx.Done():
		case <-v.wake:
			if early := at.Add(soonest); early.Before(next) {
				next = early
			}
			timer.Reset(time.Until(next))
			select {
			case <-timer.C:
			case <-ctx.Done():
			}
		}
	}
}

// open makes the sources when Run is called first.
func (v *Vitals) open() error {
	if v.sources != nil {
		return nil
	}
	o := &v.options
	proc, err := procfs.NewFS(o.Proc)
	if err != nil {
		return fmt.Errorf("read the machine's figures: %w: mount procfs there", err)
	}
	v.sources = []vital{
		&processor{fs: proc}, newLoad(proc, o.Proc), newMemory(proc, o.Proc), &pressure{fs: proc},
		newDisks(o.Proc, o.Sys), newMounts(o.Proc), newInterfaces(proc, o.Proc), newSensors(o.Sys),
	}
	if o.Cgroup != "" {
		v.sources = append(v.sources, newCgroups(o.Cgroup, o.Sys, o.Name))
	}
	return nil
}

// readAt takes one reading of all sources, of which each is asked at the moment that now
// tells, since some take a while.
func (v *Vitals) readAt(at time.Time, now func() time.Time) traffic.Batch {
	r := reading{things: &v.things, rates: at.Sub(v.last) >= min(soonest, v.interval/2)}
	v.last = at
	r.begin()
	for _, s := range v.sources {
		r.at = now()
		s.read(&r)
	}
	r.end()
	return traffic.Batch{
		Monitor: v.Name(), At: at, Complete: true,
		Series: r.series, Detail: r.detail(),
	}
}
