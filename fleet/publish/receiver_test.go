package publish

import (
	"encoding/json"
	"errors"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"sync"
	"testing"
	"time"

	"bwmon/fleet"

	"github.com/klauspost/compress/zstd"
)

// books are the totals of each run of a host.
type books map[string]map[fleet.Key]total

// receiver is one that is exact, whatever befalls it.
type receiver struct {
	t      *testing.T
	server *httptest.Server

	mu          sync.Mutex // protects the fields below
	state, kept fleet.State
	have, sure  books // of state, of kept
	bodies      [][]byte
	requests    int
	batches     int
	errors      []error
	seen        []http.Header
	// meddle is asked before each request; true: it has answered.
	meddle func(w http.ResponseWriter, body []byte) bool
	// refuse says what is wrong with a batch.
	refuse func(*fleet.Batch) error
}

func newReceiver(t *testing.T) *receiver {
	t.Helper()
	r := &receiver{t: t, have: books{}, sure: books{}}
	r.server = httptest.NewTLSServer(r)
	t.Cleanup(func() {
		r.server.Close()
		r.mu.Lock()
		defer r.mu.Unlock()
		if !t.Failed() && len(r.errors) > 0 {
			t.Errorf("the receiver was sent what cannot be: %v", r.errors)
		}
	})
	return r
}

// sender is one to r that gives up soon.
func (r *receiver) sender(t *testing.T, o HTTPOptions) *HTTP {
	t.Helper()
	o.URL, o.Host, o.Version = r.server.URL, "gw", "test"
	if o.Client == nil {
		client := r.server.Client()
		o.Client = func() (*http.Client, error) { return client, nil }
	}
	h, err := NewHTTP(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(h.Close)
	return h
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	body, err := io.ReadAll(q.Body)
	if err != nil {
		return // it was cut
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.requests++
	r.seen = append(r.seen, q.Header.Clone())
	if q.URL.Path != fleet.PathPublish || q.Method != http.MethodPost || q.Header.Get(fleet.HeaderHost) != "gw" ||
		len(body) > 0 && q.Header.Get("Content-Encoding") != "zstd" {
		r.errors = append(r.errors, errors.New("a request that is none: "+q.URL.Path))
	}
	if r.meddle != nil && r.meddle(w, body) {
		return
	}
	r.answer(w, r.apply(body))
}

// apply takes what a body holds. The caller holds mu.
func (r *receiver) apply(body []byte) error {
	if len(body) == 0 {
		return nil
	}
	unpacker, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1))
	if err != nil {
		return err
	}
	defer unpacker.Close()
	text, err := unpacker.DecodeAll(body, nil)
	if err != nil {
		return err
	}
	batches, err := fleet.Decode(text, fleet.Limits{})
	if err != nil {
		return err
	}
	for _, b := range batches {
		if r.refuse != nil && r.refuse(b) != nil {
			return r.refuse(b)
		}
		applied, err := r.state.Apply(b, fleet.Limits{})
		if err != nil {
			return err
		}
		if applied {
			r.batches++
			r.have = maps.Clone(r.have)
			r.have[b.Run] = totals(r.state.Snapshot)
		}
	}
	return nil
}

func (r *receiver) answer(w http.ResponseWriter, err error) {
	var gap *fleet.GapError
	var late *fleet.SupersededError
	switch {
	case err == nil:
	case errors.As(err, &gap):
		w.WriteHeader(http.StatusConflict)
	case errors.As(err, &late):
		problem(w, http.StatusUnprocessableEntity, "superseded")
		return
	default:
		if r.refuse == nil {
			r.errors = append(r.errors, err)
		}
		problem(w, http.StatusUnprocessableEntity, err.Error())
		return
	}
	json.NewEncoder(w).Encode(fleet.Answer{Have: r.state.Position, Kept: r.kept.Position})
}

// problem answers as a receiver does.
func problem(w http.ResponseWriter, status int, detail string) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(map[string]any{"status": status, "detail": detail})
}

// flush makes what it has outlive a crash, crash forgets what was not flushed, lose all.
func (r *receiver) flush() { r.kept, r.sure = r.state, r.have }
func (r *receiver) crash() { r.state, r.have = r.kept, r.sure }
func (r *receiver) lose() {
	r.state, r.kept, r.have, r.sure = fleet.State{}, fleet.State{}, books{}, books{}
}

// locked does something to r while it answers nobody.
func (r *receiver) locked(do func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	do()
}

// trouble meddles with requests at random: connections that are cut before or after
// what they brought was taken, answers that say to come later or that are none, what
// comes twice or again much later, crashes.
func (r *receiver) trouble(rand *rand.Rand) func(http.ResponseWriter, []byte) bool {
	return func(w http.ResponseWriter, body []byte) bool {
		if len(body) > 0 {
			r.bodies = append(r.bodies, body)
			r.bodies = r.bodies[max(0, len(r.bodies)-20):]
		}
		if rand.IntN(4) == 0 && len(r.bodies) > 0 { // late, or again
			r.apply(r.bodies[rand.IntN(len(r.bodies))])
		}
		switch rand.IntN(12) {
		case 0:
			r.crash()
		case 1, 2, 3:
			r.flush()
		case 4:
			panic(http.ErrAbortHandler) // cut before it was taken
		case 5:
			r.apply(body)
			panic(http.ErrAbortHandler) // cut after it was
		case 6:
			r.apply(body)
			w.Header().Set("Content-Length", "1000")
			io.WriteString(w, `{"have": {"run": "ru`)
			panic(http.ErrAbortHandler) // cut in the answer
		case 7:
			w.Header().Set("Retry-After", "2")
			http.Error(w, "busy", []int{http.StatusServiceUnavailable, http.StatusTooManyRequests}[rand.IntN(2)])
			return true
		case 8:
			io.WriteString(w, `<html>Please log in</html>`)
			return true
		case 9:
			r.apply(body)
			r.crash() // what it says is no longer so when it has said it
		}
		return false
	}
}

// tempQueue is a directory for a queue, in memory where that can be had: thousands of
// files are synced.
func tempQueue(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "bwmon-publish-test-")
	if err != nil {
		return t.TempDir() + "/queue"
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return dir + "/queue"
}

func newRand(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 3)) }

var epoch = time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC)
