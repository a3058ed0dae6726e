package lab

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// Client orders a process that opens connections to a Server and carries
// known amounts over each.
type Client struct {
	Args []string `json:"-"` // the command line, argv[0] first; any text

	Proto  string         // "tcp" or "udp"
	Target netip.AddrPort // where the server is, as seen from this host
	Local  netip.AddrPort // bind here; zero: the kernel chooses

	Connections int // 0: 1
	Parallel    int // how many at a time; 0: 1

	// Payload bytes on each connection. The orders to the server travel in
	// the first bytes sent, so that Send is raised to 16 for TCP and to 8 a
	// datagram for UDP; the report has the truth.
	Send, Receive uint64
	Chunk         int // bytes a write or datagram; 0: 64 KiB for TCP, 1200 for UDP

	Life   time.Duration // how long each connection stays open at least
	Pause  time.Duration // between one connection and the next
	Spread bool          // spread the chunks sent over Life

	Unconnected bool // UDP by sendto, without connect
	Hold        bool // wait for Child.Begin
	Linger      bool // live on after the traffic, until Child.Stop
	KeepOpen    bool // like Linger, with all connections open
	Deadline    time.Duration
}

// Start starts a client on the host. It is running when Start returns.
func (h *Host) Start(c Client) *Child {
	h.lab.t.Helper()
	child := h.start(orders{Client: &c}, c.Args)
	child.linger = c.Linger || c.KeepOpen
	return child
}

// Lengths of the orders at the head of a TCP stream (what the client will
// send and wants sent, both big-endian) and of each datagram (the length of
// the answer it wants).
const (
	streamHeader   = 16
	datagramHeader = 8
)

func (c *Client) setDefaults() {
	if c.Connections == 0 {
		c.Connections = 1
	}
	c.Parallel = min(max(c.Parallel, 1), c.Connections)
	if c.Chunk == 0 {
		c.Chunk = 64 << 10
		if c.Proto == "udp" {
			c.Chunk = 1200
		}
	}
	if c.Proto == "udp" {
		c.Chunk = min(max(c.Chunk, datagramHeader), 65000)
		c.Send = max(c.Send, datagramHeader*c.datagrams())
	} else {
		c.Send = max(c.Send, streamHeader)
	}
}

// datagrams is how many go each way on a connection.
func (c *Client) datagrams() uint64 {
	chunk := uint64(c.Chunk)
	return max((c.Send+chunk-1)/chunk, (c.Receive+chunk-1)/chunk, 1)
}

