package notify

import (
	"fmt"
	"math"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"bwmon/traffic"
)

func TestMetricFiresAndResolves(t *testing.T) {
	r := metricRule("slow", "disk:sda", "await_ms", Above, 20, 10*time.Second)
	r.Clear = 10
	inWorkshop(t, []Rule{r}, func(w *workshop) {
		disk := func(await float64) {
			m := []traffic.Metric{{Name: "reads_per_s", Value: 7}, {Name: "await_ms", Value: await}}
			w.measure("disk sda", m...)
			w.measure("disk sda1", m...) // no rule's
			w.tick(time.Second)
		}
		for range 11 {
			disk(18)
		}
		disk(36)
		w.wantSaid() // 9 s of 18 and one of 36 are 19.8
		disk(36)
		w.wantSaid("13 slow disk:sda firing 21.6")
		for range 30 {
			disk(12)
		}
		w.wantSaid()
		w.wantAlerts("slow disk:sda firing")
		disk(-18)
		w.wantSaid("44 slow disk:sda resolved 9")
		w.wantAlerts()
		fired := w.events[0].Alert
		want := Alert{
			ID: fired.ID, Host: "gw", Rule: "slow", Kind: "subject", Subject: "disk:sda", State: StateFiring,
			Metric: "await_ms", Condition: "above", Value: 21.6, Threshold: 20, Window: 10,
			Since: fired.At, At: fired.At, Count: 1,
			Metrics: traffic.Metrics{{Name: "reads_per_s", Value: 7}, {Name: "await_ms", Value: 36}},
		}
		if diff := cmp.Diff(want, fired); diff != "" || fired.ID == "" || fired.ID != w.events[1].Alert.ID {
			t.Errorf("alert (-want +got):\n%s", diff)
		}
		if got := SnapshotAlerts([]Alert{fired})[0]; got.Metric != "await_ms" || got.Direction != "" || got.Subject != "disk:sda" {
			t.Errorf("in a snapshot: %+v", got)
		}
		if got := w.book.Rules()[0]; got.Kind != "subject" || got.Text != "await_ms above 20 ms over 10s" {
			t.Errorf("the rule in a snapshot: %+v", got)
		}
		if text := headline(fired); text != "firing: slow: disk:sda await_ms 21.6 ms, above 20 ms over 10s" {
			t.Errorf("headline: %q", text)
		}
	})
}

func TestMetricComparisons(t *testing.T) {
	rules := []Rule{
		metricRule("cold", "sensor:.*", "temperature_celsius", Below, -5, time.Second),
		metricRule("zero", "sensor:.*", "temperature_celsius", Below, 0, time.Second),
		metricRule("frozen", "sensor:.*", "temperature_celsius", Equals, -10, time.Second),
		metricRule("hot", "sensor:.*", "temperature_celsius", Above, 5, time.Second),
	}
	rules[3].ClearsAt = true // at 0
	inWorkshop(t, rules, func(w *workshop) {
		w.each("sensor x", "temperature_celsius", 1, 0, -1, -5, -5.5, -9.95, -10.2, -5, 0, 5, 6, 5, 0.5, 0)
		w.wantSaid(
			"3 zero sensor:x firing -1", "5 cold sensor:x firing -5.5", "6 frozen sensor:x firing -9.95",
			"7 frozen sensor:x resolved -10.2", "8 cold sensor:x resolved -5", "9 zero sensor:x resolved 0",
			"11 hot sensor:x firing 6", "14 hot sensor:x resolved 0")
	})
	rules = []Rule{
		metricRule("ok", "probe:web", "status", Equals, 200, 2*time.Second),
		metricRule("off", "probe:web", "listening", Equals, 0, time.Second),
		metricRule("down", "probe:web", "up", Below, 1, time.Second),
		metricRule("big", "probe:web", "body_bytes", Equals, 1000, time.Second),
	}
	inWorkshop(t, rules, func(w *workshop) {
		for _, f := range [][4]float64{
			{200, 1, 1, 1100}, {200, 1, 1, 1100}, {100, 0, 1, 991}, {300, 0, 0, 1009},
			{200, 1, 1, 989}, {200, 1, 1, 1}, {201, 1, 1, 1},
		} {
			w.measure("probe web", traffic.Metric{Name: "status", Value: f[0]}, traffic.Metric{Name: "listening", Value: f[1]},
				traffic.Metric{Name: "up", Value: f[2]}, traffic.Metric{Name: "body_bytes", Value: f[3]})
			w.tick(time.Second)
		}
		// 100 and 300 are 200 in the mean, but no status 200.
		w.wantSaid(
			"3 off probe:web firing 0", "3 big probe:web firing 991", "4 down probe:web firing 0",
			"5 off probe:web resolved 1", "5 down probe:web resolved 1", "5 big probe:web resolved 989",
			"6 ok probe:web firing 200", "7 ok probe:web resolved 200.5")
	})
}

