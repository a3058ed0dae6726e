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
	// Rules and Filters take the place of those there were: what is carried from then on
	// is booked by them.
	Rules   Rules
	Filters map[string]Filter
}

// errEnded is what Apply says of an engine that does not run any more.
var errEnded = errors.New("change the monitors: the engine has ended")

// Apply makes a change. With an error nothing has changed, or the engine has ended. It
// waits until removed monitors have returned, and does not heed ctx once it has begun.
// Any goroutine may call it while Run runs; one call at a time is made.
func (e *Engine) Apply(ctx context.Context, c Change) error {
	e.changing.Lock()
	defer e.changing.Unlock()
	var leaving []*member
	off := make(map[string]bool) // monitors that were stopped: another one of the name stays so
	err := e.order(ctx, func(d *desk) error {
		var err error
		leaving, err = d.check(c)
		for _, m := range leaving {
			off[m.monitor.Name()], _ = m.lever.isOff()
		}
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
			isOff, before := off[m.Name()]
			d.members = append(d.members, e.hire(m, before, isOff))
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
// the books stays where it is: nothing that was said of the past becomes untrue. A flow
// or process is judged anew when it is next told of, so that nothing waits for regexes
// over all there are. Filters.IgnoreLocal stays as it was for monitors there are.
func (l *Ledger) SetRules(rules Rules, filters map[string]Filter) {
	l.opts.Rules, l.opts.Filters = rules, filters
	l.rulebook++
	for _, src := range l.order {
		local := src.filter.IgnoreLocal
		src.filter, src.verdicts = l.opts.filter(src.name), verdicts{}
		src.filter.IgnoreLocal = local
	}
}

// judgeAnew books a flow from now on to where the present rules say.
func (l *Ledger) judgeAnew(f *flow) {
	f.rulebook = l.rulebook
	if f.isOfNobody() || f.state != flowOpen {
		return
	}
	from, to := f.account, l.accountOf(f, f.owner, f.label()) // may fold others
	if from == to {
		return
	}
	if f.meter.total != (octets{}) {
		from.close(f.meter.total)
	}
	f.meter, f.opening = meter{epoch: f.src.window.epoch}, octets{}
	l.detach(f)
	l.attach(f, to)
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
