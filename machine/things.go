package machine

import (
	"errors"
	"slices"
	"strings"
	"sync"

	"bwmon/traffic"
)

// What Start and Stop answer where they change nothing.
var (
	ErrActive   = errors.New("it is measured already")
	ErrInactive = errors.New("it is not measured")
	ErrUnknown  = errors.New("there is no such thing to measure")
)

// All is the ID that stands for everything, also what appears later.
const All = "all"

// things is what can be measured, and what of it shall be.
type things struct {
	active func(id string) bool // of what nobody decided; nil: yes

	mu      sync.Mutex // protects all below
	known   map[thingKey]*thing
	chosen  map[string]bool // by Start and Stop, by ID
	all     *bool           // the latest Start or Stop of all
	round   uint64
	series  int // in the latest reading
	metrics int
}

type thingKey struct{ kind, name string }

type thing struct {
	id     string
	active bool
	round  uint64 // in which it was there
}

// maxChosen bounds what is remembered of what people decided on; of things that are
// gone the decision is then forgotten.
const maxChosen = 4096

func (t *things) init(active func(id string) bool) {
	t.active, t.known, t.chosen = active, make(map[thingKey]*thing), make(map[string]bool)
}

// begin begins a reading and tells how large the last one was.
func (t *things) begin() (series, metrics int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.round++
	return t.series, t.metrics
}

// end ends it: what was not noted is gone.
func (t *things) end(series, metrics int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.series, t.metrics = series, metrics
	for key, o := range t.known {
		if o.round != t.round {
			delete(t.known, key)
		}
	}
	if len(t.chosen) <= maxChosen {
		return
	}
	there := make(map[string]bool, len(t.known))
	for _, o := range t.known {
		there[o.id] = true
	}
	for id := range t.chosen {
		if !there[id] {
			delete(t.chosen, id)
		}
	}
}

// note says that there is such a thing, and answers whether it is active; no where it
// was noted in this reading before.
func (t *things) note(kind, name string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	key := thingKey{kind, name}
	o := t.known[key]
	if o == nil {
		o = &thing{id: traffic.SeriesID(kind, name)}
		o.active = t.begins(o.id)
		t.known[key] = o
	}
	if o.round == t.round {
		return false
	}
	o.round = t.round
	return o.active
}

// wants answers whether a thing that is not noted would be active.
func (t *things) wants(kind, name string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.begins(traffic.SeriesID(kind, name))
}

// begins tells whether what appears is active.
func (t *things) begins(id string) bool {
	if active, ok := t.chosen[id]; ok {
		return active
	}
	if t.all != nil {
		return *t.all
	}
	return t.active == nil || t.active(id)
}

// Things lists what could be measured at the latest reading, by ID; nothing before the
// first. Any goroutine may call it at any time.
func (v *Vitals) Things() []traffic.Thing {
	t := &v.things
	t.mu.Lock()
	list := make([]traffic.Thing, 0, len(t.known))
	for key, o := range t.known {
		list = append(list, traffic.Thing{ID: o.id, Kind: key.kind, Name: key.name, Active: o.active})
	}
	t.mu.Unlock()
	slices.SortFunc(list, func(a, b traffic.Thing) int { return strings.Compare(a.ID, b.ID) })
	return list
}

// Start has the series of that ID measured, or All; the batch that shows it follows
// within a quarter of a second, or the interval if that is less. It returns ErrActive
// where nothing changes and ErrUnknown where the latest reading found no such thing.
// Any goroutine may call it at any time.
func (v *Vitals) Start(id string) error { return v.change(id, true, ErrActive) }

// Stop is the contrary; it returns ErrInactive where nothing changes.
func (v *Vitals) Stop(id string) error { return v.change(id, false, ErrInactive) }

func (v *Vitals) change(id string, active bool, same error) error {
	if err := v.things.choose(id, active, same); err != nil {
		return err
	}
	select {
	case v.wake <- struct{}{}:
	default: // it has been woken
	}
	return nil
}

func (t *things) choose(id string, active bool, same error) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	found, changed := false, false
	for _, o := range t.known {
		if id == All || o.id == id {
			found, changed = true, changed || o.active != active
			o.active = active
		}
	}
	if id == All {
		// Before the first reading nothing is known, and yet there is something to decide.
		changed = changed || len(t.known) == 0 && (t.all == nil || *t.all != active)
		t.all = &active
		clear(t.chosen)
	} else if found {
		t.chosen[id] = active
	}
	switch {
	case id != All && !found:
		return ErrUnknown
	case !changed:
		return same
	}
	return nil
}