// TestMeasuredRarely: a probe every 10 s and ticks every second. A window shorter
// than that works, and what is counted is measurements, not looks at one of them.
func TestMeasuredRarely(t *testing.T) {
	once := metricRule("once", "probe:web", "status", Equals, 500, time.Second)
	thrice := metricRule("thrice", "probe:web", "status", Equals, 500, time.Second)
	thrice.Consecutive = 3
	slow := metricRule("slow", "probe:web", "status", Above, 400, 15*time.Second)
	slow.Consecutive = 2
	inWorkshop(t, []Rule{once, thrice, slow}, func(w *workshop) {
		probe := func(status float64) {
			w.measure("probe web", traffic.Metric{Name: "status", Value: status})
			w.seconds(10)
		}
		probe(200)
		probe(500) // ticks 11 to 20
		w.wantSaid("11 once probe:web firing 500")
		w.wantAlerts("once probe:web firing", "thrice probe:web pending")
		probe(500)
		w.wantAlerts("once probe:web firing", "thrice probe:web pending", "slow probe:web pending")
		probe(500) // 31 to 40: the third; the mean was above 400 from tick 21 on
		w.wantSaid("31 thrice probe:web firing 500", "36 slow probe:web firing 500")
		probe(200)
		w.wantSaid("41 once probe:web resolved 200", "41 thrice probe:web resolved 200", "45 slow probe:web resolved 400")
		probe(500)
		probe(500)
		probe(200)
		probe(500)
		probe(500)
		w.said = nil
		w.wantAlerts("once probe:web firing", "thrice probe:web pending", "slow probe:web pending")
	})
}

// TestMetricThatIsGone: a disk is unplugged, a figure cannot be had.
func TestMetricThatIsGone(t *testing.T) {
	busy := metricRule("busy", "disk:.*", "utilization_percent", Above, 90, 2*time.Second)
	low := metricRule("low", "disk:.*", "utilization_percent", Below, 5, 2*time.Second)
	low.Consecutive = 20
	rare := metricRule("rare", "probe:.*", "up", Below, 1, time.Second)
	inWorkshop(t, []Rule{busy, low, rare}, func(w *workshop) {
		w.each("disk sda", "utilization_percent", 99, 99, 99)
		w.wantSaid("3 busy disk:sda firing 99")
		delete(w.series, "disk sda")
		w.seconds(3)
		w.wantSaid() // it may be late
		w.each("disk sda", "utilization_percent", 98)
		w.wantAlerts("busy disk:sda firing")
		w.measure("disk sda", traffic.Metric{Name: "reads_per_s", Value: 1}) // without that figure
		w.seconds(13)
		w.wantSaid("20 busy disk:sda resolved 98.5") // three times the four seconds that it was late
		w.wantAlerts()
		w.each("disk sda", "utilization_percent", 99)
		w.wantSaid() // it is new: no window is full
		w.each("disk sda", "utilization_percent", 99)
		w.wantSaid("22 busy disk:sda firing 99")

		w.each("disk sda", "utilization_percent", 1, 1, 1)
		w.wantSaid("23 busy disk:sda resolved 50")
		w.wantAlerts("low disk:sda pending")
		delete(w.series, "disk sda")
		w.seconds(60)
		w.wantSaid()
		w.wantAlerts()

		for range 3 {
			w.measure("probe web", traffic.Metric{Name: "up", Value: 0})
			w.seconds(10)
		}
		w.wantSaid("86 rare probe:web firing 0")
		delete(w.series, "probe web") // it was measured for the last time at tick 106, seen at 115
		w.seconds(21)
		w.wantAlerts("rare probe:web firing")
		w.seconds(15)
		w.wantSaid("146 rare probe:web resolved 0")
	})
}

