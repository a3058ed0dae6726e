package notify

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"bwmon/traffic"
)

// Options configure a Book.
type Options struct {
	Host     string
	Rules    []Rule         // each passes Check, and no two have the same name
	Location *time.Location // of the calendar of quotas; nil: time.Local
	Quotas   QuotaStore     // nil: usage begins anew with each Book

	// MaxSubjects is how many subjects are watched; what else the rules match is
	// counted, see Troubles. 0: DefaultMaxSubjects.
	MaxSubjects int
}

// DefaultMaxSubjects is Options.MaxSubjects.
const DefaultMaxSubjects = 20000

// Book evaluates rules. One goroutine calls all its methods, except where they
// say otherwise.
type Book struct {
	host        string
	rules       []standing
	byName      map[string]int32 // rules
	location    *time.Location
	quotas      QuotaStore
	maxSubjects int
	intakes     []*intake

	clock    clock
	wall     time.Time // the calendar's, of this tick
	snapshot *traffic.Snapshot
	events   []Event
	epoch    uint32   // changes with what the hours of rules say
	lacking  []string // see seekLacking
	sweptAt  int64

	// watched and names go by the same index; known finds it.
	watched      []watched
	names        []identity
	known        map[identity]int32
	spareWatched []int32
	plans        map[string]*plan
	members      map[string]*member // of a fleet, where some rule is about them
	hosted       bool               // some is, or may be about the sum of several
	late         map[int32]octets   // of subjects: what of this tick was carried longer ago
	alarms       []alarm
	spareAlarms  []int32

	usages               map[usageKey]*usage
	foreign, saving      []Usage
	unsaved              bool
	savedAt              int64
	loadError, saveError error
	dropped              int // usages, to bound memory

	heeded map[silenceKey]time.Time

	mu              sync.Mutex // protects the fields below
	silences        map[silenceKey]time.Time
	silencesChanged bool
}

// NewBook makes a Book in which nothing is known yet.
func NewBook(o Options) *Book {
	b := &Book{
		host: traffic.CleanText(o.Host, traffic.MaxCommand), location: o.Location, quotas: o.Quotas,
		maxSubjects: cmp.Or(max(o.MaxSubjects, 0), DefaultMaxSubjects),
		byName:      make(map[string]int32), known: make(map[identity]int32), plans: make(map[string]*plan),
		members: make(map[string]*member), late: make(map[int32]octets),
		usages: make(map[usageKey]*usage), silences: make(map[silenceKey]time.Time),
	}
	if b.location == nil {
		b.location = time.Local
	}
	for i, r := range o.Rules {
		r = r.withDefaults()
		r.Name = traffic.CleanText(r.Name, traffic.MaxCommand)
		b.byName[r.Name] = int32(i)
		b.rules = append(b.rules, standing{Rule: r})
		b.hosted = b.hosted || r.OfHosts() || r.Subject.Kind == KindApp
	}
	for _, f := range feeders() { // only those that some rule is about
		f.series = slices.DeleteFunc(f.series, func(s series) bool {
			return !slices.ContainsFunc(o.Rules, s.asks)
		})
		if len(f.series) > 0 {
			b.intakes = append(b.intakes, &intake{
				feeder: f, book: b, byKey: make(map[rowKey]int32),
				measured: slices.ContainsFunc(o.Rules, func(r Rule) bool { return r.Metric != "" }),
			})
		}
	}
	return b
}

// sweepEvery is how often what is gone is looked for.
const sweepEvery = time.Minute

