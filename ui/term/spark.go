package term

import (
	"strings"

	"bwmon/traffic"
)

// sparkFloor is the least rate, in bytes per second, that a full bar stands
// for: below it a trickle would look like a flood.
const sparkFloor = 1024

var sparkBars = [...]string{"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"}

// spark draws the last w rates, rx and tx together, the newest at the right.
// A row is scaled to its own highest rate of those shown. A tick without
// traffic is a space, and any traffic at all shows.
func spark(recent []traffic.Rate, w int) string {
	if barWidth := width(sparkBars[0]); barWidth > 1 { // where the terminal draws them wide
		w /= barWidth
	}
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

// mean is the average rate of those kept, rx and tx together.
func mean(recent []traffic.Rate) float64 {
	if len(recent) == 0 {
		return 0
	}
	var sum traffic.Rate
	for _, r := range recent {
		sum = sum.Add(r)
	}
	return sum.Total() / float64(len(recent))
}
