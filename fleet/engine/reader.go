package engine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/client_golang/api"
	v1 "github.com/prometheus/client_golang/api/prometheus/v1"
	"github.com/prometheus/common/model"

	"bwmon/traffic"
)

// Reader asks an engine for what Writers wrote. It is for any number of goroutines.
type Reader struct {
	opts     Options
	calendar calendar
	client   api.Client
	api      v1.API
	roll     roll
}

// NewReader makes a Reader. It asks the engine nothing.
func NewReader(o Options) (*Reader, error) {
	o, err := o.complete()
	if err != nil {
		return nil, err
	}
	u, err := url.Parse(o.URL)
	if err != nil {
		return nil, fmt.Errorf("engine: url: %w", err)
	}
	// VictoriaMetrics answers else what it knew half a minute ago, at times that it rounds.
	u.RawQuery = "nocache=1"
	client := *o.Client
	client.Transport = &door{&o, client.Transport}
	c, err := api.NewClient(api.Config{Address: u.String(), Client: &client})
	if err != nil {
		return nil, fmt.Errorf("engine: url: %w", err)
	}
	return &Reader{opts: o, calendar: calendar{o.Location}, client: c, api: v1.NewAPI(c)}, nil
}

// Close gives up the connections that are open and idle.
func (r *Reader) Close() { r.opts.Client.CloseIdleConnections() }

// door is what all questions pass: it shows who asks, and bounds the answer.
type door struct {
	opts    *Options
	through http.RoundTripper
}

// maxAnswer is how large an answer may be, in bytes.
const maxAnswer = 512 << 20

func (d *door) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	if err := d.opts.authorize(r); err != nil {
		return nil, err
	}
	through := d.through
	if through == nil {
		through = http.DefaultTransport
	}
	answer, err := through.RoundTrip(r)
	if err == nil {
		answer.Body = &bounded{answer.Body, maxAnswer}
	}
	return answer, err
}

// bounded is a body that is not read beyond a bound.
type bounded struct {
	io.ReadCloser
	left int
}

var errTooLarge = errors.New("the engine's answer is too large: ask for less time, or a coarser step")

func (b *bounded) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if b.left -= n; b.left < 0 {
		return n, errTooLarge
	}
	return n, err
}

// explain makes an error of the API one for people.
func explain(err error) error {
	var e *v1.Error
	if errors.As(err, &e) {
		return fmt.Errorf("ask the engine: %s", traffic.CleanText(e.Error()+" "+e.Detail, 512))
	}
	return fmt.Errorf("ask the engine: %w", err)
}

// before is what stands behind a selector to leave out what is at the very end of its
// time: a step begins with its first millisecond.
const before = " offset 1ms"

// offset is before, and so much earlier.
func offset(d time.Duration) string { return " offset " + seconds(d) + "1ms" }

// span is a range, at least of d.
func span(d time.Duration) string { return "[" + seconds(d) + "]" }

// seconds is a duration as PromQL has it, in whole seconds: VictoriaMetrics takes
// 136800001ms for a millisecond less.
func seconds(d time.Duration) string {
	return strconv.FormatInt(int64((d+time.Second-1)/time.Second), 10) + "s"
}

const (
	// movedAway is in what Prometheus answers while it moves samples that came late into a
	// block of their own: where the question found them they no longer are.
	movedAway = "cannot populate chunk"
	// Such a question is asked so often, with longer and longer pauses.
	attempts   = 8
	firstPause = 50 * time.Millisecond
)

// patiently asks again where the engine was just putting its samples in order.
func patiently(ctx context.Context, ask func() (model.Value, error)) (value model.Value, err error) {
	pause := firstPause
	for range attempts {
		if value, err = ask(); err == nil || !strings.Contains(err.Error(), movedAway) {
			return value, err
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return nil, err
		}
		pause *= 2
	}
	return nil, err
}

// vector asks for one moment.
func (r *Reader) vector(ctx context.Context, expression string, at time.Time) (model.Vector, error) {
	ctx, stop := context.WithTimeout(ctx, r.opts.Timeout)
	defer stop()
	value, err := patiently(ctx, func() (model.Value, error) {
		value, _, _, err := r.api.Query(ctx, expression, at, v1.WithTimeout(r.opts.Timeout))
		return value, err
	})
	if err != nil {
		return nil, explain(err)
	}
	v, ok := value.(model.Vector)
	if !ok {
		return nil, fmt.Errorf("ask the engine: it answers with a %s: want a vector", value.Type())
	}
	return v, r.few(len(v))
}

// matrix asks for several moments that are equally far from each other.
func (r *Reader) matrix(ctx context.Context, expression string, from, to time.Time, step time.Duration) (model.Matrix, error) {
	ctx, stop := context.WithTimeout(ctx, r.opts.Timeout)
	defer stop()
	value, err := patiently(ctx, func() (model.Value, error) {
		value, _, _, err := r.api.QueryRange(ctx, expression, v1.Range{Start: from, End: to, Step: step}, v1.WithTimeout(r.opts.Timeout))
		return value, err
	})
	if err != nil {
		return nil, explain(err)
	}
	m, ok := value.(model.Matrix)
	if !ok {
		return nil, fmt.Errorf("ask the engine: it answers with a %s: want a matrix", value.Type())
	}
	return m, r.few(len(m))
}

func (r *Reader) few(n int) error {
	if n > r.opts.MaxSeries {
		return question("there are %d series, more than %d: ask for one host, one app, or less time", n, r.opts.MaxSeries)
	}
	return nil
}

// maxMoments is how many an engine answers at once: Prometheus 11,000.
const maxMoments = 10_000

// each asks an expression of each interval between times, which are whole seconds, and
// calls f for what there is: number i is that from times[i-1] to times[i].
func (r *Reader) each(ctx context.Context, times []time.Time, expression func(width time.Duration) string, f func(model.Metric, int, float64)) error {
	for i := 1; i < len(times); {
		width := times[i].Sub(times[i-1])
		last := i
		for last+1 < len(times) && times[last+1].Sub(times[last]) == width && last-i+1 < maxMoments {
			last++
		}
		if last == i {
			v, err := r.vector(ctx, expression(width), times[i])
			if err != nil {
				return err
			}
			for _, s := range v {
				f(s.Metric, i, float64(s.Value))
			}
		} else {
			m, err := r.matrix(ctx, expression(width), times[i], times[last], width)
			if err != nil {
				return err
			}
			for _, s := range m {
				for _, p := range s.Values {
					f(s.Metric, i+int(p.Timestamp.Time().Sub(times[i])/width), float64(p.Value))
				}
			}
		}
		i = last + 1
	}
	return nil
}
