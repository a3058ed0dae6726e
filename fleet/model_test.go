package fleet

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"
	"time"

	"bwmon/traffic"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// books is a host whose totals grow, move, go away, come back and begin anew.
type books struct {
	rand  *rand.Rand
	runs  int
	ticks int
	now   *traffic.Snapshot
}

func newBooks(seed uint64) *books { return &books{rand: rand.New(rand.NewPCG(seed, 1))} }

func (w *books) usage(u traffic.Usage) traffic.Usage {
	u.RxBytes += w.rand.Uint64N(5000)
	u.TxBytes += w.rand.Uint64N(3) * 1000
	u.RxRate = float64(w.rand.IntN(3))
	return u
}

func (w *books) restart() {
	w.runs, w.ticks = w.runs+1, 0
	w.now = &traffic.Snapshot{
		Schema: traffic.SchemaVersion, Host: "gw", Run: fmt.Sprint("run-", w.runs), At: time.Unix(1_800_000_000, 0).UTC(), Interval: 1,
	}
}

// next is the host's next snapshot. Like those of the engine it shares nothing that
// changes with the one before.
func (w *books) next() *traffic.Snapshot {
	if w.now == nil || w.rand.IntN(40) == 0 {
		w.restart()
	}
	s := *w.now
	w.ticks++
	s.At, s.Elapsed = s.At.Add(time.Second), float64(w.ticks)
	s.Apps = nil
	for i := range 6 {
		name := fmt.Sprint("app", i)
		old := slices.IndexFunc(w.now.Apps, func(a traffic.App) bool { return a.Name == name })
		a := traffic.App{Name: name}
		switch {
		case old >= 0 && w.rand.IntN(3) > 0: // as it was
			s.Apps = append(s.Apps, w.now.Apps[old])
			continue
		case old >= 0:
			a = w.now.Apps[old]
			a.Commands = slices.Clone(a.Commands)
		}
		if w.rand.IntN(10) == 0 { // it is gone, or was never there
			continue
		}
		a.Connections = w.rand.IntN(4)
		a.Resources.DiskReadBytes += w.rand.Uint64N(2) * 4096
		w.commands(&a)
		a.Usage = traffic.Usage{}
		for _, c := range a.Commands {
			a.RxBytes, a.TxBytes = a.RxBytes+c.RxBytes, a.TxBytes+c.TxBytes
		}
		s.Apps = append(s.Apps, a)
	}
	w.others(&s)
	w.now = &s
	return &s
}

func (w *books) commands(a *traffic.App) {
	for i := range a.Commands {
		a.Commands[i].Usage = w.usage(a.Commands[i].Usage)
	}
	if w.rand.IntN(2) == 0 {
		a.Commands = append(a.Commands, traffic.Command{
			Command: fmt.Sprint("command ", w.rand.IntN(5)), User: fmt.Sprint("user", w.rand.IntN(2)), PIDs: []int{1, 2},
			Usage: w.usage(traffic.Usage{}),
		})
	}
	if n := len(a.Commands); n > 1 && w.rand.IntN(4) == 0 { // the ledger moves bytes
		from, to := &a.Commands[0], &a.Commands[n-1]
		to.RxBytes, from.RxBytes = to.RxBytes+from.RxBytes/2, from.RxBytes-from.RxBytes/2
		if w.rand.IntN(2) == 0 {
			to.RxBytes, to.TxBytes = to.RxBytes+from.RxBytes, to.TxBytes+from.TxBytes
			a.Commands = a.Commands[1:]
		}
	}
}

func (w *books) others(s *traffic.Snapshot) {
	s.LANHosts, s.Interfaces, s.Series = nil, nil, nil
	for i := range w.rand.IntN(4) {
		s.LANHosts = append(s.LANHosts, traffic.LANHost{Host: netip.AddrFrom4([4]byte{198, 18, 0, byte(i)}), Usage: w.usage(traffic.Usage{})})
	}
	s.Interfaces = []traffic.Interface{{Name: "eth0", Balanced: true, Usage: traffic.Usage{RxBytes: uint64(w.ticks) * 10000}}}
	if w.rand.IntN(2) == 0 {
		s.Series = []traffic.Series{{Kind: "disk", Name: "sda", Metrics: traffic.Metrics{{Name: "read_bytes", Value: float64(w.ticks)}}}}
	}
	s.Balance = traffic.Balance{InterfaceRx: uint64(w.ticks) * 10000, ResidualTx: -int64(w.rand.IntN(3))}
	if w.rand.IntN(3) == 0 {
		s.Alerts = []traffic.Alert{{Rule: "r", Kind: "app", Subject: fmt.Sprint(w.rand.IntN(3)), Since: s.At}}
	}
	if w.rand.IntN(5) == 0 {
		s.Monitors = []traffic.MonitorStatus{{Name: "socket", Lost: w.rand.Uint64N(3)}}
	}
}

var asPublished = cmp.Options{
	cmpopts.EquateEmpty(), cmpopts.EquateComparable(netip.Addr{}),
	cmpopts.SortSlices(func(a, b traffic.App) bool { return a.Name < b.Name }),
	cmpopts.SortSlices(func(a, b traffic.Command) bool { return a.Command+a.User < b.Command+b.User }),
	cmpopts.SortSlices(func(a, b traffic.LANHost) bool { return a.Host.Less(b.Host) }),
}

