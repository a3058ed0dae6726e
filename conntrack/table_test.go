package conntrack

import (
	"encoding/binary"
	"math/rand/v2"
	"strings"
	"testing"
)

// sampleMessage is a dump's message of a TCP entry with a number and a total.
func sampleMessage(i uint32, total uint64) []byte {
	b := make([]byte, nlmsgHeader, 256)
	b = append(b, 2, 0, 0, 0)
	var addr [4]byte
	binary.BigEndian.PutUint32(addr[:], 198<<24|18<<16|i)
	tuple := func(src, dst []byte, sport, dport byte) []byte {
		ip := append(attribute(ctaIPv4Src, src...), attribute(ctaIPv4Dst, dst...)...)
		proto := append(attribute(ctaProtoNum, 6), attribute(ctaProtoSport, 4, sport)...)
		proto = append(proto, attribute(ctaProtoDport, 8, dport)...)
		return append(attribute(ctaTupleIP, ip...), attribute(ctaTupleProto, proto...)...)
	}
	far := []byte{198, 19, 0, 1}
	b = append(b, attribute(ctaTupleOrig, tuple(addr[:], far, 1, 2)...)...)
	b = append(b, attribute(ctaTupleReply, tuple(far, addr[:], 2, 1)...)...)
	b = append(b, attribute(ctaID, binary.BigEndian.AppendUint32(nil, i*2654435761)...)...)
	count := func(v uint64) []byte {
		return append(attribute(ctaCountersPackets, binary.BigEndian.AppendUint64(nil, v/100)...),
			attribute(ctaCountersBytes, binary.BigEndian.AppendUint64(nil, v)...)...)
	}
	b = append(b, attribute(ctaCountersOrig, count(total)...)...)
	b = append(b, attribute(ctaCountersReply, count(2*total)...)...)
	binary.NativeEndian.PutUint32(b, uint32(len(b)))
	binary.NativeEndian.PutUint16(b[4:], msgNew)
	return b
}

func attribute(kind uint16, value ...byte) []byte {
	b := binary.NativeEndian.AppendUint16(nil, uint16(attrHeader+len(value)))
	b = binary.NativeEndian.AppendUint16(b, kind)
	b = append(b, value...)
	for len(b)%4 != 0 {
		b = append(b, 0)
	}
	return b
}

// The table against a plain map, through thousands of random lives: new,
// moved, reset, missed, ended, repeated.
func TestTableAgainstModel(t *testing.T) {
	type flow struct {
		raw, total uint64
		missed     int
	}
	for seed := range uint64(20) {
		rng := rand.New(rand.NewPCG(seed, 1))
		tab, model := newTable(), map[uint32]*flow{}
		var closed, modelClosed uint64
		for round := range 60 {
			for range rng.IntN(300) { // new lives
				if i := rng.Uint32N(4000); model[i] == nil {
					model[i] = &flow{}
				}
			}
			tab.beginDump()
			for i, f := range model {
				if rng.IntN(20) == 0 { // ends, or is passed over
					f.missed++
					if f.missed == 2 {
						modelClosed += f.total
						delete(model, i)
					}
					continue
				}
				f.missed = 0
				switch rng.IntN(4) {
				case 0:
					d := 100 * rng.Uint64N(50)
					f.raw, f.total = f.raw+d, f.total+d
				case 1:
					if rng.IntN(10) == 0 && f.raw > 100 { // zeroed, then moved
						f.raw = 100
						f.total += 100
					}
				}
				if _, err := tab.take(sampleMessage(i, f.raw), false, func(uint32) {}); err != nil {
					t.Fatal(err)
				}
				if f.missed == 0 && round == 0 {
					continue
				}
			}
			for i, f := range model {
				var e entry
				if m, _, _ := nextMessage(sampleMessage(i, f.raw)); e.decode(m.body) != nil {
					t.Fatal("sample message does not decode")
				}
				n := tab.find(&e.key)
				if n == 0 {
					if f.missed == 0 {
						t.Fatalf("seed %d round %d: flow %d is not in the table", seed, round, i)
					}
					continue
				}
				if got := tab.at(n).total().origBytes; got != f.total {
					t.Fatalf("seed %d round %d: flow %d has total %d, want %d", seed, round, i, got, f.total)
				}
			}
			tab.endDump(true, func(n uint32) { closed += tab.at(n).total().origBytes; tab.remove(n) })
			inTable := 0
			for n := uint32(1); n < tab.next; n++ {
				if tab.at(n).generation != 0 {
					inTable++
				}
			}
			if inTable != tab.live {
				t.Fatalf("seed %d round %d: %d records, live says %d", seed, round, inTable, tab.live)
			}
		}
		if closed != modelClosed {
			t.Fatalf("seed %d: closed with %d bytes, want %d", seed, closed, modelClosed)
		}
	}
}

