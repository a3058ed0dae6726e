package aggregate

import (
	"sync"
	"sync/atomic"
)

// wants counts those who want flows in the snapshots. Any goroutine may call
// its methods at any time.
type wants struct {
	n    atomic.Int64
	news chan struct{} // holds one: the first began to want
}

func newWants() wants { return wants{news: make(chan struct{}, 1)} }

// add notes one more, until it calls what is returned.
func (w *wants) add() (release func()) {
	if w.n.Add(1) == 1 {
		select {
		case w.news <- struct{}{}:
		default:
		}
	}
	return sync.OnceFunc(func() { w.n.Add(-1) })
}

func (w *wants) any() bool { return w.n.Load() > 0 }
