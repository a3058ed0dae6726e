package term

import (
	"math"
	"strconv"
	"time"
)

// Widths of figures in cells. Every figure of one kind is as wide as the next
// one, so that nothing jumps when a value grows.
const (
	numberWidth = 4               // "1023", "12.3", "1.23"
	sizeWidth   = numberWidth + 4 // "12.3 MiB"
	rateWidth   = numberWidth + 7 // "12.3 Mbit/s"; "12.3 MiB/s" is one less

	percentWidth = 7 // "<0.01 %", ">9999 %"
)

// none stands for a figure that is zero, or not known.
const none = "–"

// units is how amounts are written.
type units uint8

const (
	unitsIEC  units = iota // KiB and KiB/s, of 1024
	unitsSI                // kB and kB/s, of 1000
	unitsBits              // rates in kbit/s, of 1000; totals in KiB
)

// unitNames is the only list of them.
var unitNames = [...]string{unitsIEC: "iec", unitsSI: "si", unitsBits: "bits"}

// next is what follows when the key is pressed.
func (u units) next() units { return (u + 1) % units(len(unitNames)) }

// storage is the units of what disks and memory hold and carry: nobody counts
// that in bits.
func (u units) storage() units {
	if u == unitsBits {
		return unitsIEC
	}
	return u
}

// rateWidth is the width of a rate in the units chosen.
func (u units) rateWidth() int {
	switch u {
	case unitsBits:
		return rateWidth
	case unitsSI:
		return rateWidth - 2
	}
	return rateWidth - 1
}

var (
	sizeUnits = [...]string{"  B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"}
	siUnits   = [...]string{" B", "kB", "MB", "GB", "TB", "PB", "EB"}
	siRates   = [...]string{" B/s", "kB/s", "MB/s", "GB/s", "TB/s", "PB/s", "EB/s"}
	rateUnits = [...]string{"  B/s", "KiB/s", "MiB/s", "GiB/s", "TiB/s", "PiB/s", "EiB/s"}
	bitUnits  = [...]string{" bit/s", "kbit/s", "Mbit/s", "Gbit/s", "Tbit/s", "Pbit/s", "Ebit/s"}
)

// size writes a number of bytes: three significant digits, or all four of
// 1000 to 1023.
func (u units) size(bytes uint64) string {
	if bytes == 0 {
		return none
	}
	if u == unitsSI {
		number, unit := scale(float64(bytes), 1000, len(siUnits))
		return pad(number) + " " + siUnits[unit]
	}
	number, unit := scale(float64(bytes), 1024, len(sizeUnits))
	return pad(number) + " " + sizeUnits[unit]
}

// rate writes bytes per second in the units chosen.
func (u units) rate(bytes float64) string {
	if !(bytes > 0) { // NaN included
		return none
	}
	switch u {
	case unitsBits:
		number, unit := scale(bytes*8, 1000, len(bitUnits))
		return pad(number) + " " + bitUnits[unit]
	case unitsSI:
		number, unit := scale(bytes, 1000, len(siRates))
		return pad(number) + " " + siRates[unit]
	}
	number, unit := scale(bytes, 1024, len(rateUnits))
	return pad(number) + " " + rateUnits[unit]
}

// speed writes a link speed, which is in bits by convention.
func speed(bits uint64) string {
	if bits == 0 {
		return none
	}
	number, unit := scale(float64(bits), 1000, len(bitUnits))
	return pad(number) + " " + bitUnits[unit]
}

// count writes a whole number in at most six cells.
func count(n uint64) string {
	switch {
	case n == 0:
		return none
	case n < 1_000_000:
		return strconv.FormatUint(n, 10)
	}
	const prefixes = "\x00kMGTPE"
	number, unit := scale(float64(n), 1000, len(prefixes))
	return number + prefixes[unit:unit+1]
}

// scale divides v by base until it has at most numberWidth characters, and
// says how often. It decides on the rounded value: 1023.7 bytes are 1.00 KiB.
func scale(v, base float64, limit int) (string, int) {
	unit := 0
	top := base - 0.5
	for v >= top && unit < limit-1 {
		v /= base
		unit++
	}
	switch {
	case unit == 0 && v < 1:
		return "<1", 0
	case unit == 0 || v >= 99.95:
		return strconv.FormatFloat(v, 'f', 0, 64), unit
	case v >= 9.995:
		return strconv.FormatFloat(v, 'f', 1, 64), unit
	}
	return strconv.FormatFloat(v, 'f', 2, 64), unit
}

func pad(number string) string {
	const spaces = "    "
	if len(number) >= numberWidth {
		return number
	}
	return spaces[len(number):] + number
}

// percent writes part of whole: one decimal, two below one percent.
func percent(part, whole float64) string {
	if whole <= 0 || math.IsNaN(part) {
		if part == 0 {
			return none
		}
		return "?"
	}
	p := 100 * part / whole
	switch a := math.Abs(p); {
	case a == 0:
		return "0 %"
	case a < 0.005:
		return "<0.01 %"
	case a < 0.995:
		return strconv.FormatFloat(p, 'f', 2, 64) + " %"
	case a < 99.95:
		return strconv.FormatFloat(p, 'f', 1, 64) + " %"
	case a < 9999.5:
		return strconv.FormatFloat(p, 'f', 0, 64) + " %"
	}
	return ">9999 %"
}

// span writes a length of time with its two largest units.
func span(d time.Duration) string {
	s := int64(d / time.Second)
	two := func(a int64, au string, b int64, bu string) string {
		return strconv.FormatInt(a, 10) + au + " " + strconv.FormatInt(b, 10) + bu
	}
	switch {
	case s < 60:
		return strconv.FormatInt(max(s, 0), 10) + "s"
	case s < 3600:
		return two(s/60, "m", s%60, "s")
	case s < 86400:
		return two(s/3600, "h", s%3600/60, "m")
	}
	return two(s/86400, "d", s%86400/3600, "h")
}
