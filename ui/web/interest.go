package web

import (
	"sync"
	"time"
)

// interest has flows put into the snapshots as long as somebody reads them, and a
// while longer: who asks again and again does not have to wait each time.
type interest struct {
	want   func() (release func()) // nil: they come by themselves
	linger time.Duration

	mu sync.Mutex // protects the fields below
	// readers are those who hold it; ending ends it after the last.
	readers int
	release func() // nil: it is not held
	ending  *time.Timer
	closed  bool
}

func newInterest(want func() func(), linger time.Duration) *interest {
	return &interest{want: want, linger: linger}
}

// hold says that somebody reads flows, until the function it returns is called.
func (i *interest) hold() (drop func()) {
	if i.want == nil {
		return func() {}
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	i.readers++
	if i.ending != nil {
		i.ending.Stop()
		i.ending = nil
	}
	if i.release == nil && !i.closed {
		i.release = i.want()
	}
	return sync.OnceFunc(i.drop)
}

func (i *interest) drop() {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.readers--; i.readers > 0 || i.closed {
		return
	}
	i.ending = time.AfterFunc(i.linger, i.lapse)
}

// lapse is called by the timer, which may have been stopped too late.
func (i *interest) lapse() {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.readers == 0 && i.release != nil {
		i.release()
		i.release = nil
	}
}

func (i *interest) close() {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.closed = true
	if i.ending != nil {
		i.ending.Stop()
	}
	if i.release != nil {
		i.release()
		i.release = nil
	}
}
