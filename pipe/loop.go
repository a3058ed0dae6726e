package pipe

import (
	"errors"
	"fmt"
	"runtime"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// loop carries the bytes of many relays. Its goroutine keeps a thread to itself and
// waits for all sockets at once: an idle relay costs two descriptors and nothing
// else.
type loop struct {
	epoll, wake int
	idle        time.Duration // after which a relay is cut; 0: never
	ended       func(*relay)  // is told of relays that have ended; called by run's goroutine

	mu sync.Mutex
	// mu protects the fields below.
	incoming []*relay
	stopped  bool // relays are cut from now on

	// What follows belongs to run's goroutine.
	pool   pool
	slots  []*relay // by the number that events carry; nil where free
	free   []int
	again  []*relay // that have more to do
	resets []*relay // whose end is asked for again
	swept  time.Time
	starve []*relay // that wait for a pipe
}

const (
	loopEvents = 256
	// sweepEvery is how often relays are looked through for idle ones.
	sweepEvery = time.Second
	// starveRetry is how soon a pipe is tried for again.
	starveRetry = 10 * time.Millisecond
)

func newLoop(idle time.Duration, ended func(*relay)) (*loop, error) {
	epoll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("open epoll: %w", err)
	}
	wake, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		unix.Close(epoll)
		return nil, fmt.Errorf("open eventfd: %w", err)
	}
	l := &loop{epoll: epoll, wake: wake, idle: idle, ended: ended}
	if err := unix.EpollCtl(epoll, unix.EPOLL_CTL_ADD, wake, &unix.EpollEvent{Events: unix.EPOLLIN, Fd: -1}); err != nil {
		l.close()
		return nil, fmt.Errorf("wait for eventfd: %w", err)
	}
	return l, nil
}

// close gives up what newLoop opened, when run is over.
func (l *loop) close() {
	l.pool.close()
	unix.Close(l.epoll)
	unix.Close(l.wake)
}

// add hands a relay over. Any goroutine may call it while run runs.
func (l *loop) add(r *relay) {
	l.mu.Lock()
	l.incoming = append(l.incoming, r)
	l.mu.Unlock()
	l.rouse()
}

// stop has run cut all relays and return.
func (l *loop) stop() {
	l.mu.Lock()
	l.stopped = true
	l.mu.Unlock()
	l.rouse()
}

func (l *loop) rouse() {
	// It fails where the counter is at its limit: then it has been roused.
	_, _ = unix.Write(l.wake, []byte{1, 0, 0, 0, 0, 0, 0, 1})
}

// errStopped is why relays end that are cut by us.
var errStopped = errors.New("stopped")

// run carries until stop is called.
func (l *loop) run() error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	events := make([]unix.EpollEvent, loopEvents)
	for {
		n, err := unix.EpollWait(l.epoll, events, l.timeout())
		if err != nil && err != unix.EINTR {
			l.cut()
			return fmt.Errorf("wait for sockets: %w", err)
		}
		now := time.Now()
		for _, e := range events[:max(n, 0)] {
			if e.Fd < 0 {
				var b [8]byte
				_, _ = unix.Read(l.wake, b[:])
			} else if r := l.slots[e.Fd]; r != nil {
				r.note(int(e.Pad), e.Events)
				l.work(r, now)
			}
		}
		l.revisit(now)
		if l.adopt(now) {
			l.cut()
			return nil
		}
	}
}

// timeout is for how long there is nothing to do but wait, in ms.
func (l *loop) timeout() int {
	wait := time.Duration(-1)
	switch {
	case len(l.again) > 0:
		return 0
	case len(l.starve) > 0:
		wait = starveRetry
	case l.idle > 0:
		wait = min(sweepEvery, l.idle)
	}
	for _, r := range l.resets {
		if wait < 0 || r.wait < wait {
			wait = r.wait
		}
	}
	if wait < 0 {
		return -1
	}
	return int((wait + time.Millisecond - 1) / time.Millisecond)
}

