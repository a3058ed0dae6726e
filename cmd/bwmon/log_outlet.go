package main

import (
	"fmt"
	"io"
	"sync"
	"time"
)

// outlet writes lines to a writer that may take none for any time, as a pipe that
// nobody reads or journald that hangs: who writes to it never waits. What there is no
// room for is lost, and how much is written when lines are taken again. Any goroutine
// may write.
type outlet struct {
	to io.Writer

	mu sync.Mutex
	// mu protects the fields below.
	lines [][]byte      // that wait, oldest first
	size  int           // of them, in bytes
	lost  int           // lines since the last one that there was room for
	idle  chan struct{} // is closed when all is written; nil: it is
}

const (
	// maxWaiting is how many bytes may wait.
	maxWaiting = 256 << 10
	// outletPatience is how long the end of a daemon waits for them to be taken.
	outletPatience = 2 * time.Second
)

// Write implements io.Writer; p is a line. It has no error.
func (o *outlet) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.size+len(p) > maxWaiting {
		o.lost++
		return len(p), nil
	}
	o.tellLost()
	o.put(append([]byte(nil), p...))
	if o.idle == nil {
		o.idle = make(chan struct{})
		go o.drain()
	}
	return len(p), nil
}

// put has a line wait. mu is held.
func (o *outlet) put(line []byte) {
	o.lines, o.size = append(o.lines, line), o.size+len(line)
}

// tellLost has a line wait that says how many were lost, if any were. mu is held.
func (o *outlet) tellLost() {
	if o.lost > 0 {
		o.put(fmt.Appendf(nil, "time=%s level=WARN msg=\"lines of this log were lost\" lines=%d\n", time.Now().Format(time.RFC3339), o.lost))
		o.lost = 0
	}
}

// drain writes until nothing waits.
func (o *outlet) drain() {
	for line := o.next(); line != nil; line = o.next() {
		_, _ = o.to.Write(line) // nobody could be told
	}
}

// next takes the oldest line; nil: there is none any more.
func (o *outlet) next() []byte {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.lines) == 0 {
		o.tellLost()
	}
	if len(o.lines) == 0 {
		close(o.idle)
		o.idle, o.lines = nil, nil
		return nil
	}
	line := o.lines[0]
	o.lines, o.size = o.lines[1:], o.size-len(line)
	return line
}

// flush waits for all that was written before to be taken, for that long at most.
func (o *outlet) flush(patience time.Duration) {
	o.mu.Lock()
	idle := o.idle
	o.mu.Unlock()
	if idle == nil {
		return
	}
	select {
	case <-idle:
	case <-time.After(patience):
	}
}
