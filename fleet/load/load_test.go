package main

import (
	"context"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"bwmon/fleet"
	"bwmon/traffic"

	"github.com/klauspost/compress/zstd"
)

// stub is a receiver that keeps what it has now and then, and sometimes forgets what it
// has not kept, or all.
type stub struct {
	t        *testing.T
	unpacker *zstd.Decoder
	// wrong is added to a total that is asked for.
	wrong uint64

	mu       sync.Mutex // protects the fields below
	requests int
	flushed  time.Time
	hosts    map[string]*fleet.State
	kept     map[string]fleet.State
	calm     bool // nothing is forgotten any more
}

func newStub(t *testing.T) *stub {
	unpacker, err := zstd.NewReader(nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(unpacker.Close)
	return &stub{t: t, unpacker: unpacker, hosts: make(map[string]*fleet.State), kept: make(map[string]fleet.State)}
}

func (s *stub) serve() *url.URL {
	mux := http.NewServeMux()
	mux.HandleFunc("POST "+fleet.PathPublish, s.publish)
	mux.HandleFunc("GET /hosts/{host}/api/v1/snapshot", s.snapshot)
	mux.HandleFunc("GET /api/v1/history", s.history)
	mux.HandleFunc("GET /hosts/{host}/api/v1/history", s.history)
	server := httptest.NewServer(mux)
	s.t.Cleanup(server.Close)
	u, err := parseReceiver(server.URL)
	if err != nil {
		s.t.Fatal(err)
	}
	return u
}

// rest says that nothing is forgotten any more.
func (s *stub) rest() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calm = true
}

func (s *stub) publish(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests++
	switch {
	case s.requests%61 == 0 && !s.calm: // a crash
		for name, h := range s.hosts {
			*h = s.kept[name]
		}
	case s.requests == 200 && !s.calm: // a new file
		clear(s.hosts)
		clear(s.kept)
	case time.Since(s.flushed) > 50*time.Millisecond:
		s.flushed = time.Now()
		for name, h := range s.hosts {
			s.kept[name] = *h
		}
	case s.requests%29 == 0:
		http.Error(w, "come again", http.StatusServiceUnavailable)
		return
	}
	name := r.Header.Get(fleet.HeaderHost)
	h := s.hosts[name]
	if h == nil {
		h = new(fleet.State)
		s.hosts[name] = h
	}
	status := http.StatusOK
	if len(body) > 0 {
		status = s.apply(name, h, body)
	}
	kept := s.kept[name]
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(fleet.Answer{Have: h.Position, Kept: kept.Position})
}

func (s *stub) apply(name string, h *fleet.State, body []byte) int {
	text, err := s.unpacker.DecodeAll(body, nil)
	if err != nil {
		s.t.Error(err)
	}
	batches, err := fleet.Decode(text, fleet.Limits{})
	if err != nil {
		s.t.Error(err)
		return http.StatusBadRequest
	}
	for _, b := range batches {
		if b.Host != name || !strings.HasPrefix(b.Run, name) {
			s.t.Errorf("run %q of %q comes from %q", b.Run, b.Host, name)
		}
		if _, err := h.Apply(b, fleet.Limits{}); err != nil {
			return http.StatusConflict
		}
	}
	return http.StatusOK
}

func (s *stub) snapshot(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	copied := *s.hosts[r.PathValue("host")].Snapshot
	copied.Apps = slices.Clone(copied.Apps)
	copied.Apps[0].RxBytes += s.wrong
	_ = json.NewEncoder(w).Encode(&copied)
}

func (s *stub) history(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	rows := make(map[string]total)
	for name, h := range s.hosts {
		if of := r.PathValue("host"); of != "" && of != name {
			continue
		}
		if r.FormValue("by") == traffic.ByHost {
			rows[name] = rows[name].add(&h.Snapshot.Interfaces[0].Usage)
			continue
		}
		for i := range h.Snapshot.Apps {
			a := &h.Snapshot.Apps[i]
			rows[a.Name] = rows[a.Name].add(&a.Usage)
		}
	}
	report := traffic.Report{Schema: traffic.SchemaVersion}
	for _, name := range slices.Sorted(maps.Keys(rows)) {
		report.Rows = append(report.Rows, traffic.ReportRow{Name: name, RxBytes: rows[name].rx, TxBytes: rows[name].tx})
	}
	_ = json.NewEncoder(w).Encode(report)
}

