package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// figures are what is measured. Any goroutine may add to them.
type figures struct {
	interval time.Duration

	mu       sync.Mutex      // protects the fields below
	requests int             // that were answered
	batches  int             // in these
	raw      int             // bytes of these, before compression
	packed   int             // and after
	gaps     int             // answers that something was missing
	took     []time.Duration // from a request to its answer
	delays   []time.Duration // from when a batch was due to when it was answered
	failures map[string]int  // requests that failed, by what was said
}

// maxFailures bounds how many kinds of failures are told apart.
const maxFailures = 20

// sent counts a request.
func (f *figures) sent(a answer, d document, took time.Duration, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err != nil {
		if f.failures == nil {
			f.failures = make(map[string]int)
		}
		text := err.Error()
		if _, known := f.failures[text]; !known && len(f.failures) >= maxFailures {
			text = "other failures"
		}
		f.failures[text]++
		return
	}
	if a.gap {
		f.gaps++
	}
	f.requests++
	f.batches += d.batches
	f.raw += d.size
	f.packed += len(d.packed)
	f.took = append(f.took, took)
}

// delayed notes when a batch that was due so long ago was answered.
func (f *figures) delayed(d time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.delays = append(f.delays, d)
}

// cut returns what was counted so far, and begins anew.
func (f *figures) cut() *figures {
	f.mu.Lock()
	defer f.mu.Unlock()
	was := &figures{
		interval: f.interval, requests: f.requests, batches: f.batches, raw: f.raw, packed: f.packed, gaps: f.gaps,
		took: f.took, delays: f.delays, failures: f.failures,
	}
	f.requests, f.batches, f.raw, f.packed, f.gaps, f.took, f.delays, f.failures = 0, 0, 0, 0, 0, nil, nil, nil
	return was
}

// late is how many batches were answered later than an interval after they were due.
func (f *figures) late() int {
	n := 0
	for _, d := range f.delays {
		if d > f.interval {
			n++
		}
	}
	return n
}

// print writes a line for each figure, for people and for scripts.
func (f *figures) print(w io.Writer, hosts int, span time.Duration) {
	s := span.Seconds()
	per := float64(max(f.requests, 1))
	fmt.Fprintf(w, "requests         %10.1f /s\n", float64(f.requests)/s)
	fmt.Fprintf(w, "batches          %10.1f /s\n", float64(f.batches)/s)
	fmt.Fprintf(w, "answer p50       %10.1f ms\n", milliseconds(quantile(f.took, 0.50)))
	fmt.Fprintf(w, "answer p99       %10.1f ms\n", milliseconds(quantile(f.took, 0.99)))
	fmt.Fprintf(w, "due to answer p99%10.1f ms\n", milliseconds(quantile(f.delays, 0.99)))
	fmt.Fprintf(w, "due to answer max%10.1f ms\n", milliseconds(quantile(f.delays, 1)))
	fmt.Fprintf(w, "late             %10d of %d\n", f.late(), len(f.delays))
	fmt.Fprintf(w, "asked again      %10d\n", f.gaps)
	fmt.Fprintf(w, "a request        %10.0f bytes, of %.0f before compression\n", float64(f.packed)/per, float64(f.raw)/per)
	fmt.Fprintf(w, "a host           %10.1f bytes/s\n", float64(f.packed)/s/float64(hosts))
	failed := 0
	for _, n := range f.failures {
		failed += n
	}
	fmt.Fprintf(w, "failed           %10d\n", failed)
	for _, text := range slices.Sorted(maps.Keys(f.failures)) {
		fmt.Fprintf(w, "  %d times: %s\n", f.failures[text], text)
	}
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// quantile is the figure that a share of all does not exceed.
func quantile(all []time.Duration, share float64) time.Duration {
	if len(all) == 0 {
		return 0
	}
	all = slices.Sorted(slices.Values(all))
	return all[min(int(share*float64(len(all))), len(all)-1)]
}

// busy is what the processors have worked for this program.
func busy() time.Duration {
	var u unix.Rusage
	if unix.Getrusage(unix.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
