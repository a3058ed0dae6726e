package history

import (
	"context"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"bwmon/traffic"
)

// long leaves a test out of short runs: it takes its time with the race detector,
// which finds nothing in what one goroutine does.
func long(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("it is long")
	}
}

// openStore opens a history that the test's end closes.
func openStore(t testing.TB, o Options) *Store {
	t.Helper()
	if o.Path == "" {
		o.Path = filepath.Join(t.TempDir(), "history.db")
	}
	if o.Location == nil {
		o.Location = time.UTC
	}
	s, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return s
}

// mustFlush writes what is pending.
func mustFlush(t testing.TB, s *Store) {
	t.Helper()
	if err := s.flush(); err != nil {
		t.Fatal(err)
	}
}

// sums is what a level has of each series, whenever; pending figures too.
func levelSums(t testing.TB, s *Store, l level) map[truthKey]octets {
	t.Helper()
	sums := make(map[truthKey]octets)
	for k := kindApp; k < kinds; k++ {
		if !l.holds(k) {
			continue
		}
		v, err := s.look(context.Background(), k)
		if err != nil {
			t.Fatal(err)
		}
		names, err := v.namer()
		if err != nil {
			t.Fatal(err)
		}
		var list []figure
		all := stretch{l, time.Unix(0, 0), time.Unix(1<<38, 0)}
		if err := v.each(k, all, func(_ int64, figures []figure) { list = append(list, figures...) }); err != nil {
			t.Fatal(err)
		}
		for _, f := range list {
			key := truthKey{kind: k, name: traffic.Others}
			if f.id > 0 {
				if key.name, err = names.name(f.id); err != nil {
					t.Fatal(err)
				}
			}
			if k.grouped() {
				key.app = traffic.Others
				if f.group > 0 {
					if key.app, err = names.app(f.group); err != nil {
						t.Fatal(err)
					}
				}
			}
			sums[key] = sums[key].add(f.octets)
		}
		names.close()
		if err := v.close(); err != nil {
			t.Fatal(err)
		}
	}
	return sums
}

// byKind adds sums up.
func byKind(sums map[truthKey]octets) map[kind]octets {
	added := make(map[kind]octets)
	for key, o := range sums {
		added[key.kind] = added[key.kind].add(o)
	}
	return added
}

// without0 leaves out what is nothing.
func without0(sums map[truthKey]octets) map[truthKey]octets {
	kept := make(map[truthKey]octets)
	for key, o := range sums {
		if o != (octets{}) {
			kept[key] = o
		}
	}
	return kept
}

func only(sums map[truthKey]octets, of ...kind) map[truthKey]octets {
	kept := make(map[truthKey]octets)
	for key, o := range sums {
		if slices.Contains(of, key.kind) {
			kept[key] = o
		}
	}
	return kept
}

// inspect fails the test where a file is not as it should be.
func inspect(t testing.TB, path string) Inspection {
	t.Helper()
	i, err := Inspect(context.Background(), path)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range i.Problems {
		t.Errorf("inspect: %s", p)
	}
	return i
}

func report(t testing.TB, s *Store, q traffic.Query) *traffic.Report {
	t.Helper()
	r, err := s.Report(context.Background(), q)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// machine is one that carries what a test says.
type machine struct {
	at      time.Time
	elapsed float64
	rows    traffic.Snapshot
}

func newMachine(at time.Time) *machine { return &machine{at: at} }

// carry adds to a command's totals.
func (m *machine) carry(app, command string, rx, tx uint64) {
	i := slices.IndexFunc(m.rows.Apps, func(a traffic.App) bool { return a.Name == app })
	if i < 0 {
		i = len(m.rows.Apps)
		m.rows.Apps = append(m.rows.Apps, traffic.App{Name: app})
	}
	a := &m.rows.Apps[i]
	j := slices.IndexFunc(a.Commands, func(c traffic.Command) bool { return c.Command == command })
	if j < 0 {
		j = len(a.Commands)
		a.Commands = append(a.Commands, traffic.Command{Command: command, User: "root"})
	}
	a.Commands[j].RxBytes += rx
	a.Commands[j].TxBytes += tx
}

// link adds to an interface's totals.
func (m *machine) link(name string, rx, tx uint64) {
	i := slices.IndexFunc(m.rows.Interfaces, func(l traffic.Interface) bool { return l.Name == name })
	if i < 0 {
		i = len(m.rows.Interfaces)
		m.rows.Interfaces = append(m.rows.Interfaces, traffic.Interface{Name: name})
	}
	l := &m.rows.Interfaces[i]
	l.RxBytes += rx
	l.TxBytes += tx
	l.RxPackets++
}

// after makes time pass, on all clocks.
func (m *machine) after(d time.Duration) *machine {
	m.at, m.elapsed = m.at.Add(d), m.elapsed+d.Seconds()
	return m
}

// snapshot is what there is now. It shares nothing with m.
func (m *machine) snapshot() *traffic.Snapshot {
	s := m.rows
	s.Schema, s.At, s.Elapsed = traffic.SchemaVersion, m.at, m.elapsed
	s.Apps, s.Interfaces, s.Series = slices.Clone(s.Apps), slices.Clone(s.Interfaces), slices.Clone(s.Series)
	for i := range s.Apps {
		s.Apps[i].Commands = slices.Clone(s.Apps[i].Commands)
	}
	return &s
}

// now is a clock that shows the machine's time.
func (m *machine) now() time.Time { return m.at }

// rowOf finds a report's row.
func rowOf(t testing.TB, r *traffic.Report, name string) traffic.ReportRow {
	t.Helper()
	for _, row := range r.Rows {
		if row.Name == name {
			return row
		}
	}
	t.Fatalf("no row %q in %+v", name, r.Rows)
	return traffic.ReportRow{}
}
