package probe

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"time"

	"bwmon/traffic"
)

// maxAddresses is how many of a name's addresses are tried.
const maxAddresses = 8

// target is whom to connect to.
type target struct {
	host string
	port uint16
}

// parseTarget reads what Options.Target describes.
func parseTarget(s string) (target, error) {
	host, port, err := net.SplitHostPort(s)
	number, ok := parsePort(port)
	if err != nil || !ok || !validHost(host) {
		return target{}, fmt.Errorf(`want a host and a port, such as "db.example.org:5432" or "[2001:db8::1]:443", got %s`, quoted(s))
	}
	return target{host, number}, nil
}

// validHost reports whether s may be an address or a name in the DNS.
func validHost(s string) bool {
	if _, err := netip.ParseAddr(s); err == nil {
		return true
	}
	for i := range len(s) {
		c := s[i]
		if !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '-' || c == '.' || c == '_') {
			return false
		}
	}
	return s != "" && len(s) <= 254
}

// connectLooker measures how long a TCP connection takes: its handshake alone.
type connectLooker struct {
	target  target
	timeout time.Duration
}

func (l *connectLooker) look(ctx context.Context) (traffic.Metrics, string) {
	metrics := traffic.Metrics{{Name: "up", Value: 0}}
	var addrs []netip.Addr
	var looked traffic.Metrics
	if addr, err := netip.ParseAddr(l.target.host); err == nil {
		addrs = []netip.Addr{addr}
	} else {
		begin := time.Now()
		if addrs, err = resolver().LookupNetIP(ctx, "ip", l.target.host); err != nil {
			return metrics, l.explain(ctx, "look up "+l.target.host, err)
		}
		looked = looked.With("lookup_ms", milliseconds(time.Since(begin)))
	}
	took, err := l.connect(ctx, addrs[:min(len(addrs), maxAddresses)])
	if err != nil {
		return append(metrics, looked...), err.Error()
	}
	metrics[0].Value = 1
	return append(metrics.With("connect_ms", milliseconds(took)), looked...), ""
}

// connect tries the addresses in turn, each in its share of the time that is left. It
// returns how long the one took that answered; the error is the first one's.
func (l *connectLooker) connect(ctx context.Context, addrs []netip.Addr) (took time.Duration, first error) {
	if len(addrs) == 0 {
		return 0, fmt.Errorf("look up %s: no addresses", l.target.host)
	}
	for i, addr := range addrs {
		at := netip.AddrPortFrom(addr.Unmap(), l.target.port).String()
		d := dialer()
		if deadline, ok := ctx.Deadline(); ok {
			d.Timeout = max(time.Until(deadline)/time.Duration(len(addrs)-i), time.Millisecond)
		}
		begin := time.Now()
		conn, err := d.DialContext(ctx, "tcp", at)
		took = time.Since(begin)
		if err == nil {
			conn.Close()
			return took, nil
		}
		if first == nil {
			first = errors.New(l.explain(ctx, "connect to "+at, err))
		}
		if ctx.Err() != nil {
			break
		}
	}
	return 0, first
}

// explain says in a line what went wrong.
func (l *connectLooker) explain(ctx context.Context, what string, err error) string {
	var refused *os.SyscallError
	var dns *net.DNSError
	switch {
	case ctx.Err() != nil, os.IsTimeout(err):
		return fmt.Sprintf("%s: no answer in time (%v in all)", what, l.timeout)
	case errors.As(err, &dns):
		return what + ": " + dns.Err
	case errors.As(err, &refused):
		return what + ": " + refused.Err.Error()
	}
	return what + ": " + err.Error()
}

// dialer is the one for all connections: it looks names up within the time of the
// probe, never in a call of the C library that cannot be ended.
func dialer() *net.Dialer { return &net.Dialer{Resolver: resolver(), KeepAlive: -1} }

func resolver() *net.Resolver { return &net.Resolver{PreferGo: true} }
