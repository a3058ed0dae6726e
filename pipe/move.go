package pipe

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// Mover carries what one descriptor gives to another, until the first has no
// more. It runs once.
type Mover struct {
	from, to int
	moved    atomic.Uint64

	// What follows belongs to Run's goroutine.
	pace   pace
	wake   int // readable when Run is to end
	source kind
	sink   kind
	full   bool // what was last waited for was room in the output
	waited bool // and nothing was moved since
	buf    []byte
}

const (
	// moveChunk is the most that is asked for at once.
	moveChunk = 1 << 20
	// pipeSize is what our pipes shall hold, in place of 64 KiB: it saves changes
	// from process to process.
	pipeSize = 1 << 20
	// copySize is the buffer where the kernel does not splice.
	copySize = 128 << 10
)

// NewMover returns a mover that has not begun. rate is in bytes per second; 0 is
// as fast as can be. The descriptors stay the caller's.
func NewMover(from, to int, rate uint64) *Mover {
	return &Mover{from: from, to: to, pace: pace{rate: float64(rate)}}
}

// Moved is how many bytes to has taken so far. Any goroutine may ask.
func (m *Mover) Moved() uint64 { return m.moved.Load() }

// EndError is an error of one of a mover's ends.
type EndError struct {
	Output bool // else it is of the input
	Err    error
}

func (e *EndError) Error() string {
	if e.Output {
		return fmt.Sprintf("write output: %v", e.Err)
	}
	return fmt.Sprintf("read input: %v", e.Err)
}

// Unwrap returns the cause.
func (e *EndError) Unwrap() error { return e.Err }

// errRefused: the kernel does not splice between these two.
var errRefused = errors.New("no splice")

// Run moves until the input ends or ctx is cancelled, and returns nil then. The
// error is an *EndError, with EPIPE where nobody reads the output any more.
//
// A terminal or a socket as output may keep Run blocked in a write after ctx was
// cancelled, since a descriptor that others share must not be made non-blocking.
func (m *Mover) Run(ctx context.Context) error {
	if err := m.prepare(); err != nil {
		return err
	}
	defer unix.Close(m.wake)
	stop := make(chan struct{})
	undo := context.AfterFunc(ctx, func() {
		defer close(stop)
		// The counter was 0: there is room in it.
		_, _ = unix.Write(m.wake, []byte{1, 0, 0, 0, 0, 0, 0, 1})
	})
	defer func() {
		if !undo() {
			<-stop // it writes to wake
		}
	}()
	err := m.each(ctx, m.splice)
	if errors.Is(err, errRefused) {
		m.buf = make([]byte, copySize)
		err = m.each(ctx, m.copy)
	}
	return err
}

// kind is what matters of a descriptor.
type kind uint8

const (
	kindOther kind = iota // may block, and only poll knows whether it will
	kindPipe
	kindFile // is always ready
)

func kindOf(fd int) (kind, error) {
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return 0, err
	}
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFIFO:
		// The size is a wish: unprivileged users may have run out of pages.
		if size, err := unix.FcntlInt(uintptr(fd), unix.F_GETPIPE_SZ, 0); err == nil && size < pipeSize {
			_, _ = unix.FcntlInt(uintptr(fd), unix.F_SETPIPE_SZ, pipeSize)
		}
		return kindPipe, nil
	case unix.S_IFREG, unix.S_IFBLK:
		return kindFile, nil
	}
	return kindOther, nil
}

func (m *Mover) prepare() (err error) {
	if m.source, err = kindOf(m.from); err != nil {
		return &EndError{Err: err}
	}
	if m.sink, err = kindOf(m.to); err != nil {
		return &EndError{Output: true, Err: err}
	}
	if m.wake, err = unix.Eventfd(0, unix.EFD_CLOEXEC); err != nil {
		return fmt.Errorf("open eventfd: %w", err)
	}
	return nil
}

