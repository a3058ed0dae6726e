package main

import (
	"slices"
	"sync"

	"bwmon/traffic"
)

// broadcast hands each snapshot to everybody who wants them, the newest in place of one
// that was not read. One goroutine publishes.
type broadcast struct {
	mu sync.Mutex
	// mu protects the fields below.
	list   []*newest
	closed bool
}

func (b *broadcast) add() <-chan *traffic.Snapshot {
	b.mu.Lock()
	defer b.mu.Unlock()
	n := newNewest()
	if b.closed {
		n.end()
	} else {
		b.list = append(b.list, n)
	}
	return n.list
}

func (b *broadcast) remove(c <-chan *traffic.Snapshot) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if i := slices.IndexFunc(b.list, func(n *newest) bool { return n.list == c }); i >= 0 {
		b.list[i].end()
		b.list = slices.Delete(b.list, i, i+1)
	}
}

func (b *broadcast) publish(s *traffic.Snapshot) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, n := range b.list {
		n.put(s)
	}
}

func (b *broadcast) close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed = true
	for _, n := range b.list {
		n.end()
	}
	b.list = nil
}
