// Package web is bwmon over HTTP: a page for people, an API and a stream for
// programs, metrics for Prometheus. It shows the snapshots that it is given, and
// asks for the rest: the history, alerts, and to start or stop a monitor.
//
// A document is encoded once a tick, whoever asks for it, and only if somebody
// does. What is slow is the reader's own loss: a stream that was not read in time
// goes on with the newest snapshot.
package web

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"bwmon/traffic"
)

// Options are what a Server shows and whom it asks. Functions may be called from
// any goroutine, several at a time.
type Options struct {
	Host     string        // the name of this host, until a snapshot tells it
	Version  string        // of bwmon
	Interval time.Duration // between snapshots; default 1s

	// WantFlows asks for snapshots with flows, until release is called. nil: they
	// have flows or not, whatever is asked.
	WantFlows func() (release func())
	// History answers what was used; errors that are ErrQuestion or ErrUnavailable
	// tell whose fault they are. nil: none is kept.
	History func(context.Context, traffic.Query) (*traffic.Report, error)
	// Trend answers how figures of the machine's series went; its errors are as those
	// of History. nil: none is kept.
	Trend func(context.Context, traffic.TrendQuery) (traffic.Trend, error)
	// Alerts finds alerts, of the past, too, as a document that encoding/json writes;
	// errors are as those of History. nil: there are those of the snapshot.
	Alerts func(AlertQuery) (document any, err error)
	// Silence answers POST /api/v1/silences, once it is known that who asks may;
	// nil: there is nothing to silence.
	Silence http.Handler
	// Control starts or stops ("start", "stop") the monitor of that name. An error
	// that is ErrUnknown says that there is none. nil: they cannot be.
	Control func(ctx context.Context, name, action string) error
	// Things lists what can be measured, whether it is or not, and Switch starts or
	// stops one of it by its ID ("start", "stop"), or "all"; with save it stays so when
	// bwmon starts again. An error that is ErrUnknown says that there is none of that
	// ID, ErrConflict that it is so already. nil: nothing can be switched.
	Things func(context.Context) []traffic.Thing
	Switch func(ctx context.Context, id, action string, save bool) error
	// Reload reads the configuration anew, and returns notes for people. An error says
	// that nothing has changed, and what is wrong. nil: it cannot be.
	Reload func(context.Context) (notes []string, err error)
	// Members finds the hosts of the fleet that the snapshots are of. nil: they are of one
	// host.
	Members *Members

	// MaxSeries is how many apps have counters of their own in the metrics, and how
	// many LAN hosts, interfaces, pipes, disks and other series; default 200.
	MaxSeries int
	// MaxStreams is how many streams there may be, of one address other than loopback
	// a tenth of that; default 2000. It is at most half of MaxConnections, so that
	// streams leave room for the page and /healthz.
	MaxStreams int
	// MaxConnections is how many connections each Serve holds open, of one address
	// other than loopback a tenth of that; default twice MaxStreams, and at least 4000.
	MaxConnections int
	// StreamPatience is how long the reader of a stream may take nothing of what is
	// there for it before its connection is closed; default 30s.
	StreamPatience time.Duration
	// Heartbeat is the time after which a stream on which nothing happens says that
	// it is there; default 15s.
	Heartbeat time.Duration

	Log *slog.Logger     // of what goes wrong in connections; nil: nobody is told
	Now func() time.Time // nil: time.Now, which does not jump when the clock is set
}

func (o Options) withDefaults() Options {
	for _, d := range []struct {
		value    *time.Duration
		fallback time.Duration
	}{{&o.Interval, time.Second}, {&o.StreamPatience, 30 * time.Second}, {&o.Heartbeat, 15 * time.Second}} {
		if *d.value <= 0 {
			*d.value = d.fallback
		}
	}
	for _, d := range []struct {
		value    *int
		fallback int
	}{{&o.MaxSeries, 200}, {&o.MaxStreams, 2000}} {
		if *d.value <= 0 {
			*d.value = d.fallback
		}
	}
	if o.MaxConnections <= 0 {
		o.MaxConnections = max(4000, 2*o.MaxStreams)
	}
	o.MaxStreams = min(o.MaxStreams, max(1, o.MaxConnections/2))
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return o
}

// What those who are asked may answer, wrapped: other errors are the server's.
var (
	ErrQuestion    = errors.New("wrong question")
	ErrUnknown     = errors.New("unknown")
	ErrConflict    = errors.New("it is so already")
	ErrUnavailable = errors.New("not available now")
)

// Server is made by New, given snapshots by Publish, and reached through Serve or
// Handler. All methods may be called from any goroutine.
type Server struct {
	opts    Options
	now     atomic.Pointer[moment]
	part    part
	members *members // nil: it is no fleet
	pack    *packer
	flows   *interest
	streams *headcount
	asking  chan struct{} // holds one for each question the history is at
	page    *page
	api     *body // the description of the API
	scrape  http.Handler
	stats   *stats
	ended   chan struct{}
	end     func()

	publishing sync.Mutex // held while a moment is put in place of another
}

// stats are the server's own figures.
type stats struct {
	connections atomic.Int64 // open
	refused     atomic.Int64 // for want of room
	skipped     atomic.Int64 // snapshots that streams did not take in time
	cut         atomic.Int64 // streams whose reader was too slow
}

// part is what a Server shows.
type part string

const (
	partHost   part = ""       // the host that bwmon runs on
	partFleet  part = "fleet"  // all members together
	partMember part = "member" // one of them
)

// moment is the time between two ticks.
type moment struct {
	document *document     // nil before the first
	over     chan struct{} // closed with the next
}

// maxAsking is how many questions the history is asked at a time; others wait.
const maxAsking = 4

// New starts nothing.
func New(o Options) *Server {
	o = o.withDefaults()
	s := &Server{
		opts: o, asking: make(chan struct{}, maxAsking), ended: make(chan struct{}),
		streams: newHeadcount(o.MaxStreams), page: newPage(), pack: new(packer), stats: new(stats),
	}
	if o.Members != nil {
		s.part, s.members = partFleet, newMembers(*o.Members, s)
	}
	s.end = sync.OnceFunc(func() { close(s.ended) })
	s.flows = newInterest(o.WantFlows, max(30*time.Second, 3*o.Interval))
	s.now.Store(&moment{over: make(chan struct{})})
	s.scrape = newScrape(s)
	s.api = s.newBody("application/json", openAPI)
	return s
}

// Publish shows snapshot from now on, and the newest of the members that somebody looks
// at. It does not block, and encodes nothing.
func (s *Server) Publish(snapshot *traffic.Snapshot) {
	s.publishing.Lock()
	defer s.publishing.Unlock()
	old := s.now.Load()
	var serial uint64 = 1
	if old.document != nil {
		serial = old.document.serial + 1
	}
	d := s.newDocument(snapshot, serial)
	s.now.Store(&moment{document: d, over: make(chan struct{})})
	close(old.over)
	if s.members != nil {
		s.members.publish(d)
	}
}

// Close ends all streams, for good, and lets go of the flows.
func (s *Server) Close() {
	s.end()
	s.flows.close()
	if s.members != nil {
		s.members.close()
	}
}
