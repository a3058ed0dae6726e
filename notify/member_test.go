package notify

import (
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"bwmon/traffic"
)

func onHosts(name, app, host string, c Comparison, threshold float64, window time.Duration) Rule {
	r := appRule(name, app, c, threshold, window)
	r.Subject.Host = regexp.MustCompile(host)
	return r
}

func hostRule(name, match string, c Comparison, threshold float64, window time.Duration) Rule {
	r := appRule(name, match, c, threshold, window)
	r.Subject.Kind = KindHost
	return r
}

func silentRule(name, match string, after time.Duration) Rule {
	return Rule{
		Name: name, Subject: Subject{Kind: KindHost, Match: regexp.MustCompile(match)}, Metric: MetricSilent,
		Condition: Above, Threshold: after.Seconds(),
	}
}

// TestRulesOfAFleet: an app on each host, all hosts' sum of it, and a host's interfaces.
func TestRulesOfAFleet(t *testing.T) {
	rules := []Rule{
		onHosts("each", "^Backup$", "^web-", Above, 1000, time.Minute),
		appRule("sum", "^Backup$", Above, 3500, time.Minute),
		hostRule("link", "^web-", Above, 4000, time.Minute),
	}
	inFleet(t, Options{Rules: rules}, func(f *fleet) {
		f.host("web-1", map[string]float64{"Backup": 900, "video": 100})
		two := f.host("web-2", map[string]float64{"Backup": 1100, "Backup2": 5000})
		f.host("db-1", map[string]float64{"Backup": 1900})
		f.seconds(130)
		f.wantAlerts("each Backup on web-2 firing", "sum Backup firing", "link web-2 firing")
		e := f.events[slices.IndexFunc(f.events, func(e Event) bool { return e.Alert.Rule == "each" })].Alert
		want := Alert{
			ID: e.ID, Host: "tower", Rule: "each", Kind: "app", Subject: "Backup on web-2", State: StateFiring, App: "Backup", Member: "web-2",
			Direction: "rx", Condition: "above", Value: 1100, Threshold: 1000, Window: 60, Since: e.Since, At: e.At, Count: 1,
		}
		if diff := cmp.Diff(want, e); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		for _, a := range SnapshotAlerts(f.book.Alerts()) {
			if got := map[string]string{"each": "web-2", "sum": "", "link": "web-2"}[a.Rule]; a.Host != got {
				t.Errorf("%s: host %q, want %q", a.Rule, a.Host, got)
			}
		}
		f.said = nil
		two.rates = map[string]float64{"Backup": 100}
		f.seconds(61)
		f.wantAlerts()
		if len(f.said) != 3 {
			t.Errorf("said %q", f.said)
		}
	})
}

// TestShortWindowsOfAFleet: a window that is shorter than the time between two reports
// is neither empty between them nor full of all of it at one.
func TestShortWindowsOfAFleet(t *testing.T) {
	rules := []Rule{
		onHosts("above", "", "", Above, 900, time.Second),
		onHosts("much", "", "", Above, 1100, time.Second),
		onHosts("below", "", "", Below, 500, 2*time.Second),
	}
	inFleet(t, Options{Rules: rules}, func(f *fleet) {
		h := f.host("web-1", map[string]float64{"Backup": 1000})
		f.seconds(100)
		f.wantSaid("10 above Backup on web-1 firing")
		h.rates["Backup"] = 100
		f.seconds(100)
		f.wantSaid("110 above Backup on web-1 resolved", "110 below Backup on web-1 firing")
	})
}

// TestSilentHosts: who is silent is told of, and nothing else is said of it until it
// reports again, be it what it carried meanwhile.
func TestSilentHosts(t *testing.T) {
	rules := []Rule{
		silentRule("silent", "^web-", 2*time.Minute),
		onHosts("cap", "^Backup$", "", Above, 2000, time.Minute),
		onHosts("floor", "^Backup$", "", Below, 500, time.Minute),
		hostRule("link", "", Above, 2500, time.Minute),
	}
	inFleet(t, Options{Rules: rules}, func(f *fleet) {
		one, two := f.host("web-1", map[string]float64{"Backup": 1000}), f.host("web-2", map[string]float64{"Backup": 3000})
		f.host("db-1", map[string]float64{"Backup": 1000}).silent = true
		f.seconds(100)
		f.wantAlerts("cap Backup on web-2 firing", "link web-2 firing")
		f.said = nil
		one.silent, two.silent = true, true
		f.seconds(120)
		f.wantSaid()
		f.seconds(600)
		f.wantSaid("221 silent web-1 firing", "221 silent web-2 firing")
		f.wantAlerts("silent web-1 firing", "silent web-2 firing", "cap Backup on web-2 firing", "link web-2 firing")
		one.silent, two.silent = false, false
		one.waiting, two.waiting = 40, 40 // and what they send first is old
		f.seconds(1)
		f.wantSaid("821 silent web-1 resolved", "821 silent web-2 resolved")
		f.seconds(130)
		f.wantSaid()
		f.wantAlerts("cap Backup on web-2 firing", "link web-2 firing")
		two.rates["Backup"] = 0
		f.seconds(130)
		f.wantAlerts("floor Backup on web-2 firing")
		delete(f.hosts, "web-2") // it was revoked
		f.said = nil
		f.seconds(20)
		f.wantSaid("1082 floor Backup on web-2 resolved")
		f.wantAlerts()
	})
}

