package pipe

import (
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"bwmon/traffic"
)

// The two sides of a relay.
const (
	client = 0
	target = 1
)

// relay is one connection of a client and the one made to the target for it.
type relay struct {
	flow  traffic.Flow
	began time.Time

	// carried is how many bytes of each side the other has taken.
	carried [2]atomic.Uint64
	ended   atomic.Bool // carried is final

	// What follows belongs to the loop's goroutine.
	sides [2]side
	slot  int
	moved time.Time // when anything last moved
	again bool      // in loop.again or loop.starve
	limit time.Time // when it is cut, whatever is on the way; zero: never
	wait  time.Duration
	why   error // what cut it short; nil: both sides had ended

	// What follows belongs to Run's goroutine.
	told  account
	owner *traffic.Owner
	local bool      // the client is a process of this host
	gone  time.Time // when its end was first seen; zero: it was not
}

// account is what was last said of a relay.
type account struct {
	counts traffic.Counts
	owner  *traffic.Owner
	said   bool
}

// side is one socket of a relay, and what it gave that the other has not taken.
type side struct {
	fd     int
	cookie uint64
	held   int         // bytes in pipe
	pipe   *kernelPipe // nil where nothing is held

	readable bool // reading has not said EAGAIN since the last event
	writable bool
	bulk     bool // it gave much at once the last time
	drains   bool // reading less than was asked for means that there is no more: of TCP
	hangup   bool // an event told of its end, which is yet to be read
	eof      bool // it has no more to give
	shut     bool // it was told that there is no more for it
	broken   bool // it takes no more: it was reset, or went away
}

// counts is what the client received and sent.
func (r *relay) counts() traffic.Counts {
	return traffic.Counts{RxBytes: r.carried[target].Load(), TxBytes: r.carried[client].Load()}
}

// relayTurn bounds what one relay may carry one way before others have their turn.
const relayTurn = 4 << 20

// spliceFlags never wait. The sockets are non-blocking by themselves.
const spliceFlags = unix.SPLICE_F_MOVE | unix.SPLICE_F_NONBLOCK

// carry moves what side from gives to the other one until there is no more, or no
// more room. It reports whether it ended because it was others' turn.
func (r *relay) carry(from int, p *pool) (more bool, err error) {
	s, d := &r.sides[from], &r.sides[1-from]
	full := false
	for left := relayTurn; left > 0; {
		got, gave := 0, 0
		if s.held == 0 && s.readable && !s.eof && !s.bulk && d.writable && !d.broken {
			if gave, err = s.pass(d, p); err != nil {
				return false, r.fail(err)
			}
			r.carried[from].Add(uint64(gave))
			left -= gave
		}
		if s.bulk && s.readable && !s.eof && !d.broken && !full {
			if got, full, err = s.fill(p); err != nil {
				return false, err
			}
		}
		if s.held > 0 && d.writable && !d.broken {
			n := s.empty(d)
			r.carried[from].Add(uint64(n))
			gave, left, full = gave+n, left-n, full && n == 0
		}
		if got == 0 && gave == 0 {
			break
		}
		more = left <= 0
	}
	if s.held == 0 && s.pipe != nil {
		p.put(s.pipe)
		s.pipe = nil
	}
	if s.eof && s.held == 0 && !s.broken && !d.shut {
		d.shut = true
		if err := unix.Shutdown(d.fd, unix.SHUT_WR); err != nil {
			d.broken = true
		}
	}
	return more, nil
}

// pass hands d what s gives where that is little: to copy less than a page twice
// takes less time than to splice it twice. What d does not take is held. An error is
// of the pipe that this takes.
func (s *side) pass(d *side, p *pool) (gave int, err error) {
	b := p.page[:]
	n, err := retry(func() (int, error) { return unix.Read(s.fd, b) })
	switch {
	case err == unix.EAGAIN:
		s.readable = false
		return 0, nil
	case err != nil:
		s.eof, s.broken = true, true
		return 0, nil
	case n == 0:
		s.eof = true
		return 0, nil
	}
	s.bulk = n == len(b)
	if s.drains && !s.bulk && !s.hangup {
		s.readable = false
	}
	gave, err = retry(func() (int, error) { return unix.Write(d.fd, b[:n]) })
	gave = max(gave, 0)
	switch {
	case err == unix.EAGAIN:
		d.writable = false
	case err != nil:
		d.broken = true
		return gave, nil
	}
	if gave < n {
		if s.pipe == nil {
			if s.pipe, err = p.get(); err != nil {
				return gave, err
			}
		}
		// An empty pipe has room for a page.
		if s.held, err = unix.Write(s.pipe.w, b[gave:n]); err != nil {
			return gave, fmt.Errorf("write to a pipe: %w", err)
		}
	}
	return gave, nil
}

