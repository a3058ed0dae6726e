package aggregate

import (
	"encoding/binary"
	"hash/maphash"

	"bwmon/traffic"
)

// flowState is where a flow is in its life.
type flowState uint8

const (
	flowOpen  flowState = iota
	flowEnded           // its last total is known
)

// flow is what the ledger remembers of one traffic.Flow of one source. There
// may be a million: mind its size.
type flow struct {
	key  traffic.Flow
	same *flow // the next flow with this one's hash

	src     *source
	account *account
	beside  *account       // likewise booked to, see beside.go; nil: none
	owner   *traffic.Owner // nil while nobody knows it
	links   links[*flow]   // in Ledger.closed, once it is not open

	last    traffic.Counts // as last sampled
	meter   meter          // what of it is booked to account
	opening octets         // what of that is outside the balance
	pos     int32          // index in account.flows
	endedAt uint32         // seconds after the ledger's start
	hash    uint32
	scope   traffic.Scope
	state   flowState
	labeled bool // its app was named by its monitor
	// rulebook is that by which it was judged; there are so few that it may wrap.
	rulebook uint8
}

func (f *flow) link() *links[*flow] { return &f.links }

// advance takes a new total and returns what it adds, and whether the counter
// was seen to restart.
func (f *flow) advance(total traffic.Counts) (delta traffic.Counts, restarted bool) {
	switch {
	case total.AtLeast(f.last):
		delta = total.Sub(f.last)
	case f.state == flowEnded:
		// A flow that ended cannot restart: each life has its own ID. This
		// was read before the end.
		return traffic.Counts{}, false
	default:
		delta, restarted = total, true
	}
	f.last = total
	return delta, restarted
}

// label is what its monitor named its app; "" where it did not, and where the
// name has been folded away.
func (f *flow) label() string {
	if !f.labeled {
		return ""
	}
	return f.accountBeside().key.command
}

// isOfNobody reports whether the flow only passes through.
func (f *flow) isOfNobody() bool {
	switch f.scope {
	case traffic.ScopeForwarded, traffic.ScopePassing, traffic.ScopeRelay:
		return true
	}
	return false
}

// process returns whose flow it is, if a process is known.
func (f *flow) process() (process, bool) {
	if f.owner == nil || f.owner.IsKernel() || f.isOfNobody() {
		return process{}, false
	}
	return process{f.owner.PID, f.owner.Start}, true
}

// flowIndex finds flows by key. It is a map of hashes, not of keys, because a
// key takes 80 bytes and the flow holds it already. The hash is seeded: remote
// hosts choose addresses and ports.
type flowIndex struct {
	seed   maphash.Seed
	byHash map[uint32]*flow
	n      int
}

func newFlowIndex() flowIndex {
	return flowIndex{seed: maphash.MakeSeed(), byHash: make(map[uint32]*flow)}
}

func (x *flowIndex) hash(k *traffic.Flow) uint32 {
	var b [48]byte
	local, remote := k.Local.Addr().As16(), k.Remote.Addr().As16()
	copy(b[0:], local[:])
	copy(b[16:], remote[:])
	binary.NativeEndian.PutUint64(b[32:], k.ID)
	binary.NativeEndian.PutUint16(b[40:], k.Local.Port())
	binary.NativeEndian.PutUint16(b[42:], k.Remote.Port())
	binary.NativeEndian.PutUint16(b[44:], k.Zone)
	b[46] = byte(k.Proto)
	return uint32(maphash.Bytes(x.seed, b[:]))
}

func (x *flowIndex) find(k *traffic.Flow) *flow {
	f := x.byHash[x.hash(k)]
	for f != nil && f.key != *k {
		f = f.same
	}
	return f
}

func (x *flowIndex) insert(f *flow) {
	f.hash = x.hash(&f.key)
	f.same = x.byHash[f.hash]
	x.byHash[f.hash] = f
	x.n++
}

func (x *flowIndex) remove(f *flow) {
	x.n--
	if first := x.byHash[f.hash]; first != f {
		for first.same != f {
			first = first.same
		}
		first.same = f.same
		return
	}
	if f.same != nil {
		x.byHash[f.hash] = f.same
		return
	}
	delete(x.byHash, f.hash)
}
