package pipe

import (
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// cookieMemory is how long the cookie of a socket that was closed is remembered:
// what counts sockets reads of its end later than that came.
const cookieMemory = 10 * time.Second

// cookies is the sockets that are ours, by SO_COOKIE. Any goroutine may use it.
type cookies struct {
	mu sync.RWMutex
	// mu protects the fields below.
	open map[uint64]bool
	past map[uint64]time.Time // when it was closed
}

func newCookies() *cookies {
	return &cookies{open: make(map[uint64]bool), past: make(map[uint64]time.Time)}
}

// add notes a socket and returns its cookie; 0 where the kernel gives none.
func (c *cookies) add(fd int) uint64 {
	cookie, err := unix.GetsockoptUint64(fd, unix.SOL_SOCKET, unix.SO_COOKIE)
	if err != nil || cookie == 0 {
		return 0
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.open[cookie] = true
	return cookie
}

// closed notes that a socket was closed.
func (c *cookies) closed(cookie uint64, now time.Time) {
	if cookie == 0 {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.open, cookie)
	c.past[cookie] = now
}

func (c *cookies) has(cookie uint64) bool {
	c.mu.RLock()
	defer c.mu.RUnlock()
	if c.open[cookie] {
		return true
	}
	_, ok := c.past[cookie]
	return ok
}

// forget drops those that were closed long ago.
func (c *cookies) forget(now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for cookie, at := range c.past {
		if now.Sub(at) >= cookieMemory {
			delete(c.past, cookie)
		}
	}
}