// fill reads into the pipe. It reports how much that was, and whether the pipe may
// be full. An error is of the pipe, not of the side.
func (s *side) fill(p *pool) (n int, full bool, err error) {
	if s.pipe == nil {
		if s.pipe, err = p.get(); err != nil {
			return 0, false, err
		}
	}
	n, err = splice(s.fd, s.pipe.w, relayPipe)
	switch {
	case err == unix.EAGAIN:
		// Nothing there, or no room in the pipe. With an empty pipe it is clear.
		s.readable = s.held > 0
		return 0, s.held > 0, nil
	case err != nil:
		s.eof, s.broken = true, true
	case n == 0:
		s.eof = true
	default:
		s.bulk = n >= pageSize
	}
	s.held += n
	return n, false, nil
}

// splice moves at most n bytes without waiting.
func splice(from, to, n int) (int, error) {
	moved, err := retry(func() (int, error) {
		moved, err := unix.Splice(from, nil, to, nil, n, spliceFlags)
		return int(moved), err
	})
	return max(moved, 0), err
}

// retry calls f again where a signal came in between.
func retry(f func() (int, error)) (int, error) {
	for {
		if n, err := f(); err != unix.EINTR {
			return n, err
		}
	}
}

// empty writes to d what the pipe holds, and returns how much d has taken.
func (s *side) empty(d *side) int {
	n, err := splice(s.pipe.r, d.fd, s.held)
	switch {
	case err == unix.EAGAIN:
		d.writable = false
	case err != nil:
		d.broken = true
	}
	s.held -= n
	return n
}

// done reports whether nothing is left to carry from that side.
func (r *relay) done(from int) bool {
	s := &r.sides[from]
	return s.eof && s.held == 0 || r.sides[1-from].broken
}

// fail ends a relay of which bytes were lost by us.
func (r *relay) fail(err error) error {
	r.why = err
	r.sides[client].broken, r.sides[target].broken = true, true
	return nil
}

// errReset is why a relay ended of which a side was reset.
var errReset = errors.New("reset")

// resetPatience is how long the other side of one that was reset has to take what
// came before.
const resetPatience = 5 * time.Second

// over reports whether the relay has ended at now. Of a relay that a side has reset
// the other gets what came before, and then is reset, too: as if there were no relay
// between them. That must wait until the network has acknowledged those bytes, since
// a reset throws away what is still to be sent.
func (r *relay) over(now time.Time) (ended bool) {
	var broken int
	switch {
	case r.sides[client].broken && r.sides[target].broken:
		if r.why == nil {
			r.why = errReset
		}
		return true
	case r.sides[client].broken:
		broken = client
	case r.sides[target].broken:
		broken = target
	default:
		return r.done(client) && r.done(target)
	}
	r.why = errReset
	if r.limit.IsZero() {
		r.limit = now.Add(resetPatience)
	}
	if !now.Before(r.limit) {
		return true
	}
	if !r.done(broken) {
		return false
	}
	queued, err := unix.IoctlGetInt(r.sides[1-broken].fd, unix.SIOCOUTQ)
	return err != nil || queued == 0
}

// close ends the relay. Where it was cut short, both sides are reset, so that nobody
// takes a part for the whole.
func (r *relay) close(p *pool) {
	for i := range r.sides {
		s := &r.sides[i]
		if s.pipe != nil {
			if s.held == 0 {
				p.put(s.pipe)
			} else {
				s.pipe.close() // with what was not delivered
			}
			s.pipe = nil
		}
		if r.why != nil {
			resetSocket(s.fd)
		} else {
			unix.Close(s.fd)
		}
	}
}
