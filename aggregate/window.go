package aggregate

import (
	"time"

	"bwmon/traffic"
)

// octets is bytes both ways: what of traffic.Counts accounts are kept in.
// Packets are left out because no row shows them and a flow's state is the
// one thing here whose number only the kernel bounds.
type octets struct{ rx, tx uint64 }

func octetsOf(c traffic.Counts) octets { return octets{c.RxBytes, c.TxBytes} }

func (o octets) add(p octets) octets { return octets{o.rx + p.rx, o.tx + p.tx} }
func (o octets) sub(p octets) octets { return octets{o.rx - p.rx, o.tx - p.tx} }

const (
	// minSpan is the shortest window a rate is measured over. A complete
	// batch sooner than that, or than half the usual (such as the last read
	// before the end), leaves the window open, and the rate as it was. Usual is
	// the interval, or the window before where that was shorter.
	minSpan = 50 * time.Millisecond
	// A source that has said nothing for silentSpans of its usual windows and
	// for silentAfter has no rate any more.
	silentSpans = 3
	silentAfter = 5 * time.Second
)

// window is the time between two complete batches of one source. Rates are
// measured over the last finished one, so a source that reads every 4 s shows
// a steady rate at 1 s ticks.
type window struct {
	interval time.Duration // what monitors are asked to keep to
	epoch    uint32        // counts windows
	opened   time.Time     // when the open window began; zero before the first
	span     time.Duration
	silent   bool
}

// finish ends the open window at the time of a complete batch.
func (w *window) finish(at time.Time) {
	if !w.opened.IsZero() {
		span := at.Sub(w.opened)
		if span >= 0 && span < max(minSpan, min(w.span, w.interval)/2) {
			return
		}
		if span > 0 { // else the clock was set back: take the former length
			w.span = span
		}
	}
	w.opened = at
	w.epoch++
	w.silent = false
}

// check notices that the source fell silent.
func (w *window) check(now time.Time) {
	if idle := now.Sub(w.opened); idle > silentAfter && idle > silentSpans*w.span {
		w.silent = true
	}
}

// meter is a running total with what of it was booked in the open window and
// in the last finished one. Meters of one source are additive: merge and
// remove move bytes from account to account without a trace in their sums.
//
// It follows its window lazily, when it is next touched, so that finishing a
// window costs nothing however many meters there are.
type meter struct {
	total octets
	mark  octets // total at the start of the open window
	past  octets // booked in the last finished window
	epoch uint32
}

func (m *meter) follow(w *window) {
	if m.epoch == w.epoch {
		return
	}
	m.past = octets{}
	if m.epoch+1 == w.epoch {
		m.past = m.total.sub(m.mark)
	}
	m.mark = m.total
	m.epoch = w.epoch
}

func (m *meter) book(w *window, o octets) {
	m.follow(w)
	m.total = m.total.add(o)
}

// bookBefore books what was carried before the window: it enters no rate.
func (m *meter) bookBefore(w *window, o octets) {
	m.follow(w)
	m.total = m.total.add(o)
	m.mark = m.mark.add(o)
}

func (m *meter) merge(w *window, o meter) {
	m.follow(w)
	o.follow(w)
	m.total, m.mark, m.past = m.total.add(o.total), m.mark.add(o.mark), m.past.add(o.past)
}

func (m *meter) remove(w *window, o meter) {
	m.follow(w)
	o.follow(w)
	m.total, m.mark, m.past = m.total.sub(o.total), m.mark.sub(o.mark), m.past.sub(o.past)
}

// rate is that of the last finished window.
func (m *meter) rate(w *window) traffic.Rate {
	if w.silent || w.span <= 0 {
		return traffic.Rate{}
	}
	past := m.past
	switch {
	case m.epoch == w.epoch:
	case m.epoch+1 == w.epoch:
		past = m.total.sub(m.mark)
	default:
		return traffic.Rate{}
	}
	seconds := w.span.Seconds()
	return traffic.Rate{Rx: float64(past.rx) / seconds, Tx: float64(past.tx) / seconds}
}
