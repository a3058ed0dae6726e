package socket

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"bwmon/thread"
	"bwmon/traffic"
)

// Options says how a Monitor works. The zero value of a field is its default.
type Options struct {
	Interval  time.Duration // between readings, while they cost no more than MaxShare; default 1 s
	MaxShare  float64       // of one core that readings may cost; default 0.10
	Cgroup    string        // directory of the cgroup to watch, with all below; default: the root of cgroup v2
	MaxFlows  int           // that are counted one by one; default 1,000,000. The rest is counted together
	Processes Processes     // nil: every flow is unattributed
	Proc      string        // where procfs is mounted; default /proc

	// Interfaces are those on which what packet sockets send is counted, which
	// no cgroup sees; nil: none.
	Interfaces Interfaces

	Relays Relays // whose sockets have no row of their own; nil: none
}

// Relays knows the sockets of relays, by their cookies (SO_COOKIE) or by the
// process that has them, 0 where it is not known. It is called from Run's
// goroutine.
type Relays interface {
	Has(cookie uint64, pid int) bool
}

// noRelays is that of a monitor that was given none.
type noRelays struct{}

func (noRelays) Has(uint64, int) bool { return false }

const (
	defaultInterval = time.Second
	defaultMaxShare = 0.10
	defaultMaxFlows = 1_000_000
	maxOwners       = 1 << 16

	// drainEvery is how often events are taken, so that they find room.
	drainEvery = 250 * time.Millisecond
	// longest is what is waited at most for the sake of Options.MaxShare.
	longest = 5 * time.Second
	// batchSamples bounds one batch.
	batchSamples = 8192
)

// Monitor is the socket monitor. It is a traffic.Monitor; see there.
type Monitor struct {
	opts Options

	kernel *kernel     // nil while it is not open
	asked  atomic.Bool // somebody calls Has: new flows are placed at once
	// What follows belongs to Run's goroutine.
	book   *book
	owners *owners
	round  round
	recent []bpfFlowKey // that moved in the tick that is not over
	totals [bpfTotalTOTALS]uint64
	keys   []bpfFlowKey // read into
	values []bpfFlow
	idled  time.Time
	cost   time.Duration // processor time of the last reading
	lives  uint64        // of overflow: one for each Run
}

// New returns a monitor that has not begun.
func New(o Options) *Monitor {
	if o.Interval <= 0 {
		o.Interval = defaultInterval
	}
	if o.MaxShare <= 0 {
		o.MaxShare = defaultMaxShare
	}
	if o.MaxFlows <= 0 {
		o.MaxFlows = defaultMaxFlows
	}
	if o.Proc == "" {
		o.Proc = "/proc"
	}
	if o.Processes == nil {
		o.Processes = nobody{}
	}
	m := &Monitor{owners: newOwners(o.Processes)}
	m.asked.Store(o.Relays != nil) // who knows what is a relay's forgets it soon
	if o.Relays == nil {
		o.Relays = noRelays{}
	}
	m.opts = o
	m.book = newBook(m.owners, o.Relays)
	m.round.moved = make(map[bpfFlowKey]bool)
	return m
}

// nobody is the Processes of a monitor that was given none.
type nobody struct{}

func (nobody) Describe(int, uint64, uint32, string, []byte, bool, uint64) *traffic.Owner { return nil }

// Name implements traffic.Monitor.
func (m *Monitor) Name() string { return "socket" }

// Has reports whether a socket that is watched, in a network namespace other than
// Run's, has the address, or lately had it. Any goroutine may call it at any
// time.
func (m *Monitor) Has(ip netip.Addr) bool {
	m.asked.Store(true)
	return m.book.inner.Has(ip)
}

// Open loads and attaches the programs, which Run does otherwise. Its error says
// what keeps the monitor from running here. It does nothing while they are
// attached, and must not be called while Run runs.
func (m *Monitor) Open() error {
	if m.kernel != nil {
		return nil
	}
	cgroup, err := m.opts.cgroup()
	if err != nil {
		return err
	}
	m.kernel, err = open(cgroup, sizes{flows: uint32(m.opts.MaxFlows), owners: maxOwners})
	return err
}

// Lean is what the monitor does without on this kernel, for people; "" nothing.
// It is known once the programs are attached.
func (m *Monitor) Lean() string {
	if m.kernel == nil {
		return ""
	}
	return strings.Join(m.kernel.lean, ", ")
}

// Close takes the programs away again, where Run does not come to it.
func (m *Monitor) Close() error {
	if m.kernel == nil {
		return nil
	}
	k := m.kernel
	m.kernel = nil
	return k.close()
}

// ownNetns is the number of the calling thread's network namespace.
func ownNetns(proc string) (uint32, error) {
	var st unix.Stat_t
	if err := unix.Stat(filepath.Join(proc, "thread-self/ns/net"), &st); err != nil {
		return 0, fmt.Errorf("find our network namespace: %w", err)
	}
	return uint32(st.Ino), nil
}

// Run implements traffic.Monitor. What is sent and received in the network
// namespace of the thread that calls it is local.
func (m *Monitor) Run(ctx context.Context, emit func(traffic.Batch)) (err error) {
	runtime.LockOSThread() // its processor time is measured
	defer runtime.UnlockOSThread()
	if err := m.Open(); err != nil {
		return err
	}
	k := m.kernel
	defer func() { err = errors.Join(err, m.Close()) }()
	if m.book.netns, err = ownNetns(m.opts.Proc); err != nil {
		return err
	}
	if err := k.objs.Home.Set(m.book.netns); err != nil {
		return fmt.Errorf("say which network namespace is ours: %w", err)
	}
	if err := m.begin(k); err != nil {
		return err
	}
	defer func() { m.owners.table = nil }()
	return m.work(ctx, k, emit)
}

