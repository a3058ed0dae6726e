package web

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// Protection is what keeps strangers out of a TCP listener.
type Protection struct {
	TLS         bool
	Insecure    bool // without TLS, and somebody said so
	Token       bool
	ClientCerts bool // demanded and verified
}

// CheckListen refuses to listen where others than this host could read along, or
// come in. Loopback needs no protection.
func CheckListen(address string, p Protection) error {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return fmt.Errorf(`listen on %q: want an address like "127.0.0.1:8000" or "[::1]:8000"`, address)
	}
	if p.ClientCerts && !p.TLS {
		return fmt.Errorf("listen on %q: client certificates take TLS: set http.tls_cert and http.tls_key, too", address)
	}
	if isLoopback(host) {
		return nil
	}
	if !p.TLS && !p.Insecure {
		return fmt.Errorf("listen on %q: others can reach it, and read along: set http.tls_cert and http.tls_key, or listen on 127.0.0.1, or say insecure = true", address)
	}
	if !p.Token && !p.ClientCerts {
		return fmt.Errorf("listen on %q: others can reach it: set http.token or http.client_ca, or listen on 127.0.0.1", address)
	}
	return nil
}

func isLoopback(host string) bool {
	if plainName(host) == "localhost" {
		return true
	}
	a, err := netip.ParseAddr(host)
	return err == nil && a.Unmap().IsLoopback()
}

// minToken is how long a token is at least: 16 characters of base64 are 96 bits.
const minToken = 16

// CheckToken refuses tokens that could be guessed or not be sent.
func CheckToken(token string) error {
	if len(token) < minToken {
		return fmt.Errorf(`the token has %d characters: want at least %d: "openssl rand -base64 32" makes one`, len(token), minToken)
	}
	if strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return errors.New("the token: want printable ASCII without spaces")
	}
	return nil
}

// gate is a listener that lets in as many as there is room for. Others are turned
// away at once, rather than left to wait.
type gate struct {
	net.Listener
	room  *headcount
	stats *stats
}

// maxUnsent is what the kernel holds of an answer that it could not send yet: so a
// stream's reader that lags gets the newest next, and not what was new minutes ago.
const maxUnsent = 128 << 10

// Accept waits for a connection that there is room for.
func (g *gate) Accept() (net.Conn, error) {
	for {
		c, err := g.Listener.Accept()
		if err != nil {
			return nil, err
		}
		from, _ := netip.ParseAddrPort(c.RemoteAddr().String())
		leave, ok := g.room.enter(from.Addr())
		if !ok {
			g.stats.refused.Add(1)
			c.Close()
			continue
		}
		if tcp, ok := c.(*net.TCPConn); ok {
			boundUnsent(tcp)
		}
		g.stats.connections.Add(1)
		return &guest{Conn: c, leave: leave, stats: g.stats}, nil
	}
}

// boundUnsent does nothing where the kernel does not know how.
func boundUnsent(c *net.TCPConn) {
	raw, err := c.SyscallConn()
	if err != nil {
		return
	}
	_ = raw.Control(func(fd uintptr) {
		_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_NOTSENT_LOWAT, maxUnsent)
	})
}

// guest is a connection that was let in.
type guest struct {
	net.Conn
	leave func()
	gone  atomic.Bool
	stats *stats
}

// Close closes the connection and makes room.
func (g *guest) Close() error {
	if !g.gone.Swap(true) {
		g.stats.connections.Add(-1)
		g.leave()
	}
	return g.Conn.Close()
}
