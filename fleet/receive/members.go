package receive

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"bwmon/traffic"
)

// find is the host of that name; nil: none is known.
func (r *Receiver) find(name string) *host {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.hosts[name]
}

// admit is the host of that name, which is known from then on.
func (r *Receiver) admit(name string, now time.Time) (*host, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if h := r.hosts[name]; h != nil {
		return h, nil
	}
	if len(r.hosts) >= r.opts.MaxHosts {
		return nil, later(http.StatusServiceUnavailable, time.Minute, "this receiver takes %d hosts, and has as many: raise its max_hosts, or have it forget one", r.opts.MaxHosts)
	}
	h := r.newHost(strings.Clone(name), now)
	h.account = r.tally.open(h.name, nil)
	r.hosts[h.name] = h
	r.log.Info("a host publishes for the first time", "host", name)
	return h, nil
}

// all is every host, by name.
func (r *Receiver) all() []*host {
	r.mu.Lock()
	list := make([]*host, 0, len(r.hosts))
	for _, h := range r.hosts {
		list = append(list, h)
	}
	r.mu.Unlock()
	slices.SortFunc(list, func(a, b *host) int { return strings.Compare(a.name, b.name) })
	return list
}

// Forget removes a host: from the books, and what it carried from the fleet's totals. If
// it publishes again it is a new one, and is asked for all of its run. It waits for what is
// being written. A receiver that forwards forgets what it remembers: the past stays where
// that was written to. ErrUnknown is in the error where there is no such host.
func (r *Receiver) Forget(name string) error {
	r.flushing.Lock() // a flush that has begun would say of a new host what was kept of this one
	defer r.flushing.Unlock()
	h := r.find(name)
	elsewhere := r.opts.Forgotten != nil && r.opts.Forgotten(name)
	switch {
	case h == nil && elsewhere:
		return nil
	case h == nil:
		why := "there is no such host"
		if r.opts.Forward != nil {
			why = "this receiver has not heard of it since it started: what it wrote to an engine is to be deleted there"
		}
		return fmt.Errorf("forget %q: %w: %s", traffic.CleanText(name, traffic.MaxWord), ErrUnknown, why)
	}
	<-h.turn
	defer func() { h.turn <- struct{}{} }()
	if r.opts.Books != nil {
		if err := r.opts.Books.Forget(name); err != nil {
			return fmt.Errorf("forget %s: %w", name, err)
		}
	}
	h.gone = true
	r.tally.close(h.account)
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.hosts, name)
	delete(r.dirty, h)
	return nil
}

// Hosts are the members of the fleet, by name: those that published, not those that only
// posted figures. Their totals count since the receiver started. Any goroutine may call it.
func (r *Receiver) Hosts() []traffic.Member { return r.members(r.opts.Now()) }

func (r *Receiver) members(now time.Time) []traffic.Member {
	hosts := slices.DeleteFunc(r.all(), func(h *host) bool { return !h.isMember() })
	list := make([]traffic.Member, len(hosts))
	for i, h := range hosts {
		r.look(h, now)
		list[i] = h.member(now)
	}
	r.tally.mu.Lock()
	defer r.tally.mu.Unlock()
	for i, h := range hosts {
		b := balance(h.account.bytes)
		list[i].Usage = traffic.Usage{RxBytes: b.InterfaceRx, TxBytes: b.InterfaceTx, RxRate: h.account.rate.Rx, TxRate: h.account.rate.Tx}
		list[i].Unbooked = b.UnattributedRx + b.UnattributedTx + uint64(max(0, b.ResidualRx)) + uint64(max(0, b.ResidualTx))
	}
	return list
}

// look notices that a host is silent, or no longer.
func (r *Receiver) look(h *host, now time.Time) {
	h.mu.Lock()
	was := h.silent
	h.silent = h.quietFor(now) > h.patience(r.opts.SilentAfter)
	is, snapshot, seen, heard := h.silent, h.snapshot, h.seen, h.heard
	h.mu.Unlock()
	switch {
	case is && !was:
		r.log.Warn("a host is silent", "host", h.name, "seen", seen)
		r.tally.hush(h.account)
	case !is && was:
		r.log.Info("a host publishes again", "host", h.name)
	}
	if !is && heard {
		r.tally.wake(h.account, snapshot)
	}
}

