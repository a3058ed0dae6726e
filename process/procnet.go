package process

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"

	"bwmon/traffic"
)

// readProcNet hands every socket of one of the files net/raw, net/icmp,
// net/tcp … below dir to visit. A file that is not there holds no sockets.
func readProcNet(dir, name string, proto traffic.Proto, visit func([]socket)) error {
	b, err := os.ReadFile(filepath.Join(dir, name))
	if os.IsNotExist(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read sockets: %w", err)
	}
	if sockets := parseProcNet(b, proto); len(sockets) > 0 {
		visit(sockets)
	}
	return nil
}

// procNetRaw, given as protocol, says that the local port of a line is the
// protocol number, as in net/raw.
const procNetRaw traffic.Proto = 255

// parseProcNet reads the form that net/ipv4/*.c and net/ipv6/*.c share:
//
//	sl local_address rem_address st tx:rx tr:when retrnsmt uid timeout inode …
//
// Lines that do not have it, the heading among them, are skipped.
func parseProcNet(b []byte, proto traffic.Proto) []socket {
	var out []socket
	for line := range bytes.Lines(b) {
		f := bytes.Fields(line)
		if len(f) < 10 {
			continue
		}
		s := socket{key: key{proto: proto}, raw: proto == procNetRaw}
		var ok1, ok2, ok3, ok4, ok5 bool
		s.key.local, s.key.lport, ok1 = parseHexAddrPort(f[1])
		s.key.remote, s.key.rport, ok2 = parseHexAddrPort(f[2])
		state, ok3 := parseUint(f[3], 16, 0xff)
		uid, ok4 := parseUint(f[7], 10, 0xffffffff)
		inode, ok5 := parseUint(f[9], 10, 0xffffffff)
		if !(ok1 && ok2 && ok3 && ok4 && ok5) {
			continue
		}
		s.state, s.uid, s.inode = uint8(state), uint32(uid), uint32(inode)
		switch {
		case s.raw:
			if s.key.lport > 255 {
				continue // not an IP protocol (IPPROTO_MPTCP and the like)
			}
			s.key.proto, s.key.lport = traffic.Proto(s.key.lport), 0
			s.key = s.key.bound()
		case proto == traffic.ICMP || proto == traffic.ICMPv6:
			s.key = s.key.bound() // the identifier alone tells ping sockets apart
		default:
			s.normalise()
		}
		out = append(out, s)
	}
	return out
}

// parseHexAddrPort reads "0100007F:1F90": the address as 32-bit words in host
// byte order, the port as a plain number.
func parseHexAddrPort(b []byte) (addr [16]byte, port uint16, ok bool) {
	digits, portDigits, found := bytes.Cut(b, []byte(":"))
	p, ok := parseUint(portDigits, 16, 0xffff)
	if !found || !ok || len(digits) != 8 && len(digits) != 32 {
		return addr, 0, false
	}
	var raw [16]byte
	n, err := hex.Decode(raw[:], digits)
	if err != nil {
		return addr, 0, false
	}
	for i := 0; i < n; i += 4 {
		binary.NativeEndian.PutUint32(addr[i:], binary.BigEndian.Uint32(raw[i:]))
	}
	if n == 4 {
		addr = netip.AddrFrom4([4]byte(addr[:4])).As16()
	}
	return addr, uint16(p), true
}

// parseUint reads a whole number of at most max without allocating.
func parseUint(b []byte, base, max uint64) (uint64, bool) {
	if len(b) == 0 || len(b) > 16 {
		return 0, false
	}
	var n uint64
	for _, c := range b {
		var d uint64
		switch {
		case c >= '0' && c <= '9':
			d = uint64(c - '0')
		case c >= 'a' && c <= 'f':
			d = uint64(c-'a') + 10
		case c >= 'A' && c <= 'F':
			d = uint64(c-'A') + 10
		default:
			return 0, false
		}
		if d >= base {
			return 0, false
		}
		n = n*base + d
	}
	return n, n <= max
}