// overTheWire is batches after they were written and read.
func overTheWire(t *testing.T, batches ...*Batch) []*Batch {
	t.Helper()
	text, err := Encode(nil, batches...)
	if err != nil {
		t.Fatal(err)
	}
	got, err := Decode(text, Limits{})
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// TestStateFollowsBooks: whatever of the batches is joined, repeated, early, lost by a
// crash of the receiver and sent again, the receiver's books become those of the host.
func TestStateFollowsBooks(t *testing.T) {
	for seed := range uint64(12) {
		rand := rand.New(rand.NewPCG(seed, 2))
		w, r := newBooks(seed), NewRecorder("gw", Position{})
		var state, kept State
		var queue []*Batch
		for step := range 100 {
			s := w.next()
			b := r.Next(s)
			queue = append(queue, b)
			if again := r.Next(s); again != nil {
				t.Fatal("a snapshot that was given twice made a batch")
			}
			if n := len(queue); n > 1 && rand.IntN(3) == 0 {
				if j, ok := Join(queue[n-2], queue[n-1]); ok {
					queue = append(queue[:n-2], j)
				}
			}
			switch rand.IntN(6) {
			case 0: // the receiver lost what it had not kept
				state = kept
				continue
			case 1:
				kept = state
				if i := slices.IndexFunc(queue, func(b *Batch) bool { return b.Position() == kept.Position }); i >= 0 {
					queue = queue[i+1:]
				}
				var again State
				if err := again.Resume(kept.Note(), kept.Snapshot); err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(kept, again, asPublished); diff != "" {
					t.Fatalf("a state that was written down and read (-want +got):\n%s", diff)
				}
			case 2: // the latest, too early
				if len(queue) == 0 {
					continue
				}
				if _, err := state.Apply(queue[len(queue)-1], Limits{}); err != nil && !isGap(err) {
					t.Fatal(err)
				}
				continue
			}
			for _, b := range overTheWire(t, queue...) { // all there ever were: many of them again
				if _, err := state.Apply(b, Limits{}); err != nil {
					t.Fatalf("seed %d step %d: %v", seed, step, err)
				}
			}
			want := published(s, MaxPublished)
			if diff := cmp.Diff(want, state.Snapshot, asPublished); diff != "" {
				t.Fatalf("seed %d step %d: the receiver's books (-host +receiver):\n%s", seed, step, diff)
			}
		}
		var fresh State
		if _, err := fresh.Apply(overTheWire(t, r.Full())[0], Limits{}); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(published(w.now, MaxPublished), fresh.Snapshot, asPublished); diff != "" {
			t.Fatalf("seed %d: from a full batch (-host +receiver):\n%s", seed, diff)
		}
	}
}

func isGap(err error) bool {
	var gap *GapError
	return errors.As(err, &gap)
}

// TestFullSaysWhatWasMovedAway: counters that are kept of a full batch alone, after any
// before it, add up to what the rows have now, also those that are gone.
func TestFullSaysWhatWasMovedAway(t *testing.T) {
	gone := 0
	for seed := range uint64(20) {
		w, r := newBooks(seed), NewRecorder("gw", Position{})
		type counter struct{ total, moved uint64 }
		counters := make(map[Key]counter)
		run := ""
		see := func(b *Batch) {
			if b.Run != run {
				run = b.Run
				clear(counters)
			}
			moved := make(map[Key]uint64)
			for _, m := range b.Moved {
				moved[m.Key] = m.Rx
			}
			Rows(b.Changes, func(k Key, u *traffic.Usage, _ *traffic.Resources) {
				counters[k] = counter{u.RxBytes + moved[k], moved[k]}
			})
			for _, k := range b.Gone {
				counters[k] = counter{moved[k], moved[k]}
			}
		}
		for step := range 60 {
			if b := r.Next(w.next()); step < 30 { // the others are never sent
				see(b)
			}
		}
		full := r.Full()
		gone += len(full.Gone)
		see(overTheWire(t, full)[0])
		want := make(map[Key]uint64)
		Rows(published(w.now, MaxPublished), func(k Key, u *traffic.Usage, _ *traffic.Resources) { want[k] = u.RxBytes })
		for k, c := range counters {
			if c.total-c.moved != want[k] {
				t.Errorf("seed %d: %v has %d less %d, the books %d", seed, k, c.total, c.moved, want[k])
			}
		}
	}
	if gone == 0 {
		t.Fatal("nothing was ever gone: this test shows nothing")
	}
}

// TestCountersNeverFall: with what was moved from it added, no row's total falls within a
// run, joined or not, and rows that are fresh begin at zero.
func TestCountersNeverFall(t *testing.T) {
	for seed := range uint64(40) {
		rand := rand.New(rand.NewPCG(seed, 3))
		w, r := newBooks(seed), NewRecorder("gw", Position{})
		counters := make(map[string]uint64)
		var waiting *Batch
		var fell, moves int
		for range 300 {
			b := r.Next(w.next())
			if waiting != nil {
				if j, ok := Join(waiting, b); ok {
					b = j
				}
			}
			if waiting = b; rand.IntN(3) == 0 {
				continue
			}
			waiting = nil
			moved := make(map[Key]uint64)
			for _, m := range b.Moved {
				moved[m.Key] = m.Rx
				moves++
			}
			see := func(k Key, total uint64) {
				name := fmt.Sprint(b.Run, k)
				if total+moved[k] < counters[name] {
					fell++
					t.Errorf("seed %d: %v: %d + %d is less than %d before", seed, k, total, moved[k], counters[name])
				}
				if counters[name] > 0 && slices.Contains(b.Fresh, k) {
					t.Errorf("seed %d: %v is said to be fresh, and had %d", seed, k, counters[name])
				}
				counters[name] = total + moved[k]
			}
			Rows(b.Changes, func(k Key, u *traffic.Usage, _ *traffic.Resources) { see(k, u.RxBytes) })
			for _, k := range b.Gone {
				if k.Kind != KindSeries {
					see(k, 0)
				}
			}
		}
		if moves == 0 {
			t.Fatal("nothing was ever moved: this test shows nothing")
		}
	}
}
