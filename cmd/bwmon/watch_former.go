package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"bwmon/notify"
	"bwmon/traffic"
)

// former is an alert that an earlier run told of, and not of its end.
type former = notify.Alert

// formerPatience is how long, beyond its window, a former alert may take to fire
// again before it counts as over.
const formerPatience = 5 * time.Second

// formerFigure is how long a figure may take to be measured again.
const formerFigure = time.Minute

// unresolved are the alerts that the journal knows to fire and not to be resolved.
func unresolved(j *notify.Journal) ([]former, error) {
	all, err := j.Read(func(notify.Alert) bool { return true }, 0)
	if err != nil {
		return nil, fmt.Errorf("read the alerts of the past: %w", err)
	}
	seen := make(map[string]bool)
	var list []former
	for _, a := range all { // newest first
		if !seen[a.ID] && a.State == notify.StateFiring {
			list = append(list, a)
		}
		seen[a.ID] = true
	}
	return list, nil
}

// settleFormer ends the alerts of earlier runs: those that fire again, under another
// ID, those whose rule is gone, and those that have had the time to fire again. One
// that fires because there is too little goes on as long as there is nothing at all.
func (w *watch) settleFormer(s *traffic.Snapshot, events []notify.Event) {
	if len(w.former) == 0 {
		return
	}
	now := w.book.Alerts()
	w.former = slices.DeleteFunc(w.former, func(a former) bool {
		is := func(b notify.Alert) bool { return a.Rule == b.Rule && a.Kind == b.Kind && a.Subject == b.Subject }
		if slices.ContainsFunc(now, func(b notify.Alert) bool { return b.ID == a.ID }) {
			return true // it goes on
		}
		again := slices.ContainsFunc(events, func(e notify.Event) bool { return is(e.Alert) })
		patience := time.Duration(a.Window*float64(time.Second)) + formerPatience
		if a.Metric != "" { // it may be measured rarely
			patience += formerFigure
		}
		switch {
		case again, a.Condition == string(notify.Quota), !w.rules[a.Rule]:
		case a.Condition == string(notify.Below) && a.Metric == "" && !shows(s, a):
			return false
		case s.Elapsed-w.began < patience.Seconds():
			return false
		}
		a.State, a.At = notify.StateResolved, s.At
		w.tell(notify.Event{Alert: a, Snapshot: s})
		return true
	})
}

// shows reports whether a snapshot has the subject of an alert.
func shows(s *traffic.Snapshot, a notify.Alert) bool {
	for i := range s.Apps {
		app := &s.Apps[i]
		if a.Kind == string(notify.KindApp) && app.Name == cmp.Or(a.App, a.Subject) && (a.Member == "" || runs(app, a.Member)) {
			return true
		}
		for j := range app.Commands {
			c := &app.Commands[j]
			of := map[string]string{
				string(notify.KindCommand): c.Command, string(notify.KindUser): c.User,
				string(notify.KindContainer): c.Container, string(notify.KindUnit): c.Unit,
			}
			if name, ok := of[a.Kind]; ok && name == a.Subject {
				return true
			}
		}
	}
	return a.Kind == string(notify.KindPipe) &&
		slices.ContainsFunc(s.Pipes, func(p traffic.PipeRow) bool { return p.Name == a.Subject }) ||
		a.Kind == string(notify.KindInterface) &&
			slices.ContainsFunc(s.Interfaces, func(i traffic.Interface) bool { return i.Name == a.Subject }) ||
		a.Kind == string(notify.KindHost) &&
			slices.ContainsFunc(s.Hosts, func(h traffic.Member) bool { return h.Host == a.Subject }) ||
		a.Kind == string(notify.KindLANHost) &&
			slices.ContainsFunc(s.LANHosts, func(h traffic.LANHost) bool { return strings.HasPrefix(a.Subject, h.Host.String()) })
}

// runs reports whether a member of a fleet has an app.
func runs(a *traffic.App, member string) bool {
	return slices.ContainsFunc(a.Commands, func(c traffic.Command) bool { return c.Host == member })
}
