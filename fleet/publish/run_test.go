package publish

import (
	"context"
	"errors"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"bwmon/fleet"
	"bwmon/traffic"

	"github.com/google/go-cmp/cmp"
)

// exactly is a Sender that has what it was sent, or fails.
type exactly struct {
	mu    sync.Mutex // protects the fields below
	state fleet.State
	tries []time.Time
	sizes []int
	fail  func(ctx context.Context, try int) error
}

func (x *exactly) Send(ctx context.Context, batches []*fleet.Batch, _ int) (fleet.Answer, error) {
	x.mu.Lock()
	x.tries, x.sizes = append(x.tries, time.Now()), append(x.sizes, len(batches))
	fail, try := x.fail, len(x.tries)
	x.mu.Unlock()
	if fail != nil {
		if err := fail(ctx, try); err != nil {
			return fleet.Answer{}, err
		}
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, b := range batches {
		if _, err := x.state.Apply(b, fleet.Limits{}); err != nil {
			return fleet.Answer{Have: x.state.Position}, err
		}
	}
	return fleet.Answer{Have: x.state.Position, Kept: x.state.Position}, nil
}

// running is a Publisher that runs, fed once a second as an engine does.
type running struct {
	p         *Publisher
	snapshots chan *traffic.Snapshot
	cancel    context.CancelFunc
	done      chan error
	m         *machine
	last      *traffic.Snapshot
}

func run(t *testing.T, o Options) *running {
	t.Helper()
	o.Host = "gw"
	p, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	r := &running{p: p, snapshots: make(chan *traffic.Snapshot, 1), cancel: cancel, done: make(chan error, 1), m: start(1, time.Now())}
	go func() { r.done <- p.Run(ctx, r.snapshots) }()
	return r
}

// carry has the engine publish for so many seconds, in each once.
func (r *running) carry(seconds int) {
	for range seconds {
		r.say()
		time.Sleep(time.Second)
	}
}

// carryOn likewise, where it is about time only.
func (r *running) carryOn(seconds int) {
	for range seconds / 5 {
		r.say()
		time.Sleep(5 * time.Second)
	}
}

// say puts the newest snapshot in place of the one before.
func (r *running) say() {
	r.last = r.m.next(time.Second)
	select {
	case <-r.snapshots:
	default:
	}
	r.snapshots <- r.last
}

// stop ends the engine, after one more snapshot.
func (r *running) stop(t *testing.T) error {
	t.Helper()
	r.cancel()
	r.say()
	close(r.snapshots)
	err := <-r.done
	if closed := r.p.Close(); closed != nil {
		t.Error(closed)
	}
	return err
}

// TestInterval: a batch is sent each interval, the first at once, and the last when it
// ends.
func TestInterval(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var x exactly
		begun := time.Now()
		r := run(t, Options{Sender: &x})
		r.carry(95)
		synctest.Wait()
		if n := len(x.tries); n < 10 || n > 11 {
			t.Errorf("%d batches in 95 s", n)
		}
		if first := x.tries[0].Sub(begun); first > time.Second {
			t.Errorf("the first went out after %v", first)
		}
		for i := 2; i < len(x.tries); i++ {
			if d := x.tries[i].Sub(x.tries[i-1]); d != 10*time.Second {
				t.Errorf("batch %d came %v after the one before", i, d)
			}
		}
		if err := r.stop(t); err != nil {
			t.Error(err)
		}
		if diff := cmp.Diff(totals(r.last), totals(x.state.Snapshot), cmp.AllowUnexported(total{})); diff != "" {
			t.Errorf("at the end (-host +receiver):\n%s", diff)
		}
	})
}

// TestBackOff: pauses grow to a minute and no more, what a receiver asks for holds within
// bounds, and what is queued meanwhile goes out in few requests.
func TestBackOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		asked := &StatusError{Status: http.StatusServiceUnavailable, After: 100 * time.Second}
		for _, c := range []struct {
			err              error
			atLeast, atMost  int // tries in an hour
			shortest, longer time.Duration
		}{
			{errors.New("no route"), 60, 130, 500 * time.Millisecond, time.Minute},
			{asked, 34, 37, 100 * time.Second, 100 * time.Second},
			{&StatusError{Status: http.StatusTooManyRequests, After: 1000 * time.Hour}, 12, 13, longestAsked, longestAsked},
			{&StatusError{Status: http.StatusNotFound}, 60, 130, longestPause / 2, longestPause},
			{&StatusError{Status: http.StatusUnauthorized}, 60, 130, longestPause / 2, longestPause},
			{&StatusError{Status: http.StatusInternalServerError}, 60, 130, 500 * time.Millisecond, longestPause},
		} {
			x := exactly{fail: func(context.Context, int) error { return c.err }}
			r := run(t, Options{Sender: &x})
			r.carryOn(3600)
			synctest.Wait()
			if n := len(x.tries); n < c.atLeast || n > c.atMost {
				t.Errorf("%v: %d tries in an hour", c.err, n)
			}
			for i := 1; i < len(x.tries); i++ {
				if d := x.tries[i].Sub(x.tries[i-1]); d < c.shortest || d > c.longer+time.Second {
					t.Errorf("%v: try %d came after %v", c.err, i, d)
				}
			}
			if st := r.p.Stats(); st.State != traffic.StateFailed || st.Waiting < 350 || !strings.Contains(st.Detail, c.err.Error()) {
				t.Errorf("%v: %+v", c.err, st)
			}
			x.mu.Lock()
			x.fail = nil
			before := len(x.tries)
			x.mu.Unlock()
			r.carryOn(310)
			synctest.Wait()
			if st := r.p.Stats(); st.State != traffic.StateRunning || st.Waiting != 0 || st.Sent < 350 {
				t.Errorf("%v, afterwards: %+v", c.err, st)
			}
			if n := max(x.sizes[before], x.sizes[min(before+1, len(x.sizes)-1)]); n < 50 {
				t.Errorf("%v: %d batches went out at once", c.err, n)
			}
			if err := r.stop(t); err != nil {
				t.Error(err)
			}
		}
	})
}

