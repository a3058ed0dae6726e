package receive

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"bwmon/traffic"

	"github.com/google/go-cmp/cmp"
)

// trends are a Perf in memory.
type trends struct {
	mu      sync.Mutex // protects the fields below
	figures map[string][]noted
	failing error
}

type noted struct {
	at    time.Time
	name  string
	value float64
}

func newTrends() *trends { return &trends{figures: make(map[string][]noted)} }

func (p *trends) Note(host string, at time.Time, name string, value float64) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.figures[host] = append(p.figures[host], noted{at, name, value})
	return p.failing
}

func (p *trends) Trend(_ context.Context, host string, q traffic.TrendQuery) (traffic.Trend, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.figures[host] == nil && p.failing == nil {
		return traffic.Trend{}, fmt.Errorf("%w: %s", ErrUnknown, host)
	}
	length := map[string]time.Duration{traffic.StepMinute: time.Minute, traffic.StepHour: time.Hour}[q.Step]
	t := traffic.Trend{Schema: 1, From: q.From, To: q.To, Step: q.Step}
	for at := q.From; at.Before(q.To); at = at.Add(length) {
		t.Times = append(t.Times, at)
	}
	if q.Series != traffic.SeriesPerf || length == 0 {
		return t, fmt.Errorf("asked for %+v", q)
	}
	counts := make(map[*traffic.TrendStep]float64)
	for _, f := range p.figures[host] {
		if f.at.Before(q.From) || !f.at.Before(q.To) {
			continue
		}
		row := slices.IndexFunc(t.Rows, func(r traffic.TrendRow) bool { return r.Metric == f.name })
		if row < 0 {
			row = len(t.Rows)
			t.Rows = append(t.Rows, traffic.TrendRow{Series: traffic.SeriesPerf, Metric: f.name, Steps: make([]*traffic.TrendStep, len(t.Times))})
		}
		step := &t.Rows[row].Steps[f.at.Sub(q.From)/length]
		if *step == nil {
			*step = &traffic.TrendStep{Min: f.value, Max: f.value}
		}
		s := *step
		s.Mean = (s.Mean*counts[s] + f.value) / (counts[s] + 1)
		s.Min, s.Max = min(s.Min, f.value), max(s.Max, f.value)
		counts[s]++
	}
	return t, p.failing
}

