package socket

import (
	"encoding/binary"
	"net/netip"
	"time"
	"unsafe"

	"bwmon/traffic"
)

// book is the flows that are open, and whose they are. It belongs to one
// goroutine.
type book struct {
	owners  *owners
	netns   uint32     // number of the network namespace that is ours
	inner   *addresses // of sockets in others
	relays  Relays
	flows   map[bpfFlowKey]*flow
	sockets map[uint64]*socket // by cookie
	lives   uint64             // gives each flow its Flow.ID

	changed []*flow // since the last call of samples
	ending  []*flow // that are no longer in flows
}

// socket is one socket's flows and who uses it.
type socket struct {
	user   bpfWho // who was seen to send or receive; zero: nobody yet
	netns  uint32 // 0: not known
	first  *flow
	sought bool // its holder
}

// flow is one conversation of a socket.
type flow struct {
	key    bpfFlowKey
	name   traffic.Flow
	scope  traffic.Scope
	counts traffic.Counts
	who    bpfWho
	owner  *traffic.Owner
	next   *flow // of the same socket
	at     time.Time
	moved  bool // is in changed
	told   bool
	silent bool   // it stands in other books
	netns  uint32 // it is in; 0: as far as its socket knows
}

func newBook(o *owners, r Relays) *book {
	return &book{owners: o, relays: r, inner: newAddresses(), flows: make(map[bpfFlowKey]*flow), sockets: make(map[uint64]*socket)}
}

// moved takes a flow's counters as just read.
func (b *book) moved(k *bpfFlowKey, v *bpfFlow, now time.Time) *flow {
	f := b.flows[*k]
	if f == nil {
		f = b.open(k, v)
	}
	counts := traffic.Counts{RxBytes: v.RxBytes, TxBytes: v.TxBytes, RxPackets: v.RxPackets, TxPackets: v.TxPackets}
	if counts != f.counts {
		f.counts, f.at = counts, now
		if s := b.sockets[k.Cookie]; s.user != (bpfWho{}) {
			f.who = s.user
		}
		b.name(f) // it may have passed to another, or run another program by now
		b.touch(f)
	}
	return f
}

// loopback is the bit of a flow key that says that it stays in the host
// (LOOPBACK in bpf/maps.h).
const loopback = 1

// hashed is the bit that says that the socket is connected to nobody (hash in
// bpf/flow.h).
const hashed = 1 << 63

func (b *book) touch(f *flow) {
	if !f.moved {
		f.moved = true
		b.changed = append(b.changed, f)
	}
}

func (b *book) open(k *bpfFlowKey, v *bpfFlow) *flow {
	b.lives++
	f := &flow{
		key: *k, who: v.Who,
		name: traffic.Flow{
			Proto: traffic.Proto(v.Proto), Local: addrPort(v.Local, v.Lport), Remote: addrPort(v.Remote, v.Rport), ID: b.lives,
		},
		scope: traffic.ScopeLocal, netns: v.Netns, // the kernel answers in all with one socket
	}
	if k.Which&loopback != 0 {
		f.scope = traffic.ScopeLoopback
	}
	s := b.socket(k.Cookie)
	if s.user != (bpfWho{}) {
		f.who = s.user
	}
	if s.netns == 0 {
		s.netns = v.Netns
	}
	f.owner = b.owners.of(f.who)
	if f.owner == nil && (v.Kernel != 0 || f.name.Proto == traffic.TCP && k.Which&hashed != 0) {
		f.owner = traffic.KernelOwner() // as where it answers what nobody listens to
	}
	f.next, s.first = s.first, f
	b.flows[*k] = f
	return f
}

func (b *book) socket(cookie uint64) *socket {
	s := b.sockets[cookie]
	if s == nil {
		s = &socket{}
		b.sockets[cookie] = s
	}
	return s
}