// TestReceiverHangs: one that does not answer keeps nothing else from being done, and Run
// from ending for no longer than it may.
func TestReceiverHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := exactly{fail: func(ctx context.Context, _ int) error { <-ctx.Done(); return ctx.Err() }}
		r := run(t, Options{Sender: &x, Dir: tempQueue(t)})
		r.carry(60)
		synctest.Wait()
		if st := r.p.Stats(); st.Waiting < 6 || st.Unstored != 0 {
			t.Errorf("%+v", st)
		}
		begun := time.Now()
		if err := r.stop(t); err != nil {
			t.Error(err)
		}
		if took := time.Since(begun); took != 3*time.Second {
			t.Errorf("it took %v to end", took)
		}
		if len(x.tries) != 1 {
			t.Errorf("%d requests at once", len(x.tries))
		}
		// What could not be sent is there for the next one.
		x.fail = nil
		p, err := New(Options{Host: "gw", Sender: &x, Dir: r.p.opts.Dir})
		if err != nil {
			t.Fatal(err)
		}
		defer p.Close()
		closed := make(chan *traffic.Snapshot)
		close(closed)
		if err := p.Run(t.Context(), closed); err != nil {
			t.Error(err)
		}
		if diff := cmp.Diff(totals(r.last), totals(x.state.Snapshot), cmp.AllowUnexported(total{})); diff != "" {
			t.Errorf("what the next one sent (-host +receiver):\n%s", diff)
		}
	})
}

// TestSlowWay: where a request with all that waits takes too long, smaller ones are sent.
func TestSlowWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := exactly{fail: func(context.Context, int) error { return errors.New("no route") }}
		r := run(t, Options{Sender: &x})
		r.carry(300)
		x.mu.Lock()
		x.fail = func(context.Context, int) error {
			if x.sizes[len(x.sizes)-1] > 5 {
				return lateError{}
			}
			return nil
		}
		x.mu.Unlock()
		r.carry(600)
		synctest.Wait()
		if st := r.p.Stats(); st.Waiting != 0 || st.Refused+st.Dropped > 0 {
			t.Errorf("%+v", st)
		}
		if err := r.stop(t); err != nil {
			t.Error(err)
		}
	})
}

// TestLostAtTheEnd: what can neither be stored nor sent is told.
func TestLostAtTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir() + "/queue"
		if err := os.WriteFile(dir, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		x := exactly{fail: func(context.Context, int) error { return errors.New("no route") }}
		r := run(t, Options{Sender: &x, Dir: dir})
		r.carry(15)
		err := r.stop(t)
		if err == nil || !strings.Contains(err.Error(), "lost") || !strings.Contains(err.Error(), dir) {
			t.Errorf("%v", err)
		}
	})
}

// TestEngineDoesNotEnd: Run waits for the last snapshot, but not for ever.
func TestEngineDoesNotEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var x exactly
		r := run(t, Options{Sender: &x})
		r.carry(3)
		r.cancel()
		begun := time.Now()
		if err := <-r.done; err != nil {
			t.Error(err)
		}
		if took := time.Since(begun); took != lastWait {
			t.Errorf("it took %v", took)
		}
		if got := x.state.Snapshot.Elapsed; got != 3 {
			t.Errorf("the last snapshot that was sent is %v", got)
		}
	})
}

// TestOptions: what is missing is told.
func TestOptions(t *testing.T) {
	for _, o := range []Options{{}, {Host: "gw"}, {Sender: &exactly{}}} {
		if _, err := New(o); err == nil {
			t.Errorf("%+v is enough", o)
		}
	}
}

// TestGapWithoutEnd: a receiver that asks for what follows, whatever it is sent, is not
// asked more often than others that fail.
func TestGapWithoutEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := exactly{fail: func(_ context.Context, try int) error {
			if try > 1000 {
				return errors.New("that is enough")
			}
			return &fleet.GapError{}
		}}
		r := run(t, Options{Sender: &x})
		r.carryOn(3600)
		synctest.Wait()
		if n := len(x.tries); n < 50 || n > 150 {
			t.Errorf("%d tries in an hour", n)
		}
		if st := r.p.Stats(); st.State != traffic.StateFailed || st.Dropped+st.Refused > 0 {
			t.Errorf("%+v", st)
		}
		x.mu.Lock()
		x.fail = nil
		x.mu.Unlock()
		r.carry(90)
		if err := r.stop(t); err != nil {
			t.Error(err)
		}
		if diff := cmp.Diff(totals(r.last), totals(x.state.Snapshot), cmp.AllowUnexported(total{})); diff != "" {
			t.Errorf("at the end (-host +receiver):\n%s", diff)
		}
	})
}
