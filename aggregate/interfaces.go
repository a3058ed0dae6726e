package aggregate

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"bwmon/traffic"
)

// vanishedShown is how long an interface that is gone stays in the list. Its
// bytes stay in the balance.
const vanishedShown = time.Minute

// interfaces is what one source says of network interfaces.
type interfaces struct {
	list     []*netInterface // by name
	listedAt time.Time       // of the last reading
}

// netInterface is one interface's books. Its index is its identity: a name may
// change, and may be given again.
type netInterface struct {
	reading traffic.InterfaceTotal // the last one
	seen    time.Time
	counts  traffic.Counts // since the baseline
	meter   meter
}

// book enters readings and returns what they add to the balance. The first
// batch of them is the baseline; an interface that comes later began at zero.
func (n *interfaces) book(w *window, readings []traffic.InterfaceTotal, at time.Time) (carried octets) {
	if len(readings) == 0 {
		return octets{}
	}
	first := n.listedAt.IsZero()
	for _, r := range readings {
		known := n.find(r.Index)
		if known == nil {
			known = &netInterface{reading: r}
			if !first {
				known.reading.Counts = traffic.Counts{}
			}
			n.list = append(n.list, known)
		}
		delta := r.Counts // the counter restarted
		if r.Counts.AtLeast(known.reading.Counts) {
			delta = r.Counts.Sub(known.reading.Counts)
		}
		known.counts = known.counts.Add(delta)
		known.meter.book(w, octetsOf(delta))
		if r.Balanced {
			carried = carried.add(octetsOf(delta))
		}
		known.reading, known.seen = r, at
	}
	n.listedAt = at
	n.list = slices.DeleteFunc(n.list, func(i *netInterface) bool { return at.Sub(i.seen) > vanishedShown })
	slices.SortFunc(n.list, func(a, b *netInterface) int {
		return cmp.Or(strings.Compare(a.reading.Name, b.reading.Name), cmp.Compare(a.reading.Index, b.reading.Index))
	})
	return carried
}

func (n *interfaces) find(index int) *netInterface {
	for _, i := range n.list {
		if i.reading.Index == index {
			return i
		}
	}
	return nil
}

func (i *netInterface) row(w *window) traffic.Interface {
	rate := i.meter.rate(w)
	return traffic.Interface{
		Name: i.reading.Name,
		Usage: traffic.Usage{
			RxBytes: i.counts.RxBytes, TxBytes: i.counts.TxBytes, RxRate: rate.Rx, TxRate: rate.Tx,
		},
		RxPackets: i.counts.RxPackets, TxPackets: i.counts.TxPackets,
		Balanced: i.reading.Balanced, SpeedBits: i.reading.SpeedBits,
	}
}
