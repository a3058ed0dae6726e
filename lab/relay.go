package lab

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Relay orders a process that passes TCP connections on, until Child.Stop. Its
// report has two connections for each.
type Relay struct {
	Args []string `json:"-"` // the command line, argv[0] first; any text

	Listen netip.AddrPort // port 0: the kernel chooses; see Child.Addr
	Target netip.AddrPort // where to; zero: where the client meant to go (see Host.TProxy)
	// Transparent takes connections to addresses that are not the host's; Spoof
	// makes them from the client's address as well.
	Transparent, Spoof bool
	Deadline           time.Duration
}

// Relay starts a relay on the host. It is listening when Relay returns.
func (h *Host) Relay(r Relay) *Child {
	h.lab.t.Helper()
	child := h.start(orders{Relay: &r}, r.Args)
	child.awaitListening()
	return child
}

// run relays until stop is closed. It calls ready once it listens.
func (r *Relay) run(ready func(netip.AddrPort), stop <-chan struct{}) Report {
	var rep Report
	config := net.ListenConfig{Control: r.control(r.Transparent)}
	ln, err := config.Listen(context.Background(), "tcp", r.Listen.String())
	if err != nil {
		rep.Error = err.Error()
		return rep
	}
	ready(addrPort(ln.Addr()))
	var mu sync.Mutex // protects the report
	serveAll(ln, stop, func(conn net.Conn) {
		near, far, err := r.pass(conn.(*net.TCPConn))
		mu.Lock()
		defer mu.Unlock()
		rep.add(near)
		rep.add(far)
		if err != nil && rep.Error == "" {
			rep.Error = err.Error()
		}
	})
	return rep
}

// pass makes the connection's other half and copies both ways until both ends
// have no more to say.
func (r *Relay) pass(client *net.TCPConn) (near, far Conn, err error) {
	defer client.Close()
	near = Conn{Local: addrPort(client.LocalAddr()), Remote: addrPort(client.RemoteAddr())}
	to := r.Target
	if !to.IsValid() {
		to = near.Local
	}
	d := net.Dialer{Timeout: patience, Control: r.control(r.Spoof)}
	if r.Spoof {
		d.LocalAddr = net.TCPAddrFromAddrPort(netip.AddrPortFrom(near.Remote.Addr(), 0))
	}
	conn, err := d.Dial("tcp", to.String())
	if err != nil {
		return near, far, err
	}
	server := conn.(*net.TCPConn)
	defer server.Close()
	far = Conn{Local: addrPort(server.LocalAddr()), Remote: to}
	back := make(chan error, 1)
	go func() {
		n, err := io.Copy(client, server)
		far.Received, near.Sent = uint64(n), uint64(n)
		back <- errors.Join(err, client.CloseWrite())
	}()
	n, err := io.Copy(server, client)
	near.Received, far.Sent = uint64(n), uint64(n)
	err = errors.Join(err, server.CloseWrite())
	return near, far, errors.Join(err, <-back)
}

// control makes sockets that may have addresses of others.
func (r *Relay) control(transparent bool) func(network, address string, c syscall.RawConn) error {
	return func(network, _ string, c syscall.RawConn) (err error) {
		if !transparent {
			return nil
		}
		level, option := unix.SOL_IP, unix.IP_TRANSPARENT
		if network == "tcp6" {
			level, option = unix.SOL_IPV6, unix.IPV6_TRANSPARENT
		}
		cerr := c.Control(func(fd uintptr) { err = unix.SetsockoptInt(int(fd), level, option, 1) })
		return errors.Join(cerr, err)
	}
}