// publishTo runs hosts for a moment, and compares.
func publishTo(t *testing.T, o options, stubs ...*stub) (*crowd, int, error) {
	t.Helper()
	for _, s := range stubs {
		o.urls = append(o.urls, s.serve())
	}
	o.apps, o.interval, o.workers, o.prefix, o.fresh = 12, 100*time.Millisecond, 4, "host", 40_000
	c, err := newCrowd(o, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.close)
	during, stop := context.WithTimeout(t.Context(), 2*time.Second)
	defer stop()
	if err := c.run(during); err != nil {
		t.Fatal(err)
	}
	for _, s := range stubs {
		s.rest()
	}
	settling, stop := context.WithTimeout(t.Context(), 30*time.Second)
	defer stop()
	if err := c.settle(settling); err != nil {
		t.Fatal(err)
	}
	n, err := c.verify(t.Context())
	return c, n, err
}

// TestLoadReachesTheReceiver: whatever receivers forget, in the end they have what the
// hosts have.
func TestLoadReachesTheReceiver(t *testing.T) {
	for _, alike := range []int{1, 5} {
		stubs := []*stub{newStub(t), newStub(t)}
		c, n, err := publishTo(t, options{hosts: 21, alike: alike}, stubs...)
		if err != nil {
			t.Errorf("%d alike: %v", alike, err)
		}
		if least := 21 * 12 * 2; n < least {
			t.Errorf("%d alike: %d totals were compared, want at least %d", alike, n, least)
		}
		if f := c.figures.cut(); f.gaps == 0 || f.requests < 300 || len(f.failures) == 0 {
			t.Errorf("%d alike: %d requests, %d gaps, failures %v: want some of each", alike, f.requests, f.gaps, f.failures)
		}
	}
}

// TestLoadFindsWhatDiffers: one byte too much in one row of a receiver is found.
func TestLoadFindsWhatDiffers(t *testing.T) {
	s := newStub(t)
	s.wrong = 1
	if _, _, err := publishTo(t, options{hosts: 3, alike: 1}, s); err == nil {
		t.Error("a byte too much was not found")
	}
}

// TestBooksGrow: sums hold and totals of apps never fall, as those of a host.
func TestBooksGrow(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	b := newBooks("host-00001", 7, 50, 500, now, 10*time.Second)
	former := make(map[string]traffic.Usage)
	changed, ended := 0, 0
	for range 50 {
		now = now.Add(10 * time.Second)
		s := b.at(now)
		var all traffic.Usage
		for i := range s.Apps {
			a := &s.Apps[i]
			var sum total
			for j := range a.Commands {
				sum = sum.add(&a.Commands[j].Usage)
				if a.Commands[j].Command == traffic.CommandsFolded {
					ended++
				}
			}
			if sum != (total{a.RxBytes, a.TxBytes}) {
				t.Fatalf("%s has %d, %d bytes, its commands %+v", a.Name, a.RxBytes, a.TxBytes, sum)
			}
			was := former[a.Name]
			if a.RxBytes < was.RxBytes || a.TxBytes < was.TxBytes {
				t.Fatalf("%s fell from %+v to %+v", a.Name, was, a.Usage)
			}
			if a.RxBytes > was.RxBytes {
				changed++
			}
			former[a.Name] = a.Usage
			all.RxBytes, all.TxBytes = all.RxBytes+a.RxBytes, all.TxBytes+a.TxBytes
		}
		if n := s.Balance; n.LocalRx != all.RxBytes || n.InterfaceRx != s.Interfaces[0].RxBytes ||
			n.InterfaceRx != n.LocalRx+n.UnattributedRx+uint64(n.ResidualRx) {
			t.Fatalf("the balance %+v does not hold: %+v, %+v", n, all, s.Interfaces[0])
		}
	}
	if each := changed / 50; each < 15 || each > 30 || ended == 0 || len(b.apps) < 60 {
		t.Errorf("%d of 50 apps change each time, %d commands have ended, there are %d apps: want about 20, some, more than 60", each, ended, len(b.apps))
	}
}

// TestLoadStaysHere: nobody but this machine is loaded.
func TestLoadStaysHere(t *testing.T) {
	for _, there := range []string{"http://198.51.100.7:8000", "https://127.0.0.1:8000", "http://receiver.example", "http://10.0.0.1:8000", "127.0.0.1:8000"} {
		if _, err := parse([]string{"--url", there}, io.Discard); err == nil {
			t.Errorf("%s is taken", there)
		}
	}
	if o, err := parse([]string{"--url", "http://127.0.0.1:8000", "--url", "http://[::1]:8001"}, io.Discard); err != nil || len(o.urls) != 2 {
		t.Errorf("two receivers of loopback: %v, %v", o.urls, err)
	}
}
