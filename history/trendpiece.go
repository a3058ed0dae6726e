package history

import (
	"encoding/binary"
	"math"
	"slices"
)

// A piece of trends is a CRC-32C of what follows it (4 bytes, little-endian) and, for
// each series by id, varints: what the id is more than the one before; how many metrics
// follow, 0 where they are those of the series before; and, zigzag, how many milliseconds
// longer it was measured than that. Then, for each metric by id: unless they are those of
// the series before, what the id is more than the one before; a byte that says how its
// figures are written; if it says so, how long this metric was measured; mean, min and
// max, big-endian.
//
// Figures are in single precision, of which the last byte is left out where it is 0. It
// is made 0 where what is left, 16 bits, still divides the way from min to max into some
// 256 parts. The mean of a piece that others may still be added to is in double
// precision: added to often enough, it would stay where it is in any less.

// How a mean is written.
const (
	meanZero = iota
	meanShort
	meanSingle
	meanDouble
)

// How a min or max is written.
const (
	endSame = iota // as the mean is in single precision
	endZero
	endShort
	endSingle
)

// The byte of a metric.
const (
	meanBits, endBits = 2, 2
	minShift          = meanBits
	maxShift          = minShift + endBits
	ownWeight         = 1 << (maxShift + endBits)
)

// shortFrom is what part of the mean the way from min to max is at least where figures
// are shortened.
const shortFrom = 1.0 / 256

// shorten rounds to the 16 bits that three bytes of a single have.
func shorten(f float32) float32 {
	b := math.Float32bits(f)
	return math.Float32frombits((b + 0x7f + b>>8&1) &^ 0xff)
}

// encodeTrend appends the piece of a tidy list. It is open where it may be added to.
func encodeTrend(to []byte, list []gauge, open bool) []byte {
	start := len(to)
	to = append(to, 0, 0, 0, 0)
	var group uint32
	var weight int64
	var former []gauge
	for len(list) > 0 {
		n := 1
		for n < len(list) && list[n].group == list[0].group {
			n++
		}
		again := slices.EqualFunc(former, list[:n], func(g, h gauge) bool { return g.id == h.id })
		to = binary.AppendUvarint(to, uint64(list[0].group-group))
		if again {
			to = append(to, 0)
		} else {
			to = binary.AppendUvarint(to, uint64(n))
		}
		to = binary.AppendVarint(to, list[0].weight-weight)
		group, weight = list[0].group, list[0].weight
		var id uint32
		for _, g := range list[:n] {
			if !again {
				to = binary.AppendUvarint(to, uint64(g.id-id))
			}
			to = appendMeasure(to, g.measure, weight, open)
			id = g.id
		}
		former, list = list[:n], list[n:]
	}
	binary.LittleEndian.PutUint32(to[start:], checksum(to[start+4:]))
	return to
}

// appendMeasure writes a measure of a series that was mostly measured so long.
func appendMeasure(to []byte, m measure, weight int64, open bool) []byte {
	round := func(v float64) float32 { return float32(v) }
	if m.max-m.min >= math.Abs(m.mean)*shortFrom {
		round = func(v float64) float32 { return shorten(float32(v)) }
	}
	at := len(to)
	to = append(to, 0)
	var how byte
	if m.weight != weight {
		how = ownWeight
		to = binary.AppendUvarint(to, uint64(m.weight))
	}
	mean := round(m.mean)
	if open {
		mean = float32(m.mean)
	}
	if open && float64(mean) != m.mean {
		how |= meanDouble
		to = binary.BigEndian.AppendUint64(to, math.Float64bits(m.mean))
	} else {
		var n byte
		to, n = appendSingle(to, mean)
		how |= n // meanZero, meanShort, meanSingle
	}
	for _, end := range []struct {
		value float64
		shift byte
	}{{m.min, minShift}, {m.max, maxShift}} {
		v := round(end.value)
		if v == mean {
			continue // endSame
		}
		var n byte
		to, n = appendSingle(to, v)
		how |= (n + endZero) << end.shift
	}
	to[at] = how
	return to
}

// appendSingle writes nothing of zero (0), three bytes (1) or four (2).
func appendSingle(to []byte, v float32) ([]byte, byte) {
	b := math.Float32bits(v)
	switch {
	case v == 0:
		return to, 0
	case b&0xff == 0:
		return append(to, byte(b>>24), byte(b>>16), byte(b>>8)), 1
	}
	return binary.BigEndian.AppendUint32(to, b), 2
}

// decodeTrend appends what a piece holds. It is for any bytes.
func decodeTrend(to []gauge, data []byte) ([]gauge, error) {
	if len(data) < 4 || binary.LittleEndian.Uint32(data) != checksum(data[4:]) {
		return to, errPiece
	}
	r := reading{data: data, at: 4}
	var g gauge
	var weight int64
	var former int // where in to the series before begins
	count := 0     // its metrics
	for r.at < len(r.data) {
		r.addID(&g.group)
		n := r.number()
		weight += r.signed()
		again := n == 0
		if again {
			n = uint64(count)
		}
		if n == 0 || !isWeight(weight) || r.bad {
			return to, errPiece
		}
		begin := len(to)
		g.id = 0
		for i := range n {
			if again {
				g.id = to[former+int(i)].id
			} else {
				r.addID(&g.id)
			}
			g.measure = r.measure(weight)
			if r.bad {
				return to, errPiece
			}
			to = append(to, g)
		}
		former, count = begin, int(n)
	}
	return to, nil
}

// addID makes an id more than it was.
func (r *reading) addID(id *uint32) {
	more := r.number()
	r.bad = r.bad || more == 0
	r.add(id, more)
}

// measure reads one of a series that was mostly measured so long.
func (r *reading) measure(weight int64) measure {
	how := r.word(1)
	m := measure{weight: weight}
	if how&ownWeight != 0 {
		m.weight = int64(r.number())
		r.bad = r.bad || !isWeight(m.weight)
	}
	switch how & (1<<meanBits - 1) {
	case meanShort:
		m.mean = r.single(3)
	case meanSingle:
		m.mean = r.single(4)
	case meanDouble:
		m.mean = math.Float64frombits(r.word(8))
	}
	m.min = r.end(how>>minShift, m.mean)
	m.max = r.end(how>>maxShift, m.mean)
	r.bad = r.bad || how > 2*ownWeight-1 || !isValue(m.mean) || !isValue(m.min) || !isValue(m.max)
	return m
}

func (r *reading) end(how uint64, mean float64) float64 {
	switch how & (1<<endBits - 1) {
	case endSame:
		return float64(float32(mean))
	case endShort:
		return r.single(3)
	case endSingle:
		return r.single(4)
	}
	return 0
}

// single reads the first bytes of one.
func (r *reading) single(size int) float64 {
	return float64(math.Float32frombits(uint32(r.word(size)) << (8 * (4 - size))))
}

// word reads so many bytes, big-endian.
func (r *reading) word(size int) (w uint64) {
	if len(r.data)-r.at < size {
		r.bad, r.at = true, len(r.data)
		return 0
	}
	for _, b := range r.data[r.at : r.at+size] {
		w = w<<8 | uint64(b)
	}
	r.at += size
	return w
}

// isValue reports whether a figure is one that may have been written. What is no larger
// than maxValue is not when it was rounded.
func isValue(v float64) bool { return math.Abs(v) <= maxValue }

// isWeight reports whether a piece may have been measured so long: some can be added up.
func isWeight(ms int64) bool { return ms > 0 && ms <= 1<<53 }
