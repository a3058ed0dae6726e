package aggregate

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"time"

	"bwmon/traffic"
)

// model is the books kept another way: slowly, flow by flow, from the rules
// alone. It never forgets and never folds.
type model struct {
	rng     *rand.Rand
	ignore  bool // loopback
	limited bool // the ledger folds: rows cannot be compared one by one
	keep    int

	sources map[string]*modelSource
	flows   []*modelFlow // all that may be sampled again
	closed  []*modelFlow // in the order they ended
	opened  int
	rows    map[string]octets // "app|command" or "host|address"
	pipes   map[string]octets // by label
	remotes map[string]octets // by address
	shown   [2]besideRows     // pipes and remotes in the snapshot before

	carried, local, forwarded, unattributed octets
}

type modelSource struct {
	flows              int
	last               time.Time
	span               float64
	window, past       flowsOf[octets]
	failed             bool
	interfaces         [3]traffic.Counts
	interfacesReported [3]bool
	listed             bool // an earlier batch had interfaces
}

// flowsOf is something of the flows that stand in rows, in pipes and in remote
// hosts.
type flowsOf[T any] struct{ rows, pipes, remotes T }

type modelFlow struct {
	source string
	sample traffic.Sample // as last emitted
	ended  bool
	row    string // "": none
	label  string // "": none
	remote string // "": none
	booked octets // to row
	before octets // of that, opening
}

func rowOf(s traffic.Sample) string {
	switch {
	case s.Scope == traffic.ScopeForwarded:
		return "host|" + s.Flow.Local.Addr().String()
	case s.Scope == traffic.ScopePassing, s.Scope == traffic.ScopeRelay:
		return ""
	case s.Owner == nil && s.Label != "":
		return labelOf(s) + "|" + s.Flow.Local.Addr().String()
	case s.Owner == nil:
		return traffic.AppUnattributed + "|" + traffic.AppUnattributed
	case s.Owner.IsKernel():
		return traffic.AppKernel + "|" + traffic.AppKernel
	}
	var app string
	fmt.Sscan(s.Owner.Command, &app)
	switch {
	case app == "hidden":
		app = AppExcluded
	case s.Label != "":
		app = labelOf(s)
	}
	return app + "|" + s.Owner.Command
}

func labelOf(s traffic.Sample) string {
	if s.Label == traffic.AppKernel || s.Label == traffic.PipesFolded {
		return "[" + s.Label + "]"
	}
	return s.Label
}

func remoteOf(s traffic.Sample) string {
	switch s.Scope {
	case traffic.ScopeLoopback, traffic.ScopePipe, traffic.ScopePassing:
		return ""
	}
	switch host := s.Flow.Remote.Addr().String(); host {
	case "invalid IP", "0.0.0.0", "::", "::ffff:0.0.0.0":
		return traffic.HostUnknown
	default:
		return strings.TrimPrefix(host, "::ffff:")
	}
}

// isNobodys reports whether nobody can own the flow.
func isNobodys(s traffic.Sample) bool {
	switch s.Scope {
	case traffic.ScopeForwarded, traffic.ScopePassing, traffic.ScopeRelay:
		return true
	}
	return false
}

// book enters what a sample says, by the rules.
func (m *model) book(f *modelFlow, s traffic.Sample, opening bool) {
	src := m.sources[f.source]
	if s.Owner == nil {
		s.Owner = f.sample.Owner // what is known stays known
	}
	late := f.sample.Owner == nil && s.Owner != nil && !isNobodys(s)
	switch {
	case late:
		m.add(f.row, octets{}.sub(f.booked))
		f.row = rowOf(s)
		m.add(f.row, f.booked)
		if s.Scope == traffic.ScopeLocal {
			moved := f.booked.sub(f.before)
			m.unattributed, m.local = m.unattributed.sub(moved), m.local.add(moved)
		}
	case f.ended: // stays whose it was
	case rowOf(s) != f.row:
		f.row, f.booked, f.before = rowOf(s), octets{}, octets{}
		m.add(f.row, octets{})
	}
	delta := s.Counts.Sub(f.sample.Counts)
	if !s.Counts.AtLeast(f.sample.Counts) {
		if delta = s.Counts; f.ended {
			delta, s.Counts = traffic.Counts{}, f.sample.Counts
		}
	}
	o := octetsOf(delta)
	m.add(f.row, o)
	m.addBeside(f, o)
	f.booked = f.booked.add(o)
	f.sample = s
	if opening {
		f.before = f.before.add(o)
		return
	}
	src.count(f, o)
	switch {
	case s.Scope == traffic.ScopeForwarded, s.Scope == traffic.ScopePassing:
		m.forwarded = m.forwarded.add(o)
	case s.Scope == traffic.ScopeLoopback, s.Scope == traffic.ScopeInner, s.Scope == traffic.ScopePipe:
	case s.Owner == nil && s.Scope == traffic.ScopeLocal:
		m.unattributed = m.unattributed.add(o)
	default:
		m.local = m.local.add(o)
	}
}