// handed notes who uses a socket from now on. Where that has many flows, each
// learns it when it next moves.
func (b *book) handed(cookie uint64, who bpfWho, netns uint32) {
	s := b.socket(cookie)
	s.user, s.netns = who, netns
	if f := s.first; f != nil && f.next == nil {
		f.who = who
		b.name(f)
	}
}

// strangers are the sockets with news of which nobody is known and nobody was
// sought, by cookie. They count as sought from now on.
func (b *book) strangers() map[uint64]*socket {
	var list map[uint64]*socket
	for _, f := range b.changed {
		s := b.sockets[f.key.Cookie]
		if f.owner != nil || s == nil || s.sought {
			continue
		}
		if list == nil {
			list = make(map[uint64]*socket)
		}
		s.sought, list[f.key.Cookie] = true, s
	}
	return list
}

// name looks a flow's owner up.
func (b *book) name(f *flow) {
	if o := b.owners.of(f.who); o != nil && o != f.owner {
		f.owner = o
		b.touch(f)
	}
}

// close takes a flow out, which has its last counters.
func (b *book) close(f *flow, now time.Time) {
	delete(b.flows, f.key)
	if f.scope == traffic.ScopeInner {
		b.inner.closed(f.name.Local.Addr(), now)
	}
	s := b.sockets[f.key.Cookie]
	if f.netns == 0 {
		f.netns = s.netns
	}
	b.ending = append(b.ending, f)
	for at := &s.first; *at != nil; at = &(*at).next {
		if *at == f {
			*at = f.next
			break
		}
	}
}

// forget takes out a socket without flows.
func (b *book) forget(cookie uint64) { delete(b.sockets, cookie) }

// closeAll ends what is left of a former run.
func (b *book) closeAll(now time.Time) {
	for _, f := range b.flows {
		b.close(f, now)
	}
	clear(b.sockets)
}

// samples says what changed since the last call.
func (b *book) samples(emit func(traffic.Sample)) {
	say := func(f *flow, final bool) {
		b.place(f)
		if f.silent {
			return
		}
		if f.owner == nil {
			f.owner = b.owners.of(f.who)
		}
		emit(traffic.Sample{Flow: f.name, Scope: f.scope, Counts: f.counts, Owner: f.owner, Final: final})
	}
	for _, f := range b.changed {
		f.moved = false
		if b.flows[f.key] == f { // else it is in ending
			say(f, false)
		}
	}
	for _, f := range b.ending {
		say(f, true)
	}
	clear(b.changed)
	clear(b.ending)
	b.changed, b.ending = b.changed[:0], b.ending[:0]
}

// place finds out, once, whether a flow's socket is in our namespace, and whether
// it is a relay's: what that carries over the network is in the balance, and all
// of it in the relay's own row.
func (b *book) place(f *flow) {
	if f.told {
		return
	}
	f.told = true
	netns := f.netns
	if s := b.sockets[f.key.Cookie]; netns == 0 && s != nil {
		netns = s.netns
	}
	if f.scope == traffic.ScopeLocal && netns != 0 && netns != b.netns {
		f.scope = traffic.ScopeInner
		b.inner.opened(f.name.Local.Addr())
		if b.flows[f.key] != f { // it has ended already
			b.inner.closed(f.name.Local.Addr(), f.at)
		}
	}
	if b.relays.Has(f.key.Cookie, int(f.who.Pid)) {
		f.silent = f.scope != traffic.ScopeLocal
		if !f.silent {
			f.scope = traffic.ScopeRelay
		}
	}
}

// addrPort makes one of an address and a port in network byte order.
func addrPort(addr [16]byte, port uint16) netip.AddrPort {
	raw := (*[2]byte)(unsafe.Pointer(&port))
	return netip.AddrPortFrom(netip.AddrFrom16(addr).Unmap(), binary.BigEndian.Uint16(raw[:]))
}

// connectionless reports whether the flow has no end of its own.
func (f *flow) connectionless() bool {
	return f.key.Which&hashed != 0 || f.name.Proto != traffic.TCP
}
