package aggregate

import (
	"context"

	"bwmon/traffic"
)

// member is one monitor that an Engine runs.
type member struct {
	monitor traffic.Monitor
	lever   lever
	health  health             // the loop's
	retire  context.CancelFunc // ends it for good
	done    chan struct{}      // closed when it has returned for good
}

// hire runs a monitor until the engine ends or it is retired. It is called by the
// loop, or before that begins. A monitor that takes the place of another is off where
// that was; else the options say.
func (e *Engine) hire(m traffic.Monitor, replaces, off bool) *member {
	ctx, cancel := context.WithCancel(e.running)
	one := &member{monitor: m, health: newHealth(m.Name()), retire: cancel, done: make(chan struct{})}
	if !replaces && e.opts.Off != nil {
		off = e.opts.Off(m.Name())
	}
	if off {
		one.lever.stop()
	}
	k := keeper{member: one, reports: e.reports, stopped: e.ended}
	e.keepers.Go(func() {
		defer close(one.done)
		defer cancel()
		k.keep(ctx)
	})
	return one
}

// setMembers says whose levers there are.
func (e *Engine) setMembers(list []*member) {
	levers := make(map[string]*lever, len(list))
	for _, m := range list {
		levers[m.monitor.Name()] = &m.lever
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.levers = levers
}
