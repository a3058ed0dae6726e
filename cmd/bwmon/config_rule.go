package main

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"bwmon/notify"
	"bwmon/traffic"
)

// rawRule is one [[rule]]. Of the subjects one is given, and one condition.
type rawRule struct {
	Name string `toml:"name"`

	App       string `toml:"app"`
	Command   string `toml:"command"`
	User      string `toml:"user"`
	Container string `toml:"container"`
	Unit      string `toml:"unit"`
	LANHost   string `toml:"lan_host"`
	Interface string `toml:"interface"`
	Pipe      string `toml:"pipe"`
	Subject   string `toml:"subject"`
	Host      string `toml:"host"` // by itself or with App

	Silent string `toml:"silent"`
	Metric string `toml:"metric"`
	Above  figure `toml:"above"`
	Below  figure `toml:"below"`
	Equals figure `toml:"equals"`

	RxAbove     string `toml:"rx_above"`
	RxBelow     string `toml:"rx_below"`
	RxEquals    string `toml:"rx_equals"`
	TxAbove     string `toml:"tx_above"`
	TxBelow     string `toml:"tx_below"`
	TxEquals    string `toml:"tx_equals"`
	TotalAbove  string `toml:"total_above"`
	TotalBelow  string `toml:"total_below"`
	TotalEquals string `toml:"total_equals"`
	Window      string `toml:"window"`
	Consecutive int    `toml:"consecutive"`
	Clear       figure `toml:"clear"`

	Quota         string   `toml:"quota"`
	Per           string   `toml:"per"`
	Direction     string   `toml:"direction"`
	Levels        []string `toml:"levels"`
	MonthStartsOn int      `toml:"month_starts_on"`

	Repeat string   `toml:"repeat"`
	Hours  string   `toml:"hours"`
	Notify []string `toml:"notify"`
}

func defaultRawRule() rawRule {
	r := rawRule{
		Window: notify.DefaultWindow.String(), Consecutive: 1, Repeat: notify.DefaultRepeat.String(),
		Per: string(notify.Month), Direction: string(notify.Total), MonthStartsOn: 1,
	}
	for _, level := range notify.DefaultLevels() {
		r.Levels = append(r.Levels, levelText(level))
	}
	return r
}

// condition is a rate or figure that a rule compares, and the key it is written under.
type condition struct {
	key        string
	text       string
	direction  notify.Direction // "" of a metric
	comparison notify.Comparison
}

func (r *rawRule) conditions() []condition {
	return []condition{
		{"rx_above", r.RxAbove, notify.Rx, notify.Above}, {"rx_below", r.RxBelow, notify.Rx, notify.Below},
		{"rx_equals", r.RxEquals, notify.Rx, notify.Equals},
		{"tx_above", r.TxAbove, notify.Tx, notify.Above}, {"tx_below", r.TxBelow, notify.Tx, notify.Below},
		{"tx_equals", r.TxEquals, notify.Tx, notify.Equals},
		{"total_above", r.TotalAbove, notify.Total, notify.Above}, {"total_below", r.TotalBelow, notify.Total, notify.Below},
		{"total_equals", r.TotalEquals, notify.Total, notify.Equals},
		{"above", string(r.Above), "", notify.Above}, {"below", string(r.Below), "", notify.Below},
		{"equals", string(r.Equals), "", notify.Equals},
	}
}

func (r *rawRule) subjects() map[notify.Kind]string {
	return map[notify.Kind]string{
		notify.KindApp: r.App, notify.KindCommand: r.Command, notify.KindUser: r.User, notify.KindContainer: r.Container,
		notify.KindUnit: r.Unit, notify.KindLANHost: r.LANHost, notify.KindInterface: r.Interface, notify.KindPipe: r.Pipe,
		notify.KindSubject: r.Subject, notify.KindHost: r.Host,
	}
}

