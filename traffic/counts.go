// Package traffic holds the nouns every room of bwmon shares: what was
// counted (Counts), on what (Flow, Interface), by whom (Owner), how it
// travels (Sample, Batch, Monitor) and how it is published (Snapshot).
//
// Received and sent are always seen from the application or, for forwarded
// flows, from the LAN host. Bytes are layer-3 bytes, IP header included.
package traffic

// Counts is what passed in both directions, as running totals. It is a value:
// rx and tx, bytes and packets always travel together.
//
// The socket monitor counts packets and bytes as on the wire. Interfaces and
// connection tracking have them as the kernel's counters saw them: a GSO or GRO
// super-packet is one packet with one header, so with offloads on theirs are a
// lower bound.
type Counts struct {
	RxBytes, TxBytes     uint64
	RxPackets, TxPackets uint64
}

// Add returns c plus d.
func (c Counts) Add(d Counts) Counts {
	return Counts{
		RxBytes: c.RxBytes + d.RxBytes, TxBytes: c.TxBytes + d.TxBytes,
		RxPackets: c.RxPackets + d.RxPackets, TxPackets: c.TxPackets + d.TxPackets,
	}
}

// Sub returns c minus d, modulo 2^64 in each field. Ask AtLeast first where d
// may be larger.
func (c Counts) Sub(d Counts) Counts {
	return Counts{
		RxBytes: c.RxBytes - d.RxBytes, TxBytes: c.TxBytes - d.TxBytes,
		RxPackets: c.RxPackets - d.RxPackets, TxPackets: c.TxPackets - d.TxPackets,
	}
}

// AtLeast reports whether no field of c is below the same field of d. A
// running total that is not at least its former value was reset by somebody.
func (c Counts) AtLeast(d Counts) bool {
	return c.RxBytes >= d.RxBytes && c.TxBytes >= d.TxBytes &&
		c.RxPackets >= d.RxPackets && c.TxPackets >= d.TxPackets
}

// Swap returns c seen from the other end.
func (c Counts) Swap() Counts {
	return Counts{
		RxBytes: c.TxBytes, TxBytes: c.RxBytes,
		RxPackets: c.TxPackets, TxPackets: c.RxPackets,
	}
}

// Bytes is rx plus tx.
func (c Counts) Bytes() uint64 { return c.RxBytes + c.TxBytes }

// IsZero reports whether nothing was counted.
func (c Counts) IsZero() bool { return c == Counts{} }

// Rate is bytes per second each way, measured over real elapsed time.
type Rate struct{ Rx, Tx float64 }

// Per returns the rate of c spread over seconds; zero for a span that is not
// positive.
func (c Counts) Per(seconds float64) Rate {
	if seconds <= 0 {
		return Rate{}
	}
	return Rate{Rx: float64(c.RxBytes) / seconds, Tx: float64(c.TxBytes) / seconds}
}

// Add returns r plus s.
func (r Rate) Add(s Rate) Rate { return Rate{Rx: r.Rx + s.Rx, Tx: r.Tx + s.Tx} }

// Total is rx plus tx.
func (r Rate) Total() float64 { return r.Rx + r.Tx }