func TestMetricHoursSilencesRepeats(t *testing.T) {
	hours := metricRule("hours", "memory", "used_percent", Above, 90, 5*time.Second)
	var err error
	if hours.Hours, err = ParseSchedule("12:01-12:02", nil); err != nil {
		t.Fatal(err)
	}
	again := metricRule("again", "memory", "used_percent", Above, 90, time.Second)
	again.Repeat = 30 * time.Second
	inWorkshop(t, []Rule{hours, again}, func(w *workshop) {
		w.measure("memory ", traffic.Metric{Name: "used_percent", Value: 95})
		w.seconds(2)
		w.wantSaid("2 again memory firing 95")
		if err := w.book.Silence(Silence{"again", "memory", w.at.Add(40 * time.Second)}); err != nil {
			t.Fatal(err)
		}
		w.seconds(62)
		w.wantSaid("42 again memory firing 95")
		w.seconds(60)
		w.wantSaid("65 hours memory firing 95", "72 again memory firing 95", "102 again memory firing 95", "120 hours memory resolved 95")
	})
}

// TestMetricsOfRows: apps and commands by themselves, users and the like as sums.
func TestMetricsOfRows(t *testing.T) {
	var rules []Rule
	for _, k := range []Kind{KindApp, KindCommand, KindUser, KindContainer, KindUnit} {
		rules = append(rules, Rule{
			Name: string(k), Subject: Subject{Kind: k, Match: regexp.MustCompile("")}, Metric: "cpu_percent", Condition: Above, Threshold: 25,
		})
	}
	rules = append(rules, appRule("bytes", "", Above, 1000, time.Second))
	inWorkshop(t, rules, func(w *workshop) {
		uses := func(cpu float64, rx uint64) (traffic.Resources, traffic.Usage) {
			return traffic.Resources{CPUPercent: cpu, MemoryBytes: 1 << 20}, traffic.Usage{RxBytes: rx, RxRate: float64(rx)}
		}
		look := func(i uint64, first, second float64) {
			a := traffic.App{Name: "curl"}
			a.Resources, a.Usage = uses(first+second, 2000*i)
			a.RxRate = 2000
			one := traffic.Command{Command: "curl x", User: "ann", Container: "web", Unit: "web.service"}
			one.Resources, _ = uses(first, 0)
			two := traffic.Command{Command: "curl y", User: "ann"}
			two.Resources, _ = uses(second, 0)
			a.Commands = []traffic.Command{one, two}
			w.apps = []traffic.App{a}
			w.tick(time.Second)
		}
		look(0, 20, 10)
		look(1, 20, 10)
		w.wantSaid("2 app curl firing 30", "2 user ann firing 30", "2 bytes curl firing 2000")
		look(2, 40, 10)
		w.wantSaid("3 command curl x firing 40", "3 container web firing 40", "3 unit web.service firing 40")
		app := w.events[0].Alert
		want := (&traffic.Resources{CPUPercent: 30, MemoryBytes: 1 << 20}).Metrics()
		if diff := cmp.Diff(want, app.Metrics); diff != "" || app.App != "curl" || app.Direction != "" {
			t.Errorf("%+v (-want +got):\n%s", app, diff)
		}
		if bytes := w.events[2].Alert; bytes.Metrics != nil || bytes.Direction != "rx" || bytes.Metric != "" {
			t.Errorf("%+v", bytes)
		}
		w.apps = nil
		w.seconds(10)
		w.wantSaid("4 bytes curl resolved 0", // carried nothing; but what it used is not known to be nothing
			"7 app curl resolved 50", "7 command curl x resolved 40", "7 user ann resolved 50",
			"7 container web resolved 40", "7 unit web.service resolved 40")
	})
}

