package receive

import (
	"slices"
	"sync"

	"bwmon/traffic"
)

// subscribers hand each snapshot of the fleet to everybody who wants them, the newest
// in place of one that was not read. One goroutine publishes, so that a channel that it
// emptied has room.
type subscribers struct {
	mu     sync.Mutex // protects the fields below
	list   []chan *traffic.Snapshot
	newest *traffic.Snapshot
	closed bool
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
		return c
	}
	s.list = append(s.list, c)
	return c
}

func (s *subscribers) remove(c <-chan *traffic.Snapshot) {
	s.mu.Lock()
	defer s.mu.Unlock()
	at := slices.IndexFunc(s.list, func(held chan *traffic.Snapshot) bool { return held == c })
	if at >= 0 {
		close(s.list[at])
		s.list = slices.Delete(s.list, at, at+1)
	}
}

func (s *subscribers) publish(snapshot *traffic.Snapshot) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.newest = snapshot
	for _, c := range s.list {
		select {
		case <-c:
		default:
		}
		c <- snapshot
	}
}

func (s *subscribers) last() *traffic.Snapshot {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.newest
}

func (s *subscribers) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	for _, c := range s.list {
		close(c)
	}
	s.list = nil
}
