package term

import (
	"encoding/binary"
	"math"
	"net/netip"
	"strconv"
	"unicode"
	"unicode/utf8"

	"bwmon/traffic"
)

// queryValues is what a row has of one field. It is the filter's own memory
// and is used again for the next row.
type queryValues struct {
	mode    valueMode
	text    []byte // pieces in lower case, a line each
	pieces  int
	addrs   []netip.AddrPort
	numbers []int64
	bytes   float64
	rate    float64
	known   bool // bytes and rate are set
}

// valueMode is what of a field the term at hand needs.
type valueMode uint8

const (
	takeText  valueMode = iota
	takeHosts           // text too, but addresses without their ports
	takeAddrs
	takeNumbers
	takeFigures
)

// word is a text of the row.
func (v *queryValues) word(s string) {
	if v.mode <= takeHosts {
		v.next()
		v.text = appendFolded(v.text, s)
	}
}

// address is an address with its port, or with port 0 for none.
func (v *queryValues) address(a netip.AddrPort) {
	if !a.IsValid() {
		return
	}
	switch v.mode {
	case takeText, takeHosts:
		v.next()
		if a.Port() == 0 || v.mode == takeHosts {
			v.text = a.Addr().AppendTo(v.text)
		} else {
			v.text = a.AppendTo(v.text)
		}
	case takeAddrs:
		v.addrs = append(v.addrs, a)
	case takeNumbers:
		if a.Port() != 0 {
			v.numbers = append(v.numbers, int64(a.Port()))
		}
	}
}

// number is a number the row is known by, such as a pid.
func (v *queryValues) number(n int64) {
	switch v.mode {
	case takeText:
		v.next()
		v.text = strconv.AppendInt(v.text, n, 10)
	case takeNumbers:
		v.numbers = append(v.numbers, n)
	}
}

// amount is a total in bytes and a rate in bytes per second.
func (v *queryValues) amount(bytes uint64, rate float64) {
	v.bytes, v.rate, v.known = float64(bytes), rate, true
}

// figure is a figure of whatever unit. Only one that is a rate is compared with
// rates.
func (v *queryValues) figure(unit traffic.Unit, f float64) {
	v.bytes, v.rate, v.known = f, math.NaN(), true
	if unit == traffic.UnitBytesPerSecond {
		v.rate = f
	}
}

// count is how many there are of something.
func (v *queryValues) count(n uint64) { v.amount(n, 0) }

// next begins a piece of text.
func (v *queryValues) next() {
	if v.pieces > 0 {
		v.text = append(v.text, '\n')
	}
	v.pieces++
}

func (v *queryValues) reset(mode valueMode) {
	*v = queryValues{mode: mode, text: v.text[:0], addrs: v.addrs[:0], numbers: v.numbers[:0]}
}

// appendFolded appends s in lower case, without allocating.
func appendFolded(buf []byte, s string) []byte {
	const (
		ones = 0x0101010101010101
		tops = 0x80 * ones
	)
	from := len(buf)
	buf = append(buf, s...)
	text := buf[from:]
	i := 0
	for ; i+8 <= len(text); i += 8 { // eight ASCII characters at a time
		x := binary.LittleEndian.Uint64(text[i:])
		if x&tops != 0 {
			break
		}
		fromA, afterZ := x+(0x80-'A')*ones, x+(0x80-'Z'-1)*ones
		upper := (fromA ^ afterZ) & tops
		binary.LittleEndian.PutUint64(text[i:], x|upper>>2)
	}
	for ; i < len(text); i++ {
		c := text[i]
		if c >= utf8.RuneSelf {
			return appendFoldedRunes(buf[:from+i], s[i:])
		}
		if 'A' <= c && c <= 'Z' {
			text[i] = c + 'a' - 'A'
		}
	}
	return buf
}

func appendFoldedRunes(buf []byte, s string) []byte {
	for _, r := range s {
		buf = utf8.AppendRune(buf, unicode.ToLower(r))
	}
	return buf
}
