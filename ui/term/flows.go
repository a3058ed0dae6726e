package term

import (
	"bwmon/traffic"
)

// maxListed is how many connections a table lists. Of more, those that move
// come first; the others are summed in one row.
const maxListed = 100_000

// flowsPage is the table of the connections, of those whom holds picks, that
// has picks; nil picks all. Those that ended and are no longer listed are one
// row, where has is nil.
func (k *kinds) flowsPage(crumb, gone string, holds func(*holder) bool, has func(*traffic.FlowRow) bool) *rowsOf[connection] {
	var p *rowsOf[connection]
	p = newPage(crumb, k.connections, func(sc *scene, rows []connection) ([]connection, string) {
		l := flowLister{page: p, sc: sc, rows: rows, holds: holds, has: has, room: maxListed}
		total := 0
		sc.eachHolder(func(h holder, _ int) {
			flows, _ := h.flows()
			total += len(flows)
		})
		p.crowded = total > maxListed
		if !p.crowded {
			l.list(everyFlow)
		} else {
			l.list(movingFlows)
			l.list(idleFlows)
		}
		l.rest()
		switch {
		case !l.found:
			return l.rows, gone
		case isMember(sc.Snapshot):
			return l.rows, notPublished
		case l.busy && !sc.memory.rolls[ofConnections].listed:
			return l.rows, comesLater
		}
		return l.rows, "no connections"
	})
	p.single = true
	return p
}

// flowLister makes the rows of a table of connections.
type flowLister struct {
	page        *rowsOf[connection]
	sc          *scene
	rows        []connection
	holds       func(*holder) bool
	has         func(*traffic.FlowRow) bool
	room        int // for so many more rows
	closed      traffic.Closed
	left        traffic.Usage // of those that found no room
	leftOut     uint64
	found, busy bool
}

// Which flows are listed in one go.
type flowPass uint8

const (
	everyFlow flowPass = iota
	movingFlows
	idleFlows
)

func (l *flowLister) list(pass flowPass) {
	l.sc.eachHolder(func(h holder, place int) {
		if l.holds != nil && !l.holds(&h) {
			return
		}
		l.found, l.busy = true, l.busy || h.busy()
		flows, earlier := h.flows()
		for i := range flows {
			f := &flows[i]
			if pass != everyFlow && (f.RxRate != 0 || f.TxRate != 0) != (pass == movingFlows) || l.has != nil && !l.has(f) {
				continue
			}
			if pass != everyFlow && !l.passes(f, h) {
				continue
			}
			if l.room == 0 {
				l.left = plus(l.left, f.Usage)
				l.leftOut++
				continue
			}
			l.room--
			seat := l.sc.memory.seatOf(ofConnections, place+i)
			l.rows = append(l.rows, connection{FlowRow: f, Usage: l.sc.usage(seat, f.Usage), scene: l.sc, holder: h, seat: seat})
		}
		if earlier != nil && l.has == nil && pass != idleFlows {
			l.closed.Connections += earlier.Connections
			l.closed.RxBytes += earlier.RxBytes
			l.closed.TxBytes += earlier.TxBytes
		}
	})
}

// passes reports whether a flow passes the page's filter: where there are too
// many for the table, those that do not take no room.
func (l *flowLister) passes(f *traffic.FlowRow, h holder) bool {
	if l.page.query == nil {
		return true
	}
	row := &l.page.trial
	*row = connection{FlowRow: f, Usage: f.Usage, scene: l.sc, holder: h, seat: -1}
	return l.page.passes(row)
}

// rest adds the rows that sum up what is not listed.
func (l *flowLister) rest() {
	if l.leftOut > 0 {
		l.rows = append(l.rows, connection{FlowRow: noFlow, scene: l.sc, more: l.leftOut, seat: -1, Usage: l.sc.usage(-1, l.left)})
	}
	if l.closed.Connections > 0 {
		sum := traffic.Usage{RxBytes: l.closed.RxBytes, TxBytes: l.closed.TxBytes}
		l.rows = append(l.rows, connection{FlowRow: noFlow, scene: l.sc, earlier: l.closed.Connections, seat: -1, Usage: l.sc.usage(-1, sum)})
	}
}
