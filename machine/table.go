package machine

import (
	"cmp"
	"slices"

	"golang.org/x/sys/unix"

	"bwmon/traffic"
)

// maxName bounds an interface's name on every surface. The kernel allows 15
// bytes, of nearly any value.
const maxName = 64

// device is one interface as known from the readings so far.
type device struct {
	index           int
	name            string // clean
	rawName         string
	kind, slaveKind string
	hardware        uint16
	flags           uint32
	master, parent  int

	meter meter
	speed uint64 // bits per second; 0: unknown

	seen        uint64 // the last reading that listed it
	gone        bool   // it was removed; meter holds its last counters
	linkChanged bool   // in this reading: it is new, or its carrier came or went

	stack    // how it is stacked, renewed by classify
	pppoe    bool
	balanced bool
}

// table is the interfaces of a namespace. One goroutine uses it.
type table struct {
	reading uint64
	byIndex map[int]*device
	devices []*device // ascending by index
}

func newTable() table { return table{byIndex: make(map[int]*device)} }

// begin starts a reading.
func (t *table) begin() {
	t.reading++
	for _, d := range t.devices {
		d.linkChanged = false
		d.pppoe = false
	}
}

// update enters an interface the kernel listed.
func (t *table) update(l link) {
	d := t.byIndex[l.index]
	if d == nil {
		d = &device{index: l.index, linkChanged: true}
		t.byIndex[l.index] = d
		t.devices = append(t.devices, d)
	}
	t.enter(d, l)
}

// remove enters an interface's last counters.
func (t *table) remove(l link) {
	d := t.byIndex[l.index]
	if d == nil {
		return // it came and went between two readings: no total to complete
	}
	// Some counters fall at the end (what a veth received is counted by its
	// peer, which it has lost by now): that is no restart.
	l.counts = highest(l.counts, d.meter.raw)
	// Ports leave their master and VLANs their parent before they go; what
	// they were is what they carried their traffic as.
	l.master, l.parent, l.slaveKind = d.master, d.parent, []byte(d.slaveKind)
	t.enter(d, l)
	d.gone = true
}

func (t *table) enter(d *device, l link) {
	const carrier = unix.IFF_UP | unix.IFF_LOWER_UP
	d.linkChanged = d.linkChanged || (d.flags^l.flags)&carrier != 0
	d.flags, d.hardware = l.flags, l.hardware
	d.master, d.parent = l.master, l.parent
	// Assigned only where they differ: the conversion allocates.
	if d.rawName != string(l.name) {
		d.rawName = string(l.name)
		d.name = traffic.CleanText(d.rawName, maxName)
	}
	if d.kind != string(l.kind) {
		d.kind = string(l.kind)
	}
	if d.slaveKind != string(l.slaveKind) {
		d.slaveKind = string(l.slaveKind)
	}
	if l.counted {
		d.meter.read(l.counts, headerOf(d.kind, d.hardware))
	}
	d.seen = t.reading
}

// finish ends a reading and returns its totals, those of the interfaces
// removed since the last one included. What is no longer listed is forgotten.
func (t *table) finish() []traffic.InterfaceTotal {
	list := make([]traffic.InterfaceTotal, 0, len(t.devices))
	slices.SortFunc(t.devices, func(a, b *device) int { return cmp.Compare(a.index, b.index) })
	for _, d := range t.devices {
		if d.seen == t.reading {
			list = append(list, traffic.InterfaceTotal{
				Name: d.name, Index: d.index, Counts: d.meter.total,
				Balanced: d.balanced, SpeedBits: d.speed,
			})
		}
	}
	t.devices = slices.DeleteFunc(t.devices, func(d *device) bool {
		// One reading of grace: its last counters may still be on the way.
		forget := d.gone || d.seen+1 < t.reading
		if forget {
			delete(t.byIndex, d.index)
		}
		return forget
	})
	return list
}

func (t *table) hasPPP() bool {
	return slices.ContainsFunc(t.devices, func(d *device) bool { return d.hardware == unix.ARPHRD_PPP })
}

func (t *table) byName(name string) *device {
	for _, d := range t.devices {
		if d.rawName == name {
			return d
		}
	}
	return nil
}
