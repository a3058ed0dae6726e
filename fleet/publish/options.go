package publish

import (
	"cmp"
	"errors"
	"log/slog"
	"time"
)

// Options says what to publish, and how. Zero values stand for the defaults given.
type Options struct {
	Host   string // the name to publish under
	Sender Sender // see NewHTTP
	To     string // whom that is, for people: an address

	// Dir is the queue's own directory; it is made if it is not there (mode 0700), and
	// locked. Without one batches are kept in memory only.
	Dir      string
	Interval time.Duration // 10 s; between two batches
	// MaxSize bounds the files of the queue, in bytes of the disk that they take. 64 MiB.
	MaxSize int64
	// MaxAge is how old a batch may become before it is joined with the next one of its run
	// and, where there is none, dropped. 7 days.
	MaxAge time.Duration
	// Grace is how long Run goes on sending after it was cancelled. 3 s.
	Grace time.Duration

	Log *slog.Logger
	Now func() time.Time
}

// maxMemory bounds batches that the disk refuses, in bytes as they would be stored.
const maxMemory = 8 << 20

func (o Options) withDefaults() (Options, error) {
	switch {
	case o.Host == "":
		return o, errors.New("publish: the host's name is missing")
	case o.Sender == nil:
		return o, errors.New("publish: it is not said to whom")
	}
	if o.Interval <= 0 {
		o.Interval = 10 * time.Second
	}
	if o.MaxSize <= 0 {
		o.MaxSize = 64 << 20
	}
	if named, ok := o.Sender.(interface{ Name() string }); ok {
		o.To = cmp.Or(o.To, named.Name())
	}
	o.To = cmp.Or(o.To, "the receiver")
	o.MaxAge = cmp.Or(max(o.MaxAge, 0), 7*24*time.Hour)
	o.Grace = cmp.Or(max(o.Grace, 0), 3*time.Second)
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return o, nil
}