// rules validates what was agreed. deliveries are the names there are.
func (c *configReader) rules(raw []rawRule, deliveries []string, loc *time.Location) []notify.Rule {
	var out []notify.Rule
	first := make(map[string]int)
	for i := range raw {
		r, at := &raw[i], place("rule").index(i)
		c.named(r.Name, at, "rule", first)
		if _, taken := first[r.Name]; !taken {
			first[r.Name] = i + 1
		}
		rule := notify.Rule{Name: r.Name, Metric: r.Metric, Consecutive: r.Consecutive, Notify: r.Notify}
		c.ruleSubject(&rule, r, at)
		c.ruleCondition(&rule, r, at)
		rule.Window = c.span(r.Window, at.key("window"), false)
		rule.Repeat = c.span(r.Repeat, at.key("repeat"), true)
		var err error
		if rule.Hours, err = notify.ParseSchedule(r.Hours, loc); err != nil {
			c.problem(at.key("hours"), at.key("hours"), "%v", err)
		}
		for k, name := range r.Notify {
			if slices.Contains(r.Notify[:k], name) {
				c.problem(at.key("notify").index(k), at.key("notify"), "%s is named twice", quoted(name))
			}
			if !slices.Contains(deliveries, name) {
				c.problem(at.key("notify").index(k), at.key("notify"), "there is no [[notify]] named %s%s", quoted(name), didYouMean(name, deliveries))
			}
		}
		if !c.blamedBelow(at) {
			if err := rule.Check(); err != nil {
				key, text, _ := strings.Cut(err.Error(), ": ")
				c.problem(at.key(key), at.key(key), "%s", text)
			}
		}
		out = append(out, rule)
	}
	return out
}

func didYouMean(name string, names []string) string {
	if n := nearest(name, names); n != "" {
		return " (did you mean " + quoted(n) + "?)"
	}
	return ""
}

// blamedBelow reports whether anything of a table is wrong already.
func (c *configReader) blamedBelow(at place) bool {
	for p := range c.blamed {
		if p == at || strings.HasPrefix(string(p), string(at)+".") {
			return true
		}
	}
	return false
}

// named complains of the name of a table that others refer to.
func (c *configReader) named(name string, at place, table string, first map[string]int) {
	switch key := at.key("name"); {
	case strings.TrimSpace(name) == "":
		c.problem(key, at, `name is missing: add name = "…"`)
	case traffic.CleanText(name, traffic.MaxWord) != name:
		c.problem(key, key, "want at most %d bytes of printable text, got %s", traffic.MaxWord, quoted(name))
	case first[name] > 0:
		c.problem(key, at, "name is taken already by %s: choose another one", c.other(table, first[name]-1, at))
	}
}

func (c *configReader) ruleSubject(rule *notify.Rule, r *rawRule, at place) {
	subjects := r.subjects()
	for _, kind := range notify.Kinds() {
		key := at.key(string(kind))
		if !c.written(at, string(kind)) {
			continue
		}
		switch {
		case kind == notify.KindHost && rule.Subject.Kind == notify.KindApp: // the app on each host
			rule.Subject.Host = c.regex(r.Host, key)
			continue
		case rule.Subject.Kind != "" && (kind == notify.KindHost || rule.Subject.Kind == notify.KindHost):
			c.problem(key, at, "%s and %s: host goes with app, or stands by itself", rule.Subject.Kind, kind)
			return
		case rule.Subject.Kind != "":
			c.problem(key, at, "%s and %s: a rule is about one of them", rule.Subject.Kind, kind)
			return
		}
		rule.Subject = notify.Subject{Kind: kind}
		if kind == notify.KindSubject { // disk:sda is not also disk:sda1
			rule.Subject.Match = c.whole(subjects[kind], key)
		} else {
			rule.Subject.Match = c.regex(subjects[kind], key)
		}
	}
	if rule.Subject.Kind == "" {
		c.problem(at.key("app"), at, `whom it is about is missing: add app = "^Backup$", or command, user, container, unit, lan_host, interface, pipe, subject or host`)
	}
}

