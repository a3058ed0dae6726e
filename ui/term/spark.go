package term

import (
	"strings"

	"bwmon/traffic"
)

// sparkFloor is the least rate, in bytes per second, that a full bar stands
// for: below it a trickle would look like a flood.
const sparkFloor = 1024

var sparkBars = [...]string{"▁", "▂", "▃", "▄", "▅", "▆", "▇"}

// sparkTicks is how many rates a drawing of w cells shows.
func sparkTicks(w int) int { return max(w/width(sparkBars[0]), 0) }

// spark draws the last w rates, rx and tx together, the newest at the right.
// A row is scaled to its own highest rate of those shown. A tick without
// traffic is a space, and any traffic at all shows.
func spark(recent []traffic.Rate, w int) string {
	w = sparkTicks(w) // fewer where the terminal draws them wide
	if len(recent) > w {
		recent = recent[len(recent)-max(w, 0):]
	}
	top := float64(sparkFloor)
	for _, r := range recent {
		if v := r.Total(); v > top { // never NaN, as max would be
			top = v
		}
	}
	var b strings.Builder
	b.Grow(w * len(sparkBars[0]))
	for range w - len(recent) {
		b.WriteByte(' ')
	}
	for _, r := range recent {
		v := r.Total()
		if !(v > 0) {
			b.WriteByte(' ')
			continue
		}
		bar := int(v / top * float64(len(sparkBars)))
		b.WriteString(sparkBars[min(max(bar, 0), len(sparkBars)-1)])
	}
	return b.String()
}
