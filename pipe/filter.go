package pipe

import (
	"context"
	"errors"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"bwmon/traffic"
)

// FilterOptions says how a Filter works. The zero value of a field is its default.
type FilterOptions struct {
	Name      string    // what its bytes are booked under; "": under the commands at its ends
	Rate      uint64    // bytes per second; 0: as fast as can be
	Processes Processes // nil: nobody is found at the ends
	Proc      string    // where procfs is mounted; default /proc
}

// Filter moves standard input to standard output. It runs once; its other methods
// may be called by any goroutine at any time.
type Filter struct {
	opts  FilterOptions
	mover *Mover

	mu sync.Mutex
	// mu protects the fields below.
	writer, reader *traffic.Owner
}

// NewFilter returns a filter that has not begun.
func NewFilter(o FilterOptions) *Filter {
	o.Name = traffic.CleanText(o.Name, traffic.MaxWord)
	if o.Proc == "" {
		o.Proc = "/proc"
	}
	return &Filter{opts: o, mover: NewMover(unix.Stdin, unix.Stdout, o.Rate)}
}

// Moved is how many bytes standard output has taken.
func (f *Filter) Moved() uint64 { return f.mover.Moved() }

// Ends returns who writes and who reads, as far as they have been found.
func (f *Filter) Ends() (writer, reader *traffic.Owner) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.writer, f.reader
}

// Samples is what there is to book: what the writer sent and the reader received.
func (f *Filter) Samples(final bool) []traffic.Sample {
	writer, reader := f.Ends()
	n := f.Moved()
	label := f.opts.Name
	one := func(id uint64, c traffic.Counts, o *traffic.Owner) traffic.Sample {
		s := traffic.Sample{
			Flow:  traffic.Flow{Proto: traffic.Pipe, ID: id},
			Scope: traffic.ScopePipe, Counts: c, Owner: o, Label: label, Final: final,
		}
		if o == nil && label == "" {
			s.Label = unnamed
		}
		return s
	}
	return []traffic.Sample{
		one(1, traffic.Counts{TxBytes: n}, writer),
		one(2, traffic.Counts{RxBytes: n}, reader),
	}
}

// unnamed is the label of a pipe of which nothing is known.
const unnamed = "pipe"

// Run moves until the input ends or ctx is cancelled; its error is the Mover's.
func (f *Filter) Run(ctx context.Context) error {
	search, stop := context.WithCancel(ctx)
	var wg sync.WaitGroup
	wg.Go(func() { f.search(search) })
	err := f.mover.Run(ctx)
	stop()
	wg.Wait()
	var end *EndError
	if errors.As(err, &end) && end.Output && errors.Is(err, unix.EPIPE) {
		return err // who read has gone, and is not to be found any more
	}
	if writer, reader := f.Ends(); writer == nil || reader == nil {
		f.look()
	}
	return err
}

// The ends are looked for at once, since a short pipeline is soon over, and again
// later: a shell starts a pipeline from left to right, and each program is the shell
// itself until it has executed.
const (
	firstLook = 10 * time.Millisecond
	sureLook  = 150 * time.Millisecond // who is there by then has executed
	lastLook  = 10 * time.Second
)

func (f *Filter) search(ctx context.Context) {
	for wait := firstLook; wait < lastLook; wait *= 4 {
		f.look()
		if writer, reader := f.Ends(); writer != nil && reader != nil && wait > sureLook {
			return
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return
		}
	}
}

func (f *Filter) look() {
	if f.opts.Processes == nil {
		return
	}
	w, r := Ends{f.opts.Proc}.Find(unix.Stdin, unix.Stdout)
	writer, reader := f.describe(w), f.describe(r)
	f.mu.Lock()
	defer f.mu.Unlock()
	if writer != nil {
		f.writer = writer
	}
	if reader != nil {
		f.reader = reader
	}
}

func (f *Filter) describe(pid int) *traffic.Owner {
	if pid == 0 {
		return nil
	}
	return f.opts.Processes.Describe(pid)
}
