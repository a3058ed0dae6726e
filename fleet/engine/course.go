package engine

import (
	"context"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/common/model"

	"bwmon/fleet"
)

// rowLabels tell rows apart.
var rowLabels = []model.LabelName{"host", "run", "app", "command", "user", "container", "unit", "lan_host", "interface", "pipe", "disk", "book"}

// rowID is the identity of a row in one run: the values of rowLabels.
func rowID(m model.Metric) string {
	var b strings.Builder
	for _, l := range rowLabels {
		b.WriteString(string(m[l]))
		b.WriteByte(0xff) // in no value, as it is no UTF-8
	}
	return b.String()
}

// course is how one row went in one run. Its counters are those at the times asked
// about; 0 where they have no series.
type course struct {
	metric model.Metric
	was    int // the window in which it was found before the first of the times; see windows
	first  int // the first interval in which there is a sample of it
	total  [ways][]int64
	moved  [ways][]int64
}

// fresh is course.was of a row that was not there before.
const fresh = -1

// carried is what the row carried in interval i, from times[i-1] to times[i].
func (c *course) carried(w way, i int) int64 {
	n := c.total[w][i] - c.total[w][i-1]
	if c.moved[w] != nil {
		n -= c.moved[w][i] - c.moved[w][i-1]
	}
	return n
}

// windows are how far back the value of a row at the first of the times is sought, one
// after the other: most rows changed a little before.
func (r *Reader) windows() []time.Duration {
	list := []time.Duration{2 * time.Hour, 2 * 24 * time.Hour, 62 * 24 * time.Hour, r.opts.Reach}
	return slices.DeleteFunc(list, func(d time.Duration) bool { return d > r.opts.Reach })
}

// reading is a question for the courses of rows.
type reading struct {
	*Reader
	family   *family
	matchers []string
	ways     []way // asked for
	times    []time.Time
	courses  map[string]*course // of the rows that changed between the first and the last of the times
}

// maxPoints is how many figures courses have together.
const maxPoints = 20_000_000

// read asks. What is exact about it is said in the package's comment.
func (r *reading) read(ctx context.Context) error {
	r.courses = make(map[string]*course)
	if len(r.times) < 2 {
		return nil
	}
	present := r.family.ways[0] // of which each row has a series
	all := []way{present}
	for _, w := range r.ways {
		if w != present {
			all = append(all, w)
		}
	}
	hasMoved := make(map[way]bool)
	for _, w := range all {
		if err := r.collect(ctx, r.family.total(w), func(c *course) *[]int64 { return &c.total[w] }, w == present, nil); err != nil {
			return err
		}
		if r.family.isLevel || !slices.Contains(r.ways, w) {
			continue
		}
		if err := r.collect(ctx, r.family.moved(w), func(c *course) *[]int64 { return &c.moved[w] }, false, func() { hasMoved[w] = true }); err != nil {
			return err
		}
	}
	if err := r.find(ctx, present); err != nil {
		return err
	}
	return r.begin(ctx, hasMoved)
}

// collect takes the highest values of a counter in each interval. It makes courses of
// rows that have none if it is to.
func (r *reading) collect(ctx context.Context, metric string, list func(*course) *[]int64, all bool, found func()) error {
	expression := func(width time.Duration) string {
		return "max_over_time(" + selector(metric, r.matchers...) + span(width) + before + ")"
	}
	return r.each(ctx, r.times, expression, func(m model.Metric, i int, v float64) {
		id := rowID(m)
		c := r.courses[id]
		if c == nil {
			if !all {
				return // written after the other was asked for
			}
			c = &course{metric: m, was: fresh, first: i}
			r.courses[id] = c
		}
		values := list(c)
		if *values == nil {
			*values = make([]int64, len(r.times))
		}
		if i > 0 && i < len(*values) {
			(*values)[i] = whole(v)
			c.first = min(c.first, i)
		}
		if found != nil {
			found()
		}
	})
}

// whole is a value as an integer. What cannot be one is 0.
func whole(v float64) int64 {
	if !(v >= -1<<62 && v <= 1<<62) {
		return 0
	}
	return int64(math.Round(v))
}

