package web

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"bwmon/traffic"
)

// tally makes rows of rx bytes.
func tally(bytes map[string]int64) map[string]row {
	rows := make(map[string]row)
	for name, n := range bytes {
		rows[name] = row{bytes: figures{rx: n}}
	}
	return rows
}

// shown is what a family exports, rx bytes by name.
func shown(f *family) map[string]int64 {
	m := map[string]int64{otherSeries: f.other.shown.rx}
	for name, s := range f.held {
		m[name] = s.shown.rx
	}
	return m
}

func TestFamily(t *testing.T) {
	const folded = traffic.AppOther
	type step struct {
		rows  map[string]int64
		after time.Duration
		want  map[string]int64
	}
	for _, c := range []struct {
		name  string
		most  int
		steps []step
	}{
		{"the biggest have series, others are summed", 2, []step{
			{map[string]int64{"a": 1, "b": 20, "c": 30, "d": 4}, 0, map[string]int64{"b": 20, "c": 30, otherSeries: 5}},
			{map[string]int64{"a": 100, "b": 21, "c": 30, "d": 4}, 0, map[string]int64{"b": 21, "c": 30, otherSeries: 104}},
		}},
		{"a new one has all its bytes", 3, []step{
			{map[string]int64{"a": 1}, 0, map[string]int64{"a": 1, otherSeries: 0}},
			{map[string]int64{"a": 1, "b": 50}, 0, map[string]int64{"a": 1, "b": 50, otherSeries: 0}},
		}},
		{"what is folded goes on where it was", 3, []step{
			{map[string]int64{"a": 10, "b": 20, folded: 5}, 0, map[string]int64{"a": 10, "b": 20, otherSeries: 5}},
			{map[string]int64{"b": 25, folded: 15}, 0, map[string]int64{"a": 10, "b": 25, otherSeries: 5}},
			{map[string]int64{"a": 3, "b": 25, folded: 15}, 0, map[string]int64{"a": 13, "b": 25, otherSeries: 5}},
			{map[string]int64{"a": 4, "b": 25, folded: 16}, 0, map[string]int64{"a": 14, "b": 25, otherSeries: 6}},
		}},
		{"what is gone without being folded leaves nothing behind", 2, []step{
			{map[string]int64{"a": 30, "b": 20, "c": 5, "d": 7}, 0, map[string]int64{"a": 30, "b": 20, otherSeries: 12}},
			{map[string]int64{"b": 20, "c": 6}, 0, map[string]int64{"a": 30, "b": 20, otherSeries: 13}},
			{map[string]int64{"a": 2, "b": 20, "c": 6, "d": 1}, 0, map[string]int64{"a": 32, "b": 20, otherSeries: 14}},
		}},
		{"bytes that are found to be another's are not taken back", 3, []step{
			{map[string]int64{"(unattributed)": 100, "a": 10}, 0, map[string]int64{"(unattributed)": 100, "a": 10, otherSeries: 0}},
			{map[string]int64{"(unattributed)": 40, "a": 70}, 0, map[string]int64{"(unattributed)": 100, "a": 70, otherSeries: 0}},
			{map[string]int64{"(unattributed)": 90, "a": 70}, 0, map[string]int64{"(unattributed)": 100, "a": 70, otherSeries: 0}},
			{map[string]int64{"(unattributed)": 110, "a": 70}, 0, map[string]int64{"(unattributed)": 110, "a": 70, otherSeries: 0}},
		}},
		{"who was summed and moves gets the room of who does not", 1, []step{
			{map[string]int64{"a": 30, "b": 20, "c": 25}, 0, map[string]int64{"a": 30, otherSeries: 45}},
			{map[string]int64{"a": 30, "b": 21, "c": 25}, idleSeries - 1, map[string]int64{"a": 30, otherSeries: 46}},
			{map[string]int64{"a": 30, "b": 22, "c": 25}, 1, map[string]int64{"b": 1, otherSeries: 46}},
			{map[string]int64{"a": 30, "b": 23, "c": 26}, 1, map[string]int64{"b": 2, otherSeries: 47}},
			{map[string]int64{"a": 35, "b": 24, "c": 26}, 1, map[string]int64{"b": 3, otherSeries: 52}},
		}},
		{"who has not moved makes no room for who has not either", 1, []step{
			{map[string]int64{"a": 30, "b": 20}, 0, map[string]int64{"a": 30, otherSeries: 20}},
			{map[string]int64{"a": 30, "b": 20}, 2 * idleSeries, map[string]int64{"a": 30, otherSeries: 20}},
		}},
		{"those that are fixed stay", 2, []step{
			{map[string]int64{"a": 30, "b": 20, traffic.AppKernel: 1, traffic.AppUnattributed: 0}, 0,
				map[string]int64{traffic.AppKernel: 1, traffic.AppUnattributed: 0, otherSeries: 50}},
			{map[string]int64{"a": 31, "b": 20, traffic.AppKernel: 1, traffic.AppUnattributed: 0}, 2 * idleSeries,
				map[string]int64{traffic.AppKernel: 1, traffic.AppUnattributed: 0, otherSeries: 51}},
		}},
	} {
		f := newFamily(c.most, traffic.AppUnattributed, traffic.AppKernel)
		now := began
		for i, s := range c.steps {
			now = now.Add(s.after)
			f.update(tally(s.rows), now)
			if diff := cmp.Diff(s.want, shown(f)); diff != "" {
				t.Errorf("%s, step %d (-want +got):\n%s", c.name, i, diff)
				break
			}
		}
	}
}