// TestHoursOfSilentHosts: what stays as it is, is told of again, and ends with the hours.
func TestHoursOfSilentHosts(t *testing.T) {
	r := hostRule("link", "", Above, 500, time.Second)
	r.Repeat = time.Minute
	var err error
	if r.Hours, err = ParseSchedule("11:00-12:04", time.UTC); err != nil {
		t.Fatal(err)
	}
	inFleet(t, Options{Rules: []Rule{r}}, func(f *fleet) {
		h := f.host("web-1", map[string]float64{"Backup": 1000})
		f.seconds(30)
		h.silent = true
		f.seconds(300)
		f.wantSaid("10 link web-1 firing", "70 link web-1 firing", "130 link web-1 firing", "190 link web-1 firing", "240 link web-1 resolved")
	})
}

// TestIdleHosts: what comes after a long idle time is not spread over that.
func TestIdleHosts(t *testing.T) {
	inFleet(t, Options{Rules: []Rule{onHosts("cap", "", "", Above, 1500, time.Minute)}}, func(f *fleet) {
		h := f.host("web-1", map[string]float64{"Backup": 1000})
		f.seconds(100)
		h.rates["Backup"] = 0
		f.seconds(600)
		f.wantSaid()
		h.rates["Backup"] = 10_000
		f.seconds(60)
		f.wantSaid("710 cap Backup on web-1 firing")
		h.rates["Backup"] = 0
		f.seconds(60)
		f.wantSaid("820 cap Backup on web-1 resolved")
	})
}

// TestAlwaysBehind: a host that has always something to send is judged after a while.
func TestAlwaysBehind(t *testing.T) {
	inFleet(t, Options{Rules: []Rule{hostRule("link", "", Above, 1500, time.Minute)}}, func(f *fleet) {
		h := f.host("web-1", map[string]float64{"Backup": 2000})
		for range 750 {
			h.waiting = 3
			f.seconds(1)
		}
		f.wantSaid("662 link web-1 firing")
	})
}

// TestMetricsOfHosts are those of their series.
func TestMetricsOfHosts(t *testing.T) {
	r := silentRule("behind", "^web-", 0)
	r.Metric, r.Threshold = "waiting", 100
	inFleet(t, Options{Rules: []Rule{r}}, func(f *fleet) {
		h := f.host("web-1", nil)
		f.host("db-1", nil).waiting = 1000
		f.seconds(5)
		f.wantSaid()
		h.waiting = 1000
		f.seconds(3)
		f.wantSaid("6 behind web-1 firing")
		got := f.events[0].Alert
		if got.Member != "web-1" || got.Kind != "host" || len(got.Metrics) != 2 {
			t.Errorf("%+v", got)
		}
		delete(f.hosts, "web-1")
		f.seconds(10)
		f.wantSaid("12 behind web-1 resolved")
	})
}

// TestQuotasOfHosts: what a host had used before it was known is in none, and a restart
// forgets nothing.
func TestQuotasOfHosts(t *testing.T) {
	link := hostRule("link", "^web-", Quota, 0, 0)
	link.Quota = Allowance{Bytes: 100_000, Period: Day}
	each := onHosts("each", "^Backup$", "^web-", Quota, 0, 0)
	each.Quota = Allowance{Bytes: 50_000, Period: Day, Levels: []float64{1}}
	store := &memoryStore{}
	o := Options{Rules: []Rule{link, each}, Quotas: store}
	inFleet(t, o, func(f *fleet) {
		f.host("web-1", map[string]float64{"Backup": 1000})
		f.host("db-1", map[string]float64{"Backup": 1000})
		f.seconds(61)
		f.wantSaid("50 each Backup on web-1 firing")
		late := f.host("web-2", map[string]float64{"Backup": 100})
		late.totals["Backup"], late.all = 1<<40, 1<<40
		f.seconds(10)
		f.wantSaid()
		if err := f.book.Save(); err != nil {
			t.Fatal(err)
		}
		o.Host, o.Location = "tower", time.UTC
		f.book = NewBook(o)
		f.seconds(1)
		f.wantAlerts("each Backup on web-1 firing")
		f.seconds(10)
		f.wantSaid("80 link web-1 firing")
		used := make(map[string]uint64)
		for key, u := range f.book.usages {
			used[f.book.rules[key.rule].Name+" "+key.who.title()] = u.bytes
		}
		want := map[string]uint64{"link web-1": 80_000, "each Backup on web-1": 80_000, "link web-2": 2000, "each Backup on web-2": 2000}
		if diff := cmp.Diff(want, used); diff != "" {
			t.Errorf("used (-want +got):\n%s", diff)
		}
	})
}