func (m *model) add(row string, o octets) {
	if row != "" {
		m.rows[row] = m.rows[row].add(o)
	}
}

// addBeside adds to the flow's pipe and remote host. Whoever owns it, they are
// the same.
func (m *model) addBeside(f *modelFlow, o octets) {
	if f.label != "" {
		m.pipes[f.label] = m.pipes[f.label].add(o)
	}
	if f.remote != "" {
		m.remotes[f.remote] = m.remotes[f.remote].add(o)
	}
}

// count adds what enters rates.
func (src *modelSource) count(f *modelFlow, o octets) {
	w := &src.window
	if f.row != "" {
		w.rows = w.rows.add(o)
	}
	if f.label != "" {
		w.pipes = w.pipes.add(o)
	}
	if f.remote != "" {
		w.remotes = w.remotes.add(o)
	}
}

// modelCommands are few, so that flows meet in rows, and many beside them.
func (m *model) owner() *traffic.Owner {
	if m.rng.IntN(20) == 0 {
		return traffic.KernelOwner()
	}
	pid := 1 + m.rng.IntN(40)
	apps := []string{"curl", "ssh", "rsync", "hidden", "apt", "git", "dns"}
	return owner(pid, fmt.Sprintf("%s %d", apps[m.rng.IntN(len(apps))], m.rng.IntN(6)))
}

func (m *model) remote() netip.AddrPort {
	hosts := []string{
		"", "0.0.0.0", "::", "::ffff:0.0.0.0", "192.0.2.1", "::ffff:192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.4",
		"2001:db8::1", "2001:db8::2", "2001:db8::3",
	}
	host := hosts[m.rng.IntN(len(hosts))]
	if host == "" {
		return netip.AddrPort{}
	}
	return netip.AddrPortFrom(netip.MustParseAddr(host), 443)
}

func (m *model) newFlow(source string) (*modelFlow, traffic.Sample) {
	m.opened++
	s := traffic.Sample{Flow: flowKey(m.opened), Scope: traffic.Scope(m.rng.IntN(int(traffic.ScopeRelay) + 1))}
	if s.Scope == traffic.ScopeForwarded {
		host := netip.AddrFrom4([4]byte{198, 19, 1, byte(m.rng.IntN(8))})
		s.Flow.Local = netip.AddrPortFrom(host, uint16(m.opened))
	} else if !isNobodys(s) && m.rng.IntN(3) > 0 {
		s.Owner = m.owner()
	}
	if s.Scope == traffic.ScopePipe {
		labels := []string{"", "pipe-a", "pipe-b", "backup", "curl", traffic.AppKernel, traffic.PipesFolded}
		s.Label = labels[m.rng.IntN(len(labels))]
	}
	s.Flow.Remote = m.remote()
	s.Counts = bytesOf(m.rng.Uint64N(10000), m.rng.Uint64N(10000))
	f := &modelFlow{
		source: source, sample: traffic.Sample{Owner: s.Owner}, row: rowOf(s), label: labelOf(s), remote: remoteOf(s),
	}
	if s.Scope == traffic.ScopeLoopback && m.ignore {
		return f, s
	}
	m.add(f.row, octets{})
	m.addBeside(f, octets{})
	m.flows = append(m.flows, f)
	m.sources[source].flows++
	return f, s
}

