package history

import (
	"context"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"bwmon/traffic"
)

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

// byKind adds sums up; of commands by their apps if apart is set.
func byKind(sums map[truthKey]octets, apart bool) map[truthKey]octets {
	added := make(map[truthKey]octets)
	for key, o := range sums {
		key.name = ""
		if !apart {
			key.app = ""
		}
		added[key] = added[key].add(o)
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
