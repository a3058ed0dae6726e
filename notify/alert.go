package notify

import (
	"time"

	"bwmon/traffic"
)

// State is where an alert is in its life.
type State string

// The states. An alert is only told of when it fires, again while it goes on
// firing, and when it is resolved.
const (
	StateOK       State = "ok"
	StatePending  State = "pending" // the condition holds, not for long enough yet
	StateFiring   State = "firing"
	StateResolved State = "resolved"
)

// Alert is one rule's word on one subject at one moment, and the document that
// deliveries carry. All text in it is clean (traffic.CleanText).
type Alert struct {
	ID      string `json:"id"` // the same from its first firing to its resolution
	Host    string `json:"host"`
	Rule    string `json:"rule"`
	Kind    string `json:"kind"` // of the subject: app, command, lan_host, interface, …; subject of a series
	Subject string `json:"subject"`
	State   State  `json:"state"`

	// App, Command, User, Container and Unit are the subject's, as far as it has
	// them.
	App       string `json:"app,omitempty"`
	Command   string `json:"command,omitempty"`
	User      string `json:"user,omitempty"`
	Container string `json:"container,omitempty"`
	Unit      string `json:"unit,omitempty"`
	// Member is the member of a fleet that the subject is, or is of, where Host is the
	// receiver.
	Member string `json:"member,omitempty"`

	Direction string  `json:"direction,omitempty"` // rx, tx or total; "" of a metric
	Metric    string  `json:"metric,omitempty"`    // what the rule is about in place of bytes
	Condition string  `json:"condition"`           // above, below, equals or quota
	Value     float64 `json:"value"`               // bytes per second; of a quota: bytes; of a metric: see traffic.UnitOf
	Threshold float64 `json:"threshold"`           // likewise
	Window    float64 `json:"window_s"`            // seconds averaged over; of a quota: 0
	Period    string  `json:"period,omitempty"`    // of a quota: hour, day, week or month
	Level     float64 `json:"level,omitempty"`     // of a quota: the share reached, 0.8 or 1

	Since time.Time `json:"since"` // when it fired
	At    time.Time `json:"at"`    // when this was said
	Count int       `json:"count"` // how often it was said that it fires, this time included

	// Metrics are, in an Event of a rule with a Metric, all that was measured of the
	// subject when this was said; of a subject that is gone: the last.
	Metrics traffic.Metrics `json:"metrics,omitempty"`
}

// Clean makes all text of an alert clean that comes from elsewhere.
func (a *Alert) Clean() {
	for _, text := range []*string{
		&a.ID, &a.Host, &a.Rule, &a.Kind, &a.User, &a.Container, &a.Unit, &a.Member, &a.Direction, &a.Metric, &a.Condition, &a.Period,
	} {
		*text = traffic.CleanText(*text, traffic.MaxWord)
	}
	for _, text := range []*string{&a.Subject, &a.App, &a.Command} {
		*text = traffic.CleanText(*text, traffic.MaxCommand)
	}
	a.State = State(traffic.CleanText(string(a.State), traffic.MaxWord))
	for i := range a.Metrics {
		a.Metrics[i].Name = traffic.CleanText(a.Metrics[i].Name, traffic.MaxWord)
	}
}

// Event is what a delivery has to deliver.
type Event struct {
	Alert Alert `json:"alert"`
	// Snapshot is the books at that moment, for deliveries that want them.
	Snapshot *traffic.Snapshot `json:"snapshot,omitempty"`
	Test     bool              `json:"test,omitempty"` // somebody tries the delivery out
}
