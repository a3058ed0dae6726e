package main

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"sync"

	"bwmon/traffic"
	"bwmon/ui/web"
)

// lookout is where a daemon's watch stands, one after the other as what was agreed
// changes. It passes every snapshot on, with the alerts where anything was agreed.
// Any goroutine may use it.
type lookout struct {
	engine  teller
	publish func(*traffic.Snapshot)
	open    func(config) (*watch, error)
	log     *slog.Logger

	mu sync.Mutex
	// mu protects the field below.
	shift *shift
}

// teller tells of the books: an engine, or a receiver.
type teller interface {
	Subscribe() <-chan *traffic.Snapshot
	Unsubscribe(<-chan *traffic.Snapshot)
}

// shift is the time of one watch.
type shift struct {
	watch     *watch // nil: nothing was agreed
	missing   error  // why there is none although something was; nil: all is well
	snapshots <-chan *traffic.Snapshot
	cancel    context.CancelFunc
	done      chan struct{} // closed when err is there
	err       error
}

// begin has a watch stand there; missing says why it does not, if it should. The caller
// holds mu, or nobody else knows l.
func (l *lookout) begin(ctx context.Context, w *watch, missing error) {
	ctx, cancel := context.WithCancel(ctx)
	s := &shift{watch: w, missing: missing, snapshots: l.engine.Subscribe(), cancel: cancel, done: make(chan struct{})}
	l.shift = s
	go func() {
		defer close(s.done)
		if w != nil {
			s.err = w.run(ctx, s.snapshots, l.publish)
			return
		}
		for snapshot := range s.snapshots {
			if missing != nil {
				with := *snapshot
				with.Monitors = append(slices.Clip(snapshot.Monitors), traffic.MonitorStatus{
					Name: "rules", Kind: "notify", State: traffic.StateFailed, Detail: traffic.CleanText(missing.Error(), traffic.MaxCommand),
				})
				snapshot = &with
			}
			l.publish(snapshot)
		}
	}()
}

// run waits until the engine has ended and the last watch with it, and returns what that
// said.
func (l *lookout) run() error {
	for s := l.now(); ; {
		<-s.done
		last := l.now() // once nobody is about to relieve it
		if last == s {
			s.cancel()
			return s.err
		}
		s = last
	}
}

// relieve puts another watch in the place of the present one: what fires goes on, as
// after a restart, and what is silent stays so. Where it cannot be opened the former one
// stands there again, and why is the error; where that cannot be opened either none does,
// which is shown, and the next configuration is tried whatever it says.
func (l *lookout) relieve(ctx context.Context, former, now config) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	old := l.shift
	old.cancel()
	l.engine.Unsubscribe(old.snapshots)
	<-old.done
	if old.err != nil && !errors.Is(old.err, context.Canceled) {
		l.log.Error("rules", "error", old.err)
	}
	var missing error
	w, err := l.open(now)
	if err != nil {
		if w, missing = l.open(former); missing != nil {
			w = nil
		}
	}
	if w != nil && old.watch != nil {
		w.ran = old.watch.ran
		for _, s := range old.watch.book.Silences() {
			_ = w.book.Silence(s) // or its rule is gone
		}
	}
	l.begin(ctx, w, missing)
	return err
}

// bare reports whether no watch stands there though something was agreed.
func (l *lookout) bare() bool { return l.now().missing != nil }

func (l *lookout) now() *shift {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.shift
}

// listAlerts answers GET /api/v1/alerts.
func (l *lookout) listAlerts(q web.AlertQuery) (any, error) {
	if w := l.now().watch; w != nil {
		return w.listAlerts(q)
	}
	return newAlertList(), nil
}

// addSilence answers POST /api/v1/silences.
func (l *lookout) addSilence(out http.ResponseWriter, r *http.Request) {
	if w := l.now().watch; w != nil {
		w.addSilence(out, r)
		return
	}
	web.SayProblem(out, http.StatusNotFound, errors.New("there are no rules to silence"))
}
