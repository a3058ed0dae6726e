package term

import "time"

// mark sets all totals back to zero, as they are shown.
func (m *memory) mark(at time.Time) {
	m.marked = at
	for i := range m.rolls {
		m.rolls[i].marked = time.Time{}
		if m.rolls[i].listed {
			m.rolls[i].marked = at
		}
	}
	for i := range m.seats {
		m.seats[i].base = m.seats[i].last
	}
}

// unmark shows totals since the start again.
func (m *memory) unmark() { m.marked = time.Time{} }

// since is when the totals of a list were set back; zero: they are since the
// start.
func (m *memory) since(of roster) time.Time {
	if m.marked.IsZero() {
		return time.Time{}
	}
	return m.rolls[of].marked
}
