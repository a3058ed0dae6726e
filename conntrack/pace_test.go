package conntrack

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"bwmon/traffic"
)

// carrying makes a procfs whose only interface has carried that many bytes.
func carrying(t *testing.T, proc string, bytes int) {
	t.Helper()
	dev := filepath.Join(proc, "thread-self/net/dev")
	if err := os.MkdirAll(filepath.Dir(dev), 0o755); err != nil {
		t.Fatal(err)
	}
	text := "Inter-|   Receive                                                |  Transmit\n" +
		" face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed\n" +
		fmt.Sprintf("  eth0: %d 7 0 0 0 0 0 0 %d 7 0 0 0 0 0 0\n", bytes/2, bytes-bytes/2)
	if err := os.WriteFile(dev, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestPace(t *testing.T) {
	proc := t.TempDir()
	start := time.Unix(1_000_000, 0)
	const busy = 1 << 20
	for _, tt := range []struct {
		name string
		cost time.Duration
		load []int // bytes carried in each second
		want string
	}{
		{"busy and cheap: every second", time.Millisecond, []int{busy, busy, busy, busy, busy}, "xxxxxx"},
		{"dear: one second of work in ten", 300 * time.Millisecond, []int{busy, busy, busy, busy, busy, busy}, "x..x..x"},
		{"dear and quiet: five times rarer still", 600 * time.Millisecond,
			append([]int{busy, busy, busy}, make([]int, 40)...), "x.....x.....x.............................x."},
		{"a dear empty table in quiet costs little", 30 * time.Millisecond,
			[]int{busy, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, "xxx.........x."},
		{"a burst after a long quiet is not averaged away", 30 * time.Millisecond,
			[]int{busy, 0, 0, 0, 0, 0, 0, 0, 11_000}, "xxx......x"},
		{"quiet: once to show it, then every fifth second", time.Millisecond, []int{busy, 0, 0, 0, 0, 0, 0, 0}, "xxx....x."},
		{"quiet ends at once", time.Millisecond, []int{busy, 0, 0, 0, busy, busy}, "xxx..xx"},
		{"a trickle below the bound is quiet", time.Millisecond, []int{100, 100, 100, 100, 100, 100}, "xx....x"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := pace{interval: time.Second, share: 0.10}
			total, got := 5000, ""
			for second := range len(tt.load) + 1 {
				if second > 0 {
					total += tt.load[second-1]
				}
				carrying(t, proc, total)
				now := start.Add(time.Duration(second) * time.Second)
				if p.due(now, proc, false) {
					p.dumped(now, tt.cost)
					got += "x"
				} else {
					got += "."
				}
			}
			if got != tt.want {
				t.Errorf("dumps %s, want %s", got, tt.want)
			}
		})
	}
}

// However dear a dump is, quiet does not make it rarer than quietLongest for
// its own sake.
func TestPaceInQuietIsBounded(t *testing.T) {
	p := pace{interval: time.Second, share: 0.10, quiet: true}
	for _, tt := range []struct{ cost, want time.Duration }{
		{time.Millisecond, 5 * time.Second},
		{45 * time.Millisecond, 15 * time.Second},
		{200 * time.Millisecond, 30 * time.Second},
		{time.Second, 50 * time.Second},
	} {
		p.cost = tt.cost
		if got := p.spacing(); got != tt.want {
			t.Errorf("a dump of %v every %v, want %v", tt.cost, got, tt.want)
		}
	}
}

// Without procfs nobody knows whether it is quiet: dump.
func TestPaceWithoutCounters(t *testing.T) {
	p := pace{interval: time.Second, share: 0.10}
	for second := range 4 {
		now := time.Unix(int64(second), 0)
		if !p.due(now, t.TempDir(), false) {
			t.Errorf("no dump in second %d", second)
		}
		p.dumped(now, time.Millisecond)
	}
}

func FuzzSumBytes(f *testing.F) {
	f.Add([]byte("  eth0: 5 7 0 0 0 0 0 0 6 7 0 0 0 0 0 0\n"))
	f.Add([]byte("x:y:1\n:\n\xff: 99999999999999999999999"))
	f.Fuzz(func(_ *testing.T, b []byte) { sumBytes(b) })
}

// A kernel without conntrack: the reason is said and nothing is left behind.
func TestNoConntrack(t *testing.T) {
	_, ours, _ := pair(t)
	proc := t.TempDir()
	self := strconv.Itoa(os.Getpid())
	stat, err := os.ReadFile("/proc/self/stat")
	if err == nil {
		err = os.Mkdir(filepath.Join(proc, self), 0o755)
	}
	if err == nil {
		err = os.WriteFile(filepath.Join(proc, self, "stat"), stat, 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
	err = ours.Go(func() error {
		return New(Options{Proc: proc}).Run(context.Background(), func(traffic.Batch) {})
	})()
	if err == nil || !strings.Contains(err.Error(), "no connection tracking") || !strings.Contains(err.Error(), "modprobe nf_conntrack") {
		t.Errorf("error %v, want the reason and the cure", err)
	}
	if n := countTables(t, ours); n != 0 {
		t.Errorf("%d tables left behind", n)
	}
}

// A monitor that failed goes on where it ended: no byte twice, none lost.
func TestRunAgain(t *testing.T) {
	_, ours, peer := pair4(t)
	accounted(ours)
	b := watch(t, ours, Options{})
	before := ours.Counters("eth0")
	b.traffic(t, ours, peer, 3)
	b.stop()
	b.traffic(t, ours, peer, 4) // while nobody looks
	b.start(ours)
	b.until("the second run", func() bool { return b.last.Complete })
	b.traffic(t, ours, peer, 5)
	b.stop()
	carried := ours.Counters("eth0").Sub(before).Layer3(14)
	got, flows := b.sum(scoped(traffic.ScopeLocal))
	if got.RxBytes != carried.RxBytes || got.TxBytes != carried.TxBytes || flows != 12 {
		t.Errorf("booked %+v on %d flows; the interface carried %+v on 12", got, flows, carried)
	}
}

// What moves after a quiet time is told of with a window of its own, so that
// its rate is right from the first reading.
func TestWindowAfterQuiet(t *testing.T) {
	_, ours, peer := pair4(t)
	accounted(ours)
	const interval = 100 * time.Millisecond
	type said struct {
		at    time.Time
		bytes uint64
	}
	var all []said // complete batches; written by Run's goroutine alone
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	wait := ours.Go(func() error {
		return New(Options{Interval: interval}).Run(ctx, func(b traffic.Batch) {
			var bytes uint64
			for _, s := range b.Samples {
				bytes += s.Counts.Bytes()
			}
			if b.Complete {
				all = append(all, said{b.At, bytes})
			}
		})
	})
	time.Sleep(3 * time.Second) // by then dumps are rare
	server, client := stream(ours, peer, time.Second)
	client.Wait()
	server.Stop()
	cancel()
	if err := wait(); err != nil {
		t.Fatal(err)
	}
	rare := false
	for i := 1; i < len(all); i++ {
		span := all[i].at.Sub(all[i-1].at)
		rare = rare || span > 4*interval
		if all[i].bytes > 0 {
			if span > 3*interval {
				t.Errorf("the first bytes stand in a window of %v", span)
			}
			break
		}
	}
	if !rare {
		t.Error("no reading was put off while it was quiet")
	}
}
