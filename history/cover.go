package history

import "time"

// stretch is the pieces of a level that lie in a time.
type stretch struct {
	level    level
	from, to time.Time
}

// finer is the next finer level that has all kinds.
func (l level) finer() level {
	if l == hour {
		return minute
	}
	return l - 1
}

// cover returns the fewest pieces that hold a time. Where the finer ones at its ends
// are no longer there, it holds more.
func (v *view) cover(from, to time.Time) ([]stretch, error) { return v.divide(month, from, to) }

func (v *view) divide(l level, from, to time.Time) (list []stretch, err error) {
	if !from.Before(to) {
		return nil, nil
	}
	if l == minute {
		return []stretch{{minute, minute.begin(v.calendar, from), minute.ceil(v.calendar, to)}}, nil
	}
	first, last := l.ceil(v.calendar, from), l.begin(v.calendar, to)
	if !to.Before(v.now) { // nothing comes after it
		last = l.ceil(v.calendar, to)
	}
	if last.Before(first) {
		return v.part(l, last, from, to)
	}
	if from.Before(first) {
		if list, err = v.part(l, l.begin(v.calendar, from), from, first); err != nil {
			return nil, err
		}
	}
	if first.Before(last) {
		list = append(list, stretch{l, first, last})
	}
	if last.Before(to) {
		tail, err := v.part(l, last, last, to)
		if err != nil {
			return nil, err
		}
		list = append(list, tail...)
	}
	return list, nil
}

// part covers some of a piece: with finer ones, if they are all there.
func (v *view) part(l level, start, from, to time.Time) ([]stretch, error) {
	whole := stretch{l, start, l.next(v.calendar, start)}
	fine := stretch{l.finer(), whole.from, whole.to}
	lacking, err := v.lacking(whole, fine)
	if err != nil {
		return nil, err
	}
	if lacking {
		return []stretch{whole}, nil
	}
	return v.divide(l.finer(), from, to)
}

// lacking reports whether fine does not have all that coarse has.
func (v *view) lacking(coarse, fine stretch) (bool, error) {
	want, err := v.measured(coarse)
	if err != nil {
		return false, err
	}
	got, err := v.measured(fine)
	return got != want, err
}

// home is the piece that one counts for which begins at start: itself, unless it is
// of another zone's hours, days or months.
func (v *view) home(l level, start time.Time) stretch {
	from := l.begin(v.calendar, start.Add(l.middle()))
	return stretch{l, from, l.next(v.calendar, from)}
}

// beginning returns where the history begins, as finely as it is known.
func (v *view) beginning() (start time.Time, ok bool, err error) {
	var coarse stretch
	for l := month; ; l = l.finer() {
		first, there, err := v.edge(l, false)
		if err != nil {
			return start, false, err
		}
		if there && ok {
			lacking, err := v.lacking(coarse, stretch{l, coarse.from, coarse.to})
			if err != nil || lacking {
				return start, true, err
			}
		}
		if there {
			coarse, ok = v.home(l, first), true
			start = coarse.from
		}
		if l == minute {
			return start, ok, nil
		}
	}
}

// steps returns where the pieces of a stretch begin.
func (v *view) steps(s stretch) (starts []time.Time, err error) {
	for t := s.from; t.Before(s.to); t = s.level.next(v.calendar, t) {
		if len(starts) == maxSteps {
			return nil, question("step: more than %d of a %s are too many: ask for less time, or a coarser step", maxSteps, s.level)
		}
		starts = append(starts, t.UTC())
	}
	return starts, nil
}
