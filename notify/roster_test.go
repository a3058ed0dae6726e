package notify

import (
	"fmt"
	"net/netip"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"bwmon/traffic"
)

// TestTotalsThatFall: what was folded away and began anew carried what it shows;
// what lost bytes to another row carried nothing.
func TestTotalsThatFall(t *testing.T) {
	r := appRule("cap", "", Above, 1000, time.Second)
	inBubble(t, Options{Rules: []Rule{r}}, func(h *household) {
		h.rates["a"], h.rates["b"] = 900, 100
		h.seconds(10)
		h.totals["a"] = octets{}
		h.totals["b"] = octets{5_000_000, 1000} // learned late whose these are
		h.seconds(1)
		h.totals["b"] = octets{4_000_000, 0}
		h.seconds(10)
		h.wantSaid("11 cap b firing 1", "12 cap b resolved 1")
	})
}

// TestFoldedRows: what a row took over from others was not carried now.
func TestFoldedRows(t *testing.T) {
	r := appRule("cap", "", Above, 1000, time.Second)
	inBubble(t, Options{Rules: []Rule{r}}, func(h *household) {
		h.rates["a"] = 900
		h.seconds(10)
		h.rates[traffic.AppOther] = 100
		h.totals[traffic.AppOther] = octets{1 << 30, 1 << 30}
		h.seconds(5)
		h.totals[traffic.AppOther] = octets{2 << 30, 2 << 30}
		h.seconds(5)
		h.wantSaid()
	})
}

// TestPipesThatAreFolded: what the folded row took over was not carried now, and
// a pipe that is back after that carried what it shows.
func TestPipesThatAreFolded(t *testing.T) {
	r := appRule("cap", "", Above, 1000, time.Second)
	r.Subject.Kind = KindPipe
	book := NewBook(Options{Rules: []Rule{r}, Location: time.UTC})
	now := time.Now()
	var said []string
	look := func(pipes ...traffic.PipeRow) {
		now = now.Add(time.Second)
		for _, e := range book.Tick(now, &traffic.Snapshot{At: now, Pipes: pipes}) {
			a := e.Alert
			said = append(said, fmt.Sprintf("%s %s %q %s %v", a.Kind, a.Subject, a.App, a.State, a.Value))
		}
	}
	row := func(name string, rx uint64, rate float64) traffic.PipeRow {
		return traffic.PipeRow{Name: name, Usage: traffic.Usage{RxBytes: rx, RxRate: rate}}
	}
	look(row("backup", 1<<30, 0)) // carried before anybody looked
	look(row("backup", 1<<30, 0))
	look(row("backup", 1<<30, 0), row(traffic.PipesFolded, 1<<30, 0))
	look(row("backup", 1<<30, 0), row(traffic.PipesFolded, 1<<31, 0))
	look(row(traffic.PipesFolded, 3<<30, 0))
	if diff := cmp.Diff([]string(nil), said); diff != "" {
		t.Errorf("nothing was carried (-want +got):\n%s", diff)
	}
	look(row("backup", 2000, 2000), row(traffic.PipesFolded, 3<<30+5000, 3000))
	look(row("backup", 4000, 2000), row(traffic.PipesFolded, 3<<30+8000, 3000))
	want := []string{`pipe (other pipes) "" firing 3000`, `pipe backup "backup" firing 2000`}
	if diff := cmp.Diff(want, said); diff != "" {
		t.Errorf("said (-want +got):\n%s", diff)
	}
}

