package term

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"bwmon/traffic"
)

// things is what can be measured, whether it is or not, and who asks for it.
type things struct {
	list      []traffic.Thing
	off       []idleThing // of them, what is not measured
	err       error
	known     bool
	at        time.Time // when it was asked for; zero: it has to be
	asking    bool
	switching bool // something is being started or stopped
}

const (
	thingsFor = 5 * time.Second // an answer is good for so long
	maxThings = 10_000
	allThings = "all"

	startThing = "start"
	stopThing  = "stop"
)

// askThings asks what there is while somebody looks at it.
func (u *UI) askThings(now time.Time) {
	t := &u.things
	if u.opts.Things == nil || t.asking || t.switching || !t.at.IsZero() && now.Sub(t.at) < thingsFor ||
		!u.page().base().things && u.mode != modeCommand {
		return
	}
	t.asking, t.at = true, now
	ask := u.opts.Things
	u.errands.run(func(ctx context.Context) func(*UI) {
		list, err := ask(ctx)
		return func(u *UI) { u.keepThings(list, err) }
	})
}

// keepThings takes an answer. After an error the former one is still the best there
// is.
func (u *UI) keepThings(list []traffic.Thing, err error) {
	t := &u.things
	t.asking = false
	first := t.err == nil
	if t.err = err; err != nil {
		if first {
			u.said = "what could be measured is not known: " + err.Error()
		}
		return
	}
	t.known, t.list, t.off = true, list[:min(len(list), maxThings)], nil
	for i := range t.list {
		if x := &t.list[i]; !x.Active {
			t.off = append(t.off, idleThing{x, &traffic.Series{Kind: x.Kind, Name: x.Name, Detail: x.Detail}})
		}
	}
	u.reload()
	if u.mode == modeCommand && u.prompt.wrong == "" && u.prompt.chosen < 0 { // else it would be in the way
		u.commandTyped()
	}
}

// idleThing is something that is not measured, and the series that it would be.
type idleThing struct {
	*traffic.Thing
	series *traffic.Series
}

// measuredKey is a series by kind and name, or a monitor by its name.
type measuredKey struct{ kind, name string }

// measuredOf is all that a snapshot has: what is measured, whatever was said of it a
// while ago.
func measuredOf(s *traffic.Snapshot) map[measuredKey]bool {
	keys := make(map[measuredKey]bool, len(s.Series)+len(s.Monitors))
	for i := range s.Series {
		keys[measuredKey{s.Series[i].Kind, s.Series[i].Name}] = true
	}
	for i := range s.Monitors {
		keys[measuredKey{"", s.Monitors[i].Name}] = true
	}
	return keys
}

func thingBindings() []binding {
	return []binding{
		{name: "start", keys: []string{"+"}, hint: "start", early: true, args: "ID|all",
			useful:   func(u *UI) bool { s := u.switchable(); return s != nil && s.off },
			help:     "measure what the selected row is about: a disk, a mount, a probe",
			do:       func(u *UI) { u.switchSelected(startThing) },
			run:      func(u *UI, id string) error { return u.switchThing(startThing, id) },
			complete: func(u *UI, _ []string) []string { return u.thingNames(false) }},
		{name: "stop", keys: []string{"-"}, hint: "stop", args: "ID|all",
			useful:   func(u *UI) bool { s := u.switchable(); return s != nil && !s.off },
			help:     "measure it no longer; of a monitor it asks first",
			do:       func(u *UI) { u.switchSelected(stopThing) },
			run:      func(u *UI, id string) error { return u.switchThing(stopThing, id) },
			complete: func(u *UI, _ []string) []string { return u.thingNames(true) }},
		{name: "switch", keys: []string{"o"},
			help: "start or stop all that can be measured; it asks first",
			do:   (*UI).chooseSwitch},
	}
}

// switchable is the selected row where it can be started or stopped; nil where not.
func (u *UI) switchable() *subject {
	p := u.page()
	if u.opts.Switch == nil || len(p.base().order) == 0 {
		return nil
	}
	if about := p.about(p.base().sel); about != nil && about.thing != "" {
		return about
	}
	return nil
}

func (u *UI) switchSelected(action string) {
	about := u.switchable()
	switch {
	case u.opts.Switch == nil:
		u.said = errSwitch(action).Error()
	case about == nil:
		u.said = "select what to " + action + " in the views Disks, Machine or Monitors"
	case action == stopThing && u.page().base().of == ofMonitors: // what it counts is lost then
		u.ask(choice{question: "stop the monitor " + about.thing + "?", options: []option{
			{'y', "yes", func(u *UI) { u.trySwitch(action, about.thing) }},
			{'n', "no", func(*UI) {}},
		}})
	default:
		u.trySwitch(action, about.thing)
	}
}

// trySwitch is switchThing for keys.
func (u *UI) trySwitch(action, id string) {
	if err := u.switchThing(action, id); err != nil {
		u.said = err.Error()
	}
}

func errSwitch(action string) error {
	return errors.New(action + " is off: nothing can be started or stopped from here")
}

func (u *UI) chooseSwitch() {
	if u.opts.Switch == nil {
		u.said = errSwitch("switch").Error()
		return
	}
	all := func(action string) func(*UI) { return func(u *UI) { u.trySwitch(action, allThings) } }
	u.ask(choice{question: "all that can be measured:", options: []option{
		{'s', "start", all(startThing)},
		{'t', "stop", all(stopThing)},
		{'n', "neither", func(*UI) {}},
	}})
}

// switchThing starts or stops something, or all, beside the event loop.
func (u *UI) switchThing(action, id string) error {
	t := &u.things
	switch {
	case u.opts.Switch == nil:
		return errSwitch(action)
	case t.switching:
		return errors.New("still at what was asked for before")
	case t.known && id != allThings && !slices.ContainsFunc(t.list, func(x traffic.Thing) bool { return x.ID == id }):
		return fmt.Errorf("there is no %q that could be measured%s: Tab lists what there is", id, didYouMean(id, u.thingIDs()))
	}
	t.switching = true
	begun, done := "starting ", " is measured"
	if action == stopThing {
		begun, done = "stopping ", " is no longer measured"
	}
	u.said = begun + id + "…"
	do := u.opts.Switch
	u.errands.run(func(ctx context.Context) func(*UI) {
		err := do(ctx, id, action)
		return func(u *UI) {
			u.things.switching, u.things.at = false, time.Time{} // to be asked anew
			u.said = id + done
			if err == nil {
				return
			}
			if u.said = err.Error(); !strings.Contains(u.said, id) {
				u.said = id + ": " + u.said
			}
		}
	})
	return nil
}

func (u *UI) thingIDs() []string {
	var ids []string
	for i := range u.things.list {
		ids = append(ids, u.things.list[i].ID)
	}
	return ids
}

// thingNames are those that are measured, or that are not, for completion.
func (u *UI) thingNames(active bool) []string {
	if u.opts.Switch == nil {
		return nil
	}
	out := []string{allThings}
	for i := range u.things.list {
		if t := &u.things.list[i]; t.Active == active && len(out) <= maxCompletions {
			out = append(out, t.ID)
		}
	}
	return out
}
