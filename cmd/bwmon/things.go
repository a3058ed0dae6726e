package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"bwmon/aggregate"
	"bwmon/machine"
	"bwmon/traffic"
	"bwmon/ui/web"
)

// things are what a daemon can start and stop while it runs: the series of the
// machine, and monitors by their names. A probe is both: its monitor's name is its
// series's ID.
type things struct {
	engine *aggregate.Engine
	kept   *choices        // nil: nothing can be
	vitals *machine.Vitals // nil: the machine is not measured
	choice atomic.Pointer[seriesChoice]

	mu sync.Mutex // held while something is switched
}

// measures reports whether a series is measured that nobody has started or stopped in
// this run.
func (t *things) measures(id string) bool {
	configured := t.choice.Load().has(id)
	if t.kept == nil {
		return configured
	}
	return t.kept.active(id, configured)
}

// choose has another choice of series hold, for those that it is another one for.
func (t *things) choose(now seriesChoice) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.vitals == nil {
		return
	}
	list := t.vitals.Things()
	before := make(map[string]bool, len(list))
	for _, thing := range list {
		before[thing.ID] = t.measures(thing.ID)
	}
	t.choice.Store(&now)
	for _, thing := range list {
		if want := t.measures(thing.ID); want != before[thing.ID] && want != thing.Active {
			_ = t.changeOne(thing.ID, want) // it has gone in the meantime
		}
	}
}

// allThings stands for all series; the monitors of traffic are not among them.
const allThings = "all"

// list answers GET /api/v1/things: series first.
func (t *things) list(context.Context) []traffic.Thing {
	monitors := t.engine.Active()
	list := t.series(monitors)
	var others []traffic.Thing
	for _, name := range slices.Sorted(maps.Keys(monitors)) {
		if kind, of, _ := strings.Cut(name, ":"); kind == traffic.SeriesProbe {
			list = append(list, traffic.Thing{ID: name, Kind: kind, Name: of, Active: monitors[name]})
		} else {
			others = append(others, traffic.Thing{ID: name, Kind: "monitor", Name: name, Active: monitors[name]})
		}
	}
	return append(list, others...)
}

// series are what the vitals measure, or would: nothing while they are stopped.
func (t *things) series(monitors map[string]bool) []traffic.Thing {
	if t.vitals == nil {
		return nil
	}
	list := t.vitals.Things()
	if !monitors[t.vitals.Name()] {
		for i := range list {
			list[i].Active = false
		}
	}
	return list
}

// change starts or stops one thing, or all series. Its errors are those that the web
// room asks for.
func (t *things) change(_ context.Context, id, action string, save bool) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if save && t.kept == nil {
		return fmt.Errorf("%w: nothing is kept here", web.ErrQuestion)
	}
	start := action == "start"
	ids, err := []string{id}, error(nil)
	if id == allThings {
		ids, err = t.changeAll(start)
	} else {
		err = t.changeOne(id, start)
	}
	so := errors.Is(err, machine.ErrActive) || errors.Is(err, machine.ErrInactive)
	switch {
	case save && (err == nil || so): // what is so already is to stay so
		return t.kept.keep(ids, start)
	case so:
		return blamed{err, web.ErrConflict}
	case errors.Is(err, machine.ErrUnknown), errors.Is(err, aggregate.ErrNoMonitor):
		return blamed{errors.New(`there is no such thing: "bwmon ctl list" says what there is`), web.ErrUnknown}
	case errors.Is(err, errVitalsOff):
		return blamed{err, web.ErrConflict}
	}
	return err
}

// errVitalsOff is of series that cannot be measured now.
var errVitalsOff = errors.New("the monitor vitals is stopped: start that first")

// blamed is an error that another one classifies without a word.
type blamed struct {
	error
	as error
}

func (b blamed) Unwrap() []error { return []error{b.error, b.as} }

func (t *things) changeOne(id string, start bool) error {
	active, isMonitor := t.engine.Active()[id]
	switch {
	case isMonitor && active == start:
		return alreadySo(start)
	case isMonitor && start:
		return t.engine.StartMonitor(id)
	case isMonitor:
		return t.engine.StopMonitor(id)
	case t.vitals == nil:
		return machine.ErrUnknown
	case start && !t.engine.Active()[t.vitals.Name()]:
		return errVitalsOff
	case start:
		return t.vitals.Start(id)
	}
	return t.vitals.Stop(id)
}

func alreadySo(start bool) error {
	if start {
		return machine.ErrActive
	}
	return machine.ErrInactive
}

// changeAll returns all that are so then.
func (t *things) changeAll(start bool) (ids []string, err error) {
	monitors := t.engine.Active()
	all := t.series(monitors)
	for name, active := range monitors {
		if strings.HasPrefix(name, traffic.SeriesProbe+":") {
			all = append(all, traffic.Thing{ID: name, Active: active})
		}
	}
	changed := false
	for _, thing := range all {
		if thing.Active != start {
			switch err := t.changeOne(thing.ID, start); {
			case errors.Is(err, machine.ErrUnknown), errors.Is(err, aggregate.ErrNoMonitor):
				continue // it has just gone
			case err != nil:
				return nil, err
			}
			changed = true
		}
		ids = append(ids, thing.ID)
	}
	if !changed {
		return ids, fmt.Errorf("all: %w", alreadySo(start))
	}
	return ids, nil
}

// things asks a daemon what can be measured.
func (d daemon) things(ctx context.Context) ([]traffic.Thing, error) {
	var answer struct {
		Things []traffic.Thing `json:"things"`
	}
	if err := d.ask(ctx, http.MethodGet, "/api/v1/things", nil, &answer); err != nil {
		return nil, err
	}
	for i := range answer.Things {
		t := &answer.Things[i]
		t.ID, t.Kind = traffic.CleanText(t.ID, traffic.MaxCommand), traffic.CleanText(t.Kind, traffic.MaxWord)
		t.Name, t.Detail = traffic.CleanText(t.Name, traffic.MaxCommand), traffic.CleanText(t.Detail, traffic.MaxCommand)
	}
	return answer.Things, nil
}

// series asks a daemon what it measures of the machine.
func (d daemon) series(ctx context.Context) ([]traffic.Series, error) {
	var answer struct {
		Series []traffic.Series `json:"series"`
	}
	if err := d.ask(ctx, http.MethodGet, "/api/v1/series", nil, &answer); err != nil {
		return nil, err
	}
	for i := range answer.Series {
		answer.Series[i].Clean()
	}
	return answer.Series, nil
}

// change has a daemon start or stop a thing.
func (d daemon) change(ctx context.Context, id, action string) error {
	return d.ask(ctx, http.MethodPost, "/api/v1/things/"+url.PathEscape(id)+"/"+action, nil, nil)
}

// changeForGood has it so also when the daemon starts again.
func (d daemon) changeForGood(ctx context.Context, id, action string) error {
	return d.ask(ctx, http.MethodPost, "/api/v1/things/"+url.PathEscape(id)+"/"+action+"?save=true", nil, nil)
}
