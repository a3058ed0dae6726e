package traffic

import (
	"slices"
	"sync"
)

// Subscribers hand each snapshot to everybody who wants them, the newest in place of one
// that was not read: a subscriber that is slow loses resolution and nothing else. The zero
// value is ready. Any goroutine may use it; one at a time publishes.
type Subscribers struct {
	mu       sync.Mutex // protects the fields below
	channels []chan *Snapshot
	newest   *Snapshot
	closed   bool
}

// Add returns a channel of the snapshots to come, and at once of the newest there is. It
// holds one, and is closed by Remove or Close.
func (s *Subscribers) Add() <-chan *Snapshot {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := make(chan *Snapshot, 1)
	if s.newest != nil {
		c <- s.newest
	}
	if s.closed {
		close(c)
	} else {
		s.channels = append(s.channels, c)
	}
	return c
}

// Remove ends and closes a channel that Add returned.
func (s *Subscribers) Remove(c <-chan *Snapshot) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if i := slices.IndexFunc(s.channels, func(held chan *Snapshot) bool { return held == c }); i >= 0 {
		close(s.channels[i])
		s.channels = slices.Delete(s.channels, i, i+1)
	}
}

// Publish replaces what a subscriber has not read yet. It does not block.
func (s *Subscribers) Publish(snapshot *Snapshot) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.newest = snapshot
	for _, c := range s.channels {
		select {
		case <-c:
		default:
		}
		c <- snapshot // there is room: nobody else sends
	}
}

// Newest is what was published last; nil before the first.
func (s *Subscribers) Newest() *Snapshot {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.newest
}

// Close ends all channels, which still hold what was not read.
func (s *Subscribers) Close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	for _, c := range s.channels {
		close(c)
	}
	s.channels = nil
}