func TestHostileSeries(t *testing.T) {
	every := metricRule("a\x1b", "(?s).*", "x", Above, 10, time.Second)
	inWorkshop(t, []Rule{every}, func(w *workshop) {
		long := make(traffic.Metrics, 0, 5000)
		for i := range 5000 {
			long = long.With(fmt.Sprintf("<%s%d>", strings.Repeat("\"", 300), i), 1)
		}
		long = long.With("x", 11)
		for i, text := range append(hostileTexts(), "a:b", "") {
			w.measure("probe "+text, long...)
			w.measure(fmt.Sprintf("%s %d", strings.ReplaceAll(text, " ", ""), i), traffic.Metric{Name: "x", Value: math.NaN()})
		}
		w.series["none "] = nil
		w.seconds(3)
		if len(w.events) < len(hostileTexts()) {
			t.Fatalf("%d events", len(w.events))
		}
		dir := t.TempDir()
		j := openJournal(t, dir, 0)
		for _, e := range w.events {
			a := e.Alert
			for _, s := range []string{a.Subject, a.Rule, a.Metrics[0].Name} {
				if s != traffic.CleanText(s, traffic.MaxCommand) {
					t.Errorf("%.40q is not clean", s)
				}
			}
			if len(a.Metrics) > maxAlertMetrics || a.Value != 11 {
				t.Errorf("%d metrics, value %v", len(a.Metrics), a.Value)
			}
			if err := j.Append(a); err != nil {
				t.Error(err)
			}
		}
		if got, err := j.Read(nil, 0); err != nil || len(got) != len(w.events) {
			t.Errorf("%d of %d alerts in the journal, %v", len(got), len(w.events), err)
		}
	})
}

func TestSeriesAreForgotten(t *testing.T) {
	r := metricRule("r", ".*", "x", Above, 10, time.Second)
	inWorkshop(t, []Rule{r}, func(w *workshop) {
		for i := range 200 {
			clear(w.series)
			w.each(fmt.Sprintf("probe %d", i), "x", 11)
		}
		clear(w.series)
		w.seconds(25 * 60)
		if n := len(w.book.known) + len(w.book.intakes[0].byKey); n != 0 {
			t.Errorf("%d subjects and rows are known after all are gone", n)
		}
	})
}

// TestMetricThatNeverWas is told of as long as no series that a rule is about has it.
func TestMetricThatNeverWas(t *testing.T) {
	rules := []Rule{
		metricRule("typo", "disk:.*", "await", Above, 20, time.Second),
		metricRule("some", ".*", "await_ms", Above, 20, time.Second),
	}
	inWorkshop(t, rules, func(w *workshop) {
		w.measure("memory ", traffic.Metric{Name: "used_bytes", Value: 1})
		w.measure("disk sda", traffic.Metric{Name: "await_ms", Value: 1}, traffic.Metric{Name: "reads_per_s", Value: 1})
		w.seconds(61)
		want := []string{`rule "typo": disk:sda has no metric "await" so far; it has await_ms, reads_per_s`}
		if diff := cmp.Diff(want, w.book.Troubles()); diff != "" {
			t.Errorf("troubles (-want +got):\n%s", diff)
		}
		w.measure("disk sdb", traffic.Metric{Name: "await", Value: 1})
		w.seconds(60)
		if got := w.book.Troubles(); len(got) != 0 {
			t.Errorf("troubles: %q", got)
		}
	})
}

// TestGaugeIsBounded: a day of ticks with a window of an hour stays small, and its
// mean is about right though the older moments are thinned out.
func TestGaugeIsBounded(t *testing.T) {
	const window = int64(time.Hour)
	m := &meter{windows: []int64{window}, hints: []int{0}, calm: band{math.Inf(-1), math.Inf(1)}}
	var g gauge
	c := clock{ticks: 1}
	var all []float64
	for k := range 24 * 3600 {
		c.before, c.now, c.elapsed = c.now, c.now+1e9, time.Second
		v := 1000 * math.Sin(float64(k)/300)
		if k > 40_000 && k < 45_000 { // sums of this are not to spoil what follows
			v = 1e13 + 1e12*float64(k%7)
		}
		g.advance(v, &c, m, int64(time.Minute))
		c.ticks++
		all = append(all, v)
		if len(g.past.moments) > ringFull || int64(k)*1e9 > window && g.past.moments[0].at > c.now-window {
			t.Fatalf("after %d s: %d moments since %v", k, len(g.past.moments), time.Duration(g.past.moments[0].at))
		}
		if k < 3600 || k%1000 != 0 {
			continue
		}
		var sum float64
		for _, v := range all[len(all)-3600:] {
			sum += v / 3600
		}
		if got, _ := g.mean(c.now-window, 0, &m.hints[0]); math.Abs(got-sum) > 20+math.Abs(sum)/100 {
			t.Errorf("after %d s the mean is %v, want about %v", k, got, sum)
		}
	}
}
