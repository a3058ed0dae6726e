package notify

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"bwmon/traffic"
)

// stood is a time for which a figure stood, in seconds.
type stood struct{ from, to, value float64 }

// reference is a rule about one metric, evaluated as Rule says and no other way: it
// keeps all that ever was and looks at all of it.
type reference struct {
	rule              Rule
	times             []float64 // of ticks
	past              []stood
	fresh             []float64 // when something was measured
	seen              float64   // the last time; -1: never
	state             State
	windows           int
	counted, due      float64
	told              []string
	clear, lo, hi     float64
	gaps              [2]float64
	was, slack, since float64
}

// tick is told the figure, if there is one, and whether it was measured anew.
func (r *reference) tick(now float64, figure *float64, anew bool) {
	n := len(r.times)
	before := now
	if n > 0 {
		before = r.times[n-1]
	}
	r.times = append(r.times, now)
	r.slack = (now - before) / 10
	hold := 3*max(r.gaps[0], r.gaps[1], now-before) + 1e-9
	if figure == nil {
		if r.seen >= 0 && now-r.seen > hold {
			r.resolve(n)
		}
		return
	}
	if r.seen < 0 || before-r.seen > hold {
		r.past, r.fresh, r.gaps, r.since = nil, nil, [2]float64{}, before
	} else if r.seen < before {
		r.past = append(r.past, stood{r.seen, before, r.was})
	}
	if anew {
		if k := len(r.fresh); k > 0 {
			r.gaps = [2]float64{now - r.fresh[k-1], r.gaps[0]}
		}
		r.fresh = append(r.fresh, now)
	}
	r.past = append(r.past, stood{before, now, *figure})
	r.seen, r.was = now, *figure
	r.ask(n, now)
}

// ask looks at the window that ends now.
func (r *reference) ask(n int, now float64) {
	window := r.rule.Window.Seconds()
	full := now-r.since+r.slack >= window-1e-9
	start := now - window
	var sum, time float64
	same := true
	for _, s := range r.past {
		from := max(s.from, start)
		if s.to <= from {
			continue
		}
		sum, time = sum+s.value*(s.to-from), time+s.to-from
		if s.to > start+r.slack+1e-9 && s.value != r.was {
			same = false
		}
	}
	mean := sum / time
	if same || time == 0 {
		mean = r.was
	}
	var breaks, stays bool
	switch r.rule.Condition {
	case Above:
		breaks, stays = mean > r.rule.Threshold+1e-9, mean > r.clear+1e-9
	case Below:
		breaks, stays = mean < r.rule.Threshold-1e-9, mean < r.clear-1e-9
	case Equals:
		breaks = mean >= r.lo && mean <= r.hi
		if r.lo == r.hi {
			breaks = same && mean == r.lo
		}
		stays = breaks
	}
	breaks = breaks && full
	measured := r.fresh[len(r.fresh)-1]
	switch {
	case r.state == StateOK && breaks && (r.rule.Consecutive <= 1 || measured > start+1e-9):
		r.state, r.windows, r.counted, r.due = StatePending, 1, now, now+window
	case r.state == StatePending && now+r.slack >= r.due-1e-9 && measured > r.counted+1e-9:
		if !breaks {
			r.state = StateOK
			break
		}
		r.windows++
		r.counted = now
		if r.due += window; r.due <= now+1e-9 {
			r.due = now + window
		}
	case r.state == StateFiring && !stays:
		r.resolve(n)
	}
	if r.state == StatePending && r.windows >= r.rule.Consecutive {
		r.state = StateFiring
		r.told = append(r.told, fmt.Sprint(n+1, " firing"))
	}
}

func (r *reference) resolve(n int) {
	if r.state == StateFiring {
		r.told = append(r.told, fmt.Sprint(n+1, " resolved"))
	}
	r.state = StateOK
}

// TestMetricReferenceProperty: a book fires and resolves in the very ticks in which
// the reference does, whatever rule, figures, ticks and absences there are.
func TestMetricReferenceProperty(t *testing.T) {
	told := 0
	for seed := range uint64(1000) {
		random := rand.New(rand.NewPCG(seed, 2))
		pick := func(list ...float64) float64 { return list[random.IntN(len(list))] }
		rule := metricRule("r", "probe:x", []string{"status", "await_ms"}[random.IntN(2)],
			[]Comparison{Above, Below, Equals}[random.IntN(3)], pick(-5, 0, 3, 200),
			time.Duration(pick(0.5, 1, 2, 5, 13, 40)*1000)*time.Millisecond)
		rule.Consecutive = int(pick(1, 1, 2, 3, 5))
		r := &reference{rule: rule, seen: -1, state: StateOK, clear: rule.Threshold, lo: rule.Threshold, hi: rule.Threshold}
		if rule.Condition != Equals && random.IntN(2) == 0 {
			rule.ClearsAt, rule.Clear = true, rule.Threshold-2
			if rule.Condition == Below {
				rule.Clear = rule.Threshold + 2
			}
			r.clear = rule.Clear
		}
		if rule.Metric == "await_ms" {
			off := math.Abs(rule.Threshold)/100 + 1e-9
			r.lo, r.hi = rule.Threshold-off, rule.Threshold+off
		}
		every := int(pick(1, 1, 3, 10)) // ticks between measurements
		steady := pick(0.2, 0.9, 0.99)
		inWorkshop(t, []Rule{rule}, func(w *workshop) {
			var figure *float64
			now := 0.0
			gone := 0
			value := 0.0
			for k := range 250 {
				if random.Float64() > steady {
					value = rule.Threshold + pick(-3, -1, 0, 0, 1, 3, 0.5)
				}
				anew := k%every == 0
				switch {
				case gone > 0:
					gone--
				case random.IntN(60) == 0:
					gone = random.IntN(8 * every)
					figure = nil
					delete(w.series, "probe x")
				}
				if gone == 0 && (anew || figure == nil) {
					v := value
					figure, anew = &v, true
					w.measure("probe x", traffic.Metric{Name: "other", Value: 1}, traffic.Metric{Name: rule.Metric, Value: v})
				}
				after := time.Duration(900+random.IntN(200)) * time.Millisecond
				w.tick(after)
				if k > 0 {
					now += after.Seconds()
				}
				r.tick(now, figure, anew && figure != nil)
			}
			var got []string
			for _, s := range w.said {
				var tick int
				var state string
				fmt.Sscanf(s, "%d r probe:x %s", &tick, &state)
				got = append(got, fmt.Sprint(tick, " ", state))
			}
			told += len(got)
			if diff := cmp.Diff(r.told, got); diff != "" {
				t.Fatalf("seed %d: %s %s %v clear %v over %v, %d times, measured every %d ticks (-reference +book):\n%s",
					seed, rule.Metric, rule.Condition, rule.Threshold, rule.Clear, rule.Window, rule.Consecutive, every, diff)
			}
		})
	}
	if told < 3_000 {
		t.Errorf("only %d events were compared", told)
	}
}
