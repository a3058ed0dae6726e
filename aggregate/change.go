package aggregate

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"bwmon/traffic"
)

// Change is what is to be different while an Engine runs.
type Change struct {
	// Remove names monitors that are to be no more: they undo what they set up, and
	// what they counted stays. Add is run from then on, also under the same names.
	Remove []string
	Add    []traffic.Monitor
	// Rules and Filters take the place of those there were: what is in the books by
	// then moves to the apps it belongs to now. What was folded together stays so.
	Rules   Rules
	Filters map[string]Filter
}

// errEnded is what Apply says of an engine that does not run any more.
var errEnded = errors.New("change the monitors: the engine has ended")

// Apply makes a change, all of it or, with an error, nothing. It waits until removed
// monitors have returned. Any goroutine may call it while Run runs; one call at a
// time is made.
func (e *Engine) Apply(ctx context.Context, c Change) error {
	e.changing.Lock()
	defer e.changing.Unlock()
	var leaving []*member
	err := e.order(ctx, func(d *desk) error {
		var err error
		leaving, err = d.check(c)
		return err
	})
	if err != nil {
		return err
	}
	for _, m := range leaving {
		m.retire()
		<-m.done
	}
	// Who has come so far goes on: the monitors are gone.
	return e.order(context.WithoutCancel(ctx), func(d *desk) error {
		e.hearOut(d) // what they said last
		for _, m := range leaving {
			d.remove(m)
		}
		d.ledger.SetRules(c.Rules, c.Filters)
		for _, m := range c.Add {
			d.add(e.hire(m))
		}
		e.setMembers(d.members)
		return nil
	})
}

// order has the loop do something, and returns what that returned.
func (e *Engine) order(ctx context.Context, do func(*desk) error) error {
	done := make(chan error, 1)
	select {
	case e.orders <- func(d *desk) { done <- do(d) }:
		return <-done
	case <-e.ended:
		return errEnded
	case <-ctx.Done():
		return ctx.Err()
	}
}

// check returns who a change removes, if it makes sense.
func (d *desk) check(c Change) ([]*member, error) {
	var leaving []*member
	names := make(map[string]bool)
	for _, m := range d.members {
		names[m.monitor.Name()] = true
	}
	for _, name := range c.Remove {
		i := slices.IndexFunc(d.members, func(m *member) bool { return m.monitor.Name() == name })
		if i < 0 || !names[name] {
			return nil, fmt.Errorf("%w: %q", ErrNoMonitor, name)
		}
		names[name] = false
		leaving = append(leaving, d.members[i])
	}
	for _, m := range c.Add {
		if names[m.Name()] {
			return nil, fmt.Errorf("two monitors are named %q; give each its own name", m.Name())
		}
		names[m.Name()] = true
	}
	return leaving, nil
}

// SetRules has everything booked from now on by other rules and filters. What is in
// the books moves to where it belongs by them, as far as it is known whose it is.
func (l *Ledger) SetRules(rules Rules, filters map[string]Filter) {
	l.opts.Rules, l.opts.Filters = rules, filters
	for _, src := range l.order {
		src.filter, src.verdicts = l.opts.filter(src.name), verdicts{}
	}
	workers := make(map[*account][]*worker)
	for _, src := range l.order {
		for _, w := range src.workers {
			workers[w.account] = append(workers[w.account], w)
		}
	}
	var known []*account
	for _, a := range l.apps {
		for _, row := range a.shelf.rows {
			if row.owner != nil {
				known = append(known, row)
			}
		}
	}
	// By name, so that it does not depend on chance what is folded.
	slices.SortFunc(known, func(a, b *account) int { return a.key.compare(b.key) })
	for _, a := range known {
		if name := l.judge(a); a.into == nil && name != a.app.name {
			l.move(a, name, workers)
		}
	}
}

// judge is the app that an account's owner belongs to now.
func (l *Ledger) judge(a *account) string {
	for i := range a.meters {
		if src := a.meters[i].src; src != l.retired {
			return src.app(a.owner, "", l.opts.Rules)
		}
	}
	for i := range a.works {
		if src := a.works[i].src; src != l.retired {
			return src.app(a.owner, "", l.opts.Rules)
		}
	}
	return l.opts.Rules.App(a.owner)
}

// move adds all of an account, and its workers, to the same of another app.
func (l *Ledger) move(from *account, name string, workers map[*account][]*worker) {
	former := from.app
	app := l.app(name)
	into := l.accountOn(&app.shelf, app, from.key)
	if from.into != nil || into == from { // it made room
		return
	}
	into.note(from.owner)
	for _, w := range workers[from] {
		id := process{w.owner.PID, w.owner.Start}
		from.leaveCrew(w.owner, id)
		l.countBusy(from, 0, -1)
		w.account = into
		into.joinCrew(w.owner, id)
		l.countBusy(into, 0, +1)
	}
	workers[into] = append(workers[into], workers[from]...)
	delete(workers, from)
	l.foldAccount(from, into)
	l.dropEmpty(former)
}

// dropEmpty takes an app away that has no rows.
func (l *Ledger) dropEmpty(a *app) {
	if len(a.shelf.rows) > 0 || a.shelf.folded != nil || l.apps[a.name] != a {
		return
	}
	l.idle.remove(a)
	delete(l.apps, a.name)
	l.changed = true
}

// Forget says that a monitor is no more: what it left open is closed, and one of its
// name that comes later begins anew. What it counted stays in the books.
func (l *Ledger) Forget(monitor string) {
	src := l.sources[monitor]
	if src == nil {
		return
	}
	l.End(monitor)
	var flows []*flow
	for _, f := range src.flows.byHash {
		for ; f != nil; f = f.same {
			flows = append(flows, f)
		}
	}
	for _, f := range flows {
		l.closed.remove(f)
		f.account.close(f.meter.total)
		l.detach(f)
	}
	delete(l.sources, monitor)
	l.order = slices.DeleteFunc(l.order, func(s *source) bool { return s == src })
	if l.retired == nil {
		l.retired = &source{}
		l.retired.window.silent = true
	}
	for a := range l.accounts() {
		a.retire(src, l.retired)
	}
}

// retire gives what an account has of one source to another.
func (a *account) retire(src, retired *source) {
	var gone octets
	a.meters = slices.DeleteFunc(a.meters, func(m sourceMeter) bool {
		if m.src != src {
			return false
		}
		gone = gone.add(m.total)
		return true
	})
	if gone != (octets{}) {
		a.meter(retired).bookBefore(&retired.window, gone)
	}
	for i := range a.works {
		if w := a.works[i]; w.src == src {
			a.works = slices.Delete(a.works, i, i+1)
			into := a.work(retired)
			into.disk.bookBefore(&retired.window, w.disk.total)
			into.cache = into.cache.add(w.cache)
			return
		}
	}
}

// accounts are all there are.
func (l *Ledger) accounts() func(yield func(*account) bool) {
	return func(yield func(*account) bool) {
		shelves := []*shelf{&l.hosts, &l.passing, &l.pipes, &l.remotes}
		for _, a := range l.apps {
			shelves = append(shelves, &a.shelf)
		}
		for _, s := range shelves {
			for _, a := range s.rows {
				if !yield(a) {
					return
				}
			}
			if s.folded != nil && !yield(s.folded) {
				return
			}
		}
		yield(&l.nowhere)
	}
}
