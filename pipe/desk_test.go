package pipe

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"bwmon/traffic"

	"github.com/google/go-cmp/cmp"
)

// books is what a desk has said so far, by label and by owner.
type books struct {
	desk *Desk
	all  map[traffic.Flow]traffic.Sample
}

func newBooks(o DeskOptions) *books {
	return &books{NewDesk(o), make(map[traffic.Flow]traffic.Sample)}
}

// sum is what there is under each label and command, as "label|command rx tx".
func (b *books) sum(t *testing.T) map[string]ReportedCounts {
	t.Helper()
	for _, s := range b.desk.batch(time.Now()).Samples {
		if old, ok := b.all[s.Flow]; ok && (old.Final || !s.Counts.AtLeast(old.Counts)) {
			t.Errorf("%+v, then %+v", old, s)
		}
		b.all[s.Flow] = s
	}
	sums := make(map[string]ReportedCounts)
	for _, s := range b.all {
		key := s.Label + "|"
		if s.Owner != nil {
			key += s.Owner.Command
		}
		c := sums[key]
		sums[key] = ReportedCounts{c.Rx + s.Counts.RxBytes, c.Tx + s.Counts.TxBytes}
	}
	return sums
}

// deliver takes all there is to tell to a desk.
func deliver(t *testing.T, r *Reporter, d *Desk, p Peer) {
	t.Helper()
	for next := r.Next(); next != nil; next = r.Next() {
		if err := d.Take(p, next); err != nil {
			t.Fatal(err)
		}
		r.Taken(next)
	}
}

func me() Peer { return Peer{PID: os.Getpid(), UID: 0} }

func relayed(id, rx, tx uint64, o *traffic.Owner, final bool) traffic.Sample {
	return traffic.Sample{
		Flow:  traffic.Flow{Proto: traffic.TCP, Local: netip.MustParseAddrPort("198.18.0.1:1000"), ID: id},
		Scope: traffic.ScopePipe, Label: "L", Owner: o, Final: final,
		Counts: traffic.Counts{RxBytes: rx, TxBytes: tx},
	}
}

// TestDaemonGoneAndBack: nothing is lost between two daemons, and nothing is told
// to both.
func TestDaemonGoneAndBack(t *testing.T) {
	r := NewReporter(KindForward)
	first := newBooks(DeskOptions{})
	r.Note([]traffic.Sample{relayed(1, 10, 20, nil, false), relayed(2, 1, 1, nil, true)})
	deliver(t, r, first.desk, me())
	if got, want := first.sum(t), map[string]ReportedCounts{"L|": {11, 21}}; !cmp.Equal(got, want) {
		t.Errorf("the first daemon has %v, want %v", got, want)
	}
	// It is gone: what it is told now it does not take.
	r.Note([]traffic.Sample{relayed(1, 100, 200, nil, false), relayed(3, 5, 5, nil, true)})
	r.Next()
	second := newBooks(DeskOptions{})
	r.Note([]traffic.Sample{relayed(1, 1000, 2000, nil, true)})
	deliver(t, r, second.desk, me())
	if got, want := second.sum(t), map[string]ReportedCounts{"L|": {990 + 5, 1980 + 5}}; !cmp.Equal(got, want) {
		t.Errorf("the second daemon has %v, want %v", got, want)
	}
	if left := r.Untaken(); left.Bytes() != 0 {
		t.Errorf("%+v is left", left)
	}
	second.sum(t)
	if len(r.flows) > 0 || second.desk.flows != 0 {
		t.Errorf("flows that ended are kept: %d by the reporter, %d by the daemon", len(r.flows), second.desk.flows)
	}
}

// TestAnswerLost: a report that was taken, and is told again because its answer
// was lost, counts once.
func TestAnswerLost(t *testing.T) {
	r := NewReporter(KindPipe)
	b := newBooks(DeskOptions{})
	for _, n := range []uint64{10, 20, 30} {
		r.Note([]traffic.Sample{relayed(1, n, 0, nil, n == 30)})
		if err := b.desk.Take(me(), r.Next()); err != nil {
			t.Fatal(err)
		}
		b.sum(t)
	}
	deliver(t, r, b.desk, me())
	if got, want := b.sum(t), map[string]ReportedCounts{"L|": {30, 0}}; !cmp.Equal(got, want) {
		t.Errorf("the daemon has %v, want %v", got, want)
	}
}

