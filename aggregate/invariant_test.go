package aggregate

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"bwmon/traffic"
)

func TestBooksAgreeWithAnIndependentModel(t *testing.T) {
	for name, o := range map[string]Options{
		"roomy": {},
		"tight": {MaxApps: 3, MaxCommands: 2, MaxHosts: 3, MaxRemotes: 3, KeepClosed: 2},
		"rows":  {MaxRows: 5, MaxHosts: 3, MaxRemotes: 5, KeepClosed: 2},
	} {
		for seed := range uint64(8) {
			t.Run(fmt.Sprint(name, seed), func(t *testing.T) { agree(t, o, seed) })
		}
	}
}

func agree(t *testing.T, o Options, seed uint64) {
	filter := Filter{Exclude: regexes(t, "^hidden"), IgnoreLocal: seed%3 == 0}
	o.Filters = map[string]Filter{"one": filter, "two": filter, "three": filter}
	l := newLedger(o)
	m := &model{
		rng: rand.New(rand.NewPCG(seed, 1)), ignore: filter.IgnoreLocal, limited: o.MaxHosts > 0,
		keep: l.opts.KeepClosed, rows: make(map[string]octets), pipes: make(map[string]octets), remotes: make(map[string]octets),
		sources: map[string]*modelSource{"one": {}, "two": {}, "three": {}},
	}
	now := t0
	for range 400 {
		now = now.Add(time.Duration(100+m.rng.IntN(900)) * time.Millisecond)
		source := []string{"one", "two", "three"}[m.rng.IntN(3)]
		l.Book(m.step(source, now))
		switch m.rng.IntN(100) {
		case 0:
			l.Fail(source)
			m.sources[source].failed = true
		case 1:
			l.End(source)
			m.end(source)
			m.sources[source].failed = true
		}
		m.check(t, l, now)
		if t.Failed() {
			return
		}
	}
}

// check compares a snapshot with itself and with the model.
func (m *model) check(t *testing.T, l *Ledger, now time.Time) {
	t.Helper()
	s := l.Tick(now, nil, true)
	rows := make(map[string]octets)
	var total traffic.Usage
	var open int
	for _, a := range s.Apps {
		var commands traffic.Usage
		for _, c := range a.Commands {
			commands = sum(commands, c.Usage)
			rows[a.Name+"|"+c.Command] = rows[a.Name+"|"+c.Command].add(octets{c.RxBytes, c.TxBytes})
			checkFlows(t, c.Command, c.Usage, c.Flows, c.Closed)
		}
		if commands != a.Usage {
			t.Errorf("app %s: %+v, its commands %+v", a.Name, a.Usage, commands)
		}
		total, open = sum(total, a.Usage), open+a.Connections
	}
	for _, h := range s.LANHosts {
		rows["host|"+h.Host.String()] = octets{h.RxBytes, h.TxBytes}
		checkFlows(t, h.Host.String(), h.Usage, h.Flows, h.Closed)
		total, open = sum(total, h.Usage), open+h.Connections
	}
	m.checkRows(t, l, s, rows, total)
	m.checkBeside(t, l, s)

	wantOpen := 0
	for _, f := range m.flows {
		if !f.ended && f.row != "" {
			wantOpen++
		}
	}
	if open != wantOpen {
		t.Errorf("%d connections, want %d", open, wantOpen)
	}
	through := m.forwarded.rx + m.forwarded.tx
	want := traffic.Balance{
		InterfaceRx: m.carried.rx, InterfaceTx: m.carried.tx, LocalRx: m.local.rx, LocalTx: m.local.tx,
		ForwardedRx: through, ForwardedTx: through,
		UnattributedRx: m.unattributed.rx, UnattributedTx: m.unattributed.tx,
		ResidualRx: int64(m.carried.rx) - int64(m.local.rx+through+m.unattributed.rx),
		ResidualTx: int64(m.carried.tx) - int64(m.local.tx+through+m.unattributed.tx),
	}
	if diff := cmp.Diff(want, s.Balance); diff != "" {
		t.Errorf("balance (-want +got):\n%s", diff)
	}
}

func (m *model) checkRows(t *testing.T, l *Ledger, s *traffic.Snapshot, rows map[string]octets, total traffic.Usage) {
	t.Helper()
	var want octets
	for _, o := range m.rows {
		want = want.add(o)
	}
	if got := (octets{total.RxBytes, total.TxBytes}); got != want {
		t.Errorf("all rows: %+v, want %+v", got, want)
	}
	if diff := cmp.Diff(m.rows, rows, cmp.AllowUnexported(octets{})); diff != "" && !m.limited {
		t.Errorf("rows (-want +got):\n%s", diff)
	}
	commands := 0
	for _, a := range s.Apps {
		for _, c := range a.Commands {
			if c.Command != traffic.CommandsFolded {
				commands++
			}
		}
	}
	if commands != l.rows || commands > l.opts.MaxRows {
		t.Errorf("%d commands, counted as %d, want at most %d", commands, l.rows, l.opts.MaxRows)
	}
	if m.limited && (len(l.apps) > l.opts.MaxApps+4 || len(s.LANHosts) > l.opts.MaxHosts+1) {
		t.Errorf("%d apps, %d hosts", len(l.apps), len(s.LANHosts))
	}
	m.checkRate(t, "rows", s, total.RxRate, func(past flowsOf[octets]) octets { return past.rows })
}

func (m *model) checkRate(t *testing.T, what string, s *traffic.Snapshot, got float64, of func(flowsOf[octets]) octets) {
	t.Helper()
	var rate float64
	for _, src := range m.sources {
		if silent := s.At.Sub(src.last).Seconds(); src.span > 0 && !src.failed && (silent <= 5 || silent <= 3*src.span) {
			rate += float64(of(src.past).rx) / src.span
		}
	}
	if math.Abs(rate-got) > 1e-6*(1+rate) {
		t.Errorf("rates of %s sum to %g, want %g", what, got, rate)
	}
}

func checkFlows(t *testing.T, row string, u traffic.Usage, flows []traffic.FlowRow, closed *traffic.Closed) {
	t.Helper()
	var got octets
	for _, f := range flows {
		got = got.add(octets{f.RxBytes, f.TxBytes})
	}
	if closed != nil {
		got = got.add(octets{closed.RxBytes, closed.TxBytes})
	}
	if want := (octets{u.RxBytes, u.TxBytes}); got != want {
		t.Errorf("%s: flows and closed are %+v, the row is %+v", row, got, want)
	}
}
