package engine

import (
	"context"
	"fmt"
	"sync"
	"time"

	"bwmon/traffic"
)

// Perf writes figures that hosts posted by themselves, as the series traffic.SeriesPerf,
// and answers with them. It is for any number of goroutines.
type Perf struct {
	writer *Writer
	reader *Reader

	mu      sync.Mutex // protects pending
	pending []series   // at most mostPending
}

const (
	// mostPending bounds the figures that are not written yet.
	mostPending = 100_000
	// noteEvery is how long a figure waits at most, and what is lost of them in a crash.
	noteEvery = 2 * time.Second
	lastNotes = 5 * time.Second
)

// NewPerf makes one. Figures are written while Run runs.
func NewPerf(w *Writer, r *Reader) *Perf { return &Perf{writer: w, reader: r} }

// Note takes a figure of a host, which is written within two seconds or so. It waits for
// nothing. The error says that too many are waiting, because the engine takes none.
func (p *Perf) Note(host string, at time.Time, name string, value float64) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.pending) >= mostPending {
		return fmt.Errorf("note %s: %d figures are waiting for the engine: try again later", name, len(p.pending))
	}
	p.pending = append(p.pending, series{named(metricValue, "host", host, "series", traffic.SeriesPerf, "metric", name), at.UnixMilli(), value})
	return nil
}

// Trend answers as Reader.Trend does.
func (p *Perf) Trend(ctx context.Context, host string, q traffic.TrendQuery) (traffic.Trend, error) {
	return p.reader.Trend(ctx, host, q)
}

// Run writes what is noted until ctx ends, and then what is left, for at most five
// seconds. What the engine does not take is tried again. It returns nil.
func (p *Perf) Run(ctx context.Context) error {
	tick := time.NewTicker(noteEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			p.write(ctx)
		case <-ctx.Done():
			last, stop := context.WithTimeout(context.WithoutCancel(ctx), lastNotes)
			defer stop()
			p.write(last)
			return nil
		}
	}
}

// write writes what is pending; what cannot be written is pending still.
func (p *Perf) write(ctx context.Context) {
	p.mu.Lock()
	list := p.pending
	p.pending = nil
	p.mu.Unlock()
	if len(list) == 0 {
		return
	}
	var d delivery
	d.add(list)
	if p.writer.deliver(ctx, &d) == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.pending = append(list, p.pending...)
}
