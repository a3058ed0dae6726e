package lab

import (
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/netip"
	"sync"
	"time"
)

// Server orders a process that answers Clients until Child.Stop.
type Server struct {
	Args []string `json:"-"` // the command line, argv[0] first; any text

	Proto    string         // "tcp" or "udp"
	Listen   netip.AddrPort // port 0: the kernel chooses; see Child.Addr
	Deadline time.Duration
}

// lastCall is how long a server that is told to stop still reads what has
// already arrived.
const lastCall = 100 * time.Millisecond

// Serve starts a server on the host. It is listening when Serve returns.
func (h *Host) Serve(s Server) *Child {
	h.lab.t.Helper()
	child := h.start(orders{Server: &s}, s.Args)
	child.awaitListening()
	return child
}

// run serves until stop is closed. It calls ready once it listens.
func (s *Server) run(ready func(netip.AddrPort), stop <-chan struct{}) Report {
	var rep Report
	var err error
	if s.Proto == "udp" {
		err = s.datagrams(&rep, ready, stop)
	} else {
		err = s.streams(&rep, ready, stop)
	}
	if err != nil && rep.Error == "" {
		rep.Error = err.Error()
	}
	return rep
}

func (s *Server) streams(rep *Report, ready func(netip.AddrPort), stop <-chan struct{}) error {
	ln, err := net.ListenTCP("tcp", net.TCPAddrFromAddrPort(s.Listen))
	if err != nil {
		return err
	}
	ready(addrPort(ln.Addr()))
	var mu sync.Mutex // protects the report
	serveAll(ln, stop, func(conn net.Conn) {
		did := serveStream(conn)
		mu.Lock()
		defer mu.Unlock()
		rep.add(did)
	})
	return nil
}

// serveAll serves each connection in a goroutine of its own until stop is closed,
// and returns when all are served.
func serveAll(ln net.Listener, stop <-chan struct{}, serve func(net.Conn)) {
	var (
		wg   sync.WaitGroup
		mu   sync.Mutex // protects open
		open = make(map[net.Conn]bool)
	)
	wg.Go(func() {
		<-stop
		ln.Close()
		mu.Lock()
		defer mu.Unlock()
		for c := range open {
			c.SetDeadline(time.Now().Add(lastCall))
		}
	})
	for {
		conn, err := ln.Accept()
		if err != nil {
			break // stopped
		}
		mu.Lock()
		open[conn] = true
		mu.Unlock()
		wg.Go(func() {
			serve(conn)
			mu.Lock()
			defer mu.Unlock()
			delete(open, conn)
		})
	}
	wg.Wait()
}

// serveStream does as the stream's header orders, until the client has no
// more to say. Errors show in what was carried.
func serveStream(conn net.Conn) Conn {
	defer conn.Close()
	did := Conn{Local: addrPort(conn.LocalAddr()), Remote: addrPort(conn.RemoteAddr())}
	var head [streamHeader]byte
	n, err := io.ReadFull(conn, head[:])
	did.Received = uint64(n)
	if err != nil {
		return did
	}
	sent := make(chan uint64, 1)
	go func() { sent <- sendZeros(conn, binary.BigEndian.Uint64(head[8:])) }()
	rest, _ := io.Copy(io.Discard, conn)
	did.Received += uint64(rest)
	did.Sent = <-sent
	return did
}

func sendZeros(w io.Writer, n uint64) (sent uint64) {
	buf := make([]byte, 64<<10)
	for sent < n {
		k, err := w.Write(buf[:min(uint64(len(buf)), n-sent)])
		sent += uint64(k)
		if err != nil {
			break
		}
	}
	return sent
}

func (s *Server) datagrams(rep *Report, ready func(netip.AddrPort), stop <-chan struct{}) error {
	conn, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(s.Listen))
	if err != nil {
		return err
	}
	defer conn.Close()
	// Clients do not repeat what got lost: have room while others run.
	if err := conn.SetReadBuffer(4 << 20); err != nil {
		return err
	}
	ready(addrPort(conn.LocalAddr()))
	go func() {
		<-stop
		conn.SetReadDeadline(time.Now().Add(lastCall))
	}()
	conns := make(map[netip.AddrPort]*Conn)
	buf := make([]byte, 1<<16)
	for {
		n, from, err := conn.ReadFromUDPAddrPort(buf)
		if err != nil {
			select {
			case <-stop:
				err = nil
			default:
			}
			for _, did := range conns {
				rep.add(*did)
			}
			return err
		}
		key := netip.AddrPortFrom(from.Addr().Unmap(), from.Port())
		did := conns[key]
		if did == nil {
			did = &Conn{Local: addrPort(conn.LocalAddr()), Remote: key}
			conns[key] = did
		}
		did.Received += uint64(n)
		if n < datagramHeader {
			return errors.New("a datagram without orders arrived")
		}
		if want := binary.BigEndian.Uint64(buf); want > 0 && want <= uint64(len(buf)) {
			k, err := conn.WriteToUDPAddrPort(buf[:want], from)
			if err != nil {
				return err
			}
			did.Sent += uint64(k)
		}
	}
}
