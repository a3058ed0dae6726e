package conntrack

import (
	"fmt"
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"
	ti "github.com/ti-mo/conntrack"
	"golang.org/x/sys/unix"

	"bwmon/lab"
	"bwmon/traffic"
)

// decoded is an entry in comparable words.
type decoded struct {
	Proto                  string
	From, To               netip.AddrPort
	ReplyFrom, ReplyTo     netip.AddrPort
	Zone                   uint16
	ID                     uint32
	Orig, Reply            uint64
	OrigPackets, ReplyPkts uint64
	Status                 uint32
}

func (e *entry) words() decoded {
	return decoded{
		e.key.proto.String(), e.key.from(), e.key.to(), e.reply.from(), e.reply.to(), e.key.zone, e.key.id,
		e.counters.origBytes, e.counters.replyBytes, e.counters.origPackets, e.counters.replyPackets, e.status,
	}
}

func wordsOf(f ti.Flow) decoded {
	from := func(t ti.Tuple) netip.AddrPort {
		return netip.AddrPortFrom(t.IP.SourceAddress, max(t.Proto.SourcePort, t.Proto.ICMPID))
	}
	to := func(t ti.Tuple) netip.AddrPort {
		return netip.AddrPortFrom(t.IP.DestinationAddress, max(t.Proto.DestinationPort, t.Proto.ICMPID))
	}
	return decoded{
		traffic.Proto(f.TupleOrig.Proto.Protocol).String(),
		from(f.TupleOrig), to(f.TupleOrig), from(f.TupleReply), to(f.TupleReply), f.Zone, f.ID,
		f.CountersOrig.Bytes, f.CountersReply.Bytes, f.CountersOrig.Packets, f.CountersReply.Packets,
		uint32(f.Status),
	}
}

// dumpWith reads a host's table with our decoder.
func dumpWith(t *testing.T, h *lab.Host) map[uint32]decoded {
	t.Helper()
	var s *dumpSocket
	if err := h.Do(func() (err error) { s, err = openDump(); return err }); err != nil {
		t.Fatal(err)
	}
	defer s.close()
	tab := newTable()
	got := map[uint32]decoded{}
	tab.beginDump()
	if err := s.request(); err != nil {
		t.Fatal(err)
	}
	for done := false; !done; {
		buf, err := s.receive()
		if err != nil {
			t.Fatal(err)
		}
		for rest := buf; len(rest) > 0; {
			m, next, err := nextMessage(rest)
			if err != nil {
				t.Fatal(err)
			}
			if rest = next; m.kind != msgNew {
				continue
			}
			var e entry
			if err := e.decode(m.body); err != nil {
				t.Fatal(err)
			}
			got[e.key.id] = e.words()
		}
		if done, err = tab.take(buf, true, func(uint32) {}); err != nil {
			t.Fatal(err)
		}
	}
	if tab.live != len(got) || tab.garbled != 0 {
		t.Errorf("table holds %d of %d entries, %d garbled", tab.live, len(got), tab.garbled)
	}
	return got
}

// Every protocol the kernel tracks decodes as an independent decoder reads it:
// entries made by hand for each, and real ones with counters.
func TestDecoderAgreesWithAnother(t *testing.T) {
	_, ours, peer := pair(t)
	accounted(ours)
	for _, target := range []string{"198.18.0.2:0", "[fd00::2]:0"} {
		for _, proto := range []string{"tcp", "udp"} {
			s := peer.Serve(lab.Server{Proto: proto, Listen: ap(target)})
			ours.Start(lab.Client{Args: []string{"c"}, Proto: proto, Target: s.Addr, Send: 2000, Receive: 3000}).Wait()
		}
		ping(t, ours, ap(target).Addr(), 3)
	}
	ours.Conntrack(func(c *ti.Conn) error {
		for i, proto := range []uint8{unix.IPPROTO_TCP, unix.IPPROTO_UDP, unix.IPPROTO_UDPLITE, unix.IPPROTO_SCTP, unix.IPPROTO_GRE, unix.IPPROTO_ESP, unix.IPPROTO_IPIP, 250} {
			for _, a := range [][2]string{{"198.18.1.1", "198.18.1.2"}, {"fd00:1::1", "fd00:1::2"}} {
				f := ti.NewFlow(proto, 0, netip.MustParseAddr(a[0]), netip.MustParseAddr(a[1]), uint16(1000+i), uint16(2000+i), 600, 0)
				f.Zone = uint16(i)
				if err := c.Create(f); err != nil {
					t.Logf("the kernel makes no entry of protocol %d: %v", proto, err)
				}
			}
		}
		return nil
	})
	got := dumpWith(t, ours)
	want := map[uint32]decoded{}
	protos := map[string]bool{}
	for _, f := range ours.Entries() {
		want[f.ID] = wordsOf(f)
		protos[want[f.ID].Proto] = true
	}
	if diff := cmp.Diff(want, got, cmp.Comparer(func(a, b netip.AddrPort) bool { return a == b })); diff != "" {
		t.Errorf("-another decoder +ours:\n%s", diff)
	}
	for _, p := range []string{"tcp", "udp", "udplite", "sctp", "gre", "icmp", "icmpv6", "250"} {
		if !protos[p] {
			t.Errorf("no entry of %s among %v", p, protos)
		}
	}
}

