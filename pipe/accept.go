package pipe

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"bwmon/traffic"
)

// maxDials bounds how many connections to the target are being made at a time.
// Clients beyond it wait in the listener's queue.
const maxDials = 256

// acceptPause is how long nothing is accepted after the kernel had no descriptor.
const acceptPause = 50 * time.Millisecond

func keepAlive() net.KeepAliveConfig {
	return net.KeepAliveConfig{Enable: true, Idle: time.Minute, Interval: 30 * time.Second, Count: 4}
}

// accept takes clients until the listener is closed, and has each connected by a
// goroutine of its own, so that none waits for another's name look-up.
func (w *work) accept(ctx context.Context, l net.Listener) {
	f := w.f
	for {
		select {
		case w.dials <- struct{}{}:
		case <-ctx.Done():
			return
		}
		conn, err := l.Accept()
		if err != nil {
			<-w.dials
			if errors.Is(err, net.ErrClosed) {
				return
			}
			// Out of descriptors or memory, or a client that has gone already.
			f.stats.failed.Add(1)
			time.Sleep(acceptPause)
			continue
		}
		if f.stats.open.Add(1) > int64(f.limit) {
			f.stats.open.Add(-1)
			f.stats.limited.Add(1)
			<-w.dials
			reset(conn)
			continue
		}
		w.connecting.Go(func() {
			defer func() { <-w.dials }()
			if !w.connect(conn) {
				f.stats.open.Add(-1)
			}
		})
	}
}

// reset closes a connection so that the client learns that it failed.
func reset(conn net.Conn) {
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	conn.Close()
}

// resetSocket closes a socket with a reset. A unix socket has none to send.
func resetSocket(fd int) {
	_ = unix.SetsockoptLinger(fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1})
	unix.Close(fd)
}

// connect makes a relay of a client, or resets it where the target cannot be had.
func (w *work) connect(conn net.Conn) bool {
	f := w.f
	r := &relay{began: time.Now(), flow: flowOf(conn, f.lives.Add(1))}
	if err := w.welcome(r, conn); err != nil {
		f.stats.note(err)
		reset(conn)
		return false
	}
	up, cookie, err := w.dial()
	if err == nil {
		r.sides[target].cookie = cookie
		r.sides[target].drains = f.opts.Target.Path == ""
		r.sides[target].fd, err = descriptor(up)
		if err != nil {
			f.cookies.closed(cookie, time.Now())
		}
	}
	if err != nil {
		f.stats.refused.Add(1)
		f.stats.note(fmt.Errorf("connect to %s: %w", f.opts.Target, err))
		resetSocket(r.sides[client].fd)
		f.cookies.closed(r.sides[client].cookie, time.Now())
		return false
	}
	f.register(r)
	w.loops[int(r.flow.ID)%len(w.loops)].add(r)
	return true
}

// welcome takes the client's descriptor and finds out who it is, while it is sure
// to be there. The connection is closed afterwards, unless there is an error.
func (w *work) welcome(r *relay, conn net.Conn) error {
	f := w.f
	fd, err := descriptor(conn)
	if err != nil {
		return err
	}
	r.sides[client].fd = fd
	r.sides[client].drains = r.flow.Proto == traffic.TCP
	r.sides[client].cookie = f.cookies.add(fd)
	if r.flow.Proto == traffic.TCP {
		if r.local = f.isLocal(r.flow.Local.Addr(), r.began); r.local && f.opts.Owners != nil {
			f.opts.Owners.Want(r.flow)
		}
	} else if f.opts.Processes != nil {
		if cred, err := unix.GetsockoptUcred(fd, unix.SOL_SOCKET, unix.SO_PEERCRED); err == nil && cred.Pid > 0 {
			r.owner = f.describe(int(cred.Pid))
		}
	}
	return nil
}

// flowOf is the flow of a client's connection.
func flowOf(conn net.Conn, id uint64) traffic.Flow {
	from, ok := conn.RemoteAddr().(*net.TCPAddr)
	to, ok2 := conn.LocalAddr().(*net.TCPAddr)
	if !ok || !ok2 {
		return traffic.Flow{Proto: traffic.Pipe, ID: id}
	}
	return traffic.Flow{Proto: traffic.TCP, Local: unmapped(from), Remote: unmapped(to), ID: id}
}

func unmapped(a *net.TCPAddr) netip.AddrPort {
	ap := a.AddrPort()
	return netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port())
}

// descriptor takes a connection's descriptor out of it, and closes it otherwise,
// so that the runtime waits for it no more.
func descriptor(conn net.Conn) (int, error) {
	defer conn.Close()
	raw, err := conn.(syscall.Conn).SyscallConn()
	if err != nil {
		return -1, err
	}
	fd := -1
	var derr error
	if err := raw.Control(func(s uintptr) { fd, derr = unix.FcntlInt(s, unix.F_DUPFD_CLOEXEC, 0) }); err != nil {
		return -1, err
	}
	if derr != nil {
		return -1, fmt.Errorf("duplicate a socket: %w", derr)
	}
	return fd, nil
}

// dial connects to the target, whose name is looked up anew each time. The socket
// is known as ours before it sends anything.
func (w *work) dial() (net.Conn, uint64, error) {
	f := w.f
	var mu sync.Mutex
	made := make(map[uint64]bool) // both address families may be tried at a time
	d := net.Dialer{
		Timeout: f.opts.ConnectTimeout, KeepAliveConfig: keepAlive(),
		Control: func(_, _ string, c syscall.RawConn) error {
			return c.Control(func(fd uintptr) {
				mu.Lock()
				defer mu.Unlock()
				made[f.cookies.add(int(fd))] = true
			})
		},
	}
	d.SetMultipathTCP(false)
	network, address := f.opts.Target.network()
	conn, err := d.DialContext(w.dialing, network, address)
	var cookie uint64
	if err == nil {
		cookie, err = cookieOf(conn)
	}
	mu.Lock()
	defer mu.Unlock()
	for c := range made {
		if c != cookie {
			f.cookies.closed(c, time.Now())
		}
	}
	return conn, cookie, plain(err)
}

// plain is an error of dialling without the addresses, which are named already.
func plain(err error) error {
	var dns *net.DNSError
	var op *net.OpError
	switch {
	case err == nil:
		return nil
	case errors.Is(err, context.Canceled):
		return errStopped
	case errors.As(err, &dns):
		return errors.New(traffic.CleanText(dns.Err, traffic.MaxWord))
	case errors.As(err, &op) && op.Timeout():
		return unix.ETIMEDOUT
	}
	var errno syscall.Errno
	if errors.As(err, &errno) {
		return errno
	}
	return err
}

func cookieOf(conn net.Conn) (cookie uint64, err error) {
	raw, err := conn.(syscall.Conn).SyscallConn()
	if err != nil {
		return 0, err
	}
	err = raw.Control(func(fd uintptr) {
		// A kernel without cookies has nobody who asks for them.
		cookie, _ = unix.GetsockoptUint64(int(fd), unix.SOL_SOCKET, unix.SO_COOKIE)
	})
	return cookie, err
}