// step makes one batch and books it in the model.
func (m *model) step(source string, now time.Time) traffic.Batch {
	src := m.sources[source]
	b := traffic.Batch{
		Monitor: source, At: now,
		Complete: m.rng.IntN(3) > 0, Opening: m.rng.IntN(15) == 0,
	}
	for range m.rng.IntN(12) {
		var f *modelFlow
		var s traffic.Sample
		if len(m.flows) == 0 || m.rng.IntN(3) == 0 {
			f, s = m.newFlow(source)
			if f.sample.Flow == s.Flow || s.Scope == traffic.ScopeLoopback && m.ignore {
				b.Samples = append(b.Samples, s)
				continue
			}
		} else {
			if f = m.flows[m.rng.IntN(len(m.flows))]; f.source != source {
				continue
			}
			s = m.change(f)
		}
		s.Final = s.Final || m.rng.IntN(5) == 0
		b.Samples = append(b.Samples, s)
		m.book(f, s, b.Opening)
		if s.Final && !f.ended {
			f.ended = true
			m.closed = append(m.closed, f)
			m.forget(m.keep)
		}
	}
	m.interfaces(src, &b)
	span := now.Sub(src.last).Seconds()
	if b.Complete && (src.last.IsZero() || span >= 0.05 && span >= min(src.span, 1)/2) {
		if !src.last.IsZero() {
			src.span = span
		}
		src.failed = false
		src.last, src.past, src.window = now, src.window, flowsOf[octets]{}
	}
	return b
}

// change is one more sample of a known flow.
func (m *model) change(f *modelFlow) traffic.Sample {
	s := f.sample
	s.Final = false
	switch m.rng.IntN(8) {
	case 0: // the same again
	case 1: // a decrease
		s.Counts = bytesOf(s.Counts.RxBytes/2, s.Counts.TxBytes/3)
	case 2: // one goes up, the other down
		s.Counts.RxBytes += 10
		s.Counts.TxBytes /= 2
	default:
		s.Counts = s.Counts.Add(bytesOf(m.rng.Uint64N(100000), m.rng.Uint64N(1000)))
	}
	switch {
	case isNobodys(s):
	case m.rng.IntN(6) == 0:
		s.Owner = m.owner()
	case m.rng.IntN(6) == 0:
		s.Owner = nil
	}
	return s
}

// forget drops the flows that the ledger need not remember any more.
func (m *model) forget(keep int) {
	for len(m.closed) > keep {
		for i, f := range m.flows {
			if f == m.closed[0] {
				m.flows = append(m.flows[:i], m.flows[i+1:]...)
				break
			}
		}
		m.closed = m.closed[1:]
	}
}

func (m *model) interfaces(src *modelSource, b *traffic.Batch) {
	for i := range src.interfaces {
		if m.rng.IntN(2) == 0 {
			continue
		}
		before := src.interfaces[i]
		var after, delta traffic.Counts
		if m.rng.IntN(10) == 0 && before.RxBytes > 0 {
			after = bytesOf(before.RxBytes-1, before.TxBytes)
			delta = after
		} else {
			delta = bytesOf(m.rng.Uint64N(50000), m.rng.Uint64N(50000))
			after = before.Add(delta)
		}
		if (src.interfacesReported[i] || src.listed) && i > 0 {
			if !src.interfacesReported[i] {
				delta = after // it is new
			}
			m.carried = m.carried.add(octetsOf(delta))
		}
		src.interfaces[i], src.interfacesReported[i] = after, true
		b.Interfaces = append(b.Interfaces, traffic.InterfaceTotal{
			Name: fmt.Sprint("eth", i), Index: i, Counts: after, Balanced: i > 0,
		})
	}
	src.listed = src.listed || len(b.Interfaces) > 0
}

// end closes a source's flows.
func (m *model) end(source string) {
	for _, f := range slices.Clone(m.flows) {
		if f.source == source && !f.ended {
			f.ended = true
			m.closed = append(m.closed, f)
		}
	}
	if m.limited { // in which order it forgets them is the ledger's affair
		m.forget(0)
	}
}
