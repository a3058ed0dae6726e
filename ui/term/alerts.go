package term

import (
	"cmp"
	"time"

	"bwmon/traffic"
)

// alertRow is one rule's state for one subject.
type alertRow struct {
	*traffic.Alert
	lasts time.Duration
	rule  *traffic.Rule // nil where it is not listed
}

// The states of an alert.
const (
	alertFiring  = "firing"
	alertPending = "pending"
)

const quota = "quota" // the condition of a rule whose value is bytes, not a rate

// amount writes a value of a rule: a rate, of a quota bytes, of a metric what that
// is in.
func (a *alertRow) amount(u units, v float64) string {
	switch {
	case a.Metric != "":
		return u.figure(traffic.UnitOf(a.Metric), v)
	case a.Condition == quota:
		return u.size(uint64(max(v, 0)))
	}
	return u.rate(v)
}

// of is what the rule is about: a direction, or a metric.
func (a *alertRow) of() string { return cmp.Or(a.Metric, a.Direction) }

func alertKind() *kind[alertRow] {
	subject := words("subject", "SUBJECT", 0, 14, 30, 1000, func(a *alertRow) string { return a.Subject })
	subject.whole = true
	state := words("state", "STATE", 0, 8, 8, 8, func(a *alertRow) string { return a.State }, queryState)
	since := column[alertRow]{
		shape:  fixed("since", "FOR", 2, 8),
		value:  func(a *alertRow) float64 { return a.lasts.Seconds() },
		figure: func(a *alertRow, _ units, _ int) string { return span(a.lasts) },
		exact:  func(a *alertRow) exportCell { return textCell(a.Since.UTC().Format(time.RFC3339)) },
	}
	value := func(name, title string, rank int, of func(*alertRow) float64) column[alertRow] {
		return column[alertRow]{
			shape:  fixed(name, title, rank, rateWidth),
			value:  of,
			figure: func(a *alertRow, u units, _ int) string { return a.amount(u, of(a)) },
		}
	}
	return &kind[alertRow]{
		of:   ofAlerts,
		name: "alerts",
		columns: []column[alertRow]{
			words("rule", "RULE", 0, 12, 20, 40, func(a *alertRow) string { return a.Rule }, queryRule),
			state, since, subject,
			value("value", "VALUE", 1, func(a *alertRow) float64 { return a.Value }),
			words("condition", "IS", 3, 6, 6, 6, func(a *alertRow) string { return a.Condition }),
			value("threshold", "THRESHOLD", 3, func(a *alertRow) float64 { return a.Threshold }),
			words("direction", "OF", 5, 5, 20, 24, (*alertRow).of, queryMetric),
			words("kind", "KIND", 5, 9, 10, 10, func(a *alertRow) string { return a.Kind }),
		},
		sorting: sorting{col: 1, ascending: true}, // firing before pending
		id: func(a *alertRow) identity {
			return identity{of: ofAlerts, name: a.Rule, app: a.Subject, unit: a.Kind}
		},
		tie: func(a, b *alertRow) int {
			return cmp.Or(compareFold(a.Rule, b.Rule), compareFold(a.Subject, b.Subject), compareFold(a.Kind, b.Kind))
		},
		grave: func(a *alertRow) bool { return a.State == alertFiring },
		about: aboutAlert,
		find: func(a *alertRow, f queryField, v *queryValues) {
			for _, t := range [...]struct {
				field queryField
				text  string
			}{{queryApp, a.App}, {queryCommand, a.Command}, {queryUser, a.User}, {queryContainer, a.Container}, {queryUnit, a.Unit}} {
				if f == t.field {
					v.word(t.text)
				}
			}
		},
		finds: fields(queryApp, queryCommand, queryUser, queryContainer, queryUnit),
	}
}

func aboutAlert(_ *scene, a *alertRow) *subject {
	s := &subject{title: a.Rule + ": " + a.Subject, alert: a.Alert}
	s.add("state", a.State+" for "+span(a.lasts))
	if a.rule != nil {
		s.add("metric", a.Metric).add("agreed", a.rule.Text).add("for", a.rule.Kind+" /"+a.rule.Match+"/")
	}
	s.facts = append(s.facts, fact{a.Kind, a.Subject, true})
	if a.Kind != "app" {
		s.add("app", a.App)
	}
	if a.Kind != "user" {
		s.add("user", a.User)
	}
	return s.add("container", a.Container).add("unit", a.Unit)
}

// alertsPage is the table of what was agreed and is not kept; Enter leads to
// the row an alert is about.
func (k *kinds) alertsPage() page {
	return newPage("Alerts", k.alerts, func(sc *scene, rows []alertRow) ([]alertRow, string) {
		for i := range sc.Alerts {
			a := &sc.Alerts[i]
			row := alertRow{Alert: a, lasts: max(sc.At.Sub(a.Since), 0)}
			for j := range sc.Rules {
				if sc.Rules[j].Name == a.Rule {
					row.rule = &sc.Rules[j]
				}
			}
			rows = append(rows, row)
		}
		if len(sc.Rules) == 0 {
			return rows, "no rule is configured, so there is nothing to be alarmed at"
		}
		return rows, "all is as agreed: " + plural(len(sc.Rules), "rule") + " watched"
	})
}