// TestFoldedMembers: an app that a host is folded away from, and has again.
func TestFoldedMembers(t *testing.T) {
	quota := onHosts("quota", "^Backup$", "", Quota, 0, 0)
	quota.Quota = Allowance{Bytes: 1 << 40, Period: Day}
	inFleet(t, Options{Rules: []Rule{quota, onHosts("cap", "", "", Above, 1500, 30*time.Second)}}, func(f *fleet) {
		h := f.host("web-1", map[string]float64{"Backup": 1000})
		f.seconds(100)
		total := h.totals["Backup"]
		delete(h.totals, "Backup")
		h.rates = map[string]float64{traffic.AppOther: 1000}
		h.totals[traffic.AppOther] = total
		f.seconds(100)
		delete(h.totals, traffic.AppOther) // what it took over stays there
		h.rates = map[string]float64{"Backup": 1000}
		f.seconds(100)
		f.wantSaid()
		for _, u := range f.book.usages {
			if u.bytes != 200_000 {
				t.Errorf("%d bytes in 200 s", u.bytes)
			}
		}
	})
}

// TestHostsOfASingleMachine: it has none, and its rows are no members.
func TestHostsOfASingleMachine(t *testing.T) {
	rules := []Rule{onHosts("each", "", "", Above, 1, time.Second), hostRule("link", "", Above, 1, time.Second), silentRule("silent", "", 0)}
	inBubble(t, Options{Rules: rules}, func(h *household) {
		h.rates["a"] = 1000
		h.seconds(10)
		h.wantSaid()
		if len(h.book.known) != 0 || h.book.Troubles() != nil {
			t.Errorf("known %v, troubles %v", h.book.known, h.book.Troubles())
		}
	})
}

// TestHostileNamesOfHosts come clean to those who are told.
func TestHostileNamesOfHosts(t *testing.T) {
	rules := []Rule{onHosts("each", "", "", Above, 1, time.Second), hostRule("link", "", Above, 1, time.Second), silentRule("silent", "", time.Hour)}
	inFleet(t, Options{Rules: rules}, func(f *fleet) {
		for _, text := range hostileTexts() {
			f.host(text, map[string]float64{text: 1000})
		}
		f.seconds(30)
		if n, want := len(f.events), 2*len(hostileTexts()); n != want {
			t.Errorf("%d alerts, want %d", n, want)
		}
		for _, e := range f.events {
			for _, text := range []string{e.Alert.Subject, e.Alert.App, e.Alert.Member} {
				if strings.ContainsAny(text, "\x00\x07\x1b\r\n\u202e") || len(text) > 2*traffic.MaxCommand+10 {
					t.Errorf("told %.100q", text)
				}
			}
		}
	})
}

// TestSumsOfSilentHosts: what a host that was silent had carried meanwhile is no peak of the
// sum, be it sent at once or in pieces; a peak of others at that time is one.
func TestSumsOfSilentHosts(t *testing.T) {
	for _, waiting := range []uint64{0, 40} {
		inFleet(t, Options{Rules: []Rule{appRule("sum", "^video$", Above, 3500, time.Minute)}}, func(f *fleet) {
			one := f.host("web-1", map[string]float64{"video": 1000})
			two := f.host("web-2", map[string]float64{"video": 1000})
			f.host("web-3", map[string]float64{"video": 1000})
			f.seconds(100)
			one.silent = true
			f.seconds(600)
			one.silent, one.waiting = false, waiting
			f.seconds(200)
			f.wantSaid()
			one.silent = true
			f.seconds(600)
			one.silent, one.waiting = false, waiting
			two.rates["video"] = 2000
			f.seconds(70)
			f.wantAlerts("sum video firing")
			two.rates["video"] = 1000
			f.seconds(70)
			f.wantAlerts()
		})
	}
}

// TestIdleSums: a sum that nobody added to for long, and then somebody who was silent.
func TestIdleSums(t *testing.T) {
	rules := []Rule{appRule("some", "^video$", Above, 800, time.Minute), appRule("sum", "^video$", Above, 1500, time.Minute)}
	inFleet(t, Options{Rules: rules}, func(f *fleet) {
		h := f.host("web-1", map[string]float64{"video": 10})
		f.seconds(100)
		h.rates["video"] = 0
		f.seconds(600)
		h.silent, h.rates["video"] = true, 1000
		f.seconds(600)
		h.silent = false
		f.seconds(100)
		f.wantSaid("1301 some video firing")
		h.rates["video"] = 2000
		f.seconds(70)
		f.wantAlerts("some video firing", "sum video firing")
	})
}
