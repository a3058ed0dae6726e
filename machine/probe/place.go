package probe

import (
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"bwmon/traffic"
)

// maxSocketName is how many bytes the name of a unix socket may have: sun_path less
// what ends a path, or begins an abstract name (unix(7)).
const maxSocketName = len(unix.RawSockaddrUnix{}.Path) - 1

// place is where a socket may listen.
type place struct {
	proto traffic.Proto // 0: unix
	addr  netip.Addr    // none: any; never v4-mapped
	port  uint16
	path  string // of unix; begins with / or, where it is abstract, with @
}

// parsePlace reads what Options.Listen describes.
func parsePlace(s string) (place, error) {
	kind, rest, _ := strings.Cut(s, ":")
	switch kind {
	case "tcp":
		return parseInet(traffic.TCP, s, rest)
	case "udp":
		return parseInet(traffic.UDP, s, rest)
	case "unix":
		return parseUnix(s, rest)
	}
	return place{}, fmt.Errorf(`want tcp:, udp: or unix: and where, such as "tcp:443", "udp:127.0.0.1:53" or "unix:/run/x.sock", got %s`, quoted(s))
}

func parseInet(proto traffic.Proto, s, rest string) (place, error) {
	if port, ok := parsePort(strings.TrimPrefix(rest, ":")); ok {
		return place{proto: proto, port: port}, nil
	}
	at, err := netip.ParseAddrPort(rest)
	if err != nil || at.Port() == 0 {
		return place{}, fmt.Errorf(`want a port, or a local address and a port, such as "%[1]s:443", "%[1]s:127.0.0.1:443" or "%[1]s:[::1]:443", got %[2]s`, proto, quoted(s))
	}
	if at.Addr().Zone() != "" {
		return place{}, fmt.Errorf("want an address without a zone, got %s: leave out %%%s", quoted(s), traffic.CleanText(at.Addr().Zone(), 20))
	}
	return place{proto: proto, addr: at.Addr().Unmap(), port: at.Port()}, nil
}

func parseUnix(s, rest string) (place, error) {
	if rest == "" || rest == "@" || rest[0] != '/' && rest[0] != '@' {
		return place{}, fmt.Errorf(`want unix: and a path that begins with /, or @ and an abstract name, got %s`, quoted(s))
	}
	name := strings.TrimPrefix(rest, "@")
	if len(name) > maxSocketName {
		return place{}, fmt.Errorf("want the name of a socket, of at most %d bytes, got %s", maxSocketName, quoted(s))
	}
	if strings.ContainsRune(name, 0) {
		return place{}, errors.New("want the name of a socket, got a zero byte in it")
	}
	return place{path: rest}, nil
}

// parsePort reads a port in digits, and nothing else.
func parsePort(s string) (uint16, bool) {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return 0, false
		}
	}
	port, err := strconv.ParseUint(s, 10, 16)
	return uint16(port), err == nil && port != 0
}

// takes reports whether a socket that is bound to local (of IPv6 where six; only6: of
// nothing else) gets what comes to p's address. The port is right.
func (p place) takes(local netip.Addr, six, only6 bool) bool {
	if !p.addr.IsValid() {
		return true
	}
	mapped := local.Is4In6()
	local = local.Unmap()
	switch {
	case local == p.addr:
		return true
	case !local.IsUnspecified():
		return false
	case p.addr.Is4():
		return !six || mapped || !only6
	}
	return six && !mapped
}

func quoted(s string) string { return strconv.Quote(traffic.CleanText(s, 80)) }
