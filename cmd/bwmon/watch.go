package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"path/filepath"
	"slices"
	"sync/atomic"
	"time"

	"bwmon/notify"
	"bwmon/traffic"

	"golang.org/x/sync/errgroup"
)

// watch is the rules and deliveries of a daemon, wired. Its run has the book.
type watch struct {
	book    *notify.Book
	boxes   []*notify.Outbox
	names   []string // of the deliveries, as boxes
	journal *notify.Journal
	stderr  io.Writer
	former  []notify.Alert // that fired when an earlier run ended

	current atomic.Pointer[[]notify.Alert]
}

// newWatch opens what is kept in the state directory; nil where nothing was
// agreed. It starts nothing.
func newWatch(c config, host string, stderr io.Writer) (*watch, error) {
	if len(c.Rules) == 0 && len(c.Deliveries) == 0 {
		return nil, nil
	}
	w := &watch{stderr: stderr}
	log := slog.New(slog.NewTextHandler(stderr, nil))
	var err error
	if w.journal, err = notify.OpenJournal(filepath.Join(c.StateDir, "alerts"), 0); err != nil {
		return nil, fmt.Errorf("state_dir: %w", err)
	}
	if w.former, err = unresolved(w.journal); err != nil {
		return nil, errors.Join(err, w.close())
	}
	for _, n := range c.Deliveries {
		box, err := n.open(c.StateDir, log)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("[[notify]] %s: %w", quoted(n.Name), err), w.close())
		}
		w.boxes, w.names = append(w.boxes, box), append(w.names, n.Name)
	}
	w.book = notify.NewBook(notify.Options{
		Host: host, Rules: c.Rules, Location: c.Zone, Quotas: notify.QuotaFile{Path: filepath.Join(c.StateDir, "quota.json")},
	})
	return w, nil
}

// sender makes the delivery itself.
func (n notifyConfig) sender(log *slog.Logger) (notify.Sender, error) {
	switch n.Type {
	case "command":
		n.Command.Log = log
		return notify.NewCommand(n.Command)
	case "webhook":
		return notify.NewWebhook(n.Webhook)
	case "mail":
		n.Mail.Log = log
		return notify.NewMail(n.Mail)
	case "export":
		return notify.NewExport(n.Export)
	case "desktop":
		return notify.NewDesktop(n.Desktop), nil
	}
	return notify.NewLog(log), nil
}

// open makes the delivery with the box that it takes its alerts from. What goes no
// further than this host is kept in memory.
func (n notifyConfig) open(stateDir string, log *slog.Logger) (*notify.Outbox, error) {
	s, err := n.sender(log)
	if err != nil {
		return nil, err
	}
	o := notify.OutboxOptions{Name: n.Name, MaxItems: n.MaxItems, MaxAge: n.MaxAge, Log: log}
	if n.Type != "log" && n.Type != "desktop" {
		o.Dir = filepath.Join(stateDir, "notify", url.PathEscape(n.Name))
	}
	return notify.OpenOutbox(s, o)
}

// unresolved are the alerts that the journal knows to fire and not to be resolved.
// Quotas resolve by themselves: they are remembered.
func unresolved(j *notify.Journal) ([]notify.Alert, error) {
	seen := make(map[string]bool)
	var list []notify.Alert
	_, err := j.Read(func(a notify.Alert) bool {
		if !seen[a.ID] && a.State == notify.StateFiring && a.Condition != string(notify.Quota) {
			list = append(list, a)
		}
		seen[a.ID] = true
		return false
	}, 0)
	if err != nil {
		return nil, fmt.Errorf("read the alerts of the past: %w", err)
	}
	return list, nil
}

// run evaluates the rules for each snapshot, which it publishes with its alerts,
// and delivers until ctx is cancelled. What is left is delivered by the next run.
func (w *watch) run(ctx context.Context, snapshots <-chan *traffic.Snapshot, publish func(*traffic.Snapshot)) error {
	var g errgroup.Group
	for _, box := range w.boxes {
		g.Go(func() error { return box.Run(ctx) })
	}
	for s := range snapshots {
		for _, a := range w.former {
			// Whoever it concerns fires again if it goes on.
			a.State, a.At, a.Value = notify.StateResolved, s.At, 0
			w.tell(notify.Event{Alert: a, Snapshot: s})
		}
		w.former = nil
		for _, e := range w.book.Tick(time.Now(), s) {
			w.tell(e)
		}
		alerts := w.book.Alerts()
		w.current.Store(&alerts)
		with := *s
		with.Alerts = notify.SnapshotAlerts(alerts)
		with.Monitors = append(slices.Clip(s.Monitors), w.statuses()...)
		publish(&with)
	}
	return errors.Join(g.Wait(), w.book.Save(), w.close())
}

// tell writes an event down and gives it to those who deliver it.
func (w *watch) tell(e notify.Event) {
	if e.Alert.State == notify.StateFiring {
		fmt.Fprintln(w.stderr, notify.AncestorLine(e.Alert))
	}
	if err := w.journal.Append(e.Alert); err != nil {
		fmt.Fprintf(w.stderr, "bwmon: alert history: %s\n", traffic.CleanText(err.Error(), 1000))
	}
	for _, name := range w.book.Deliveries(e.Alert.Rule) {
		if i := slices.Index(w.names, name); i >= 0 {
			w.boxes[i].Put(e)
		}
	}
}

// statuses are the deliveries' health, shown beside the monitors', and the rules'.
func (w *watch) statuses() []traffic.MonitorStatus {
	list := make([]traffic.MonitorStatus, 0, len(w.boxes)+1)
	for _, box := range w.boxes {
		st := box.Stats()
		m := traffic.MonitorStatus{
			Name: "notify:" + st.Name, Kind: "notify", State: traffic.StateRunning, Lost: st.Dropped + st.GivenUp + st.Damaged,
			Detail: fmt.Sprintf("%d delivered, %d waiting", st.Delivered, st.Queued),
		}
		if st.LastError != "" && st.LastErrorAt.After(st.LastDelivered) {
			m.State = traffic.StateFailed
			m.Detail += ", last error: " + st.LastError
		}
		list = append(list, m)
	}
	if troubles := w.book.Troubles(); len(troubles) > 0 {
		list = append(list, traffic.MonitorStatus{Name: "rules", Kind: "notify", State: traffic.StateFailed, Detail: troubles[0]})
	}
	return list
}

func (w *watch) close() error {
	var errs []error
	for _, box := range w.boxes {
		errs = append(errs, box.Close())
	}
	return errors.Join(append(errs, w.journal.Close())...)
}

// alerts are those of now, and those of the past that are kept, newest first.
func (w *watch) alerts(keep func(notify.Alert) bool, limit int) (alertList, error) {
	list := alertList{Schema: traffic.SchemaVersion, Current: []notify.Alert{}}
	if now := w.current.Load(); now != nil {
		for _, a := range *now {
			if keep(a) {
				list.Current = append(list.Current, a)
			}
		}
	}
	var err error
	list.Past, err = w.journal.Read(keep, limit)
	return list, err
}

// alertList is the document of alerts.
type alertList struct {
	Schema  int            `json:"schema"`
	Current []notify.Alert `json:"current"` // pending or firing, by rule and subject
	Past    []notify.Alert `json:"past"`    // what was told, newest first
}