// run carries all traffic. It returns the open connections where KeepOpen
// says so; the caller closes them.
func (c *Client) run() (Report, []net.Conn) {
	c.setDefaults()
	var (
		wg   sync.WaitGroup
		mu   sync.Mutex // protects the three below
		rep  Report
		open []net.Conn
		left = c.Connections
	)
	for range c.Parallel {
		wg.Go(func() {
			for first := true; ; first = false {
				mu.Lock()
				more := left > 0
				left--
				mu.Unlock()
				if !more {
					return
				}
				if !first {
					time.Sleep(c.Pause)
				}
				conn, did, err := c.connection()
				mu.Lock()
				rep.add(did)
				if conn != nil {
					open = append(open, conn)
				}
				if err != nil && rep.Error == "" {
					rep.Error = err.Error()
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	return rep, open
}

// connection carries one connection's traffic and closes it, or returns it
// where KeepOpen says so.
func (c *Client) connection() (net.Conn, Conn, error) {
	began := time.Now()
	conn, err := c.dial()
	if err != nil {
		return nil, Conn{}, err
	}
	did := Conn{Local: addrPort(conn.LocalAddr()), Remote: c.Target}
	if c.Proto == "udp" {
		err = c.datagramExchange(conn, &did)
	} else {
		err = c.streamExchange(conn, &did)
	}
	if err != nil || c.KeepOpen {
		return conn, did, err
	}
	time.Sleep(c.Life - time.Since(began))
	if tcp, ok := conn.(*net.TCPConn); ok {
		err = finish(tcp)
	}
	return nil, did, errors.Join(err, conn.Close())
}

func (c *Client) dial() (net.Conn, error) {
	if c.Proto == "udp" && c.Unconnected {
		return net.ListenUDP("udp", c.localUDP())
	}
	d := net.Dialer{Timeout: patience}
	if c.Local.IsValid() {
		d.LocalAddr = net.TCPAddrFromAddrPort(c.Local)
		if c.Proto == "udp" {
			d.LocalAddr = net.UDPAddrFromAddrPort(c.Local)
		}
	}
	return d.Dial(c.Proto, c.Target.String())
}

// localUDP is where an unconnected socket binds. A socket for IPv4 has to be
// bound to IPv4 explicitly.
func (c *Client) localUDP() *net.UDPAddr {
	local := c.Local
	if !local.IsValid() {
		any := netip.IPv6Unspecified()
		if c.Target.Addr().Is4() {
			any = netip.IPv4Unspecified()
		}
		local = netip.AddrPortFrom(any, 0)
	}
	return net.UDPAddrFromAddrPort(local)
}

func (c *Client) streamExchange(conn net.Conn, did *Conn) error {
	received := make(chan error, 1)
	go func() {
		n, err := io.CopyN(io.Discard, conn, int64(c.Receive))
		did.Received = uint64(n)
		received <- err
	}()
	err := c.sendStream(conn, did)
	if err != nil {
		conn.Close() // frees the receiver
	}
	if rerr := <-received; err == nil && rerr != nil {
		err = fmt.Errorf("receive from %v: %w", c.Target, rerr)
	}
	if err == nil {
		err = drain(conn.(*net.TCPConn))
	}
	return err
}

func (c *Client) sendStream(conn net.Conn, did *Conn) error {
	buf := make([]byte, max(uint64(c.Chunk), streamHeader))
	binary.BigEndian.PutUint64(buf, c.Send)
	binary.BigEndian.PutUint64(buf[8:], c.Receive)
	pause := c.pause((c.Send + uint64(len(buf)) - 1) / uint64(len(buf)))
	for did.Sent < c.Send {
		n, err := conn.Write(buf[:min(uint64(len(buf)), c.Send-did.Sent)])
		did.Sent += uint64(n)
		if err != nil {
			return fmt.Errorf("send to %v: %w", c.Target, err)
		}
		time.Sleep(pause)
	}
	return nil
}

// pause is the time between two of n chunks.
func (c *Client) pause(n uint64) time.Duration {
	if !c.Spread || n == 0 {
		return 0
	}
	return c.Life / time.Duration(n)
}

func (c *Client) datagramExchange(conn net.Conn, did *Conn) error {
	n := c.datagrams()
	buf := make([]byte, c.Chunk)
	answer := make([]byte, 1<<16)
	pause := c.pause(n)
	for i := range n {
		size, want := share(c.Send, n, i), share(c.Receive, n, i)
		binary.BigEndian.PutUint64(buf, want)
		if err := c.sendDatagram(conn, buf[:size]); err != nil {
			return fmt.Errorf("send to %v: %w", c.Target, err)
		}
		did.Sent += size
		if want > 0 {
			got, err := receiveDatagram(conn, answer)
			if err != nil {
				return fmt.Errorf("receive from %v: %w", c.Target, err)
			}
			did.Received += uint64(got)
		} else if i%16 == 15 {
			// Nobody holds a sender of datagrams back; the receiver's
			// queues are finite.
			time.Sleep(max(pause, time.Millisecond))
			continue
		}
		time.Sleep(pause)
	}
	return nil
}

// share is the size of part i of n nearly equal parts of total.
func share(total, n, i uint64) uint64 { return total*(i+1)/n - total*i/n }

func (c *Client) sendDatagram(conn net.Conn, b []byte) error {
	if udp, ok := conn.(*net.UDPConn); ok && c.Unconnected {
		_, err := udp.WriteToUDPAddrPort(b, c.Target)
		return err
	}
	_, err := conn.Write(b)
	return err
}

func receiveDatagram(conn net.Conn, b []byte) (int, error) {
	if err := conn.SetReadDeadline(time.Now().Add(patience)); err != nil {
		return 0, err
	}
	return conn.Read(b)
}

// drain waits until the peer's kernel has acknowledged all that was sent, so
// that every counter on the way is final.
func drain(conn *net.TCPConn) error {
	raw, err := conn.SyscallConn()
	if err != nil {
		return err
	}
	deadline := time.Now().Add(patience)
	for {
		queued, qerr := 0, error(nil)
		err := raw.Control(func(fd uintptr) { queued, qerr = unix.IoctlGetInt(int(fd), unix.SIOCOUTQ) })
		if err = errors.Join(err, qerr); err != nil || queued == 0 {
			return err
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("%d bytes to %v were never acknowledged", queued, conn.RemoteAddr())
		}
		time.Sleep(time.Millisecond)
	}
}

// finish says that no more is coming and waits for the same from the server.
func finish(conn *net.TCPConn) error {
	if err := conn.CloseWrite(); err != nil {
		return err
	}
	if err := conn.SetReadDeadline(time.Now().Add(patience)); err != nil {
		return err
	}
	n, err := io.Copy(io.Discard, conn)
	if err == nil && n > 0 {
		err = fmt.Errorf("%d bytes more than asked for", n)
	}
	return err
}

func addrPort(a net.Addr) netip.AddrPort {
	var ap netip.AddrPort
	switch a := a.(type) {
	case *net.TCPAddr:
		ap = a.AddrPort()
	case *net.UDPAddr:
		ap = a.AddrPort()
	}
	return netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port())
}
