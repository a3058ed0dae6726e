package machine

import (
	"bytes"
	"encoding/binary"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

// attr is one netlink attribute, padded.
func attr(kind uint16, value ...byte) []byte {
	b := binary.NativeEndian.AppendUint16(nil, uint16(unix.SizeofNlAttr+len(value)))
	b = binary.NativeEndian.AppendUint16(b, kind)
	b = append(b, value...)
	return append(b, make([]byte, align(len(b))-len(b))...)
}

func word(n uint32) []byte { return binary.NativeEndian.AppendUint32(nil, n) }

func TestParseLink(t *testing.T) {
	head := make([]byte, unix.SizeofIfInfomsg)
	binary.NativeEndian.PutUint16(head[2:], unix.ARPHRD_ETHER)
	binary.NativeEndian.PutUint32(head[4:], 5)
	binary.NativeEndian.PutUint32(head[8:], unix.IFF_UP)
	name := attr(unix.IFLA_IFNAME, []byte("eth5\x00")...)
	info := attr(unix.IFLA_LINKINFO|unix.NLA_F_NESTED, append(
		attr(unix.IFLA_INFO_KIND, []byte("vlan\x00")...), attr(unix.IFLA_INFO_SLAVE_KIND, []byte("bridge\x00")...)...)...)
	var stats []byte
	for n := range uint64(25) {
		stats = binary.NativeEndian.AppendUint64(stats, n+1)
	}
	for _, tc := range []struct {
		name string
		in   [][]byte
		want link
		err  error
	}{
		{"bare", [][]byte{head}, link{index: 5, hardware: unix.ARPHRD_ETHER, flags: unix.IFF_UP}, nil},
		{"all", [][]byte{head, name, attr(unix.IFLA_LINK, word(2)...), attr(unix.IFLA_MASTER, word(9)...), info,
			attr(unix.IFLA_STATS64, stats...)},
			link{index: 5, hardware: unix.ARPHRD_ETHER, flags: unix.IFF_UP, name: []byte("eth5"), kind: []byte("vlan"),
				slaveKind: []byte("bridge"), master: 9, parent: 2, counted: true, counts: countsOf(3, 4, 1, 2)}, nil},
		{"parent in another namespace", [][]byte{head, attr(unix.IFLA_LINK, word(2)...), attr(unix.IFLA_LINK_NETNSID, word(0)...)},
			link{index: 5, hardware: unix.ARPHRD_ETHER, flags: unix.IFF_UP}, nil},
		{"empty", nil, link{}, errShortLink},
		{"short head", [][]byte{head[:15]}, link{}, errShortLink},
		{"attribute too long", [][]byte{head, name[:6]}, link{}, errShortLink},
		{"attribute too short", [][]byte{head, {3, 0, 3, 0}}, link{}, errShortLink},
		{"short number", [][]byte{head, attr(unix.IFLA_MASTER, 1, 2)}, link{}, errShortLink},
		{"short counters", [][]byte{head, attr(unix.IFLA_STATS64, stats[:31]...)}, link{}, errShortLink},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := parseLink(bytes.Join(tc.in, nil))
			if err != tc.err {
				t.Fatalf("error %v, want %v", err, tc.err)
			}
			if diff := cmp.Diff(tc.want, got, cmp.AllowUnexported(link{})); err == nil && diff != "" {
				t.Errorf("link (-want +got):\n%s", diff)
			}
		})
	}
}

// FuzzMessages feeds the walker and the parser with anything, beginning with
// what this kernel says of this machine's own links.
func FuzzMessages(f *testing.F) {
	f.Add(attr(1, 2, 3))
	if r, err := newLinkReader(); err == nil {
		defer r.close()
		req := make([]byte, unix.SizeofNlMsghdr+unix.SizeofIfInfomsg)
		binary.NativeEndian.PutUint32(req, uint32(len(req)))
		binary.NativeEndian.PutUint16(req[4:], unix.RTM_GETLINK)
		binary.NativeEndian.PutUint16(req[6:], unix.NLM_F_REQUEST|unix.NLM_F_DUMP)
		if _, err := unix.Write(r.ask, req); err == nil {
			if b, err := r.receive(r.ask, 0); err == nil {
				// One message: the fuzzer takes long to shorten more.
				f.Add(bytes.Clone(b[:binary.NativeEndian.Uint32(b)]))
			}
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		table := newTable()
		table.begin()
		eachMessage(b, func(m message) error {
			m.failure()
			m.bridgePort()
			l, err := parseLink(m.body)
			if err != nil {
				return err
			}
			table.update(l)
			return nil
		})
		table.classify()
		if got, want := len(table.finish()), len(table.byIndex); got != want {
			t.Errorf("%d totals of %d interfaces", got, want)
		}
	})
}

func TestPPPoE(t *testing.T) {
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "thread-self/net"), 0o755); err != nil {
		t.Fatal(err)
	}
	const text = "Id       Address              Device\n" +
		"00000A01           02:00:00:00:00:01   eth0.7\n" +
		"0000BB02           02:00:00:00:00:02     eth1\n"
	if err := os.WriteFile(filepath.Join(dir, "thread-self/net/pppoe"), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	table := tableOf([]iface{{name: "eth0.7"}, {name: "eth1"}, {name: "eth2"}})
	markPPPoE(dir, table.byName)
	var got []string
	for _, d := range table.devices {
		if d.pppoe {
			got = append(got, d.rawName)
		}
	}
	if diff := cmp.Diff([]string{"eth0.7", "eth1"}, got); diff != "" {
		t.Errorf("interfaces with PPPoE (-want +got):\n%s", diff)
	}
	markPPPoE(t.TempDir(), func(string) *device { t.Error("found a session in an empty /proc"); return nil })
}

func FuzzPPPoE(f *testing.F) {
	f.Add("Id       Address              Device\n00000A01           02:00:00:00:00:01     eth0\n")
	f.Fuzz(func(t *testing.T, s string) {
		for _, name := range parsePPPoE(s) {
			if name == "" {
				t.Error("a session without an interface")
			}
		}
	})
}
