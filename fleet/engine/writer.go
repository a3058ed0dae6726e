package engine

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/klauspost/compress/snappy"

	"bwmon/fleet"
	"bwmon/traffic"
)

// Writer writes batches to an engine. It is for any number of goroutines, and keeps
// nothing from one call to the next but its Stats.
type Writer struct {
	opts Options
	host string // of the engine, for people

	mu    sync.Mutex // protects stats
	stats Stats
}

// Stats is what a Writer did so far.
type Stats struct {
	Requests uint64 `json:"requests"`
	Samples  uint64 `json:"samples"` // taken by the engine
	Bytes    uint64 `json:"bytes"`   // of requests, compressed
	// Refused are samples that the engine will never take: too old, too many, too long.
	// Detail is what it said of the last of them.
	Refused uint64 `json:"refused"`
	Detail  string `json:"detail,omitempty"`
}

// NewWriter makes a Writer. It asks the engine nothing.
func NewWriter(o Options) (*Writer, error) {
	o, err := o.complete()
	if err != nil {
		return nil, err
	}
	u, err := url.Parse(o.URL)
	if err != nil {
		return nil, err
	}
	return &Writer{opts: o, host: u.Host}, nil
}

// Close gives up the connections that are open and idle.
func (w *Writer) Close() { w.opts.Client.CloseIdleConnections() }

// Stats says what w did so far.
func (w *Writer) Stats() Stats {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.stats
}

// Error is an engine's answer to a request that is to be sent again later, or what is
// wrong with a batch.
type Error struct {
	Status int           // of HTTP; 422: the batch makes no sense
	After  time.Duration // it asks to wait that long; 0: it does not say
	Text   string
}

func (e *Error) Error() string {
	cure := "it is tried again"
	switch e.Status {
	case http.StatusUnauthorized, http.StatusForbidden:
		cure = "check the token and the tenant of the engine"
	case http.StatusNotFound, http.StatusMethodNotAllowed:
		cure = `check the engine's url; Prometheus takes what is written only with --web.enable-remote-write-receiver`
	case http.StatusUnprocessableEntity:
		return "write to the engine: " + e.Text
	case http.StatusMovedPermanently, http.StatusFound, http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
		cure = "give the url that it redirects to"
	}
	return fmt.Sprintf("write to the engine: it answers %d: %s: %s", e.Status, e.Text, cure)
}

// HTTPStatus and RetryAfter are what a host's publisher goes by.
func (e *Error) HTTPStatus() int           { return e.Status }
func (e *Error) RetryAfter() time.Duration { return e.After }

// Write writes batches, in their order. When it returns nil, the engine has all of them,
// but for samples that it will never take, which are counted (Stats): totals that come
// later have what these had. When it returns an error (an *Error where the engine
// answered), some may have been written: to write them again is harmless. Where a batch
// makes no sense, none is written. It blocks for as long as the
// engine takes, at most Options.Timeout for each request.
func (w *Writer) Write(ctx context.Context, batches []*fleet.Batch) error {
	var d delivery
	for _, b := range batches {
		early, late, err := samplesOf(b, w.opts.Commands)
		if err != nil {
			return err
		}
		d.add(early)
		d.add(late)
	}
	return w.deliver(ctx, &d)
}

// Beat says that a host was at a position at a time, though it has nothing new, and how
// many batches it has yet to send. The zero position says only the latter.
func (w *Writer) Beat(ctx context.Context, host string, p fleet.Position, at time.Time, waiting int) error {
	var list []series
	if !p.IsZero() {
		list = beat(host, p, at)
	}
	var d delivery
	d.add(append(list, series{named(metricWaiting, "host", host), at.UnixMilli(), float64(waiting)}))
	return w.deliver(ctx, &d)
}

// post sends one request. The error is an *Error where the engine answered otherwise
// than 2xx.
func (w *Writer) post(ctx context.Context, samples int, request []byte) error {
	ctx, stop := context.WithTimeout(ctx, w.opts.Timeout)
	defer stop()
	packed := snappy.Encode(nil, request)
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, w.opts.URL, bytes.NewReader(packed))
	if err != nil {
		return fmt.Errorf("write to the engine: %w", err)
	}
	r.Header.Set("Content-Encoding", "snappy")
	r.Header.Set("Content-Type", "application/x-protobuf")
	r.Header.Set("X-Prometheus-Remote-Write-Version", "0.1.0")
	r.Header.Set("User-Agent", "bwmon")
	if err := w.opts.authorize(r); err != nil {
		return err
	}
	answer, err := w.opts.Client.Do(r)
	if err != nil {
		return fmt.Errorf("write to the engine: %w", err)
	}
	defer answer.Body.Close()
	const most = 4 << 10
	text, _ := io.ReadAll(io.LimitReader(answer.Body, most)) // what it said is for people
	w.mu.Lock()
	defer w.mu.Unlock()
	w.stats.Requests++
	w.stats.Bytes += uint64(len(packed))
	if answer.StatusCode/100 == 2 {
		w.stats.Samples += uint64(samples)
		return nil
	}
	return &Error{answer.StatusCode, retryAfter(answer.Header, w.opts.Now()), traffic.CleanText(strings.TrimSpace(string(text)), 512)}
}

// maxAfter bounds what an engine may ask for.
const maxAfter = 10 * time.Minute

func retryAfter(h http.Header, now time.Time) time.Duration {
	text := h.Get("Retry-After")
	if seconds, err := strconv.ParseUint(text, 10, 32); err == nil {
		return min(time.Duration(seconds)*time.Second, maxAfter)
	}
	if at, err := http.ParseTime(text); err == nil {
		return min(max(at.Sub(now), 0), maxAfter)
	}
	return 0
}

// isRefusal reports whether the engine will never take what it was sent, as it is.
func isRefusal(err error) bool {
	var e *Error
	if !errors.As(err, &e) {
		return false
	}
	switch e.Status {
	case http.StatusBadRequest, http.StatusConflict, http.StatusRequestEntityTooLarge, http.StatusUnprocessableEntity:
		return true
	}
	return false
}

// refuse notes what was refused for good.
func (w *Writer) refuse(n int, why error) {
	var e *Error
	errors.As(why, &e)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.stats.Refused += uint64(n)
	w.stats.Detail = e.Text
}