// A dump that read an entry before its end was told must not bring it back to
// life; the next life of the same key must not be taken for a ghost.
func TestGhosts(t *testing.T) {
	tab := newTable()
	decode := func(total uint64) *entry {
		var e entry
		m, _, _ := nextMessage(sampleMessage(7, total))
		if err := e.decode(m.body); err != nil {
			t.Fatal(err)
		}
		return &e
	}
	take := func(total uint64) (changed bool) {
		_, _ = tab.take(sampleMessage(7, total), false, func(uint32) { changed = true })
		return changed
	}
	tab.beginDump()
	take(1000)
	tab.endDump(true, func(uint32) { t.Error("vanished") })

	tab.beginDump()
	final := decode(1500)
	n := tab.find(&final.key)
	tab.update(tab.at(n), final.counters)
	tab.remove(n)
	tab.bury(final.key, final.counters)
	if take(1200); tab.live != 0 {
		t.Error("a ghost was taken for a flow")
	}
	if !tab.isRepeated(final) {
		t.Error("a repeated end was taken for a new life")
	}
	tab.endDump(true, func(uint32) { t.Error("vanished") })

	tab.beginDump()
	if take(300); tab.live != 1 {
		t.Error("a new life of the same key was taken for a ghost")
	}
	if tab.isRepeated(decode(300)) {
		t.Error("the end of a new life was taken for a repeated one")
	}
	tab.endDump(true, func(uint32) { t.Error("vanished") })

	// The event of its end waits while dump after dump does without it.
	for range 5 {
		tab.beginDump()
		tab.endDump(false, func(uint32) { t.Error("vanished while events wait") })
	}
}

// An entry that ends after the dump read it does not stand for one that the
// dump did without.
func TestEndWhileDumping(t *testing.T) {
	tab := newTable()
	dump := func(flows ...uint32) (vanished int) {
		tab.beginDump()
		for _, i := range flows {
			_, _ = tab.take(sampleMessage(i, 1000), false, func(uint32) {})
		}
		if len(flows) > 0 { // the end of the first is told now
			var e entry
			m, _, _ := nextMessage(sampleMessage(flows[0], 1000))
			if err := e.decode(m.body); err != nil {
				t.Fatal(err)
			}
			tab.remove(tab.find(&e.key))
			tab.bury(e.key, e.counters)
		}
		tab.endDump(true, func(n uint32) { vanished++; tab.remove(n) })
		return vanished
	}
	dump(1, 2, 3, 4, 5)
	if got := dump(3, 4, 5) + dump(4, 5); got != 1 || tab.live != 1 {
		t.Errorf("%d vanished and %d live, want flow 2 and flow 5", got, tab.live)
	}
}

// Kernel fact: a flowtable's entries say that they are offloaded. Where the
// kernel has no flowtables the message is made by hand.
func TestOffloadedFlowsAreCounted(t *testing.T) {
	const offload = 1 << 14 // IPS_OFFLOAD, linux/netfilter/nf_conntrack_common.h
	m := New(Options{})
	dump := func(status uint32) {
		msg := append(sampleMessage(1, 1000), attribute(ctaStatus, binary.BigEndian.AppendUint32(nil, status)...)...)
		binary.NativeEndian.PutUint32(msg, uint32(len(msg)))
		m.table.beginDump()
		_, _ = m.table.take(append(msg, sampleMessage(2, 1000)...), false, func(uint32) {})
		m.table.endDump(true, func(uint32) {})
	}
	dump(offload)
	if d := m.detail(&eventSocket{}); m.table.offloaded != 1 || !strings.Contains(d, "1 offloaded") {
		t.Errorf("%d offloaded, %q", m.table.offloaded, d)
	}
	dump(0)
	if d := m.detail(&eventSocket{}); m.table.offloaded != 0 || strings.Contains(d, "offloaded") {
		t.Errorf("%d offloaded, %q, of a flow that is none any more", m.table.offloaded, d)
	}
}

// Refreshing flows that did not change allocates nothing, whatever their number.
func TestUnchangedFlowsAllocateNothing(t *testing.T) {
	var buf []byte
	for i := range uint32(500) {
		buf = append(buf, sampleMessage(i, 1000)...)
	}
	tab := newTable()
	refresh := func() {
		tab.beginDump()
		if _, err := tab.take(buf, true, func(uint32) { t.Error("changed") }); err != nil {
			t.Error(err)
		}
		tab.endDump(true, func(uint32) { t.Error("vanished") })
	}
	refresh()
	if n := testing.AllocsPerRun(10, refresh); n != 0 {
		t.Errorf("%v allocations in a refresh of 500 unchanged flows", n)
	}
}

func BenchmarkTakeUnchanged(b *testing.B) {
	var buf []byte
	for i := range uint32(110) { // about what one buffer of a dump holds
		buf = append(buf, sampleMessage(i, 1000)...)
	}
	tab := newTable()
	b.ReportAllocs()
	for b.Loop() {
		tab.beginDump()
		_, _ = tab.take(buf, true, func(uint32) {})
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/110, "ns/flow")
}
