package notify

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"time"
)

// alarm is a rule that one subject does not keep: pending or firing.
type alarm struct {
	subject int32 // -1: a free place
	state   int32 // of the subject
	rule    int32
	firing  bool
	windows int   // pending: how many whole windows it held
	counted int64 // when the last of them was counted, on the book's clock
	next    int64 // on the book's clock: to look again, or to tell again

	id    string
	since time.Time
	value float64
	count int  // how often it was told of; 0: nobody knows of it
	news  bool // something is to be told of that was not

	// Of a quota: the highest level reached, and the period it was in.
	level  float64
	period int64
}

// finding is what a window says to a condition.
type finding struct {
	value    float64
	begins   bool // the window is full and the condition begins with it
	stays    bool
	measured int64 // when there last was something new, on the book's clock
}

// judge asks one rule whose condition begins, or that has an alarm, or whose
// subject has one of another rule.
func (b *Book) judge(i int32, k int, rule int32, f finding) {
	r := &b.rules[rule]
	a := b.alarmOf(i, k)
	begins := f.begins && r.ready
	now, window := b.clock.now, int64(r.Window)
	switch {
	case a == nil && (!begins || r.Consecutive > 1 && f.measured <= now-window):
	case a == nil:
		a = b.raise(i, k)
		a.value, a.windows, a.counted, a.next = f.value, 1, now, now+window
		if r.Consecutive <= 1 {
			b.fire(a)
		}
	case !r.open:
		b.end(a)
	case a.firing:
		if a.value = f.value; !f.stays {
			b.end(a)
			return
		}
		b.say(a)
	case now+b.clock.slack() < a.next || f.measured <= a.counted: // within a window
		a.value = f.value
	case !begins:
		b.end(a)
	default:
		a.value, a.counted, a.next = f.value, now, a.next+window
		if a.next <= now { // it waited for something new
			a.next = now + window
		}
		if a.windows++; a.windows >= r.Consecutive {
			b.fire(a)
		}
	}
}

// alarmOf returns a subject's alarm of the k-th rule of its plan; nil: ok.
func (b *Book) alarmOf(i int32, k int) *alarm {
	states := b.watched[i].states
	if states == nil || states[k] == 0 {
		return nil
	}
	return &b.alarms[states[k]-1]
}

// raise makes a pending alarm. Pointers to others are void after it.
func (b *Book) raise(i int32, k int) *alarm {
	n := int32(len(b.alarms))
	if spare := len(b.spareAlarms); spare > 0 {
		n, b.spareAlarms = b.spareAlarms[spare-1], b.spareAlarms[:spare-1]
	} else {
		b.alarms = append(b.alarms, alarm{})
	}
	w := &b.watched[i]
	if w.states == nil {
		w.states = make([]int32, w.plan.size())
	}
	w.states[k] = n + 1
	w.alarms++
	b.alarms[n] = alarm{subject: i, state: int32(k), rule: w.plan.ruleAt(k), since: b.wall}
	return &b.alarms[n]
}

// fire makes an alarm fire, and tells of it unless it is silenced.
func (b *Book) fire(a *alarm) {
	a.firing, a.news, a.since = true, true, b.wall
	a.id = b.alertID(a)
	b.say(a)
}

// say tells of a firing alarm if that is due: what is new as soon as it may be
// told of, the same again after the rule's time.
func (b *Book) say(a *alarm) {
	r := &b.rules[a.rule]
	now := b.clock.now
	again := r.Repeat > 0 && r.Condition != Quota && now+b.clock.slack() >= a.next
	if !a.news && !again {
		return
	}
	if !r.open || b.silenced(a) {
		return
	}
	a.count++
	a.news = false
	a.next = now + int64(r.Repeat)
	b.tell(a, StateFiring)
}

// end takes an alarm back. That is told only to those who know of it.
func (b *Book) end(a *alarm) {
	if a.firing && a.count > 0 {
		b.tell(a, StateResolved)
	}
	w := &b.watched[a.subject]
	n := w.states[a.state] - 1
	w.states[a.state] = 0
	if w.alarms--; w.alarms == 0 {
		w.states = nil
	}
	*a = alarm{subject: -1}
	b.spareAlarms = append(b.spareAlarms, n)
}

func (b *Book) tell(a *alarm, s State) {
	e := Event{Alert: b.alert(a, s), Snapshot: b.snapshot}
	if b.rules[a.rule].Metric != "" {
		e.Alert.Metrics = b.watched[a.subject].levels.all(b.names[a.subject].kind)
	}
	b.events = append(b.events, e)
}

// alert is an alarm as others see it, but for the metrics of the moment.
func (b *Book) alert(a *alarm, s State) Alert {
	r, who := &b.rules[a.rule], &b.names[a.subject]
	out := Alert{
		ID: a.id, Host: b.host, Rule: r.Name, Kind: string(who.kind), Subject: who.title(), State: s,
		App: who.app, User: who.user, Container: who.container, Unit: who.unit, Member: who.member(),
		Direction: string(r.Direction), Metric: r.Metric, Condition: string(r.Condition),
		Value: a.value, Threshold: r.Threshold, Window: r.Window.Seconds(),
		Since: a.since, At: b.wall, Count: a.count,
	}
	if who.kind == KindCommand {
		out.Command = who.name
	}
	if r.Condition == Quota {
		out.Threshold, out.Period, out.Level = float64(r.Quota.Bytes), string(r.Quota.Period), a.level
	}
	return out
}

// alertID is the same for one firing whoever computes it, so that an alert that
// outlives this process keeps it.
func (b *Book) alertID(a *alarm) string {
	r, who := &b.rules[a.rule], &b.names[a.subject]
	h := sha256.New()
	words := []string{b.host, r.Name, string(who.kind), who.name, who.app, who.user, who.container, who.unit}
	if who.host != "" {
		words = append(words, who.host)
	}
	for _, s := range words {
		h.Write(binary.BigEndian.AppendUint32(nil, uint32(len(s))))
		h.Write([]byte(s))
	}
	h.Write(binary.BigEndian.AppendUint64(nil, uint64(a.since.UnixNano())))
	return hex.EncodeToString(h.Sum(nil)[:8])
}