// member is what h's line says, but for its totals.
func (h *host) member(now time.Time) traffic.Member {
	h.mu.Lock()
	defer h.mu.Unlock()
	m := traffic.Member{
		Host: h.name, State: traffic.MemberReporting, Seen: h.seen.UTC(), Silent: h.quietFor(now).Seconds(),
		Clock: h.clock.off.Seconds(), Waiting: h.waiting,
	}
	if s := h.snapshot; s != nil {
		m.Apps = len(s.Apps)
		for i := range s.Alerts {
			if s.Alerts[i].State == "firing" {
				m.Alerts++
			}
		}
		if !h.silent {
			for i := range s.Apps {
				m.Connections += count(s.Apps[i].Connections)
			}
		}
	}
	switch {
	case h.refused != "" && now.Sub(h.refusedAt) <= refusedFor:
		m.State, m.Detail = traffic.MemberRefused, h.refused
	case h.silent:
		m.State = traffic.MemberSilent
		if m.Detail = "nothing came from it yet"; !h.seen.IsZero() {
			m.Detail = "nothing came from it since " + h.seen.UTC().Format(time.RFC3339)
		}
		if h.refused != "" {
			m.Detail += "; what came then was refused: " + h.refused
		}
	}
	return m
}

// refusedFor is how long a host is shown as refused after the last attempt.
const refusedFor = 5 * time.Minute

// refuse notes that what a host sent was not taken.
func (r *Receiver) refuse(h *host, why string, now time.Time) {
	why = traffic.CleanText(why, 500)
	h.mu.Lock()
	fresh := h.refused != why
	h.refused, h.refusedAt = why, now
	h.mu.Unlock()
	if fresh {
		r.log.Warn("what a host published is refused", "host", h.name, "why", why)
	}
}

// count sorts members by state.
func (s *Status) count(list []traffic.Member) {
	s.Hosts = len(list)
	for i := range list {
		switch list[i].State {
		case traffic.MemberReporting:
			s.Reporting++
		case traffic.MemberSilent:
			s.Silent++
		case traffic.MemberRefused:
			s.Refused++
		}
	}
}

// HostSnapshot is a host's books as it published them last, nil before it did, and whether
// there is such a host. Of a host that is silent, or has not published since the receiver started, nothing is
// known of now: its rates are 0, and a monitor "publish" says so. It is shared, and never
// changed. Any goroutine may call it.
func (r *Receiver) HostSnapshot(name string) (s *traffic.Snapshot, known bool) {
	h := r.find(name)
	if h == nil {
		return nil, false
	}
	now := r.opts.Now()
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.snapshot == nil || h.heard && h.quietFor(now) <= h.patience(r.opts.SilentAfter) {
		return h.snapshot, true
	}
	if h.quiet == nil {
		h.quiet = hushed(h.snapshot)
	}
	return h.quiet, true
}

// hushed is s without rates.
func hushed(s *traffic.Snapshot) *traffic.Snapshot {
	q := *s
	still := func(u *traffic.Usage) { u.RxRate, u.TxRate = 0, 0 }
	rest := func(u *traffic.Resources) { u.DiskReadRate, u.DiskWriteRate, u.CPUPercent = 0, 0, 0 }
	q.Apps = slices.Clone(s.Apps)
	for i := range q.Apps {
		a := &q.Apps[i]
		still(&a.Usage)
		rest(&a.Resources)
		a.Commands = slices.Clone(a.Commands)
		for j := range a.Commands {
			still(&a.Commands[j].Usage)
			rest(&a.Commands[j].Resources)
		}
	}
	q.LANHosts, q.Pipes, q.Interfaces = slices.Clone(s.LANHosts), slices.Clone(s.Pipes), slices.Clone(s.Interfaces)
	for i := range q.LANHosts {
		still(&q.LANHosts[i].Usage)
	}
	for i := range q.Pipes {
		still(&q.Pipes[i].Usage)
	}
	for i := range q.Interfaces {
		still(&q.Interfaces[i].Usage)
	}
	q.Monitors = append([]traffic.MonitorStatus{{
		Name: "publish", Kind: "publish", State: traffic.StateFailed,
		Detail: "the host is silent: this is what it was at " + s.At.UTC().Format(time.RFC3339),
	}}, s.Monitors...)
	return &q
}