func (c *configReader) ruleCondition(rule *notify.Rule, r *rawRule, at place) {
	if c.written(at, "silent") {
		c.ruleSilent(rule, r, at)
		return
	}
	said := ""
	for _, k := range r.conditions() {
		if !c.written(at, k.key) {
			continue
		}
		if said != "" {
			c.problem(at.key(k.key), at, "%s and %s: a rule has one condition", said, k.key)
			return
		}
		said = k.key
		rule.Direction, rule.Condition = k.direction, k.comparison
		if (k.direction == "") != (r.Metric != "") {
			c.ruleMismatch(r, k.key, at)
			return
		}
		rule.Threshold = c.level(r, k.text, at.key(k.key))
	}
	quota := []string{"per", "direction", "levels", "month_starts_on"}
	if c.written(at, "quota") {
		if said != "" {
			c.problem(at.key("quota"), at, "%s and quota: a rule has one condition", said)
			return
		}
		if r.Metric != "" {
			c.problem(at.key("quota"), at, "quota is of bytes, and the metric is %s: write above, below or equals", quoted(r.Metric))
			return
		}
		c.ruleQuota(rule, r, at)
		c.uselessFor(at, "a quota", "window", "consecutive", "clear")
		return
	}
	c.uselessFor(at, "a rule without a quota", quota...)
	if said == "" {
		if r.Metric != "" {
			c.problem(at.key("above"), at, `what was agreed is missing: add above = 20, or below or equals`)
			return
		}
		c.problem(at.key("total_above"), at, `what was agreed is missing: add total_above = "5 MiB/s", or another of rx, tx, total with _above, _below or _equals, or quota; or metric and above, below or equals`)
		return
	}
	if c.written(at, "clear") {
		rule.Clear, rule.ClearsAt = c.level(r, string(r.Clear), at.key("clear")), true
	}
}

// ruleSilent is a rule about hosts that do not publish.
func (c *configReader) ruleSilent(rule *notify.Rule, r *rawRule, at place) {
	if !c.written(at, "host") || c.written(at, "app") {
		c.problem(at.key("silent"), at.key("silent"), `is about hosts: add host = ".*", or a regex of some, and no app`)
		return
	}
	others := []string{"metric", "quota"}
	for _, k := range r.conditions() {
		others = append(others, k.key)
	}
	for _, key := range others {
		if c.written(at, key) {
			c.problem(at.key(key), at, "silent and %s: a rule has one condition", key)
			return
		}
	}
	c.uselessFor(at, "hosts that are silent", "window", "consecutive", "clear", "per", "direction", "levels", "month_starts_on")
	rule.Metric, rule.Condition = notify.MetricSilent, notify.Above
	rule.Threshold = c.span(r.Silent, at.key("silent"), false).Seconds()
}

// level reads a rate or, of a rule about a metric, a figure of that: a plain number is
// in the metric's own unit.
func (c *configReader) level(r *rawRule, text string, at place) float64 {
	parse := notify.ParseRate
	if r.Metric != "" {
		if v, err := strconv.ParseFloat(text, 64); err == nil {
			return v
		}
		parse = func(text string) (float64, error) { return notify.ParseMetric(r.Metric, text) }
	}
	v, err := parse(text)
	if err != nil {
		c.problem(at, at, "%v", err)
	}
	return v
}

// ruleMismatch complains of a condition on bytes with a metric, or the other way round.
func (c *configReader) ruleMismatch(r *rawRule, key string, at place) {
	if r.Metric != "" {
		c.problem(at.key(key), at, "%s is about bytes, and the metric is %s: write above, below or equals", key, quoted(r.Metric))
		return
	}
	c.problem(at.key(key), at, `metric is missing: add metric = "await_ms", or whatever %s is about`, key)
}

func (c *configReader) uselessFor(at place, what string, keys ...string) {
	for _, key := range keys {
		if c.written(at, key) {
			c.problem(at.key(key), at.key(key), "does nothing for %s", what)
		}
	}
}

func (c *configReader) ruleQuota(rule *notify.Rule, r *rawRule, at place) {
	var err error
	note := func(key string, err error) {
		if err != nil {
			c.problem(at.key(key), at.key(key), "%v", err)
		}
	}
	rule.Condition, rule.Direction = notify.Quota, notify.Direction(r.Direction)
	rule.Quota.MonthStartsOn = r.MonthStartsOn
	rule.Quota.Bytes, err = notify.ParseSize(r.Quota)
	note("quota", err)
	rule.Quota.Period, err = notify.ParsePeriod(r.Per)
	note("per", err)
	for i, text := range r.Levels {
		level, err := notify.ParseLevel(text)
		if err != nil {
			c.problem(at.key("levels").index(i), at.key("levels"), "%v", err)
		}
		rule.Quota.Levels = append(rule.Quota.Levels, level)
	}
}