// find finds out in which of the windows before the first of the times each row was
// there. One that was in none began at 0, since.
func (r *reading) find(ctx context.Context, present way) error {
	metric := selector(r.family.total(present), r.matchers...)
	lost := len(r.courses)
	for n, window := range r.windows() {
		if lost == 0 {
			return nil
		}
		if n == 1 {
			// Rows that were not there before begin with 0: they need no search.
			unknown, err := r.unknown(ctx)
			if err != nil || len(unknown) == 0 {
				return err
			}
			metric = selector(r.family.total(present), append(slices.Clone(r.matchers), hostsOf(unknown)...)...)
		}
		v, err := r.vector(ctx, "max_over_time("+metric+span(window)+before+")", r.times[0])
		if err != nil {
			return err
		}
		for _, s := range v {
			if c := r.courses[rowID(s.Metric)]; c != nil && c.was == fresh {
				c.was = n
				lost--
			}
		}
	}
	return nil
}

// unknown are the rows of which a value is not 0 where they are first seen between the
// times, and of which there is none shortly before.
func (r *reading) unknown(ctx context.Context) ([]model.Metric, error) {
	first, last := r.times[0], r.times[len(r.times)-1]
	width := last.Sub(first)
	there := "max_over_time(" + selector(r.family.total(r.family.ways[0]), r.matchers...) + span(r.windows()[0]) + offset(width) + ")"
	var any []string
	for _, w := range r.ways {
		any = append(any, "(min_over_time("+selector(r.family.total(w), r.matchers...)+span(width)+before+") > 0)")
	}
	v, err := r.vector(ctx, "("+strings.Join(any, " or ")+") unless "+there, last)
	list := make([]model.Metric, len(v))
	for i, s := range v {
		list[i] = s.Metric
	}
	return list, err
}

// hostsOf matches the hosts of rows, where they are few.
func hostsOf(rows []model.Metric) []string {
	const few = 100
	names := make(map[string]bool)
	for _, m := range rows {
		if names[string(m["host"])] = true; len(names) > few {
			return nil
		}
	}
	var list []string
	for n := range names {
		if fleet.CheckName(n) != nil {
			return nil
		}
		list = append(list, strings.ReplaceAll(n, ".", "[.]"))
	}
	slices.Sort(list)
	return []string{`host=~"` + strings.Join(list, "|") + `"`}
}

// begin fetches the values at the first of the times, and has each time have the value
// that was the latest then.
func (r *reading) begin(ctx context.Context, hasMoved map[way]bool) error {
	used := make(map[int]map[string]bool) // hosts of each window
	for _, c := range r.courses {
		if c.was != fresh {
			if used[c.was] == nil {
				used[c.was] = make(map[string]bool)
			}
			used[c.was][string(c.metric["host"])] = true
		}
	}
	for n, window := range r.windows() {
		if used[n] == nil {
			continue
		}
		for _, w := range r.ways {
			if err := r.beginAt(ctx, n, window, r.family.total(w), func(c *course) *[]int64 { return &c.total[w] }); err != nil {
				return err
			}
			if !hasMoved[w] {
				continue
			}
			if err := r.beginAt(ctx, n, window, r.family.moved(w), func(c *course) *[]int64 { return &c.moved[w] }); err != nil {
				return err
			}
		}
	}
	if points := len(r.courses) * len(r.times); points > maxPoints {
		return question("there are %d rows of %d steps: want at most %d figures: ask for one host, less time, or a coarser step", len(r.courses), len(r.times)-1, maxPoints)
	}
	for _, c := range r.courses {
		for _, w := range r.ways {
			if c.total[w] == nil {
				c.total[w] = make([]int64, len(r.times))
			}
			latest(c.total[w])
			latest(c.moved[w])
		}
	}
	return nil
}

// latest has each value be no less than the one before.
func latest(values []int64) {
	for i := 1; i < len(values); i++ {
		values[i] = max(values[i], values[i-1])
	}
}

func (r *reading) beginAt(ctx context.Context, n int, window time.Duration, metric string, list func(*course) *[]int64) error {
	var hosts []string
	if n > 0 {
		var rows []model.Metric
		for _, c := range r.courses {
			if c.was == n {
				rows = append(rows, c.metric)
			}
		}
		hosts = hostsOf(rows)
	}
	v, err := r.vector(ctx, "max_over_time("+selector(metric, append(slices.Clone(r.matchers), hosts...)...)+span(window)+before+")", r.times[0])
	for _, s := range v {
		if c := r.courses[rowID(s.Metric)]; c != nil && c.was == n {
			values := list(c)
			if *values == nil {
				*values = make([]int64, len(r.times))
			}
			(*values)[0] = whole(float64(s.Value))
		}
	}
	return err
}
