package pipe

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"

	"bwmon/traffic"
)

// Address is where a Forwarder listens, or what it connects to: a unix socket where
// Path is not empty, else TCP.
type Address struct {
	Path string // "@name" is in the abstract name space
	Host string // an IP address or a name; "" is this host's loopback addresses
	Port uint16
}

const (
	unixPrefix = "unix:"
	// maxPath is what sun_path holds, less the final NUL (unix(7)).
	maxPath = 107
	// maxHost is the longest name in DNS (RFC 1035, section 2.3.4).
	maxHost = 253
)

// ParseListen reads where to listen: :8080, 127.0.0.1:8080, [::1]:8080,
// unix:/run/x.sock.
func ParseListen(s string) (Address, error) {
	a, err := parseAddress(s)
	if err != nil {
		return Address{}, fmt.Errorf(`want an address to listen on, such as :8080, 0.0.0.0:8080, [::1]:8080 or unix:/run/x.sock, got "%s": %w`, clip(s), err)
	}
	return a, nil
}

// ParseTarget reads what to connect to: backend:80, 192.0.2.1:80, [::1]:80,
// unix:/run/x.sock.
func ParseTarget(s string) (Address, error) {
	a, err := parseAddress(s)
	if err == nil && a.Path == "" && a.Host == "" {
		err = errors.New("the host is missing")
	}
	if err != nil {
		return Address{}, fmt.Errorf(`want a target such as backend:80, [::1]:80 or unix:/run/x.sock, got "%s": %w`, clip(s), err)
	}
	return a, nil
}

func clip(s string) string { return traffic.CleanText(s, 80) }

func parseAddress(s string) (Address, error) {
	if traffic.CleanText(s, len(s)) != s {
		return Address{}, errors.New("it has characters that cannot be printed")
	}
	if path, ok := strings.CutPrefix(s, unixPrefix); ok {
		switch {
		case path == "" || path == "@":
			return Address{}, errors.New("the path is missing")
		case len(path) > maxPath:
			return Address{}, fmt.Errorf("the path has %d bytes, and a unix socket's at most %d", len(path), maxPath)
		}
		return Address{Path: path}, nil
	}
	host, port, err := net.SplitHostPort(s)
	if err != nil {
		var wrong *net.AddrError
		if errors.As(err, &wrong) {
			err = errors.New(wrong.Err)
		}
		return Address{}, err
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil || n == 0 {
		return Address{}, errors.New("the port is to be a number from 1 to 65535")
	}
	if err := checkHost(host); err != nil {
		return Address{}, err
	}
	return Address{Host: host, Port: uint16(n)}, nil
}

func checkHost(host string) error {
	if host == "" {
		return nil
	}
	if _, err := netip.ParseAddr(host); err == nil {
		return nil
	}
	bad := strings.IndexFunc(host, func(r rune) bool {
		return r < 0x80 && !('a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || r == '-' || r == '.' || r == '_')
	})
	switch {
	case host == "*":
		return errors.New("to listen on all addresses say 0.0.0.0 or [::]")
	case bad >= 0:
		return fmt.Errorf("the host has a %q in it", host[bad])
	case len(host) > maxHost:
		return fmt.Errorf("the host has %d bytes, and a name at most %d", len(host), maxHost)
	}
	return nil
}

// String is the address as it can be parsed again.
func (a Address) String() string {
	if a.Path != "" {
		return unixPrefix + a.Path
	}
	return net.JoinHostPort(a.Host, strconv.Itoa(int(a.Port)))
}

// network and dial are what package net calls it.
func (a Address) network() (network, address string) {
	if a.Path != "" {
		return "unix", a.Path
	}
	return "tcp", a.String()
}

// Label is what the bytes of a relay are booked under.
func Label(listen, target Address) string {
	from := listen.Path
	if from == "" {
		from = strconv.Itoa(int(listen.Port))
	}
	to := target.Path
	if to == "" {
		to = target.String()
	}
	return traffic.CleanText("pipe-"+from+":"+to, traffic.MaxWord)
}
