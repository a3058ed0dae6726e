package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"sync/atomic"
	"time"

	"bwmon/traffic"
	"bwmon/ui/term"
)

// attachment is a daemon as a surface sees it: the stream of its snapshots, which is
// taken up again whenever it ends, and what else it answers.
type attachment struct {
	daemon
	patience  time.Duration          // streamPatience, but in tests
	snapshots chan *traffic.Snapshot // holds one, the newest
	links     chan term.Link         // likewise
	flows     atomic.Bool            // wanted
	turn      chan struct{}          // what is wanted has changed
}

const (
	// streamPatience is how long a stream may be silent, its answer included: a daemon
	// sends at least a comment every five seconds.
	streamPatience = 15 * time.Second
	// maxEvent bounds one snapshot: about a million connections.
	maxEvent = 256 << 20
	// How long to wait before trying again, at first and at last.
	firstPause, lastPause = 250 * time.Millisecond, 5 * time.Second
)

func newAttachment(d daemon) *attachment {
	if t, ok := d.endless.Transport.(*http.Transport); ok && d.local {
		t = t.Clone()
		t.DisableCompression = true // over no network that only costs
		d.endless = &http.Client{Transport: t}
	}
	return &attachment{
		daemon: d, patience: streamPatience, snapshots: make(chan *traffic.Snapshot, 1), links: make(chan term.Link, 1), turn: make(chan struct{}, 1),
	}
}

// wantFlows says whether single connections are wanted. It does not block.
func (a *attachment) wantFlows(want bool) {
	if a.flows.Swap(want) != want {
		select {
		case a.turn <- struct{}{}:
		default:
		}
	}
}

// run takes the stream until ctx is cancelled.
func (a *attachment) run(ctx context.Context) {
	pause := firstPause
	lost := false
	for ctx.Err() == nil {
		began, told := time.Now(), false
		err := a.stream(ctx, func(s *traffic.Snapshot) {
			keepNewest(a.snapshots, s)
			if lost || !told {
				lost, told, pause = false, true, firstPause
				keepNewest(a.links, term.Link{At: time.Now()})
			}
		})
		if errors.Is(err, errTurned) || ctx.Err() != nil {
			continue
		}
		a.close() // what fell silent is dead for all that comes after
		if !lost {
			began = time.Now()
		}
		lost = true
		keepNewest(a.links, term.Link{Lost: true, Detail: err.Error(), At: began})
		if !sleepFor(ctx, pause) {
			return
		}
		pause = min(2*pause, lastPause)
	}
}

// keepNewest puts v where one fits. It has one sender.
func keepNewest[T any](c chan T, v T) {
	select {
	case <-c:
	default:
	}
	c <- v
}

func sleepFor(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}

var errTurned = errors.New("something else is wanted")

// stream takes one stream to its end, which is never without an error.
func (a *attachment) stream(ctx context.Context, take func(*traffic.Snapshot)) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	silent := time.AfterFunc(a.patience, func() { stop(fmt.Errorf("no word for %v", a.patience)) })
	defer silent.Stop()
	query := url.Values{}
	if a.flows.Load() {
		query.Set("flows", "1")
	}
	r, err := a.get(ctx, "/api/v1/stream?"+query.Encode())
	if err != nil {
		return whyEnded(ctx, err)
	}
	defer r.Body.Close()
	ended := make(chan struct{})
	defer close(ended)
	go func() { // ends before stream does, or soon after
		select {
		case <-a.turn:
			stop(errTurned)
		case <-ended:
		}
	}()
	var decoder traffic.Decoder
	body := heard{r.Body, func() { silent.Reset(a.patience) }}
	err = eachEvent(body, maxEvent, func(name string, data []byte) error {
		if name == "end" {
			return errors.New("the daemon is ending")
		}
		s, err := decoder.Snapshot(data)
		if err == nil {
			take(s)
		}
		return err
	})
	return whyEnded(ctx, err)
}

// whyEnded is why a stream ended that ended with err.
func whyEnded(ctx context.Context, err error) error {
	if ctx.Err() == nil {
		return err
	}
	return context.Cause(ctx)
}

// heard is a reader that tells when something has come.
type heard struct {
	io.Reader
	tell func()
}

// Read implements io.Reader.
func (h heard) Read(p []byte) (int, error) {
	n, err := h.Reader.Read(p)
	if n > 0 {
		h.tell()
	}
	return n, err
}

// eachEvent reads server-sent events (HTML standard, section 9.2) to the end of r:
// their names, and what stands in their data.
func eachEvent(r io.Reader, most int, take func(name string, data []byte) error) error {
	lines := bufio.NewReaderSize(r, 64<<10)
	var line, data []byte
	name := ""
	for {
		var err error
		line, err = readLine(lines, line[:0], most)
		if err != nil {
			return err
		}
		if rest, ok := bytes.CutPrefix(line, []byte("event:")); ok {
			name = string(bytes.TrimPrefix(rest, []byte(" ")))
			continue
		}
		switch rest, ok := bytes.CutPrefix(line, []byte("data:")); {
		case ok && len(data)+len(rest) > most:
			return fmt.Errorf("what the daemon sends is longer than %d MiB", most>>20)
		case ok:
			data = append(append(data, bytes.TrimPrefix(rest, []byte(" "))...), '\n')
		case len(line) == 0:
			if len(data) > 0 {
				if err := take(name, data); err != nil {
					return err
				}
			}
			name, data = "", data[:0]
		}
	}
}

// readLine reads a line without its end, of at most so many bytes, behind buf.
func readLine(r *bufio.Reader, buf []byte, most int) ([]byte, error) {
	for {
		part, err := r.ReadSlice('\n')
		if len(buf)+len(part) > most {
			return nil, fmt.Errorf("what the daemon sends is longer than %d MiB", most>>20)
		}
		buf = append(buf, part...)
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
		case errors.Is(err, io.EOF):
			return nil, errors.New("the daemon has ended the stream")
		case err != nil:
			return nil, fmt.Errorf("read what the daemon sends: %w", err)
		default:
			return bytes.TrimRight(buf, "\r\n"), nil
		}
	}
}

// history asks the daemon's history.
func (d daemon) history(ctx context.Context, q traffic.Query) (*traffic.Report, error) {
	var report traffic.Report
	if err := d.ask(ctx, http.MethodGet, "/api/v1/history?"+queryValues(q).Encode(), nil, &report); err != nil {
		return nil, err
	}
	if err := report.Check(); err != nil {
		return nil, err
	}
	return &report, nil
}

// queryValues is a query as the API takes it.
func queryValues(q traffic.Query) url.Values {
	v := url.Values{"by": {q.By}}
	for name, text := range map[string]string{"name": q.Name, "app": q.App, "of": q.Of, "step": q.Step} {
		if text != "" {
			v.Set(name, text)
		}
	}
	if q.Percentile > 0 {
		v.Set("percentile", strconv.FormatFloat(q.Percentile, 'g', -1, 64))
	}
	if q.Top > 0 {
		v.Set("top", strconv.Itoa(q.Top))
	}
	for name, at := range map[string]time.Time{"from": q.From, "to": q.To} {
		if name == "from" || !at.IsZero() { // without it the API answers for a day
			v.Set(name, at.Format(time.RFC3339))
		}
	}
	return v
}

// get asks for what has no end; the caller closes the body.
func (d daemon) get(ctx context.Context, path string) (*http.Response, error) {
	return d.send(ctx, d.endless, http.MethodGet, path, nil)
}