// begin starts over with empty maps: what a former Run left open has ended, and
// what was carried since the programs were attached does not count, as the
// interfaces are first read now, too.
func (m *Monitor) begin(k *kernel) error {
	m.book.closeAll(time.Now())
	m.owners.table = k.objs.Owners
	clear(m.owners.known)
	m.owners.gone, m.owners.past = [goneRounds][]bpfWho{}, nil
	clear(m.round.moved)
	m.round.ended, m.recent = nil, nil
	m.totals = [bpfTotalTOTALS]uint64{}
	m.lives++
	if err := m.survey(k); err != nil {
		k.lean = append(k.lean, err.Error())
	}
	return k.drain(func(e *bpfEvent) {
		if bpfKind(e.Kind) == bpfKindMOVED {
			_ = k.objs.Flows.Delete(&e.Flow) // what it carried until now is not ours to tell
			return
		}
		m.note(e)
	})
}

func (m *Monitor) work(ctx context.Context, k *kernel, emit func(traffic.Batch)) error {
	drain := time.NewTicker(min(drainEvery, m.opts.Interval))
	defer drain.Stop()
	next := time.Now()
	for {
		now := time.Now()
		last := ctx.Err() != nil
		if m.opts.Interfaces != nil {
			k.taps.put(m.opts.Interfaces.Balanced())
		}
		if last || !now.Before(next) {
			if err := m.turn(k, now, emit); err != nil || last {
				return err
			}
			// A ticker's tick may come a little early.
			next = now.Add(m.every() - drainEvery/10)
		} else if err := m.drain(k); err != nil {
			return err
		}
		select {
		case <-drain.C:
		case <-ctx.Done():
		}
	}
}

// every is the time between two readings that keeps them within their share, as
// far as waiting helps: what sockets that come and go cost, it does not lessen.
func (m *Monitor) every() time.Duration {
	return max(m.opts.Interval, min(time.Duration(float64(m.cost)/m.opts.MaxShare), longest))
}

// turn reads what there is and says it.
func (m *Monitor) turn(k *kernel, now time.Time, emit func(traffic.Batch)) error {
	before := thread.CPUTime()
	if err := m.read(k, now); err != nil {
		return err
	}
	m.cost = thread.CPUTime() - before
	next := traffic.Batch{Monitor: m.Name(), At: now, Lost: m.lost(), Detail: m.detail(k)}
	add := func(s traffic.Sample) {
		next.Samples = append(next.Samples, s)
		if len(next.Samples) == batchSamples {
			emit(next)
			next.Samples = nil
		}
	}
	m.book.samples(add)
	for place := range bpfPlacePLACES {
		if s := m.overflow(place); !s.Counts.IsZero() {
			add(s)
		}
	}
	next.Complete = true
	emit(next)
	return nil
}

// overflow is what was carried in a place by flows that found no room, all
// together.
func (m *Monitor) overflow(place bpfPlace) traffic.Sample {
	of := m.totals[bpfTotal(place)*bpfTotalOVERFLOWS:]
	return traffic.Sample{
		Flow: traffic.Flow{
			Local:  netip.AddrPortFrom(netip.IPv6Unspecified(), 0),
			Remote: netip.AddrPortFrom(netip.IPv6Unspecified(), 0),
			ID:     m.lives*uint64(bpfPlacePLACES) + uint64(place),
		},
		Scope: map[bpfPlace]traffic.Scope{
			bpfPlaceHERE: traffic.ScopeLocal, bpfPlaceIN_LOOPBACK: traffic.ScopeLoopback, bpfPlaceELSEWHERE: traffic.ScopeInner,
		}[place],
		Counts: traffic.Counts{
			RxBytes: of[bpfTotalOVERFLOW_RX], TxBytes: of[bpfTotalOVERFLOW_TX],
			RxPackets: of[bpfTotalOVERFLOW_PACKETS_RX], TxPackets: of[bpfTotalOVERFLOW_PACKETS_TX],
		},
	}
}

// lost is how many users of sockets could not be noted.
func (m *Monitor) lost() uint64 {
	return m.totals[bpfTotalOWNERS_FULL] + m.totals[bpfTotalUSERS_FULL]
}

// beyond is how many packets of flows that found no room there were.
func (m *Monitor) beyond() uint64 {
	var n uint64
	for place := range bpfPlacePLACES {
		c := m.overflow(place).Counts
		n += c.RxPackets + c.TxPackets
	}
	return n
}

// detail is the monitor's condition in one line.
func (m *Monitor) detail(k *kernel) string {
	parts := []string{
		fmt.Sprintf("%d flows of %d sockets", len(m.book.flows), len(m.book.sockets)),
		fmt.Sprintf("read in %s every %s", m.cost.Round(10*time.Microsecond), m.every().Round(10*time.Millisecond)),
	}
	for _, note := range []struct {
		n    uint64
		what string
	}{
		{m.beyond(), "packets of flows beyond max_flows"},
		{m.totals[bpfTotalOWNERS_FULL], "times a process found no room"},
		{m.totals[bpfTotalUSERS_FULL], "times a user of a socket found no room"},
	} {
		if note.n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", note.n, note.what))
		}
	}
	if k.taps.refused != nil {
		parts = append(parts, "packet sockets are not counted (Linux 6.6 and later)")
	}
	return strings.Join(append(parts, k.lean...), ", ")
}

func (o Options) cgroup() (string, error) {
	if o.Cgroup != "" {
		return o.Cgroup, nil
	}
	return Root(o.Proc)
}