// TestFamilyNeverFalls: rows grow, are folded, come again and give bytes to others in
// a made-up host. No counter falls, no more are there than may be, and where no bytes
// move between rows the sum is exact.
func TestFamilyNeverFalls(t *testing.T) {
	exactly := 0
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 0))
		f := newFamily(5, traffic.AppUnattributed)
		rebooks := seed%2 == 1
		rows := map[string]int64{traffic.AppUnattributed: 0, traffic.AppOther: 0}
		before := map[string]int64{}
		retired := int64(0) // of series that are no more
		was := map[string]int64{}
		exact := true // no row has shrunk from one scrape to the next
		now := began
		for step := range 300 {
			now = now.Add(time.Duration(r.IntN(int(idleSeries / 4))))
			for range 1 + r.IntN(5) {
				name := fmt.Sprint("app ", r.IntN(12))
				switch r.IntN(10) {
				case 0: // folded
					rows[traffic.AppOther] += rows[name]
					delete(rows, name)
				case 1:
					rows[traffic.AppUnattributed] += r.Int64N(1000)
				case 2:
					if rebooks && rows[traffic.AppUnattributed] > 0 {
						n := r.Int64N(rows[traffic.AppUnattributed])
						rows[traffic.AppUnattributed] -= n
						rows[name] += n
					}
				default:
					rows[name] += r.Int64N(1000)
				}
			}
			if r.IntN(3) > 0 {
				continue // several ticks between two scrapes
			}
			for name, n := range rows {
				exact = exact && n >= was[name]
			}
			was = maps.Clone(rows)
			f.update(tally(rows), now)
			after := shown(f)
			if len(f.held) > 5 {
				t.Fatalf("seed %d, step %d: %d series", seed, step, len(f.held))
			}
			sum, booked := retired, int64(0)
			for name, n := range before {
				if is, ok := after[name]; ok && is < n {
					t.Fatalf("seed %d, step %d: %s fell from %d to %d", seed, step, name, n, is)
				} else if !ok {
					retired += n
					sum += n
				}
			}
			for _, n := range after {
				sum += n
			}
			for _, n := range rows {
				booked += n
			}
			if exact {
				exactly++
			}
			if sum < booked || exact && sum != booked {
				t.Fatalf("seed %d, step %d: the series are %d, the books %d", seed, step, sum, booked)
			}
			before = after
		}
	}
	if exactly < 1000 {
		t.Errorf("only %d scrapes were of books in which no row shrank", exactly)
	}
}