// each calls step, which moves at most n bytes, for as long as there are any.
// Where it returns EAGAIN that is waited for which is missing.
func (m *Mover) each(ctx context.Context, step func(n int) (int, error)) error {
	for ctx.Err() == nil {
		n, wait := m.pace.allow(time.Now(), moveChunk)
		if n == 0 {
			if err := m.poll(-1, 0, wait); err != nil {
				return err
			}
			continue
		}
		if m.source == kindOther {
			// Such an input blocks whatever is asked of splice or read.
			if err := m.poll(m.from, unix.POLLIN, -1); err != nil || ctx.Err() != nil {
				return err
			}
		}
		n, err := step(n)
		switch {
		case err == unix.EINTR:
		case err == unix.EAGAIN:
			if err := m.await(); err != nil {
				return err
			}
		case err != nil:
			return err
		case n == 0:
			return nil
		default:
			m.waited = false
			m.pace.spend(n)
		}
	}
	return nil
}

// splice moves inside the kernel.
func (m *Mover) splice(n int) (int, error) {
	if m.source != kindPipe && m.sink != kindPipe {
		return 0, errRefused
	}
	moved, err := unix.Splice(m.from, nil, m.to, nil, n, unix.SPLICE_F_MOVE|unix.SPLICE_F_NONBLOCK)
	switch err {
	case nil:
		m.moved.Add(uint64(moved))
		return int(moved), nil
	case unix.EINTR, unix.EAGAIN:
		return 0, err
	case unix.EINVAL: // such as a file open for appending: nothing was moved
		return 0, errRefused
	}
	// Of the two ends one is a pipe. Reading one never fails, and writing to one
	// fails in one way only.
	return 0, &EndError{Output: err == unix.EPIPE || m.source == kindPipe, Err: err}
}

// copy moves by way of a buffer.
func (m *Mover) copy(n int) (int, error) {
	n, err := unix.Read(m.from, m.buf[:min(n, len(m.buf))])
	if err == unix.EINTR || err == unix.EAGAIN {
		m.full, m.waited = false, false // it is input that is missing
		return 0, err
	}
	if err != nil {
		return 0, &EndError{Err: err}
	}
	for b := m.buf[:n]; len(b) > 0; {
		k, err := unix.Write(m.to, b)
		switch err {
		case nil:
			m.moved.Add(uint64(k))
			b = b[k:]
		case unix.EINTR:
		case unix.EAGAIN: // somebody made it non-blocking
			if err := m.poll(m.to, unix.POLLOUT, -1); err != nil {
				return 0, err
			}
		default:
			return 0, &EndError{Output: true, Err: err}
		}
	}
	return n, nil
}

// await blocks until one end is ready. Which of them the kernel waits for it does
// not say: it is the same as the last time, and where that did not help the other.
func (m *Mover) await() error {
	if m.waited {
		m.full = !m.full
	}
	m.waited = true
	if m.full {
		return m.poll(m.to, unix.POLLOUT, -1)
	}
	err := m.poll(m.from, unix.POLLIN, -1)
	// We wake at the writer's first bytes. Who is ready to run goes first, the
	// writer mostly: then there is more to move at once, and half the changes from
	// process to process are saved. On a machine with nothing else to do it costs
	// nothing.
	_, _, _ = unix.Syscall(unix.SYS_SCHED_YIELD, 0, 0, 0)
	return err
}

// poll blocks until fd is ready, Run is to end, or the time is over; a negative
// one never is.
func (m *Mover) poll(fd int, events int16, wait time.Duration) error {
	set := []unix.PollFd{{Fd: int32(m.wake), Events: unix.POLLIN}, {Fd: int32(fd), Events: events}}
	ms := -1
	if wait >= 0 {
		ms = int((wait + time.Millisecond - 1) / time.Millisecond)
	}
	for {
		_, err := unix.Poll(set, ms)
		if err == unix.EINTR && wait < 0 {
			continue // nothing is ready: who went on would block where nobody can wake it
		}
		if err != nil && err != unix.EINTR {
			return fmt.Errorf("poll: %w", err)
		}
		return nil
	}
}
