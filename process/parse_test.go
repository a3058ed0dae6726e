package process

import (
	"encoding/binary"
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"bwmon/traffic"
)

func testKey(proto traffic.Proto, local, remote string) key {
	k := key{proto: proto}
	l := netip.MustParseAddrPort(local)
	k.local, k.lport = l.Addr().As16(), l.Port()
	if remote != "" {
		r := netip.MustParseAddrPort(remote)
		k.remote, k.rport = r.Addr().As16(), r.Port()
	}
	return k
}

var compareKeys = cmp.AllowUnexported(key{}, socket{})

func TestParseProcNet(t *testing.T) {
	// Little-endian machines print addresses so; the words are in host order.
	if binary.NativeEndian.Uint16([]byte{1, 0}) != 1 {
		t.Skip("the fixtures are a little-endian machine's")
	}
	const heading = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops\n"
	for name, c := range map[string]struct {
		proto traffic.Proto
		in    string
		want  []socket
	}{
		"tcp": {traffic.TCP, heading +
			"   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 12345 1 0000000000000000 100 0 0 10 0\n" +
			"   1: 0100007F:1F90 0200007F:D431 01 00000000:00000000 02:000000A8 00000000     0        0 0 2 0000000000000000\n", []socket{
			{key: testKey(traffic.TCP, "127.0.0.1:8080", ""), state: stateListen, uid: 1000, inode: 12345},
			{key: testKey(traffic.TCP, "127.0.0.1:8080", "127.0.0.2:54321"), state: stateEstablished},
		}},
		"udp6": {traffic.UDP, heading +
			"  100: 00000000000000000000000001000000:0035 00000000000000000000000000000000:0000 07 00000000:00000000 00:00000000 00000000   101        0 777 2 0000000000000000 0\n" +
			"  101: 0000000000000000FFFF00000100007F:0035 0000000000000000FFFF00000200007F:0009 01 00000000:00000000 00:00000000 00000000   101        0 778 2 0000000000000000 0\n", []socket{
			{key: testKey(traffic.UDP, "[::1]:53", ""), state: stateClose, uid: 101, inode: 777},
			{key: testKey(traffic.UDP, "127.0.0.1:53", "127.0.0.2:9"), state: stateEstablished, uid: 101, inode: 778},
		}},
		"raw": {procNetRaw, heading +
			"   1: 00000000:0001 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 31 2 0000000000000000 0\n" +
			"   2: 00000000:0106 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 32 2 0000000000000000 0\n", []socket{
			{key: testKey(traffic.ICMP, "0.0.0.0:0", ""), state: stateClose, inode: 31, raw: true},
		}},
		"icmp, connected": {traffic.ICMP, heading +
			"   1: 0100007F:04D2 0200007F:0000 01 00000000:00000000 00:00000000 00000000     0        0 33 2 0000000000000000 0\n", []socket{
			{key: testKey(traffic.ICMP, "127.0.0.1:1234", ""), state: stateEstablished, inode: 33},
		}},
		"damaged": {traffic.TCP, "\n\x00\n" +
			" 0: 0100007F1F90 00000000:0000 0A 0:0 0:0 0 1000 0 12345 1\n" +
			" 0: 0100007:1F90 00000000:0000 0A 0:0 0:0 0 1000 0 12345 1\n" +
			" 0: 0100007F:11F90 00000000:0000 0A 0:0 0:0 0 1000 0 12345 1\n" +
			" 0: 0100007X:1F90 00000000:0000 0A 0:0 0:0 0 1000 0 12345 1\n" +
			" 0: 0100007F:1F90 00000000:0000 0A 0:0 0:0 0 1000 0 -1 1\n" +
			" 0: 0100007F:1F90 00000000:0000 0A", nil},
	} {
		got := parseProcNet([]byte(c.in), c.proto)
		if diff := cmp.Diff(c.want, got, compareKeys); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestParseSocketLink(t *testing.T) {
	for text, want := range map[string]uint32{
		"socket:[1]": 1, "socket:[4294967295]": 4294967295,
		"socket:[4294967296]": 0, "socket:[0]": 0, "socket:[]": 0, "socket:[12": 0, "socket:[1x]": 0,
		"pipe:[1]": 0, "": 0, "/dev/null": 0, "socket:[-1]": 0,
	} {
		if got, ok := parseSocketLink([]byte(text)); got*b2u(ok) != want || ok != (want != 0) {
			t.Errorf("%q: got %d, %v; want %d", text, got, ok, want)
		}
	}
}

func b2u(b bool) uint32 {
	if b {
		return 1
	}
	return 0
}

// message is one netlink message.
func message(typ uint16, seq uint32, body []byte) []byte {
	b := make([]byte, sizeofNlmsghdr, sizeofNlmsghdr+len(body))
	binary.NativeEndian.PutUint32(b, uint32(sizeofNlmsghdr+len(body)))
	binary.NativeEndian.PutUint16(b[4:], typ)
	binary.NativeEndian.PutUint32(b[8:], seq)
	b = append(b, body...)
	return append(b, make([]byte, -len(b)&3)...)
}

// diagBody is a struct inet_diag_msg with one attribute, INET_DIAG_SKV6ONLY.
func diagBody(family, state uint8, local, remote netip.AddrPort, uid, inode uint32, only6 byte) []byte {
	b := make([]byte, sizeofInetDiagMsg)
	b[0], b[1] = family, state
	binary.BigEndian.PutUint16(b[4:], local.Port())
	binary.BigEndian.PutUint16(b[6:], remote.Port())
	copy(b[8:24], local.Addr().AsSlice())
	copy(b[24:40], remote.Addr().AsSlice())
	binary.NativeEndian.PutUint32(b[64:], uid)
	binary.NativeEndian.PutUint32(b[68:], inode)
	attr := make([]byte, 8)
	binary.NativeEndian.PutUint16(attr, 5)
	binary.NativeEndian.PutUint16(attr[2:], attrSKV6Only)
	attr[4] = only6
	return append(b, attr...)
}

func negative(errno unix.Errno) []byte {
	return binary.NativeEndian.AppendUint32(nil, uint32(-int32(errno)))
}

func TestParseDiag(t *testing.T) {
	a, b := netip.MustParseAddrPort("198.18.0.1:80"), netip.MustParseAddrPort("198.18.0.2:40000")
	established := message(sockDiagByFamily, 7, diagBody(unix.AF_INET, stateEstablished, a, b, 33, 99, 0))
	any6 := netip.MustParseAddrPort("[::]:80")
	listener := message(sockDiagByFamily, 7, diagBody(unix.AF_INET6, stateListen, any6, any6, 0, 100, 1))
	wantEstablished := socket{key: testKey(traffic.TCP, "198.18.0.1:80", "198.18.0.2:40000"), state: stateEstablished, uid: 33, inode: 99}
	wantListener := socket{key: testKey(traffic.TCP, "[::]:80", ""), state: stateListen, inode: 100, only6: true}

	for name, c := range map[string]struct {
		in   []byte
		want diagReply
		err  bool
	}{
		"two and more to come": {append(append([]byte{}, established...), listener...), diagReply{sockets: []socket{wantEstablished, wantListener}}, false},
		"the end":              {append(append([]byte{}, established...), message(unix.NLMSG_DONE, 7, negative(0))...), diagReply{sockets: []socket{wantEstablished}, done: true}, false},
		"the end, no code":     {message(unix.NLMSG_DONE, 7, nil), diagReply{done: true}, false},
		"refused":              {message(unix.NLMSG_ERROR, 7, negative(unix.ENOENT)), diagReply{done: true, errno: unix.ENOENT}, false},
		"of another request":   {append(message(unix.NLMSG_DONE, 6, nil), established...), diagReply{sockets: []socket{wantEstablished}}, false},
		"cut":                  {established[:40], diagReply{}, true},
		"too short a message":  {message(sockDiagByFamily, 7, make([]byte, 71)), diagReply{}, true},
		"odd family":           {message(sockDiagByFamily, 7, make([]byte, 72)), diagReply{}, true},
		"length 0":             {make([]byte, 64), diagReply{}, true},
		"crumbs":               {append(message(unix.NLMSG_DONE, 7, nil), 1, 2, 3), diagReply{done: true}, true},
	} {
		r := diagReply{proto: traffic.TCP}
		err := parseDiag(c.in, 7, &r)
		c.want.proto = traffic.TCP
		if diff := cmp.Diff(c.want, r, cmp.AllowUnexported(diagReply{}), compareKeys); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		if (err != nil) != c.err {
			t.Errorf("%s: error %v, want one: %v", name, err, c.err)
		}
	}
}

func FuzzParseDiag(f *testing.F) {
	a, b := netip.MustParseAddrPort("198.18.0.1:80"), netip.MustParseAddrPort("198.18.0.2:40000")
	f.Add(message(sockDiagByFamily, 7, diagBody(unix.AF_INET, stateEstablished, a, b, 33, 99, 0)))
	f.Add(message(unix.NLMSG_ERROR, 7, negative(unix.ENOENT)))
	f.Fuzz(func(t *testing.T, b []byte) {
		r := diagReply{proto: traffic.TCP}
		_ = parseDiag(b, 7, &r)
		if len(r.sockets)*sizeofInetDiagMsg > len(b) {
			t.Errorf("%d sockets in %d bytes", len(r.sockets), len(b))
		}
	})
}

// FuzzEachDirent: no entry reaches beyond the buffer, whatever it says.
func FuzzEachDirent(f *testing.F) {
	entry := make([]byte, 24)
	binary.NativeEndian.PutUint16(entry[direntReclen:], 24)
	copy(entry[direntName:], "17")
	f.Add(entry)
	f.Fuzz(func(t *testing.T, b []byte) {
		eachDirent(b, func(n int32, name *byte) bool {
			if n < 0 || name == nil {
				t.Errorf("entry %d", n)
			}
			return true
		})
	})
}

func FuzzParseProcNet(f *testing.F) {
	f.Add([]byte(" 0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 12345 1 0 100 0 0 10 0\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, proto := range []traffic.Proto{traffic.TCP, procNetRaw, traffic.ICMP} {
			for _, s := range parseProcNet(b, proto) {
				if s.raw && s.key.lport != 0 {
					t.Errorf("raw socket with a port: %+v", s)
				}
			}
		}
	})
}
