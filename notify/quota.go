package notify

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"time"
)

// Usage is what one subject used of one rule's quota in one period, as it is
// kept while bwmon is not running.
type Usage struct {
	Rule      string    `json:"rule"`
	Kind      Kind      `json:"kind"`
	Subject   string    `json:"subject"`
	App       string    `json:"app,omitempty"`
	User      string    `json:"user,omitempty"`
	Container string    `json:"container,omitempty"`
	Unit      string    `json:"unit,omitempty"`
	Host      string    `json:"host,omitempty"` // the member of a fleet that the subject is of
	Direction Direction `json:"direction"`
	Period    Period    `json:"period"`
	Start     time.Time `json:"start"` // of the period
	Bytes     uint64    `json:"bytes"`
	// Level is the highest that was told of; 0: none was. Since is when the alert
	// fired, as long as it is not resolved.
	Level float64   `json:"level,omitempty"`
	Since time.Time `json:"since,omitzero"`
}

// QuotaStore keeps usage across restarts. Both are called from Book.Tick, Save
// also from Book.Save; neither keeps or changes the slice.
type QuotaStore interface {
	Load() ([]Usage, error)
	Save([]Usage) error
}

// saveEvery is how often usage is saved: what a crash may cost.
const saveEvery = 10 * time.Second

type usageKey struct {
	rule int32
	who  identity
}

// usage is one subject's of one quota. Those of the two periods before are kept,
// so that a clock that is set back and forth finds what it left.
type usage struct {
	spent
	past [2]spent
	held bool  // by a subject that is watched
	over int64 // when its period was found to be over, on the book's clock
}

// spent is usage in one period.
type spent struct {
	start int64 // Unix seconds, which tell periods apart
	bytes uint64
	level float64   // the highest told of
	since time.Time // of the alert that is out; zero: none is
}

// enter brings the period that begins at start to the front.
func (u *usage) enter(start int64) {
	if u.start == start {
		return
	}
	was := u.spent
	u.spent = spent{start: start}
	for i, p := range u.past {
		if p.start == start {
			u.spent = p
			copy(u.past[1:i+1], u.past[:i])
			u.past[0] = was
			return
		}
	}
	if was.start != 0 {
		u.past = [2]spent{was, u.past[0]}
	}
}

// settle notes that the alert of a period that is over is resolved.
func (u *usage) settle(start int64) {
	for i := range u.past {
		if u.past[i].start == start {
			u.past[i].since = time.Time{}
		}
	}
}

// usageOf finds or makes the usage of a quota.
func (b *Book) usageOf(rule int32, who identity) *usage {
	key := usageKey{rule, who}
	u := b.usages[key]
	if u == nil {
		u = &usage{}
		b.usages[key] = u
	}
	u.enter(b.rules[rule].period)
	return u
}

// askQuota books what was carried to the k-th quota of a subject's plan. Each
// level is told of once a period; the next period resolves.
func (b *Book) askQuota(i int32, w *watched, k int) {
	rule, state := w.plan.quotas[k], len(w.plan.rates)+k
	r, u := &b.rules[rule], w.usages[k]
	u.enter(r.period)
	a := b.alarmOf(i, state)
	if a != nil && a.period != r.period {
		u.settle(a.period)
		b.end(a)
		b.unsaved = true
		a = nil
	}
	if carried := w.carried.of(r.Direction); carried > 0 {
		u.bytes += carried
		b.unsaved = true
	}
	reached := r.reached(u.bytes)
	switch {
	case a == nil && reached > u.level:
		a = b.raise(i, state)
		a.value, a.level, a.period = float64(u.bytes), reached, r.period
		b.fire(a)
	case a == nil:
		return
	default:
		a.value = float64(u.bytes)
		if reached > a.level {
			a.level, a.news = reached, true
		}
		b.say(a)
	}
	if !a.news && u.level < a.level { // it was told
		u.level, u.since = a.level, a.since
		b.unsaved = true
	}
}

// reached is the highest level that so many bytes reach; 0: none.
func (r *standing) reached(bytes uint64) float64 {
	level := 0.0
	for _, l := range r.Quota.Levels {
		if float64(bytes) >= l*float64(r.Quota.Bytes) {
			level = l
		}
	}
	return level
}

