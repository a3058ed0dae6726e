package main

import (
	"context"
	"sync"
)

// turns lets so many of each user do something at a time. The others wait.
type turns struct {
	most int

	mu sync.Mutex
	// mu protects the fields below.
	users map[uint32]*turn
}

type turn struct {
	free chan struct{} // holds one for each that is at it
	used int           // by those who are at it or wait
}

// take waits for a turn, which ends when done is called; false: ctx ended first.
func (t *turns) take(ctx context.Context, user uint32) (done func(), ok bool) {
	t.mu.Lock()
	if t.users == nil {
		t.users = make(map[uint32]*turn)
	}
	u := t.users[user]
	if u == nil {
		u = &turn{free: make(chan struct{}, t.most)}
		t.users[user] = u
	}
	u.used++
	t.mu.Unlock()
	leave := func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		if u.used--; u.used == 0 {
			delete(t.users, user)
		}
	}
	select {
	case u.free <- struct{}{}:
		return func() { <-u.free; leave() }, true
	case <-ctx.Done():
		leave()
		return nil, false
	}
}
