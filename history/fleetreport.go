package history

import (
	"context"

	"bwmon/traffic"
)

// Report answers a query about a host, or with host "" about the whole fleet, which has
// rows by app and host only, and hosts of one app (Query.App). It tells of what was
// booked, whether written or not, and of a host that nobody knows nothing. What cannot be
// answered is an ErrQuestion.
func (f *Fleet) Report(ctx context.Context, host string, q traffic.Query) (r *traffic.Report, err error) {
	if err := check(q); err != nil {
		return nil, err
	}
	v, err := f.look(ctx, host, kindOf(q))
	if err == nil {
		r, err = v.answer(q)
	}
	if err != nil {
		return nil, f.store.cannotRead(err)
	}
	return r, nil
}

// Trend answers how the figures of a host went, or with host "" those of the fleet
// itself.
func (f *Fleet) Trend(ctx context.Context, host string, q traffic.TrendQuery) (t traffic.Trend, err error) {
	if err := checkTime(q.From, q.To, q.Step); err != nil {
		return t, err
	}
	v, err := f.look(ctx, host, kindMetric)
	if err == nil {
		t, err = v.answerTrend(q)
	}
	if err != nil {
		return traffic.Trend{}, f.store.cannotRead(err)
	}
	return t, nil
}

func (f *Fleet) look(ctx context.Context, host string, k kind) (*view, error) {
	return f.store.lookBy(ctx, k, func(v *view) []waiting {
		if host == "" {
			v.fleet = true
			return f.copyAll(v, k)
		}
		v.host, v.member = host, maxMember // of whom there is nothing
		m := f.members[host]
		if m == nil {
			return nil
		}
		if m.id > 0 {
			v.member = m.id
		}
		return v.copy(m.buckets(), k)
	})
}

// copyAll copies what the whole fleet has pending of a kind.
func (f *Fleet) copyAll(v *view, k kind) []waiting {
	list := v.copy(f.whole.buckets(), k)
	if !k.ofFleet() && k != kindMetric {
		return list
	}
	at := make(map[span]int)
	for _, m := range f.order {
		for _, b := range m.buckets() {
			i, known := at[b.span]
			if !known {
				i = len(v.pending)
				at[b.span] = i
				v.pending = append(v.pending, part{span: b.span})
			}
			for to, o := range b.figures {
				switch {
				case to.kind == kindTime || to.kind == k:
					list = append(list, waitingOf(i, to, o))
				case k == kindAppHost && to.kind == kindApp && m.host != nil:
					list = append(list, m.host.of(i, to, o))
				}
			}
		}
	}
	return list
}

// of is what a host used of an app.
func (s *series) of(bucket int, app *series, o octets) waiting {
	return waiting{
		bucket: bucket, kind: kindAppHost, of: label{kind: kindHost, app: app.name, name: s.name},
		id: s.id, app: app.id, others: s.others, inOthers: app.others, octets: o,
	}
}
