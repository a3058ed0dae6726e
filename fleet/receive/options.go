package receive

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"net/http"
	"time"

	"bwmon/fleet"
	"bwmon/traffic"
)

// Books keep what hosts published. Those of different hosts are booked at a time, of
// one host one after the other.
type Books interface {
	// Kept lists the hosts as of the last flush.
	Kept() ([]Kept, error)
	// Book takes a host's whole books; what they differ by from those booked before was
	// used until s.At. It writes nothing yet. s is never changed.
	Book(host string, s *traffic.Snapshot, note []byte) error
	// Flush writes. When it returns nil, all that was booked before it was called survives
	// a crash.
	Flush(ctx context.Context) error
	// Forget removes a host and its past.
	Forget(host string) error
}

// Kept is one host as of the last flush: what was given with the last Book of it.
type Kept struct {
	Host     string
	Note     []byte
	Snapshot *traffic.Snapshot
}

// Perf keeps figures that hosts posted by themselves, as series of the kind
// traffic.SeriesPerf.
type Perf interface {
	// Note keeps one figure. ErrTooMany is in its error where there is no room for its
	// name, and will be none.
	Note(host string, at time.Time, name string, value float64) error
	// Trend answers with the series of one host. ErrUnknown is in its error where nothing
	// is known of that host.
	Trend(ctx context.Context, host string, q traffic.TrendQuery) (traffic.Trend, error)
}

// ErrUnknown says that there is no such host.
var ErrUnknown = errors.New("unknown")

// ErrTooMany says that a host has as many names as it may have.
var ErrTooMany = errors.New("too many names")

// ErrForbidden is in an error of Options.Who where it is known who asks, and it may not;
// else whoever asks has to say who it is.
var ErrForbidden = errors.New("not allowed")

// Limits bound what one host may do. What is 0 is its default.
type Limits struct {
	fleet.Limits
	// Ahead is how far a clock may be off from the receiver's before its times are
	// corrected.
	Ahead time.Duration
	// Requests is how many there may be in a second, on average.
	Requests float64
	// Bytes is how many it may send in a second, on average, as they travel; Request how
	// many at once.
	Bytes   float64
	Request int64
	// Names is how many new rows an hour it may bring.
	Names int
}

// Options are what a Receiver needs to know. Either Books or Forward is there.
type Options struct {
	Host  string // the receiver's own name
	Books Books
	// Forward is called in place of Books by a receiver that has no memory: what it
	// returns nil for is kept; with an error that has HTTPStatus() 422 it is refused for good.
	// It is called by several goroutines, and for one host one batch after the other.
	Forward func(ctx context.Context, host string, batches []*fleet.Batch) error
	// Forgotten, with Forward, is told of hosts that are forgotten, and whether it knew of
	// one; nil: nobody did.
	Forgotten func(host string) (known bool)
	// Perf is asked for posted figures; nil: none are taken.
	Perf Perf
	// Who says which host a caller may write as: one, or any. nil: any.
	Who    func(*http.Request) (host string, any bool, err error)
	Limits Limits
	// MaxHosts is how many hosts are taken.
	MaxHosts int
	// SilentAfter is how long a host may not publish; one that publishes less often may
	// be quiet for three times as long as it takes from one publication to the next.
	SilentAfter time.Duration
	// FlushEvery is how often the books are flushed, if there is not much to flush.
	FlushEvery time.Duration
	// Interval is how often a snapshot of the fleet is made.
	Interval time.Duration
	// Apps is how many apps the fleet's snapshot has, and how many of one host; the
	// others are one.
	Apps, HostApps int
	// AppHosts is how many hosts of an app it has; the others are one.
	AppHosts int
	Log      *slog.Logger
	Now      func() time.Time
	// Run tells one run of the receiver from all others; "": it is drawn.
	Run string
}

// The defaults of Options.
const (
	DefaultMaxHosts    = 2000
	DefaultSilentAfter = 2 * time.Minute
	DefaultFlushEvery  = 15 * time.Second
	DefaultInterval    = 2 * time.Second
	DefaultApps        = 2000
	DefaultHostApps    = 500
	DefaultAppHosts    = 2000
)

// The defaults of Limits. A day's outage at 2 KB/s is made up for in twelve minutes.
const (
	DefaultAhead    = 2 * time.Minute
	DefaultRequests = 5
	DefaultBytes    = 256 << 10
	DefaultRequest  = 2 << 20
	DefaultNames    = 10_000
)

func (l Limits) withDefaults() Limits {
	l.Rows = cmp.Or(l.Rows, fleet.DefaultRows)
	l.Ahead = cmp.Or(l.Ahead, DefaultAhead)
	l.Requests = cmp.Or(l.Requests, DefaultRequests)
	l.Bytes = cmp.Or(l.Bytes, DefaultBytes)
	l.Request = cmp.Or(l.Request, DefaultRequest)
	l.Names = cmp.Or(l.Names, DefaultNames)
	return l
}

func (o Options) withDefaults() Options {
	o.Limits = o.Limits.withDefaults()
	o.MaxHosts = cmp.Or(o.MaxHosts, DefaultMaxHosts)
	o.SilentAfter = cmp.Or(o.SilentAfter, DefaultSilentAfter)
	o.FlushEvery = cmp.Or(o.FlushEvery, DefaultFlushEvery)
	o.Interval = cmp.Or(o.Interval, DefaultInterval)
	o.Apps = cmp.Or(o.Apps, DefaultApps)
	o.HostApps = cmp.Or(o.HostApps, DefaultHostApps)
	o.AppHosts = cmp.Or(o.AppHosts, DefaultAppHosts)
	if o.Who == nil {
		o.Who = func(*http.Request) (string, bool, error) { return "", true, nil }
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	o.Run = cmp.Or(o.Run, rand.Text())
	return o
}

func (o *Options) check() error {
	l := &o.Limits
	switch {
	case (o.Books == nil) == (o.Forward == nil):
		return errors.New("receive: want either books or somebody to forward to")
	case l.Ahead < 0 || l.Requests <= 0 || l.Bytes <= 0 || l.Request <= 0 || l.Names <= 0:
		return errors.New("receive: limits must be above 0")
	case o.MaxHosts < 1 || o.Apps < 2 || o.HostApps < 2 || o.AppHosts < 2:
		return errors.New("receive: want room for at least one host, and for two apps and two hosts of an app")
	case o.SilentAfter <= 0 || o.FlushEvery <= 0 || o.Interval <= 0:
		return errors.New("receive: times must be above 0")
	}
	return nil
}