// TestNoDaemon: what ends while there is none is kept in bounded room.
func TestNoDaemon(t *testing.T) {
	r := NewReporter(KindForward)
	for i := range uint64(3*maxUntaken + 7) {
		r.Note([]traffic.Sample{relayed(i+1, 2, 3, nil, false)})
		r.Note([]traffic.Sample{relayed(i+1, 20, 30, nil, true)})
	}
	if n := len(r.flows); n > maxUntaken+1 {
		t.Errorf("%d flows are kept", n)
	}
	b := newBooks(DeskOptions{})
	deliver(t, r, b.desk, me())
	n := uint64(3*maxUntaken + 7)
	if got, want := b.sum(t), map[string]ReportedCounts{"L|": {20 * n, 30 * n}}; !cmp.Equal(got, want) {
		t.Errorf("the daemon has %v, want %v", got, want)
	}
}

// onlyMe is Processes that know this process.
type onlyMe struct{ uid uint32 }

func (p onlyMe) Describe(pid int) *traffic.Owner {
	if pid != os.Getpid() {
		return nil
	}
	return &traffic.Owner{PID: pid, Start: 7, UID: p.uid, User: "me", Command: "this test", Args: []string{"this", "test"}}
}

// TestOwnersOfReports: nobody reports for another user's processes.
func TestOwnersOfReports(t *testing.T) {
	gone := os.Getpid() + 1
	for _, tt := range []struct {
		name  string
		peer  uint32
		is    uint32 // whose this process is
		owner traffic.Owner
		want  string
		user  string
	}{
		{"its own process", 1000, 1000, traffic.Owner{PID: os.Getpid(), Start: 7, UID: 1000, Command: "said"}, "this test", "me"},
		{"its own, gone", 1000, 1000, traffic.Owner{PID: gone, Start: 3, UID: 1000, Command: "said \x1b[2J"}, `said \x1b[2J`, "me"},
		{"a number used again", 1000, 1000, traffic.Owner{PID: os.Getpid(), Start: 6, UID: 1000, Command: "said"}, "said", "me"},
		{"root's, as it says", 1000, 1000, traffic.Owner{PID: gone, Start: 3, UID: 0, Command: "said"}, "", ""},
		{"root's, though it says its own", 1000, 0, traffic.Owner{PID: os.Getpid(), Start: 7, UID: 1000, Command: "said"}, "", ""},
		{"another's, for root", 0, 1000, traffic.Owner{PID: os.Getpid(), Start: 7, UID: 1000, Command: "said"}, "this test", "me"},
		{"another's, gone, for root", 0, 0, traffic.Owner{PID: gone, Start: 7, UID: 1000, Command: "said"}, "said", "1000"},
	} {
		r := NewReporter(KindPipe)
		b := newBooks(DeskOptions{Processes: onlyMe{tt.is}})
		o := tt.owner
		r.Note([]traffic.Sample{relayed(1, 1, 1, &o, false)})
		deliver(t, r, b.desk, Peer{PID: os.Getpid(), UID: tt.peer})
		b.sum(t)
		for _, s := range b.all {
			command, user := "", ""
			if s.Owner != nil {
				command, user = s.Owner.Command, s.Owner.User
			}
			if command != tt.want || user != tt.user {
				t.Errorf("%s: %q of %q, want %q of %q", tt.name, command, user, tt.want, tt.user)
			}
		}
	}
}

