package conntrack

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"bwmon/thread"
)

const (
	groupNew     = 1 // NFNLGRP_CONNTRACK_NEW
	groupDestroy = 3 // NFNLGRP_CONNTRACK_DESTROY

	// eventSocketBuffer holds some 40,000 events while the table is busy.
	eventSocketBuffer = 32 << 20
	// eventBatches bounds the batches that wait for the table's owner. When
	// it is full the socket's buffer fills, and then the kernel says so.
	eventBatches   = 64
	eventBatchSize = 512
)

// event is a flow that began or ended.
type event struct {
	entry entry
	ended bool
	at    time.Time
}

// eventSocket receives NEW and DESTROY events on a goroutine of its own and
// hands them on in batches.
type eventSocket struct {
	file *os.File
	conn syscall.RawConn
	out  chan []event // closed when run returns
	// began is told of every flow that begins, at once and before the batch is
	// handed on, on run's goroutine. It keeps nothing of the entry.
	began func(*entry)
	pool  chan []event

	idle     atomic.Bool // all that was read has been handed on
	closed   atomic.Bool
	overruns atomic.Uint64 // times the kernel dropped events for want of room
	garbled  atomic.Uint64 // messages that could not be decoded
}

// openEvents subscribes in the calling thread's network namespace. Nothing is
// read before run is called.
func openEvents(began func(*entry)) (*eventSocket, error) {
	fd, err := openNetlink(unix.NETLINK_NETFILTER, unix.SOCK_NONBLOCK, groupNew, groupDestroy)
	if err != nil {
		return nil, err
	}
	enlarge(fd)
	s := &eventSocket{
		file:  os.NewFile(uintptr(fd), "conntrack events"),
		began: began,
		out:   make(chan []event, eventBatches),
		pool:  make(chan []event, eventBatches),
	}
	if s.conn, err = s.file.SyscallConn(); err != nil {
		s.file.Close()
		return nil, fmt.Errorf("watch conntrack events: %w", err)
	}
	return s, nil
}

// enlarge gives the socket a large receive buffer. FORCE needs CAP_NET_ADMIN,
// which reading conntrack needs anyway; the plain option is clipped to
// net.core.rmem_max and better than nothing.
func enlarge(fd int) {
	if unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, eventSocketBuffer) != nil {
		_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, eventSocketBuffer)
	}
}

// close makes run return.
func (s *eventSocket) close() {
	s.closed.Store(true)
	s.file.Close()
}

// recycle takes back a batch received from out.
func (s *eventSocket) recycle(batch []event) {
	select {
	case s.pool <- batch[:0]:
	default:
	}
}

// run receives until the socket is closed or fails, and closes out. A full
// out blocks it; the caller must drain out until it is closed.
func (s *eventSocket) run() error {
	defer close(s.out)
	// A connection may live 2 ms: be quick to ask whose it is. The thread ends
	// with this goroutine, and its priority with it.
	runtime.LockOSThread()
	thread.Hurry()
	buf := make([]byte, receiveBuffer)
	for {
		batch, err := s.receive(buf)
		switch {
		case s.closed.Load():
			return nil
		case errors.Is(err, unix.ENOBUFS):
			s.overruns.Add(1)
		case err != nil:
			return fmt.Errorf("receive conntrack events: %w", err)
		}
		if len(batch) > 0 {
			s.out <- batch
		}
	}
}

// caughtUp reports whether every event that the kernel told of before the call
// has been taken out of out. It is called by the goroutine that does so.
func (s *eventSocket) caughtUp() bool {
	waiting := true
	err := s.conn.Control(func(fd uintptr) {
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, 0)
		waiting = err != nil || n > 0
	})
	// In this order: what is no longer in the socket was read, what was read
	// is handed on when run is idle, and what was handed on is in out.
	return err == nil && !waiting && s.idle.Load() && len(s.out) == 0
}

// receive waits for events and takes as many as are there, up to a batch.
func (s *eventSocket) receive(buf []byte) ([]event, error) {
	var batch []event
	select {
	case batch = <-s.pool:
	default:
		batch = make([]event, 0, eventBatchSize)
	}
	var failed error
	err := s.conn.Read(func(fd uintptr) bool {
		s.idle.Store(false)
		for len(batch) < eventBatchSize {
			n, err := unix.Read(int(fd), buf)
			switch {
			case errors.Is(err, unix.EINTR):
				continue
			case errors.Is(err, unix.EAGAIN):
				s.idle.Store(len(batch) == 0)
				return len(batch) > 0
			case err != nil:
				failed = err
				return true
			}
			batch = s.decode(batch, buf[:n])
		}
		return true
	})
	return batch, errors.Join(failed, err)
}

// decode appends the events of one received buffer.
func (s *eventSocket) decode(batch []event, buf []byte) []event {
	now := time.Now() // the edge: the kernel gives events no time
	for len(buf) > 0 {
		m, rest, err := nextMessage(buf)
		if err != nil {
			s.garbled.Add(1)
			return batch
		}
		buf = rest
		if m.kind != msgNew && m.kind != msgDelete {
			continue
		}
		if m.kind == msgNew && m.flags&(unix.NLM_F_CREATE|unix.NLM_F_EXCL) == 0 {
			continue // an update
		}
		batch = append(batch, event{ended: m.kind == msgDelete, at: now})
		ev := &batch[len(batch)-1]
		if err := ev.entry.decode(m.body); err != nil {
			s.garbled.Add(1)
			batch = batch[:len(batch)-1]
			continue
		}
		if !ev.ended {
			s.began(&ev.entry)
		}
	}
	return batch
}