// Tick asks all rules and returns what is to be told, by rule and subject: what
// fires, what fires still after its rule's Repeat, and what is resolved. The time
// is time.Now() with its monotonic reading, which windows go by; calendars go by
// s.At. The totals of the first tick are where the book begins: they are in no
// window and no quota.
//
// It may write to the disk, where there are quotas.
func (b *Book) Tick(now time.Time, s *traffic.Snapshot) []Event {
	if !b.clock.advance(now, s.At) {
		return nil
	}
	b.wall, b.snapshot, b.events = s.At, s, nil
	b.heedSilences()
	for i := range b.rules {
		if b.rules[i].turn(&b.clock, b.wall, b.location) {
			b.epoch++
		}
	}
	clear(b.late)
	if b.hosted {
		b.heedMembers(s)
	}
	if b.clock.ticks == 1 {
		b.loadUsage()
	}
	for _, in := range b.intakes {
		in.read(s, in)
		in.endTick()
	}
	for i := range b.watched {
		b.tend(int32(i))
	}
	if b.clock.now-b.sweptAt >= int64(sweepEvery) {
		b.sweep()
	}
	if b.unsaved && b.clock.now-b.savedAt >= int64(saveEvery) {
		_ = b.Save() // Troubles tells
	}
	b.snapshot = nil
	slices.SortStableFunc(b.events, func(e, f Event) int { return b.compare(&e.Alert, &f.Alert) })
	return b.events
}

// Alerts lists what is pending or firing now, by rule and subject. They are without
// their Metrics, which the snapshot has.
func (b *Book) Alerts() []Alert {
	list := make([]Alert, 0, len(b.alarms)-len(b.spareAlarms))
	for i := range b.alarms {
		switch a := &b.alarms[i]; {
		case a.subject < 0:
		case a.firing:
			list = append(list, b.alert(a, StateFiring))
		default:
			list = append(list, b.alert(a, StatePending))
		}
	}
	slices.SortStableFunc(list, func(a, c Alert) int { return b.compare(&a, &c) })
	return list
}

// compare orders alerts by their rule, as these are listed, and subject.
func (b *Book) compare(a, c *Alert) int {
	return cmp.Or(
		cmp.Compare(b.byName[a.Rule], b.byName[c.Rule]), strings.Compare(a.Subject, c.Subject),
		strings.Compare(a.App, c.App), strings.Compare(a.User, c.User),
		strings.Compare(a.Container, c.Container), strings.Compare(a.Unit, c.Unit), strings.Compare(a.Member, c.Member))
}

// SnapshotAlerts are alerts as a Snapshot has them.
func SnapshotAlerts(alerts []Alert) []traffic.Alert {
	list := make([]traffic.Alert, len(alerts))
	for i, a := range alerts {
		list[i] = traffic.Alert{
			Rule: a.Rule, Kind: a.Kind, Subject: a.Subject, State: string(a.State), Since: a.Since,
			App: a.App, Command: a.Command, User: a.User, Container: a.Container, Unit: a.Unit, Host: a.Member,
			Direction: a.Direction, Metric: a.Metric, Condition: a.Condition, Value: a.Value, Threshold: a.Threshold, Window: a.Window,
		}
	}
	return list
}

// Rules are the book's rules as a Snapshot has them. Any goroutine may call it.
func (b *Book) Rules() []traffic.Rule {
	list := make([]traffic.Rule, len(b.rules))
	for i := range b.rules {
		r := &b.rules[i].Rule
		list[i] = traffic.Rule{
			Name: r.Name, Kind: string(r.Subject.Kind), Match: traffic.CleanText(r.Subject.Match.String(), traffic.MaxCommand),
			Text: r.text(),
		}
	}
	return list
}

// Deliveries are the names of those that an alert of the rule goes to. Any
// goroutine may call it.
func (b *Book) Deliveries(rule string) []string {
	if i, ok := b.byName[rule]; ok {
		return b.rules[i].Notify
	}
	return nil
}

// Troubles says what is not as it should be, one sentence each.
func (b *Book) Troubles() []string {
	var list []string
	short := 0
	for _, in := range b.intakes {
		short += in.short
	}
	if short > 0 {
		list = append(list, fmt.Sprintf("%d rows that rules match are not watched: there are %d subjects already", short, b.maxSubjects))
	}
	if b.dropped > 0 {
		list = append(list, fmt.Sprintf("%d subjects that used little of a quota were forgotten", b.dropped))
	}
	list = append(list, b.lacking...)
	for _, err := range []error{b.loadError, b.saveError} {
		if err != nil {
			list = append(list, traffic.CleanText(err.Error(), traffic.MaxCommand))
		}
	}
	return list
}
