package web

import (
	"math"
	"net/http"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"bwmon/traffic"
)

// same compares what is in the document.
var same = cmp.Options{
	cmp.Comparer(func(a, b time.Time) bool { return a.Equal(b) }),
	cmpopts.EquateComparable(netip.Addr{}, netip.AddrPort{}),
	cmpopts.EquateEmpty(),
}

func decode(t *testing.T, text string) *traffic.Snapshot {
	t.Helper()
	s, err := traffic.DecodeSnapshot([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestSnapshotIsWhatWasPublished(t *testing.T) {
	s := open(t, Options{}, Access{})
	early := s.get("/api/v1/snapshot").want(t, http.StatusServiceUnavailable)
	if early.Header.Get("Retry-After") != "1" {
		t.Errorf("Retry-After is %q", early.Header.Get("Retry-After"))
	}
	for tick := range 3 {
		s.Publish(withFlows(tick))
		got := s.get("/api/v1/snapshot").want(t, http.StatusOK)
		if got.Header.Get("Content-Type") != "application/json" {
			t.Errorf("it is %q", got.Header.Get("Content-Type"))
		}
		if diff := cmp.Diff(typical(tick), decode(t, got.body), same); diff != "" {
			t.Fatalf("tick %d (-want +got):\n%s", tick, diff)
		}
		got = s.get("/api/v1/snapshot?flows=1").want(t, http.StatusOK)
		if diff := cmp.Diff(withFlows(tick), decode(t, got.body), same); diff != "" {
			t.Fatalf("tick %d, with flows (-want +got):\n%s", tick, diff)
		}
	}
	if text := s.get("/api/v1/snapshot").body; strings.Count(text, "\n") != 1 {
		t.Errorf("the document has %d line ends, want one", strings.Count(text, "\n"))
	}
}

// TestFlowsAreAskedFor: flows are wanted as long as somebody reads them, and who asks
// first waits for them.
func TestFlowsAreAskedFor(t *testing.T) {
	var wanted, asked atomic.Int64
	s := open(t, Options{WantFlows: func() func() {
		asked.Add(1)
		wanted.Add(1)
		return func() { wanted.Add(-1) }
	}}, Access{})
	s.flows.linger = 50 * time.Millisecond
	s.Publish(typical(1))
	s.get("/api/v1/snapshot").want(t, http.StatusOK)
	if asked.Load() != 0 {
		t.Fatal("flows are asked for, and nobody reads them")
	}
	// askFor asks for flows while snapshots come.
	askFor := func(snapshot *traffic.Snapshot) answer {
		t.Helper()
		got := make(chan answer, 1)
		go func() { got <- s.get("/api/v1/snapshot?flows=1") }()
		eventually(t, "flows are wanted", func() bool { return wanted.Load() == 1 })
		for end := time.Now().Add(patience); ; {
			if time.Now().After(end) {
				t.Fatalf("no answer in %v", patience)
			}
			select {
			case a := <-got:
				return a.want(t, http.StatusOK)
			case <-time.After(5 * time.Millisecond):
				s.Publish(snapshot)
			}
		}
	}
	if diff := cmp.Diff(withFlows(3), decode(t, askFor(withFlows(3)).body), same); diff != "" {
		t.Fatalf("(-want +got):\n%s", diff)
	}
	eventually(t, "flows are no longer wanted", func() bool { return wanted.Load() == 0 })
	if asked.Load() != 1 {
		t.Errorf("asked for flows %d times, want once", asked.Load())
	}
	// A host without flows answers, too.
	s.Publish(empty(4))
	if diff := cmp.Diff(empty(4), decode(t, askFor(empty(4)).body), same); diff != "" {
		t.Fatalf("(-want +got):\n%s", diff)
	}
	// Two who read: the first that goes ends nothing.
	one, two := s.flows.hold(), s.flows.hold()
	one()
	one()
	time.Sleep(2 * s.flows.linger)
	if wanted.Load() != 1 {
		t.Errorf("%d want flows, and one reads them", wanted.Load())
	}
	two()
	s.Close()
	if wanted.Load() != 0 {
		t.Errorf("%d want flows after the end", wanted.Load())
	}
}

func TestWrongParameters(t *testing.T) {
	s := open(t, Options{}, Access{})
	s.Publish(typical(1))
	for _, path := range []string{
		"/api/v1/snapshot?flows=yes", "/api/v1/snapshot?flow=1", "/api/v1/snapshot?flows=1&flows=0",
		"/api/v1/stream?flows=2", "/api/v1/monitors?x=1", "/api/v1/alerts?x=1", "/api/v1/openapi.json?x=1",
	} {
		a := s.get(path).want(t, http.StatusBadRequest)
		if a.Header.Get("Content-Type") != "application/problem+json" {
			t.Errorf("%s: %s", path, a.Header.Get("Content-Type"))
		}
	}
}

// TestNoSuchNumber: figures that JSON has no words for are an error, and the next
// tick is fine again.
func TestNoSuchNumber(t *testing.T) {
	s := open(t, Options{}, Access{})
	bad := typical(1)
	bad.Apps[0].RxRate = math.NaN()
	s.Publish(bad)
	s.get("/api/v1/snapshot").want(t, http.StatusInternalServerError)
	events := s.stream("/api/v1/stream")
	s.Publish(typical(2))
	s.get("/api/v1/snapshot").want(t, http.StatusOK)
	if got := events.next(); got.id != typical(2).At.Format(time.RFC3339Nano) {
		t.Errorf("the first event is %q", got.id)
	}
}
