package notify

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// Silence is a rule, or one subject of it, that nothing is told of for a time.
type Silence struct {
	Rule    string    `json:"rule"`
	Subject string    `json:"subject,omitempty"` // its name; empty: all
	Until   time.Time `json:"until"`
}

type silenceKey struct{ rule, subject string }

// maxSilences bounds them.
const maxSilences = 1000

// Silence keeps what fires from being told until a time, or no longer if that has
// passed. What fires meanwhile and still does then is told then; what was told of
// before is still told to be resolved. Any goroutine may call it; it takes effect
// with the next tick.
func (b *Book) Silence(s Silence) error {
	if _, ok := b.byName[s.Rule]; !ok {
		return fmt.Errorf("silence: no rule is named %q", s.Rule)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	key := silenceKey{s.Rule, s.Subject}
	if _, known := b.silences[key]; !known && len(b.silences) >= maxSilences {
		return fmt.Errorf("silence: there are %d already; end some first", maxSilences)
	}
	b.silences[key] = s.Until
	b.silencesChanged = true
	return nil
}

// Silences lists those there are, by rule and subject. Any goroutine may call it.
func (b *Book) Silences() []Silence {
	b.mu.Lock()
	defer b.mu.Unlock()
	list := make([]Silence, 0, len(b.silences))
	for k, until := range b.silences {
		list = append(list, Silence{k.rule, k.subject, until})
	}
	slices.SortFunc(list, func(s, t Silence) int {
		return cmp.Or(strings.Compare(s.Rule, t.Rule), strings.Compare(s.Subject, t.Subject))
	})
	return list
}

// heedSilences drops those that are over, and takes the others for this tick.
func (b *Book) heedSilences() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for k, until := range b.silences {
		if !until.After(b.wall) {
			delete(b.silences, k)
			b.silencesChanged = true
		}
	}
	if b.silencesChanged {
		b.heeded = maps.Clone(b.silences)
		b.silencesChanged = false
	}
}

// silenced reports whether an alarm may not be told of.
func (b *Book) silenced(a *alarm) bool {
	if len(b.heeded) == 0 {
		return false
	}
	rule := b.rules[a.rule].Name
	_, all := b.heeded[silenceKey{rule: rule}]
	_, one := b.heeded[silenceKey{rule, b.names[a.subject].title()}]
	return all || one
}
