package conntrack

import (
	"context"
	"net/netip"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/vishvananda/netlink"

	"bwmon/lab"
	"bwmon/traffic"
)

func TestMain(m *testing.M) { os.Exit(lab.Main(m)) }

// books is a monitor at work on a lab host, and all it has said so far.
type books struct {
	t       *testing.T
	monitor *Monitor
	cancel  context.CancelFunc
	wait    func() error

	mu      sync.Mutex // protects the fields below
	flows   map[traffic.Flow]traffic.Sample
	batches int
	opening int // samples that came in opening batches
	last    traffic.Batch
	gate    chan struct{} // when not nil, emit waits here
}

// watch starts a monitor on h and returns once it has taken its first dump.
func watch(t *testing.T, h *lab.Host, o Options) *books {
	t.Helper()
	if o.Interval == 0 {
		o.Interval = 50 * time.Millisecond
	}
	b := &books{t: t, monitor: New(o), flows: map[traffic.Flow]traffic.Sample{}}
	b.start(h)
	b.until("the first dump", func() bool { return b.last.Complete })
	return b
}

func (b *books) start(h *lab.Host) {
	ctx, cancel := context.WithCancel(context.Background())
	b.cancel = cancel
	b.wait = h.Go(func() error { return b.monitor.Run(ctx, b.take) })
	b.t.Cleanup(cancel)
}

// stop ends the monitor; its last word has been taken when stop returns.
func (b *books) stop() {
	b.t.Helper()
	b.cancel()
	if err := b.wait(); err != nil {
		b.t.Fatalf("Run: %v", err)
	}
}

func (b *books) take(batch traffic.Batch) {
	b.mu.Lock()
	gate := b.gate
	b.mu.Unlock()
	if gate != nil {
		<-gate
	}
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
		b.flows[s.Flow] = s
		if batch.Opening {
			b.opening++
		}
	}
	batch.Samples = nil
	b.batches++
	b.last = batch
}

// until waits for what cond, called with the books locked, wants to see.
func (b *books) until(what string, cond func() bool) {
	b.t.Helper()
	for end := time.Now().Add(15 * time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		b.mu.Lock()
		ok := cond()
		b.mu.Unlock()
		if ok {
			return
		}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.t.Fatalf("no sign of %s; last: %+v, flows: %+v", what, b.last, b.flows)
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

func (b *books) status() traffic.Batch {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.last
}

func scoped(scope traffic.Scope) func(traffic.Sample) bool {
	return func(s traffic.Sample) bool { return s.Scope == scope }
}

// pair is two hosts on one link: ours, which is watched, and a peer.
func pair(t *testing.T) (l *lab.Lab, ours, peer *lab.Host) {
	l, ours, peer = link(t, []string{"198.18.0.1/24", "fd00::1/64"}, []string{"198.18.0.2/24", "fd00::2/64"})
	acquaint(t, ours, "198.18.0.2", "fd00::2")
	settle(t, ours, peer)
	return l, ours, peer
}

// pair4 is a pair without IPv6, where nothing but the test's traffic enters
// the interfaces' counters: multicast listener reports are not tracked.
func pair4(t *testing.T) (l *lab.Lab, ours, peer *lab.Host) {
	l, ours, peer = link(t, []string{"198.18.0.1/24"}, []string{"198.18.0.2/24"})
	acquaint(t, ours, "198.18.0.2")
	settle(t, ours, peer)
	return l, ours, peer
}

func link(t *testing.T, addrs, peerAddrs []string) (l *lab.Lab, ours, peer *lab.Host) {
	l = lab.New(t)
	ours, peer = l.Host("ours"), l.Host("peer")
	l.Link(
		lab.End{Host: ours, Name: "eth0", Addrs: addrs},
		lab.End{Host: peer, Name: "eth0", Addrs: peerAddrs},
	)
	return l, ours, peer
}

// acquaint has h resolve its neighbours now, so that no ARP or neighbour
// discovery stands in interface counters later.
func acquaint(t *testing.T, h *lab.Host, targets ...string) {
	t.Helper()
	for _, target := range targets {
		ping(t, h, netip.MustParseAddr(target), 1)
	}
}

// settle makes h's neighbours known for good, so that none is asked for again.
func settle(t *testing.T, hosts ...*lab.Host) {
	t.Helper()
	for _, h := range hosts {
		err := h.Do(func() error {
			neighbours, err := netlink.NeighList(0, 0)
			if err != nil {
				return err
			}
			for _, n := range neighbours {
				if n.State&(netlink.NUD_REACHABLE|netlink.NUD_STALE|netlink.NUD_DELAY|netlink.NUD_PROBE) == 0 {
					continue
				}
				n.State = netlink.NUD_PERMANENT
				if err := netlink.NeighSet(&n); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// accounted makes the kernel account on h from now on.
func accounted(h *lab.Host) {
	h.Sysctl("net/netfilter/nf_conntrack_acct", "1")
	h.Track()
}

func ap(s string) netip.AddrPort { return netip.MustParseAddrPort(s) }

// traffic has ours exchange a little with peer over some TCP connections, all
// of which the kernel still remembers afterwards.
func (b *books) traffic(t *testing.T, ours, peer *lab.Host, connections int) {
	t.Helper()
	server := peer.Serve(lab.Server{Proto: "tcp", Listen: ap("198.18.0.2:0")})
	ours.Start(lab.Client{
		Args: []string{"client"}, Proto: "tcp", Target: server.Addr, Connections: connections, Send: 4000, Receive: 9000,
	}).Wait()
	time.Sleep(50 * time.Millisecond) // the last acknowledgements
	server.Stop()
}
