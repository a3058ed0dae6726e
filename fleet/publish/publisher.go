package publish

import (
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"bwmon/fleet"
	"bwmon/traffic"
)

// Publisher publishes a host's snapshots.
type Publisher struct {
	opts    Options
	results chan result // holds 1: at most one Send is under way

	// Run's goroutine has these.
	queue    *queue
	recorder *fleet.Recorder
	latest   *traffic.Snapshot // not recorded yet
	run      string            // the present one; "": there was none yet
	offset   uint64            // of its Seqs to those of the recorder
	end      fleet.Position    // where the newest batch led
	to       knowledge
	most     int  // batches in one request
	whole    bool // the present run is to be sent whole
	underWay bool
	retry    retry
	clock    clock
	disk     error // why it cannot be written
	lost     error // why the newest batch could not be made; nil: it was

	mu    sync.Mutex // protects the fields below
	stats Stats
}

// New opens the queue. It starts nothing. A directory that cannot be used for now is no
// error, see Status; one that another process has is.
func New(o Options) (*Publisher, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	sealer, err := newSealer()
	if err != nil {
		return nil, err
	}
	p := &Publisher{
		opts: o, results: make(chan result, 1), most: maxBatches,
		queue: &queue{sealer: sealer, log: o.Log, next: 1},
	}
	p.stats.State = traffic.StateStarting
	p.disk = p.open()
	if errors.Is(p.disk, errInUse) {
		return nil, fmt.Errorf("publish: %w", p.disk)
	}
	p.end = p.queue.last()
	p.recorder = fleet.NewRecorder(o.Host, p.end)
	p.note()
	return p, nil
}

// open opens the queue's directory, if it is not open.
func (p *Publisher) open() error {
	if p.opts.Dir == "" || p.queue.folder != nil {
		return nil
	}
	f, err := openFolder(p.opts.Dir)
	if err != nil {
		return err
	}
	if err := p.queue.open(f, p.opts.Host); err != nil {
		return errors.Join(err, f.close())
	}
	return nil
}

// Close gives the queue's directory up, and closes the Sender, if it has Close. Run must
// have returned.
func (p *Publisher) Close() error {
	var err error
	switch s := p.opts.Sender.(type) {
	case io.Closer:
		err = s.Close()
	case interface{ Close() }:
		s.Close()
	}
	f := p.queue.folder
	if f == nil {
		return err
	}
	p.queue.folder = nil
	return errors.Join(err, f.close())
}

// record queues what changed since the batch before.
func (p *Publisher) record() error {
	if p.latest == nil {
		return nil
	}
	b := p.recorder.Next(p.latest)
	p.latest = nil
	if b == nil {
		return nil
	}
	if b.Run != p.run {
		p.begin(b)
	}
	p.number(b)
	if err := p.queue.add(b); err != nil {
		return err
	}
	p.end = b.Position()
	return nil
}

// begin chains the first batch of a run to the one that was queued last.
func (p *Publisher) begin(b *fleet.Batch) {
	p.run, p.offset, b.Former = b.Run, 0, p.end
	if p.end.Run == b.Run { // another Publisher of this process was at it before
		p.offset, b.Former = p.end.Seq, fleet.Position{}
	}
}

// number makes a batch's numbers go on where those of an earlier Publisher ended.
func (p *Publisher) number(b *fleet.Batch) {
	b.Seq += p.offset
	if b.Since > 0 {
		b.Since += p.offset
	}
}

// recordWhole queues all of the present run, in place of its batches.
func (p *Publisher) recordWhole() error {
	p.whole = false
	b := p.recorder.Full()
	if b == nil {
		return nil
	}
	p.number(b)
	if err := p.queue.addWhole(b); err != nil {
		return err
	}
	p.end = b.Position()
	p.disk = p.queue.store()
	p.queue.sweep()
	return p.disk
}

// save brings the disk up to date, and the queue within its bounds.
func (p *Publisher) save(now time.Time) {
	p.disk = p.open()
	if p.disk == nil {
		p.disk = p.queue.store()
	}
	p.queue.sweep()
	if p.clock.steady(now, p.opts.Interval) {
		p.disk = errors.Join(p.disk, p.queue.expire(now.Add(-p.opts.MaxAge)))
	}
	p.disk = errors.Join(p.disk, p.queue.fit(room{disk: p.opts.MaxSize, memory: min(p.opts.MaxSize, maxMemory)}))
}