// recall lets a quota's alarm go on that was told of before a restart, or before
// its subject was forgotten.
func (b *Book) recall(i int32, k int) {
	w := &b.watched[i]
	u := w.usages[k]
	s := u.spent
	for _, p := range u.past { // it may have ended meanwhile: then it is resolved soon
		if s.since.IsZero() {
			s = p
		}
	}
	if s.since.IsZero() {
		return
	}
	told := 0
	for _, l := range b.rules[w.plan.quotas[k]].Quota.Levels {
		if l <= s.level {
			told++
		}
	}
	a := b.raise(i, len(w.plan.rates)+k)
	a.firing, a.since, a.count = true, s.since, max(told, 1)
	a.value, a.level, a.period = float64(s.bytes), s.level, s.start
	a.id = b.alertID(a)
}

// loadUsage is done in the first tick. Subjects of which alerts are out are
// watched from then on, whether they show up again or not.
func (b *Book) loadUsage() {
	if b.quotas == nil {
		return
	}
	list, err := b.quotas.Load()
	if err != nil {
		b.loadError = fmt.Errorf("load quota usage, which begins anew: %w", err)
		if errors.Is(err, ErrUnread) {
			b.quotas = nil // what is there is not to be replaced
		}
	}
	slices.SortStableFunc(list, func(u, v Usage) int { return u.Start.Compare(v.Start) })
	var told []identity
	for _, kept := range list {
		rule, ok := b.byName[kept.Rule]
		if !ok || b.rules[rule].Condition != Quota ||
			b.rules[rule].Direction != kept.Direction || b.rules[rule].Quota.Period != kept.Period {
			if b.wall.Sub(kept.Start) < longestPeriod { // the rule may come back
				b.foreign = append(b.foreign, kept)
			}
			continue
		}
		who := identity{kept.Kind, kept.Subject, kept.App, kept.User, kept.Container, kept.Unit, kept.Host}.clean()
		u := b.usages[usageKey{rule, who}]
		if u == nil {
			u = &usage{}
			b.usages[usageKey{rule, who}] = u
		}
		u.enter(kept.Start.Unix())
		// The quota may have been raised: what was told of the former one is not of
		// this.
		u.bytes, u.level, u.since = kept.Bytes, min(kept.Level, b.rules[rule].reached(kept.Bytes)), kept.Since
		if u.level == 0 {
			u.since = time.Time{}
		}
		if !kept.Since.IsZero() {
			told = append(told, who)
		}
	}
	for _, who := range told {
		b.subject(who, "")
	}
}

// longestPeriod is that of a quota, and a day.
const longestPeriod = 32 * 24 * time.Hour

// Save saves the usage of quotas, as Tick does every 10 s. It is called at the
// end, by the goroutine that calls Tick.
func (b *Book) Save() error {
	if b.quotas == nil || !b.unsaved {
		return nil
	}
	b.savedAt = b.clock.now
	list := append(b.saving[:0], b.foreign...)
	for key, u := range b.usages {
		r, who := &b.rules[key.rule], &key.who
		for _, s := range [...]spent{u.spent, u.past[0], u.past[1]} {
			if s.bytes == 0 {
				continue
			}
			list = append(list, Usage{
				Rule: r.Name, Kind: who.kind, Subject: who.name,
				App: who.app, User: who.user, Container: who.container, Unit: who.unit, Host: who.host,
				Direction: r.Direction, Period: r.Quota.Period,
				Start: time.Unix(s.start, 0).UTC(), Bytes: s.bytes, Level: s.level, Since: s.since,
			})
		}
	}
	b.saving = list
	if err := b.quotas.Save(list); err != nil {
		b.saveError = fmt.Errorf("save quota usage: %w", err)
		return b.saveError
	}
	b.unsaved, b.saveError = false, nil
	return nil
}

// Usage that nobody watches is forgotten an hour after its period, since a clock
// may be wrong for a while, and beyond so many the least used at once.
const forgetUsage = time.Hour

func (b *Book) sweepUsage() {
	var idle []usageKey
	for key, u := range b.usages {
		switch {
		case u.held:
			continue
		case u.start >= b.rules[key.rule].period:
			u.over = 0
		case u.over == 0:
			u.over = b.clock.now
		case b.clock.now-u.over > int64(forgetUsage):
			delete(b.usages, key)
			continue
		}
		idle = append(idle, key)
	}
	if len(idle) <= b.maxSubjects {
		return
	}
	slices.SortFunc(idle, func(k, l usageKey) int { return cmp.Compare(b.usages[k].bytes, b.usages[l].bytes) })
	for _, key := range idle[:len(idle)-b.maxSubjects] {
		delete(b.usages, key)
		b.dropped++
	}
}
