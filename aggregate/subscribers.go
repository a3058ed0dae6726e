package aggregate

import (
	"slices"
	"sync"

	"bwmon/traffic"
)

// subscribers hands each snapshot to everybody who wants them. Only publish
// sends, from one goroutine, so a channel that it emptied has room.
type subscribers struct {
	mu       sync.Mutex // protects the fields below
	channels []chan *traffic.Snapshot
	newest   *traffic.Snapshot
	closed   bool
}

func (s *subscribers) add() <-chan *traffic.Snapshot {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := make(chan *traffic.Snapshot, 1)
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

func (s *subscribers) remove(c <-chan *traffic.Snapshot) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, held := range s.channels {
		if held == c {
			close(held)
			s.channels = slices.Delete(s.channels, i, i+1)
			return
		}
	}
}

// publish replaces what a subscriber has not read yet. It does not block.
func (s *subscribers) publish(snapshot *traffic.Snapshot) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.newest = snapshot
	for _, c := range s.channels {
		select {
		case <-c:
		default:
		}
		c <- snapshot
	}
}

func (s *subscribers) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	for _, c := range s.channels {
		close(c)
	}
	s.channels = nil
}
