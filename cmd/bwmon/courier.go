package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"sync"
	"time"

	"bwmon/pipe"
	"bwmon/traffic"

	"golang.org/x/sys/unix"
)

// courier carries what a pipe or relay has to tell to the daemon of this host, as
// long as there is one. Without one nothing is lost: it is told when there is.
type courier struct {
	*pipe.Reporter
	client *http.Client // nil: there is no control socket

	mu sync.Mutex
	// mu protects the fields below.
	last error     // of the latest attempt; nil: it was taken
	ever bool      // something was taken
	told time.Time // when something was taken last
}

const (
	courierFirst    = 100 * time.Millisecond
	courierEvery    = time.Second
	courierGreets   = 3 * time.Second // where there is nothing to tell: the daemon may be another
	courierPatience = 2 * time.Second // for one report
	courierLast     = 2 * time.Second // for all that is left at the end
)

func newCourier(c controlConfig, kind string) *courier {
	k := &courier{Reporter: pipe.NewReporter(kind)}
	if c.Socket == "" {
		return k
	}
	c.Receiver = "" // it counts nothing itself
	k.client = daemonClient(c, courierPatience)
	return k
}

// follow tells of the samples, again and again, until the function it returns is
// called, which tells the last ones.
func (k *courier) follow(samples func(final bool) []traffic.Sample) (finish func()) {
	ctx, stop := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() {
		for wait := courierFirst; ; wait = courierEvery {
			select {
			case <-time.After(wait):
			case <-ctx.Done():
				return
			}
			k.Note(samples(false))
			k.tell(ctx)
		}
	})
	return func() {
		stop()
		wg.Wait()
		k.Note(samples(true))
		k.finish()
	}
}

// finish tells what is left, if that goes quickly.
func (k *courier) finish() {
	ctx, stop := context.WithTimeout(context.Background(), courierLast)
	defer stop()
	k.tell(ctx)
	if k.client != nil {
		k.client.CloseIdleConnections()
	}
}

// tell tells all there is to tell, or notes why it was not taken.
func (k *courier) tell(ctx context.Context) {
	for k.client != nil {
		next := k.Next()
		if next == nil && time.Since(k.told) >= courierGreets {
			next = k.Greeting()
		}
		if next == nil {
			return
		}
		err := k.post(ctx, next)
		k.mu.Lock()
		if k.last = err; err == nil {
			k.ever, k.told = true, time.Now()
		}
		k.mu.Unlock()
		var refusal *refusedError
		var dial *net.OpError
		switch {
		case err == nil:
			k.Taken(next)
			continue
		case errors.As(err, &refusal):
			k.Unsent(next) // it took nothing of it
			k.Refused()
		case errors.As(err, &dial) && dial.Op == "dial":
			k.Unsent(next)
		}
		return
	}
}

// refusedError is a daemon's no to a report.
type refusedError struct{ why string }

func (e *refusedError) Error() string { return e.why }

func (k *courier) post(ctx context.Context, r *pipe.Report) error {
	var body bytes.Buffer
	e := json.NewEncoder(&body)
	e.SetEscapeHTML(false) // it would make six bytes of one
	if err := e.Encode(r); err != nil {
		return fmt.Errorf("write a report: %w", err)
	}
	q, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://bwmon/api/v1/reports", &body)
	if err != nil {
		return fmt.Errorf("write a report: %w", err)
	}
	q.Header.Set("Content-Type", "application/json")
	answer, err := k.client.Do(q)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode == http.StatusNoContent {
		return nil
	}
	return &refusedError{problemIn(answer).Error()}
}

// took reports whether a daemon took all there was.
func (k *courier) took() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.ever && k.last == nil
}

// failure is why a daemon that is there did not take what there was; nil where it
// took it, and where there is none.
func (k *courier) failure() error {
	k.mu.Lock()
	defer k.mu.Unlock()
	absent := errors.Is(k.last, fs.ErrNotExist) || errors.Is(k.last, unix.ECONNREFUSED)
	switch {
	case k.last == nil || absent && !k.ever:
		return nil
	case errors.Is(k.last, fs.ErrPermission):
		return errors.New("the daemon was not told: you may not use its control socket: join its group")
	}
	left := k.Untaken()
	return fmt.Errorf("the daemon was not told of the last %d bytes: %w", left.RxBytes+left.TxBytes, k.last)
}
