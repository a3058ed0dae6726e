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
	"strings"
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
	log     *slog.Logger
	stderr  io.Writer       // takes a line of each alert that fires
	former  []former        // that fired when an earlier run ended
	ran     map[string]bool // monitors, in this run
	rules   map[string]bool // there are
	began   float64         // elapsed time of the first snapshot; negative before it
	agreed  []traffic.Rule

	current atomic.Pointer[[]notify.Alert]
}

// newWatch opens what is kept in the state directory; nil where nothing was
// agreed. It starts nothing.
func newWatch(c config, host string, log *slog.Logger, stderr io.Writer) (*watch, error) {
	if len(c.Rules) == 0 && len(c.Deliveries) == 0 {
		return nil, nil
	}
	w := &watch{began: -1, log: log, stderr: stderr, ran: make(map[string]bool), rules: make(map[string]bool)}
	for _, r := range c.Rules {
		w.rules[r.Name] = true
	}
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
	w.agreed = w.book.Rules()
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

// run evaluates the rules for each snapshot, which it publishes with its alerts,
// and delivers until ctx is cancelled. What is left is delivered by the next run.
func (w *watch) run(ctx context.Context, snapshots <-chan *traffic.Snapshot, publish func(*traffic.Snapshot)) error {
	var g errgroup.Group
	for _, box := range w.boxes {
		g.Go(func() error { return box.Run(ctx) })
	}
	for s := range snapshots {
		if w.began < 0 {
			w.began = s.Elapsed
		}
		waiting := w.unsettled(s)
		if waiting == "" {
			w.ask(s.WithoutFlows(), ctx.Err() != nil)
		}
		alerts := w.book.Alerts()
		alerts = append(alerts, w.former...)
		w.current.Store(&alerts)
		with := *s
		with.Rules = w.agreed
		with.Alerts = notify.SnapshotAlerts(alerts)
		with.Monitors = append(slices.Clip(s.Monitors), w.statuses(waiting)...)
		publish(&with)
	}
	return errors.Join(w.book.Save(), g.Wait(), w.close())
}

// startPatience is how long a monitor may take to be heard of first.
const startPatience = 10 // seconds

// unsettled is the monitor that keeps the books from being complete, "" where none
// does: totals that stand still because somebody who counted fails are no reason to
// alert. One that never ran is missed by nobody. What measures the machine is not
// waited for: figures that are missing are not taken for zero.
func (w *watch) unsettled(s *traffic.Snapshot) (name string) {
	for _, m := range s.Monitors {
		switch {
		case m.Kind == "vitals" || m.Kind == "processes" || m.Kind == traffic.SeriesProbe:
		case m.State == traffic.StateRunning:
			w.ran[m.Name] = true
		case m.State == traffic.StateFailed && w.ran[m.Name],
			m.State == traffic.StateStarting && s.Elapsed < startPatience:
			name = m.Name
		}
	}
	return name
}

// ask asks the rules and tells what they say. When the daemon is ending, rates fall
// because monitors end: of those nothing is told then.
func (w *watch) ask(s *traffic.Snapshot, ending bool) {
	events := w.book.Tick(time.Now(), s)
	if ending {
		events = slices.DeleteFunc(events, func(e notify.Event) bool { return e.Alert.Condition != string(notify.Quota) })
	} else {
		w.settleFormer(s, events)
	}
	quota := false
	for _, e := range events {
		w.tell(e)
		quota = quota || e.Alert.Condition == string(notify.Quota)
	}
	if quota { // that it was told is not to be forgotten by a kill
		if err := w.book.Save(); err != nil {
			w.complain("quotas", err)
		}
	}
}

func (w *watch) complain(of string, err error) {
	w.log.Error(of, "error", traffic.CleanText(err.Error(), 1000))
}

// tell gives an event to those who deliver it, and writes it down.
func (w *watch) tell(e notify.Event) {
	if e.Alert.State == notify.StateFiring {
		fmt.Fprintln(w.stderr, notify.AncestorLine(e.Alert))
	}
	// In this order: who is killed in between tells it once more, not never.
	for _, name := range w.book.Deliveries(e.Alert.Rule) {
		if i := slices.Index(w.names, name); i >= 0 {
			w.boxes[i].Put(e)
		}
	}
	if err := w.journal.Append(e.Alert); err != nil {
		w.complain("alert history", err)
	}
}

// statuses are the deliveries' health, shown beside the monitors', and the rules'.
func (w *watch) statuses(waiting string) []traffic.MonitorStatus {
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
	troubles := w.book.Troubles()
	if waiting != "" {
		troubles = append(troubles, "nothing is judged while the monitor "+waiting+" does not count")
	}
	if len(troubles) > 0 {
		list = append(list, traffic.MonitorStatus{
			Name: "rules", Kind: "notify", State: traffic.StateFailed, Detail: strings.Join(troubles, "; "),
		})
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
	list := newAlertList()
	list.Silences = append(list.Silences, w.book.Silences()...)
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

func newAlertList() alertList {
	return alertList{
		Schema: traffic.SchemaVersion, Current: []notify.Alert{}, Past: []notify.Alert{}, Silences: []notify.Silence{},
	}
}

// alertList is the document of alerts.
type alertList struct {
	Schema  int            `json:"schema"`
	Current []notify.Alert `json:"current"` // pending or firing, by rule and subject
	Past    []notify.Alert `json:"past"`    // what was told, newest first
	// Silences are the rules, or subjects of them, that say nothing for now.
	Silences []notify.Silence `json:"silences"`
}