// TestBadReports: what cannot be is refused, and changes nothing.
func TestBadReports(t *testing.T) {
	flow := func(id, total, taken uint64, final bool) ReportedFlow {
		return ReportedFlow{
			ID: id, Proto: uint8(traffic.Pipe), Label: "x", Total: ReportedCounts{Rx: total}, Taken: ReportedCounts{Rx: taken}, Final: final,
		}
	}
	d := NewDesk(DeskOptions{})
	good := &Report{Life: 1, Kind: KindPipe, Flows: []ReportedFlow{flow(1, 100, 0, false), flow(2, 5, 0, true)}}
	if err := d.Take(me(), good); err != nil {
		t.Fatal(err)
	}
	many := make([]ReportedFlow, MaxReported+1)
	for _, tt := range []struct {
		name string
		r    Report
		want string
	}{
		{"no kind", Report{Life: 1}, "kind: want pipe or forward"},
		{"too long", Report{Life: 1, Kind: KindPipe, Flows: many}, "at most"},
		{"went down", Report{Life: 1, Kind: KindPipe, Flows: []ReportedFlow{flow(1, 99, 0, false), flow(3, 1, 0, false)}}, "went down"},
		{"twice the same", Report{Life: 1, Kind: KindPipe, Flows: []ReportedFlow{flow(7, 100, 100, false), flow(7, 5, 0, false)}}, "ascending"},
		{"after its end", Report{Life: 1, Kind: KindPipe, Flows: []ReportedFlow{flow(2, 6, 0, true)}}, "after its end"},
		{"more taken than there is", Report{Life: 1, Kind: KindPipe, Flows: []ReportedFlow{flow(4, 6, 7, false)}}, "below what was taken"},
		{"beyond all measure", Report{Life: 1, Kind: KindPipe, Flows: []ReportedFlow{flow(4, 1<<63, 0, false)}}, "not of this world"},
		{"more than a disk holds", Report{Life: 1, Kind: KindPipe, Flows: []ReportedFlow{flow(4, 1<<48, 0, false)}}, "not of this world"},
		{"another protocol", Report{Life: 1, Kind: KindPipe, Flows: []ReportedFlow{{ID: 4, Proto: 17}}}, "proto: want"},
	} {
		if err := d.Take(me(), &tt.r); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
	b := &books{d, make(map[traffic.Flow]traffic.Sample)}
	if got, want := b.sum(t), map[string]ReportedCounts{"x|": {Rx: 105}}; !cmp.Equal(got, want) {
		t.Errorf("the daemon has %v, want %v", got, want)
	}
	for i := range maxOfUser {
		if err := d.Take(Peer{os.Getpid(), 5}, &Report{Life: uint64(100 + i), Kind: KindPipe}); err != nil {
			t.Fatal(err)
		}
	}
	if err := d.Take(Peer{os.Getpid(), 5}, &Report{Life: 99, Kind: KindPipe}); err == nil {
		t.Error("one user may have any number of reporters")
	}
	if err := d.Take(Peer{os.Getpid(), 6}, &Report{Life: 99, Kind: KindPipe}); err != nil {
		t.Errorf("another user may not report: %v", err)
	}
}

// TestReporterEnds: the flows of a process that ends without a word end, and its
// sockets are a relay's for a while yet.
func TestReporterEnds(t *testing.T) {
	c := exec.Command("sleep", "60")
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	b := newBooks(DeskOptions{})
	r := NewReporter(KindForward)
	r.Note([]traffic.Sample{relayed(1, 1, 2, nil, false)})
	deliver(t, r, b.desk, Peer{PID: c.Process.Pid})
	b.sum(t)
	if !b.desk.Has(c.Process.Pid) || b.desk.Has(os.Getpid()) {
		t.Error("the desk does not know who relays")
	}
	if err := c.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = c.Wait()
	b.sum(t)
	for _, s := range b.all {
		if !s.Final {
			t.Errorf("still open: %+v", s)
		}
	}
	if !b.desk.Has(c.Process.Pid) || len(b.desk.reporters) > 0 || b.desk.flows > 0 {
		t.Errorf("%d reporters, %d flows", len(b.desk.reporters), b.desk.flows)
	}
	b.desk.batch(time.Now().Add(2 * relayedMemory))
	if b.desk.Has(c.Process.Pid) {
		t.Error("its process is remembered for ever")
	}
	// Nobody but root is believed to relay.
	if err := b.desk.Take(Peer{os.Getpid(), 1000}, &Report{Life: 5, Kind: KindForward}); err != nil || b.desk.Has(os.Getpid()) {
		t.Errorf("a user's relay hides its sockets: %v", err)
	}
}

// TestFoldUnderWay: flows that a daemon was sent are never told a second time
// among others, whether its answer came or not.
func TestFoldUnderWay(t *testing.T) {
	r := NewReporter(KindForward)
	b := newBooks(DeskOptions{})
	var want ReportedCounts
	for i := range uint64(maxUntaken + 1000) {
		r.Note([]traffic.Sample{relayed(i+1, 1, 2, nil, false)})
		want.Rx, want.Tx = want.Rx+1, want.Tx+2
	}
	lost := r.Next() // it arrives, and its answer does not
	if err := b.desk.Take(me(), lost); err != nil {
		t.Fatal(err)
	}
	nowhere := r.Next()
	r.Unsent(nowhere) // some of these were sent before
	for i := range uint64(maxUntaken + 1000) {
		r.Note([]traffic.Sample{relayed(i+1, 10, 20, nil, true)})
		want.Rx, want.Tx = want.Rx+9, want.Tx+18
	}
	deliver(t, r, b.desk, me())
	if got := b.sum(t); !cmp.Equal(got, map[string]ReportedCounts{"L|": want}) {
		t.Errorf("the daemon has %v, want %v", got, want)
	}
	b.sum(t)
	if n := len(b.desk.reporters[lifeKey{os.Getpid(), r.life}].flows); n > 1 || len(r.flows) > 1 {
		t.Errorf("%d flows are left at the daemon, %d at the reporter", n, len(r.flows))
	}
}

// TestReportsAreBounded in text, whatever clients call themselves; and what is
// refused comes again in smaller pieces.
func TestReportsAreBounded(t *testing.T) {
	r := NewReporter(KindForward)
	o := &traffic.Owner{PID: 7, Start: 7, Command: strings.Repeat("<", traffic.MaxCommand)}
	for i := range uint64(1500) {
		r.Note([]traffic.Sample{relayed(i+1, 1, 2, o, false)})
	}
	first := r.Next()
	if n := len(first.Flows); n < 100 || n > 300 {
		t.Errorf("%d flows in a report", n)
	}
	r.Refused()
	r.Refused()
	b := newBooks(DeskOptions{})
	deliver(t, r, b.desk, Peer{os.Getpid(), 1000})
	if got, want := b.sum(t), (map[string]ReportedCounts{"L|": {1500, 3000}}); !cmp.Equal(got, want) {
		t.Errorf("the daemon has %v, want %v", got, want)
	}
}

// TestHostileReports: nothing of a report is text that could do harm, nor more of
// it than there is room for.
func TestHostileReports(t *testing.T) {
	d := NewDesk(DeskOptions{})
	zone := netip.MustParseAddr("fe80::1").WithZone("\x1b[2J" + strings.Repeat("x", 1000))
	for i := range 3 * maxLabels {
		if err := d.Take(Peer{os.Getpid(), 1000}, &Report{Life: 1, Kind: KindPipe, Flows: []ReportedFlow{{
			ID: uint64(i), Proto: uint8(traffic.TCP), Label: fmt.Sprint("\x1b[2Jlabel ", i), Local: netip.AddrPortFrom(zone, 1),
		}}}); err != nil {
			t.Fatal(err)
		}
	}
	labels := make(map[string]bool)
	for _, s := range d.batch(time.Now()).Samples {
		labels[s.Label] = true
		if s.Flow.Local.Addr().Zone() != "" || traffic.CleanText(s.Label, traffic.MaxWord) != s.Label {
			t.Errorf("%+v", s)
		}
	}
	if len(labels) > maxLabels+1 {
		t.Errorf("%d labels of one process", len(labels))
	}
	if err := d.Take(Peer{0, 0}, &Report{Life: 1, Kind: KindPipe}); err == nil {
		t.Error("nobody may report")
	}
}

// TestClosedDesk: a report that comes after the last batch is for the next daemon.
func TestClosedDesk(t *testing.T) {
	r := NewReporter(KindPipe)
	first, second := newBooks(DeskOptions{Interval: time.Hour}), newBooks(DeskOptions{})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	var batches []traffic.Batch
	go func() { done <- first.desk.Run(ctx, func(b traffic.Batch) { batches = append(batches, b) }) }()
	r.Note([]traffic.Sample{relayed(1, 10, 0, nil, false)})
	deliver(t, r, first.desk, me())
	cancel()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	samples := 0
	for _, b := range batches {
		samples += len(b.Samples)
	}
	if samples != 1 {
		t.Errorf("%+v", batches)
	}
	r.Note([]traffic.Sample{relayed(1, 15, 0, nil, true)})
	next := r.Next()
	if err := first.desk.Take(me(), next); !errors.Is(err, ErrClosed) {
		t.Fatalf("a closed desk says %v", err)
	}
	r.Unsent(next)
	deliver(t, r, second.desk, me())
	if got, want := second.sum(t), (map[string]ReportedCounts{"L|": {5, 0}}); !cmp.Equal(got, want) {
		t.Errorf("the second daemon has %v, want %v", got, want)
	}
}
