package history

import (
	"bwmon/traffic"
)

// member is one host of a fleet.
type member struct {
	name   string
	id     int64 // its number in the file; 0: it is not there yet
	intake *intake
	purse  *purse
	host   *series // kindHost

	pending pending
	writing []*bucket // what a flush is about to write

	// What was booked last: the host's books and what the receiver wants back with them.
	last *traffic.Snapshot
	note []byte
	// version counts them, written is which the file has.
	version, written uint64
	// lostIn is the run whose totals so far are not known, since the file's were damaged.
	lostIn string

	rows int // in the journal
}

func (f *Fleet) newMember(name string) *member {
	q := newPurse(f.names)
	return &member{name: name, purse: q, intake: newIntakeFor(f.store.roster, q)}
}

// book takes the differences of a Snapshot into a bucket.
func (m *member) book(b *bucket, s *traffic.Snapshot, r *roster) {
	to := func(to *series, o octets) {
		to.used = r.now
		m.pending.add(b, to, o)
	}
	if m.lostIn != "" && m.lostIn == s.Run {
		to = func(*series, octets) {}
	}
	m.lostIn = ""
	m.intake.take(s, to)
	if m.host == nil || m.host.stale() {
		m.host = r.find(kindHost, nil, m.name)
	}
	if o := m.intake.carried; o != (octets{}) {
		to(m.host, o)
	}
	m.intake.gauges.take(s.Series, m.intake.said, func(to *series, n measure) { m.pending.note(b, to, n) })
}

// buckets are all that is not in the file.
func (m *member) buckets() []*bucket {
	if len(m.writing) == 0 {
		return m.pending.buckets
	}
	return append(m.writing[:len(m.writing):len(m.writing)], m.pending.buckets...)
}

// hand hands over what is pending, to be written.
func (m *member) hand() (figures int) {
	figures = m.pending.n
	m.writing, m.pending.buckets, m.pending.n = m.pending.buckets, nil, 0
	return figures
}

// takeBack makes pending again what could not be written.
func (m *member) takeBack() (figures int) {
	for _, b := range m.writing {
		figures += b.size()
	}
	m.pending.buckets = append(m.writing, m.pending.buckets...)
	m.pending.n += figures
	m.writing = nil
	return figures
}

// forgetIDs is that of a roster.
func (m *member) forgetIDs() {
	p := pending{buckets: m.buckets()}
	p.forgetIDs()
	if m.host != nil {
		m.host.id = 0
	}
}
