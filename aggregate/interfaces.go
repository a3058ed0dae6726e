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

// netInterface is one interface's books: an index that got another name, or a
// name that got another index, is another interface.
type netInterface struct {
	reading traffic.InterfaceTotal // the last one
	seen    time.Time
	counts  traffic.Counts // since the first reading, which is the baseline
	meter   meter
}

// book enters readings and returns what they add to the balance.
func (n *interfaces) book(w *window, readings []traffic.InterfaceTotal, at time.Time) (carried octets) {
	if len(readings) == 0 {
		return octets{}
	}
	for _, r := range readings {
		known := n.find(r.Name, r.Index)
		if known == nil {
			n.insert(&netInterface{reading: r, seen: at})
			continue
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
	return carried
}

func (n *interfaces) find(name string, index int) *netInterface {
	for _, i := range n.list {
		if i.reading.Index == index && i.reading.Name == name {
			return i
		}
	}
	return nil
}

func (n *interfaces) insert(i *netInterface) {
	n.list = append(n.list, i)
	slices.SortFunc(n.list, func(a, b *netInterface) int {
		return cmp.Or(strings.Compare(a.reading.Name, b.reading.Name), cmp.Compare(a.reading.Index, b.reading.Index))
	})
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