// note takes down what an event says of a side.
func (r *relay) note(i int, events uint32) {
	s := &r.sides[i]
	if events&(unix.EPOLLIN|unix.EPOLLRDHUP|unix.EPOLLHUP|unix.EPOLLERR) != 0 {
		s.readable = true
	}
	if events&(unix.EPOLLOUT|unix.EPOLLHUP|unix.EPOLLERR) != 0 {
		s.writable = true
	}
	if events&(unix.EPOLLRDHUP|unix.EPOLLHUP|unix.EPOLLERR) != 0 {
		s.hangup = true
	}
	if events&unix.EPOLLERR != 0 {
		// It is told once, to whoever asks first.
		if code, err := unix.GetsockoptInt(s.fd, unix.SOL_SOCKET, unix.SO_ERROR); err != nil || code != 0 {
			s.broken = true
		}
	}
}

// work carries what there is, both ways.
func (l *loop) work(r *relay, now time.Time) {
	before := r.counts()
	for from := range r.sides {
		more, err := r.carry(from, &l.pool)
		switch {
		case r.again:
		case err != nil: // there is no pipe to be had
			r.again = true
			l.starve = append(l.starve, r)
		case more:
			r.again = true
			l.again = append(l.again, r)
		}
	}
	if r.counts() != before {
		r.moved = now
	}
	if r.over(now) {
		l.end(r)
	} else if r.why != nil && r.wait == 0 {
		r.wait = time.Millisecond
		l.resets = append(l.resets, r)
	}
}

// end closes a relay. Lists that it is in pass over it.
func (l *loop) end(r *relay) {
	r.close(&l.pool)
	l.slots[r.slot] = nil
	l.free = append(l.free, r.slot)
	r.ended.Store(true)
	l.ended(r)
}

// revisit goes on with those that no event will tell of.
func (l *loop) revisit(now time.Time) {
	for _, list := range []*[]*relay{&l.again, &l.starve} {
		todo := *list
		*list = nil
		for _, r := range todo {
			r.again = false
			if !r.ended.Load() {
				l.work(r, now)
			}
		}
	}
	l.revisitResets(now)
	if l.idle > 0 && now.Sub(l.swept) >= min(sweepEvery, l.idle) {
		l.swept = now
		for _, r := range l.slots {
			if r != nil && now.Sub(r.moved) >= l.idle {
				r.why = errStopped
				l.end(r)
			}
		}
	}
}

// maxResetWait is how rarely the end of a relay is asked for; acknowledgements may
// be delayed by 40 ms.
const maxResetWait = 32 * time.Millisecond

func (l *loop) revisitResets(now time.Time) {
	kept := l.resets[:0]
	for _, r := range l.resets {
		if r.ended.Load() {
			continue
		}
		if r.over(now) {
			l.end(r)
			continue
		}
		r.wait = min(2*r.wait, maxResetWait)
		kept = append(kept, r)
	}
	clear(l.resets[len(kept):])
	l.resets = kept
}

// adopt takes over the relays that were handed in, and reports whether the loop is
// to stop.
func (l *loop) adopt(now time.Time) (stop bool) {
	l.mu.Lock()
	list, stop := l.incoming, l.stopped
	l.incoming = nil
	l.mu.Unlock()
	for _, r := range list {
		if n := len(l.free); n > 0 {
			r.slot, l.free = l.free[n-1], l.free[:n-1]
		} else {
			r.slot = len(l.slots)
			l.slots = append(l.slots, nil)
		}
		l.slots[r.slot] = r
		r.moved = now
		for i := range r.sides {
			err := unix.EpollCtl(l.epoll, unix.EPOLL_CTL_ADD, r.sides[i].fd, &unix.EpollEvent{
				Events: unix.EPOLLIN | unix.EPOLLOUT | unix.EPOLLRDHUP | unix.EPOLLET&0xffffffff, Fd: int32(r.slot), Pad: int32(i),
			})
			if err != nil {
				r.why = err
			}
		}
		if r.why != nil {
			l.end(r)
		}
	}
	return stop
}

// cut ends all relays.
func (l *loop) cut() {
	l.adopt(time.Now())
	for _, r := range l.slots {
		if r != nil {
			r.why = errStopped
			l.end(r)
		}
	}
}