// ping sends n echo requests over a ping socket and waits for the answers.
func ping(t *testing.T, h *lab.Host, to netip.Addr, n int) {
	t.Helper()
	h.Sysctl("net/ipv4/ping_group_range", "0 2147483647")
	family, proto, kind, sa := unix.AF_INET6, unix.IPPROTO_ICMPV6, byte(icmpv6Echo), unix.Sockaddr(&unix.SockaddrInet6{Addr: to.As16()})
	if to.Is4() {
		family, proto, kind, sa = unix.AF_INET, unix.IPPROTO_ICMP, icmpEcho, &unix.SockaddrInet4{Addr: to.As4()}
	}
	err := h.Do(func() error {
		fd, err := unix.Socket(family, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, proto)
		if err != nil {
			return err
		}
		defer unix.Close(fd)
		limit := unix.NsecToTimeval(2e9)
		if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &limit); err != nil {
			return err
		}
		for i := range n {
			echo := append([]byte{kind, 0, 0, 0, 0, 0, 0, byte(i)}, make([]byte, 56)...)
			if err := unix.Sendto(fd, echo, 0, sa); err != nil {
				return err
			}
			if _, _, err := unix.Recvfrom(fd, make([]byte, 128), 0); err != nil {
				return fmt.Errorf("echo %d: %w", i, err)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// What answers a ping is the kernel, and it says so.
func TestPingIsAnsweredByTheKernel(t *testing.T) {
	_, ours, peer := pair(t)
	b := watch(t, ours, Options{})
	ping(t, peer, netip.MustParseAddr("198.18.0.1"), 4)
	ping(t, peer, netip.MustParseAddr("fd00::1"), 4)
	b.stop()
	got, n := b.sum(func(s traffic.Sample) bool { return s.Owner != nil && s.Owner.IsKernel() })
	want := uint64(4 * (20 + 64 + 40 + 64))
	if n != 2 || got.RxBytes != want || got.TxBytes != want {
		t.Errorf("%d flows of the kernel with %+v, want 2 with %d each way", n, got, want)
	}
}

// FuzzDecode feeds the walker anything: it must not panic or read past the
// end, and what it accepts must survive the table.
func FuzzDecode(f *testing.F) {
	f.Add([]byte{20, 0, 0, 0, 3, 0, 2, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0})
	f.Add(sampleMessage(1, 2))
	f.Add(append(sampleMessage(3, 4), sampleMessage(5, 6)...))
	f.Fuzz(func(t *testing.T, b []byte) {
		tab := newTable()
		around := &surroundings{own: map[netip.Addr]bool{netip.MustParseAddr("198.18.0.1"): true}}
		for range 2 {
			tab.beginDump()
			_, _ = tab.take(b, false, func(n uint32) {
				p := around.place(tab.scratch.key.tuple, tab.scratch.reply)
				if p.local.Port() != 0 && !p.local.IsValid() {
					t.Errorf("place %+v", p)
				}
			})
			tab.endDump(true, tab.remove)
		}
		s := eventSocket{began: func(*entry) {}}
		s.decode(nil, b)
	})
}