func (d door) read(t *testing.T, path string) (reply, map[string][][4]float64) {
	t.Helper()
	q, err := http.NewRequest(http.MethodGet, d.url+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	got := d.do(t, q)
	var labels map[string][][4]float64
	if got.status == http.StatusOK {
		if err := json.Unmarshal(got.body, &labels); err != nil {
			t.Fatalf("%v: %s", err, got.body)
		}
	}
	return got, labels
}

// TestPerf: figures that a host posted for a day are read back by the minute for the last
// hour and by the hour for the last day, by parts of their labels.
func TestPerf(t *testing.T) {
	clock := &testClock{at: epoch.Truncate(24 * time.Hour)}
	s := newSite(t, Options{Limits: generous, Now: clock.now, Perf: newTrends()}, newLedger())
	for i := range 26 * 60 {
		body := fmt.Sprintf(`{"mem": %d, "cpu": {"user": %d.5, "idle": null}}`, i, i%2)
		at := clock.pass(time.Minute).Unix()
		if i%2 == 0 {
			at *= 1000
		}
		if got := s.post(t, fmt.Sprintf("/api/perf/gw/%d", at), "application/json", "", []byte(body)); got.status != http.StatusOK {
			t.Fatalf("%d %s", got.status, got.body)
		}
	}
	_, all := s.read(t, "/api/perf/gw")
	var labels []string
	for label, points := range all {
		labels = append(labels, fmt.Sprint(label, " ", len(points)))
	}
	slices.Sort(labels)
	if diff := cmp.Diff([]string{
		"summary:by-hour:cpu.user 24", "summary:by-hour:mem 24", "summary:by-minute:cpu.user 60", "summary:by-minute:mem 60",
	}, labels); diff != "" {
		t.Errorf("labels (-want +got):\n%s", diff)
	}
	now := clock.now()
	if got := all["summary:by-minute:mem"][59]; got != [4]float64{float64(now.Unix()), 1559, 1559, 1559} {
		t.Errorf("the last minute: %v", got)
	}
	if got := all["summary:by-hour:mem"][22]; got != [4]float64{float64(now.Add(-time.Hour).Unix()), 1528.5, 1499, 1558} {
		t.Errorf("the last whole hour: %v", got)
	}
	for _, test := range []struct {
		label  string
		status int
		want   int
	}{
		{"summary:by-minute:mem", 200, 1}, {"MEM", 200, 2}, {"by-HOUR", 200, 2}, {"cpu", 200, 2}, {"cpu.idle", 404, 0},
		{"by-month", 404, 0}, {".", 200, 2}, {"%", 404, 0}, {"<script>", 404, 0},
	} {
		got, found := s.read(t, "/api/perf/gw/"+url.PathEscape(test.label))
		if test.label == "." {
			continue // a path with dots for parts is another path
		}
		if got.status != test.status || len(found) != test.want {
			t.Errorf("%s: %d with %d labels, want %d with %d", test.label, got.status, len(found), test.status, test.want)
		}
	}
	for path, want := range map[string]int{"/api/perf/nobody": 404, "/api/perf/a%20b": 400, "/api/perf/..%2fgw/mem": 400} {
		if got, _ := s.read(t, path); got.status != want {
			t.Errorf("%s: %d %s", path, got.status, got.body)
		}
	}
	clock.pass(48 * time.Hour)
	if got, _ := s.read(t, "/api/perf/gw"); got.status != http.StatusNotFound {
		t.Errorf("of two days ago: %d %s", got.status, got.body)
	}
	if fleet := s.snapshot(clock.now()); len(s.Hosts())+len(fleet.Hosts)+len(fleet.Series)+s.Status().Hosts != 0 {
		t.Errorf("a host that only posts figures is a member: %+v", s.Hosts())
	}
	s.publish(t, "gw", 0, one(t, "gw"))
	if m := s.Hosts(); len(m) != 1 || m[0].State != traffic.MemberReporting || m[0].Silent != 0 {
		t.Errorf("%+v when it publishes", m)
	}
}

// TestPerfRefused: what is no document of numbers is not kept, nor in part.
func TestPerfRefused(t *testing.T) {
	clock := &testClock{at: epoch}
	now := fmt.Sprint(epoch.Unix())
	many := `{"a":1`
	for i := range maxCount {
		many += fmt.Sprintf(`,"%d":1`, i)
	}
	for _, test := range []struct {
		name, am, path, body string
		status               int
		detail               string
	}{
		{"good", "gw", "gw/" + now, `{"a": -1.5e3, "b": {}}`, 200, ""},
		{"good, of nothing", "gw", "gw/" + now, ` {} `, 200, ""},
		{"a clock that is a little ahead", "gw", fmt.Sprint("gw/", epoch.Unix()+60), `{"a":1}`, 200, ""},
		{"part of a second", "gw", fmt.Sprint("gw/", epoch.Unix()-1, ".25"), `{"a":1}`, 200, ""},
		{"another's name", "db", "gw/" + now, `{"a":1}`, 403, `"gw", and you are "db"`},
		{"nobody", "", "gw/" + now, `{"a":1}`, 401, "certificate"},
		{"a name with dots", "anybody", "..%2fetc/" + now, `{"a":1}`, 400, "name of a host"},
		{"the future", "gw", fmt.Sprint("gw/", epoch.Unix()+3600), `{"a":1}`, 400, "1h0m0s in the future"},
		{"the future, in milliseconds", "gw", fmt.Sprint("gw/", epoch.UnixMilli()+3600_000), `{"a":1}`, 400, "1h0m0s in the future"},
		{"the past", "gw", "gw/12345", `{"a":1}`, 400, "too long ago"},
		{"no time", "gw", "gw/now", `{"a":1}`, 400, `"now"`},
		{"NaN for a time", "gw", "gw/NaN", `{"a":1}`, 400, `"NaN"`},
		{"2^63 for a time", "gw", "gw/9223372036854775808", `{"a":1}`, 400, "seconds"},
		{"no JSON", "gw", "gw/" + now, `mem=3`, 400, "JSON object"},
		{"nothing", "gw", "gw/" + now, ``, 400, "JSON object"},
		{"a number", "gw", "gw/" + now, `3`, 400, "JSON object"},
		{"a list", "gw", "gw/" + now, `[1]`, 400, "JSON object"},
		{"a list within", "gw", "gw/" + now, `{"a":{"b":[1]}}`, 400, `"a.b" is no number`},
		{"text", "gw", "gw/" + now, `{"a":"1"}`, 400, `"a" is no number`},
		{"NaN", "gw", "gw/" + now, `{"a":NaN}`, 400, "JSON object"},
		{"too large", "gw", "gw/" + now, `{"a":1e400}`, 400, "too large"},
		{"beyond 2^63", "gw", "gw/" + now, `{"a":-1e19}`, 400, "too large"},
		{"twice", "gw", "gw/" + now, `{"a":1,"b":2,"a":3}`, 400, `"a" is there twice`},
		{"twice, in other words", "gw", "gw/" + now, `{"a":{"b":1},"a.b":3}`, 400, `"a.b" is there twice`},
		{"without a name", "gw", "gw/" + now, `{"":1}`, 400, "no name"},
		{"more after it", "gw", "gw/" + now, `{"a":1} {"b":2}`, 400, "follows"},
		{"half", "gw", "gw/" + now, `{"a":1`, 400, "JSON object"},
		{"deep", "gw", "gw/" + now, strings.Repeat(`{"a":`, 20) + "1" + strings.Repeat("}", 20), 400, "in one another"},
		{"many", "gw", "gw/" + now, many + "}", 400, "more than 500"},
		{"a long name", "gw", "gw/" + now, `{"` + strings.Repeat("a", 300) + `":1}`, 400, "longer"},
		{"long", "gw", "gw/" + now, `{"a":1` + strings.Repeat(" ", maxFigures) + "}", 413, "at once"},
	} {
		t.Run(test.name, func(t *testing.T) {
			kept := newTrends()
			s := newSite(t, Options{Who: byHeader, Limits: generous, Now: clock.now, Perf: kept}, newLedger())
			s.header = http.Header{"X-Am": {test.am}}
			got := s.post(t, "/api/perf/"+test.path, "application/x-www-form-urlencoded", "", []byte(test.body))
			if got.status != test.status || !strings.Contains(got.problem.Detail, test.detail) {
				t.Errorf("%d %s, want %d with %q", got.status, got.body, test.status, test.detail)
			}
			if test.status != http.StatusOK && len(kept.figures) > 0 {
				t.Errorf("%v is kept", kept.figures)
			}
			for _, list := range kept.figures {
				for _, f := range list {
					if f.at.After(epoch) || f.at.Before(epoch.Add(-time.Minute)) {
						t.Errorf("%+v", f)
					}
				}
			}
		})
	}
}

// TestPerfLimits: new names are bounded as rows are, and a host that also publishes is
// silent all the same when it does not.
func TestPerfLimits(t *testing.T) {
	clock := &testClock{at: epoch}
	kept := newTrends()
	s := newSite(t, Options{Limits: Limits{Requests: 1e6, Bytes: 1e12, Names: 10}, Now: clock.now, Perf: kept}, newLedger())
	post := func(host string, names int) int {
		var list []string
		for i := range names {
			list = append(list, fmt.Sprintf(`"%d":1`, i))
		}
		return s.post(t, fmt.Sprintf("/api/perf/%s/%d", host, clock.now().Unix()), "", "", []byte("{"+strings.Join(list, ",")+"}")).status
	}
	if got := post("gw", 10); got != 200 {
		t.Errorf("ten names: %d", got)
	}
	if got := post("gw", 10); got != 200 {
		t.Errorf("the same ten: %d", got)
	}
	if got := post("gw", 11); got != 429 {
		t.Errorf("an eleventh: %d", got)
	}
	clock.pass(time.Hour)
	if got := post("gw", 11); got != 200 {
		t.Errorf("an eleventh, later: %d", got)
	}
	s.publish(t, "db", 0, one(t, "db"))
	clock.pass(DefaultSilentAfter + time.Second)
	if got := post("db", 1); got != 200 {
		t.Errorf("of a host that publishes: %d", got)
	}
	if m := s.Hosts()[0]; m.Host != "db" || m.State != traffic.MemberSilent {
		t.Errorf("%+v", m)
	}
	kept.failing = errDiskFull
	if got := post("db", 1); got != 503 {
		t.Errorf("a full disk: %d", got)
	}
	if got, _ := s.read(t, "/api/perf/db"); got.status != 503 {
		t.Errorf("a full disk: %d", got.status)
	}
}

// TestPerfAndRows: figures and rows do not take names from each other, and what is wrong
// with a figure says nothing of what its host publishes.
func TestPerfAndRows(t *testing.T) {
	clock := &testClock{at: epoch}
	s := newSite(t, Options{Limits: Limits{Requests: 1e6, Bytes: 1e12, Names: 10}, Now: clock.now, Perf: newTrends()}, newLedger())
	h := newStation("gw", 1)
	var list []string
	for i := range 400 {
		list = append(list, fmt.Sprintf(`"%d":1`, i))
	}
	post := func(body string) int {
		return s.post(t, fmt.Sprintf("/api/perf/gw/%d", clock.now().Unix()), "", "", []byte(body)).status
	}
	if got := post("{" + strings.Join(list, ",") + "}"); got != http.StatusOK {
		t.Fatalf("%d", got)
	}
	h.work(clock.pass(time.Second))
	if got := s.publish(t, "gw", 0, h.queue...); got.status != http.StatusOK {
		t.Errorf("rows after figures: %d %s", got.status, got.body)
	}
	if got := post("{" + strings.Join(list, ",") + "}"); got != http.StatusOK {
		t.Errorf("the same figures: %d", got)
	}
	if got := post("mem=3"); got != http.StatusBadRequest {
		t.Errorf("no figures: %d", got)
	}
	if m := s.Hosts()[0]; m.State != traffic.MemberReporting || m.Detail != "" {
		t.Errorf("%+v after figures were refused", m)
	}
}

// fullTrends has no room for names.
type fullTrends struct{ *trends }

func (p fullTrends) Note(host string, at time.Time, name string, value float64) error {
	if strings.HasPrefix(name, "new") {
		return fmt.Errorf("%w: not %s", ErrTooMany, name)
	}
	return p.trends.Note(host, at, name, value)
}

// TestPerfFull: a figure whose name there is no room for is refused for good, and the others
// are kept; with too many new names at a time none is.
func TestPerfFull(t *testing.T) {
	clock := &testClock{at: epoch}
	kept := newTrends()
	s := newSite(t, Options{Limits: Limits{Requests: 1e6, Bytes: 1e12, Names: 4}, Now: clock.now, Perf: fullTrends{kept}}, newLedger())
	post := func(body string) reply {
		return s.post(t, fmt.Sprintf("/api/perf/gw/%d", clock.now().Unix()), "", "", []byte(body))
	}
	got := post(`{"a":1,"new":2,"newer":3,"b":4}`)
	if got.status != http.StatusUnprocessableEntity || got.header.Get("Retry-After") != "" || !strings.Contains(got.problem.Detail, "not new") {
		t.Errorf("%d %s", got.status, got.body)
	}
	if len(kept.figures["gw"]) != 2 {
		t.Errorf("%v is kept", kept.figures)
	}
	if got := post(`{"a":1,"c":2}`); got.status != http.StatusTooManyRequests || len(kept.figures["gw"]) != 2 {
		t.Errorf("%d %s, and %v is kept", got.status, got.body, kept.figures)
	}
}

// TestPostedIsBounded: ever new names of figures do not take memory for ever.
func TestPostedIsBounded(t *testing.T) {
	n := newNames(1e9)
	for i := range 100 {
		var list []figure
		for j := range maxCount {
			list = append(list, figure{name: fmt.Sprint(i, " ", j)})
		}
		n.bringFigures(list)
	}
	if got := len(n.posted.known); got == 0 || got > mostPosted {
		t.Errorf("%d names are known", got)
	}
	if len(n.known) > 0 {
		t.Errorf("%d rows are known", len(n.known))
	}
}
