package socket

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"sync"
	"testing"
	"time"

	"bwmon/lab"
	"bwmon/traffic"
)

func TestMain(m *testing.M) {
	if work() {
		return
	}
	os.Exit(lab.Main(m))
}

// plain is Processes that add no more to what the kernel noted than it has to.
type plain struct{}

func (plain) Describe(pid int, start uint64, uid uint32, comm string, cmdline []byte, cut bool, _ uint64) *traffic.Owner {
	if whole, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid)); cut && err == nil {
		cmdline = whole
	}
	line := make([]byte, 0, len(cmdline))
	for i, c := range cmdline {
		if c == 0 {
			if i == len(cmdline)-1 {
				break
			}
			c = ' '
		}
		line = append(line, c)
	}
	return &traffic.Owner{PID: pid, Start: start, UID: uid, Comm: comm, Command: string(line)}
}

// books is a monitor at work on a cgroup, and all it has said so far.
type books struct {
	t       testing.TB
	host    *lab.Host // in whose network namespace the monitor runs
	monitor *Monitor
	cancel  context.CancelFunc
	done    chan error

	mu    sync.Mutex // protects the fields below
	flows map[traffic.Flow]traffic.Sample
	last  traffic.Batch

	patience time.Duration // of until; default 15 s

	brief bool           // forget flows that have ended, but for their sum
	gone  traffic.Counts // of those
	ended int
}

// watch starts a monitor in a host's namespace and returns once it has read for the first time.
func watch(t testing.TB, h *lab.Host, o Options) *books {
	t.Helper()
	if o.Interval == 0 {
		o.Interval = 50 * time.Millisecond
	}
	if o.Processes == nil {
		o.Processes = plain{}
	}
	b := &books{t: t, host: h, monitor: New(o), flows: map[traffic.Flow]traffic.Sample{}}
	b.start()
	return b
}

// start lets the monitor run, once more if need be, and returns once it has
// read for the first time.
func (b *books) start() {
	b.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	b.cancel, b.done, b.last = cancel, make(chan error, 1), traffic.Batch{}
	wait := b.host.Go(func() error { return b.monitor.Run(ctx, b.take) })
	go func() { b.done <- wait() }()
	b.t.Cleanup(cancel)
	b.until("the first reading", func() bool { return b.last.Complete })
}

func (b *books) take(batch traffic.Batch) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, s := range batch.Samples {
		if old, ok := b.flows[s.Flow]; ok {
			if old.Final {
				b.t.Errorf("sample after the final one: %+v", s)
			}
			if !s.Counts.AtLeast(old.Counts) {
				b.t.Errorf("total went down: %+v, then %+v", old, s)
			}
		}
		if b.brief && s.Final {
			b.gone, b.ended = b.gone.Add(s.Counts), b.ended+1
			delete(b.flows, s.Flow)
			continue
		}
		b.flows[s.Flow] = s
	}
	batch.Samples = nil
	b.last = batch
}

// stop ends the monitor; its last word has been taken when stop returns.
func (b *books) stop() {
	b.t.Helper()
	b.cancel()
	if err := <-b.done; err != nil {
		b.t.Fatalf("Run: %v", err)
	}
	b.done <- nil
}

// until waits for what cond, called with the books locked, wants to see.
func (b *books) until(what string, cond func() bool) {
	b.t.Helper()
	patience := b.patience
	if patience == 0 {
		patience = 15 * time.Second
	}
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		select {
		case err := <-b.done:
			b.t.Fatalf("Run ended: %v", err)
		default:
		}
		b.mu.Lock()
		ok := cond()
		b.mu.Unlock()
		if ok {
			return
		}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.t.Fatalf("no sign of %s; last: %+v, %d flows", what, b.last, len(b.flows))
}

// sum adds up the samples that match.
func (b *books) sum(match func(traffic.Sample) bool) (total traffic.Counts, flows int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, s := range b.flows {
		if match(s) {
			total = total.Add(s.Counts)
			flows++
		}
	}
	return total, flows
}

func scoped(scope traffic.Scope) func(traffic.Sample) bool {
	return func(s traffic.Sample) bool { return s.Scope == scope }
}

// pair is two hosts on one link without offloads: ours, whose cgroup is
// watched, and a peer.
func pair(t testing.TB) (ours, peer *lab.Host, cgroup string) {
	t.Helper()
	l := lab.New(t)
	ours, peer = l.Host("ours"), l.Host("peer")
	l.Link(
		lab.End{Host: ours, Name: "eth0", Addrs: []string{"198.18.0.1/24", "fd00::1/64"}, Plain: true},
		lab.End{Host: peer, Name: "eth0", Addrs: []string{"198.18.0.2/24", "fd00::2/64"}, Plain: true},
	)
	return ours, peer, ours.Cgroup()
}

func ap(s string) netip.AddrPort { return netip.MustParseAddrPort(s) }
