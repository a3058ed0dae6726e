package web

import (
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"

	"bwmon/traffic"
)

// Members finds the hosts of a fleet. Each is shown as a host of its own below
// /hosts/NAME/, to those who may see the fleet. Functions may be called from any
// goroutine, several at a time, and must not wait for who publishes.
type Members struct {
	// Snapshot is the newest of the host of that name, nil before its first; false says
	// that there is no such host.
	Snapshot func(host string) (newest *traffic.Snapshot, ok bool)
	// Options says how to ask for the past of a host: its History, Trend and Alerts are
	// looked at, nothing else. It is called when somebody begins to look at that host.
	// nil: there is no past.
	Options func(host string) Options
	// Most is how many hosts are looked at, at a time; default 100. A host that nobody
	// has looked at for Idle, default one minute, costs nothing.
	Most int
	Idle time.Duration
}

// members are the hosts of a fleet that somebody looks at, each with a Server of its own.
type members struct {
	Members
	fleet *Server

	mu     sync.Mutex // protects the fields below
	held   map[string]*member
	closed bool
}

// member is one that is looked at, or was until lately.
type member struct {
	*Server
	host    string
	readers int
	left    time.Time // by the last reader
	at      time.Time // of the newest snapshot
	gap     time.Duration
}

func newMembers(m Members, fleet *Server) *members {
	if m.Most <= 0 {
		m.Most = 100
	}
	if m.Idle <= 0 {
		m.Idle = time.Minute
	}
	return &members{Members: m, fleet: fleet, held: make(map[string]*member)}
}

// enter finds a host for somebody who looks at it, until leave is called.
func (m *members) enter(host string) (s *Server, leave func(), err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	one := m.held[host]
	if one == nil {
		if one, err = m.make(host); err != nil {
			return nil, nil, err
		}
	}
	one.readers++
	return one.Server, func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		one.readers--
		one.left = m.fleet.opts.Now()
	}, nil
}

// make has a Server for a host. It is called with mu held.
func (m *members) make(host string) (*member, error) {
	newest, ok := m.Snapshot(host)
	if !ok || m.closed {
		return nil, fmt.Errorf("%w: no host %q has published here", ErrUnknown, traffic.CleanText(host, maxLabel))
	}
	if len(m.held) >= m.Most && !m.forgetOne() {
		return nil, fmt.Errorf("%w: %d hosts are looked at, and more cannot be: close the pages of some", ErrUnavailable, m.Most)
	}
	one := &member{host: host, Server: m.fleet.newMember(host, m.Options), left: m.fleet.opts.Now()}
	m.held[host] = one
	if newest != nil {
		one.show(newest, m.fleet.now.Load().document)
	}
	return one, nil
}

// forgetOne makes room: the host that nobody looks at, and has not for longest, goes.
func (m *members) forgetOne() bool {
	var oldest *member
	for _, one := range m.held {
		if one.readers == 0 && (oldest == nil || one.left.Before(oldest.left)) {
			oldest = one
		}
	}
	if oldest != nil {
		m.forget(oldest)
	}
	return oldest != nil
}

func (m *members) forget(one *member) {
	delete(m.held, one.host)
	one.Close()
}

// publish shows what there is of those that are looked at, and forgets the others.
func (m *members) publish(fleet *document) {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := m.fleet.opts.Now()
	for _, one := range m.held {
		newest, ok := m.Snapshot(one.host)
		switch {
		case !ok, one.readers == 0 && now.Sub(one.left) >= m.Idle:
			m.forget(one)
		case newest != nil:
			one.show(newest, fleet)
		}
	}
}

func (m *members) close() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.closed = true
	for _, one := range m.held {
		m.forget(one)
	}
}

// show publishes what a host said last, each time that the fleet is published: who looks
// at it hears from here that there is no news. Its document names this one member, as the
// fleet knows it, and is as often as the fleet's or the host's own, whichever is rarer.
func (one *member) show(newest *traffic.Snapshot, fleet *document) {
	shown := *newest
	shown.Hosts = nil
	if gap := newest.At.Sub(one.at); gap > 0 && !one.at.IsZero() {
		one.gap = min(gap, 5*time.Minute)
	}
	one.at = newest.At
	shown.Interval = max(shown.Interval, one.gap.Seconds())
	if fleet != nil {
		shown.Interval = max(shown.Interval, fleet.snapshot.Interval)
		hosts := fleet.snapshot.Hosts
		if i := slices.IndexFunc(hosts, func(h traffic.Member) bool { return h.Host == one.host }); i >= 0 {
			shown.Hosts = hosts[i : i+1 : i+1]
		}
	}
	one.Publish(&shown)
}

// newMember is a Server for one host of the fleet that s shows: what bounds s bounds all
// of them together.
func (s *Server) newMember(host string, options func(string) Options) *Server {
	o := s.opts
	o.Host = host
	o.WantFlows, o.History, o.Trend, o.Alerts, o.Members = nil, nil, nil, nil, nil
	o.Silence, o.Control, o.Things, o.Switch, o.Reload = nil, nil, nil, nil, nil
	if options != nil {
		its := options(host)
		o.History, o.Trend, o.Alerts = its.History, its.Trend, its.Alerts
	}
	m := &Server{
		opts: o, part: partMember, asking: s.asking, streams: s.streams, page: s.page, pack: s.pack, stats: s.stats,
		flows: newInterest(nil, 0), ended: make(chan struct{}),
	}
	m.end = sync.OnceFunc(func() { close(m.ended) })
	m.now.Store(&moment{over: make(chan struct{})})
	return m
}

// ofMember has serve answer for the host that the path names.
func (s *Server) ofMember(serve func(*Server, http.ResponseWriter, *http.Request)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		one, leave, err := s.members.enter(r.PathValue("host"))
		if err != nil {
			SayProblem(w, statusOf(err), err)
			return
		}
		defer leave()
		serve(one, w, r)
	}
}

// getMemberPage answers with the page of a host; to those who may not see more with one
// that does not tell whether there is such a host.
func (s *Server) getMemberPage(w http.ResponseWriter, r *http.Request, figures bool) {
	if !figures {
		s.sendPage(w, r, func() (*body, error) { return s.execute(view{Locked: true, Part: partMember}) })
		return
	}
	s.ofMember(func(one *Server, w http.ResponseWriter, r *http.Request) { one.getPage(w, r, true) })(w, r)
}
