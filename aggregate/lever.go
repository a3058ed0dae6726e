package aggregate

import (
	"context"
	"errors"
	"fmt"
	"sync"
)

// ErrNoMonitor is returned for the name of a monitor that is not there.
var ErrNoMonitor = errors.New("there is no such monitor")

// lever starts and stops one monitor. Any goroutine may pull it.
type lever struct {
	mu sync.Mutex
	// mu protects the fields below.
	off    bool
	cancel context.CancelFunc // ends the present run; nil before the first
	on     chan struct{}      // closed when it is pulled to on
}

// stop ends the present run, and keeps the monitor from being run again.
func (l *lever) stop() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.off {
		return
	}
	l.off, l.on = true, make(chan struct{})
	if l.cancel != nil {
		l.cancel()
	}
}

func (l *lever) start() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.off {
		l.off = false
		close(l.on)
	}
}

// isOff also returns a channel that is closed when it is no longer.
func (l *lever) isOff() (bool, <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.off, l.on
}

// begin waits until the monitor may run, and returns what its run is to go by, which
// the caller ends; false: ctx was cancelled.
func (l *lever) begin(ctx context.Context) (run context.Context, end context.CancelFunc, ok bool) {
	for {
		if off, on := l.isOff(); off {
			select {
			case <-on:
			case <-ctx.Done():
				return nil, nil, false
			}
		}
		l.mu.Lock()
		if !l.off {
			run, cancel := context.WithCancel(ctx)
			l.cancel = cancel
			l.mu.Unlock()
			return run, cancel, true
		}
		l.mu.Unlock()
	}
}

// StopMonitor has a monitor undo what it set up, and leaves it so until it is
// started: it is shown as stopped, its rows stay, its rates are zero. It does not
// wait for that. Any goroutine may call it while Run runs. The error is ErrNoMonitor.
func (e *Engine) StopMonitor(name string) error {
	l, err := e.lever(name)
	if err == nil {
		l.stop()
	}
	return err
}

// StartMonitor runs a monitor again that was stopped, or that ended by itself; see
// StopMonitor.
func (e *Engine) StartMonitor(name string) error {
	l, err := e.lever(name)
	if err == nil {
		l.start()
	}
	return err
}

// Active lists the monitors by name, and whether each is started. It is empty before
// Run. Any goroutine may call it.
func (e *Engine) Active() map[string]bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	list := make(map[string]bool, len(e.levers))
	for name, l := range e.levers {
		off, _ := l.isOff()
		list[name] = !off
	}
	return list
}

func (e *Engine) lever(name string) (*lever, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if l := e.levers[name]; l != nil {
		return l, nil
	}
	return nil, fmt.Errorf("%w: %q", ErrNoMonitor, name)
}
