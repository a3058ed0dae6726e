package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"sync"
	"time"

	"bwmon/fleet"

	"github.com/klauspost/compress/zstd"
)

// crowd are all hosts that are simulated.
type crowd struct {
	o       options
	workers []*worker
	start   time.Time
	figures *figures
	client  *http.Client // of all senders
}

// worker is what the hosts of some groups do, one after the other, over one connection to
// each receiver. It is for one goroutine.
type worker struct {
	groups []*group
	first  []int // of the hosts of each group: their number
	packer *zstd.Encoder
}

// newCrowd makes the hosts up. They publish in turn, so that those of a group are
// neighbours in time; each goes to one of the receivers.
func newCrowd(o options, now time.Time) (*crowd, error) {
	c := &crowd{o: o, start: now, figures: &figures{interval: o.interval}, workers: make([]*worker, min(o.workers, (o.hosts+o.alike-1)/o.alike))}
	c.client = newClient(len(c.workers))
	for i := range c.workers {
		packer, err := newPacker()
		if err != nil {
			return nil, err
		}
		c.workers[i] = &worker{packer: packer}
	}
	senders := make([]*sender, len(o.urls))
	for i, u := range o.urls {
		senders[i] = newSender(u, c.client)
	}
	for at, n := 0, 0; at < o.hosts; at, n = at+o.alike, n+1 {
		w := n % len(c.workers)
		name := o.name(at)
		g := &group{
			books:    newBooks(name, o.seed+uint64(n), o.apps, o.fresh, now, o.interval),
			recorder: fleet.NewRecorder(name, fleet.Position{}),
		}
		for i := at; i < min(at+o.alike, o.hosts); i++ {
			g.hosts = append(g.hosts, &host{name: o.name(i), sender: senders[i%len(o.urls)]})
		}
		c.workers[w].groups = append(c.workers[w].groups, g)
		c.workers[w].first = append(c.workers[w].first, at)
	}
	return c, nil
}

// run publishes until ctx is done, and waits for all who do.
func (c *crowd) run(ctx context.Context) error {
	whole := context.WithoutCancel(ctx) // what is under way is not broken off
	return c.all(func(w *worker) error {
		for turn := 0; ; turn++ {
			for i, g := range w.groups {
				for j, h := range g.hosts {
					due := c.start.Add(time.Duration(turn)*c.o.interval + c.o.interval*time.Duration(w.first[i]+j)/time.Duration(c.o.hosts))
					if !sleep(ctx, time.Until(due)) {
						return nil
					}
					if err := w.publish(whole, g, j, h, c.figures); err != nil {
						return fmt.Errorf("%s: %w", h.name, err)
					}
					c.figures.delayed(time.Since(due))
				}
				g.forget()
			}
		}
	})
}

func (w *worker) publish(ctx context.Context, g *group, n int, h *host, f *figures) error {
	if n == 0 {
		if err := g.record(time.Now(), w.packer); err != nil {
			return err
		}
	}
	return g.deliver(ctx, h, w.packer, false, f)
}

// settle sends and asks until all is kept. It is an error where that takes longer than
// until ctx is done.
func (c *crowd) settle(ctx context.Context) error {
	var aside figures // these are not part of what is measured
	return c.all(func(w *worker) error {
		for _, g := range w.groups {
			for _, h := range g.hosts {
				for h.kept < g.seq {
					if err := g.deliver(ctx, h, w.packer, true, &aside); err != nil {
						return err
					}
					if h.kept < g.seq && !sleep(ctx, min(c.o.interval, time.Second)) {
						return fmt.Errorf("%s: of %d batches the receiver has %d, and has kept %d", h.name, g.seq, h.have, h.kept)
					}
				}
			}
		}
		return nil
	})
}

// all has every worker do something, and waits.
func (c *crowd) all(do func(*worker) error) error {
	errs := make([]error, len(c.workers))
	var wg sync.WaitGroup
	for i, w := range c.workers {
		wg.Go(func() { errs[i] = do(w) })
	}
	wg.Wait()
	return errors.Join(errs...)
}

// behind is how many batches the receivers do not have.
func (c *crowd) behind() (n uint64) {
	for _, w := range c.workers {
		for _, g := range w.groups {
			for _, h := range g.hosts {
				n += g.seq - h.have
			}
		}
	}
	return n
}

// sleep is false where ctx was done before.
func sleep(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// receiver is which one a host publishes to.
func (c *crowd) receiver(host int) *url.URL { return c.o.urls[host%len(c.o.urls)] }

// close closes what the workers have open.
func (c *crowd) close() {
	c.client.CloseIdleConnections()
	for _, w := range c.workers {
		w.packer.Close()
	}
}