// TestSubjectsOfCommandsAndHosts: the sum of a user's commands falls when one is folded away, but
// the user did not begin anew.
func TestSubjectsOfCommandsAndHosts(t *testing.T) {
	every := regexp.MustCompile("")
	var rules []Rule
	for _, k := range []Kind{KindCommand, KindUser, KindContainer, KindUnit, KindLANHost, KindInterface, KindPipe} {
		rules = append(rules, Rule{
			Name: string(k), Subject: Subject{Kind: k, Match: every}, Direction: Total, Condition: Above, Threshold: 250,
		})
	}
	book := NewBook(Options{Rules: rules, Location: time.UTC})
	now := time.Now()
	usage := func(i, rate uint64) traffic.Usage {
		return traffic.Usage{RxBytes: 1e9 + i*rate, TxBytes: i * rate, RxRate: float64(rate), TxRate: float64(rate)}
	}
	var said []string
	for i := range uint64(4) {
		now = now.Add(time.Second)
		s := &traffic.Snapshot{At: now}
		commands := []traffic.Command{
			{Command: "curl x", User: "ann", Container: "web", Unit: "web.service", Usage: usage(i, 100)},
			{Command: "curl y", User: "ann", Usage: usage(i, 50)},
		}
		if i < 2 {
			commands = append(commands, traffic.Command{Command: "old", User: "ann", Usage: usage(0, 0)})
		}
		s.Apps = []traffic.App{
			{Name: "curl", Usage: usage(i, 150), Commands: commands},
			{Name: "pipe-80:b:8080", Usage: usage(i, 1000)}, // a program's own name is no pipe
		}
		s.Pipes = []traffic.PipeRow{{Name: "backup", Usage: usage(i, 100)}, {Name: "pipe-80:b:8080", Usage: usage(i, 200)}}
		s.LANHosts = []traffic.LANHost{{Host: netip.MustParseAddr("2001:db8::1"), Usage: usage(i, 200)}}
		s.Interfaces = []traffic.Interface{{Name: "eth0", Usage: usage(i, 200)}, {Name: "eth0", Usage: usage(i, 100)}}
		for _, e := range book.Tick(now, s) {
			a := e.Alert
			said = append(said, fmt.Sprint(i, " ", a.Rule, " ", a.Kind, " ", a.Subject, " ", a.State, " ", a.Value))
		}
	}
	want := []string{
		"1 user user ann firing 300", "1 lan_host lan_host 2001:db8::1 firing 400",
		"1 interface interface eth0 firing 600", "1 pipe pipe pipe-80:b:8080 firing 400",
	}
	if diff := cmp.Diff(want, said); diff != "" {
		t.Errorf("said (-want +got):\n%s", diff)
	}
}

// TestHostileNames pass through clean, and are found again in the next tick.
func TestHostileNames(t *testing.T) {
	r := appRule("cap\x1b[2J\r\n", "", Above, 10, time.Second)
	inBubble(t, Options{Host: "gw\n", Rules: []Rule{r}}, func(h *household) {
		for _, name := range []string{"\x1b]0;x\a", "a\r\nBcc: x@y", "\u202egnp", "\xff\xfe", strings.Repeat("x", 10_000), ""} {
			h.rates[name] = 100
		}
		h.seconds(10)
		if len(h.events) != 6 {
			t.Errorf("%d events, want one for each name: %q", len(h.events), h.said)
		}
		for _, e := range h.events {
			for _, s := range []string{e.Alert.Subject, e.Alert.App, e.Alert.Rule, e.Alert.Host} {
				if s != traffic.CleanText(s, traffic.MaxCommand) {
					t.Errorf("%q is not clean", s)
				}
			}
		}
	})
}

func TestMemoryIsBounded(t *testing.T) {
	r := appRule("cap", "^app", Above, 1e9, 5*time.Second)
	inBubble(t, Options{Rules: []Rule{r}, MaxSubjects: 50}, func(h *household) {
		for i := range 20 * 60 { // a new app every second, which is gone after another
			clear(h.rates)
			h.rates[fmt.Sprint("app", i)], h.rates[fmt.Sprint("b", i)] = 100, 100
			h.totals = map[string]octets{}
			h.seconds(1)
			if n := len(h.book.watched); n > 50 {
				t.Fatalf("%d subjects after %d s", n, i)
			}
		}
		if n := len(h.book.intakes[0].rows); n > 3000 {
			t.Errorf("%d rows are remembered", n)
		}
		clear(h.rates)
		for i := range 60 {
			h.rates[fmt.Sprint("app-b", i)] = 100
		}
		h.seconds(130)
		if got := h.book.Troubles(); len(got) != 1 || !strings.HasPrefix(got[0], "10 rows that rules match are not watched") {
			t.Errorf("troubles: %q", got)
		}
		clear(h.rates)
		h.seconds(25 * 60)
		if n := len(h.book.known) + len(h.book.intakes[0].byKey); n != 0 {
			t.Errorf("%d subjects and rows are known after all are gone", n)
		}
	})
}

// TestTickAllocatesNothing while nothing changes, and while only totals do.
func TestTickAllocatesNothing(t *testing.T) {
	for name, rate := range map[string]uint64{"idle": 0, "moving": 1000} {
		book := NewBook(Options{Rules: twentyRules(1 << 40)})
		s := &traffic.Snapshot{Apps: make([]traffic.App, 100)}
		for i := range s.Apps {
			s.Apps[i].Name = fmt.Sprint("app", i)
		}
		now := time.Now()
		tick := func() {
			now = now.Add(time.Second)
			s.At = now
			for i := range s.Apps {
				s.Apps[i].RxBytes += rate
				s.Apps[i].RxRate = float64(rate)
			}
			book.Tick(now, s)
		}
		for range 200 {
			tick()
		}
		if n := testing.AllocsPerRun(100, tick); n != 0 {
			t.Errorf("%s: %v allocations a tick", name, n)
		}
	}
}
