package engine

import (
	"fmt"
	"net/http"
	"slices"
	"time"

	"bwmon/fleet"
	"bwmon/traffic"
)

// row is what a batch says of one row.
type row struct {
	key          fleet.Key
	total, moved amounts
	fresh        bool
}

// counters are a batch as samples: those of its beginning, and those of its end.
type counters struct {
	batch     *fleet.Batch
	commands  bool
	rows      []*row
	found     map[fleet.Key]*row
	early     []series
	late      []series
	from, end int64
}

// samplesOf makes samples of a batch. Those of its position are the last.
func samplesOf(b *fleet.Batch, commands bool) (early, late []series, err error) {
	if b.Host == "" || b.Run == "" || b.At.UnixMilli() <= 0 {
		return nil, nil, &Error{Status: http.StatusUnprocessableEntity, Text: fmt.Sprintf("batch %d of host %q: it names no host, no run or no time", b.Seq, b.Host)}
	}
	c := &counters{batch: b, commands: commands, found: make(map[fleet.Key]*row), end: b.At.UnixMilli()}
	// A moment after the end of the batch before, which may have samples of the same series.
	c.from = b.From.UnixMilli() + 1
	c.gather()
	for _, r := range c.rows {
		c.write(r)
	}
	if b.HasBalance && b.Changes != nil {
		c.balance(&b.Changes.Balance)
	}
	if b.Changes != nil {
		c.levels()
	}
	if b.Since == 0 && c.from > 0 && c.from < c.end {
		c.early = append(c.early, beat(b.Host, fleet.Position{Run: b.Run}, time.UnixMilli(c.from))...)
	}
	c.late = append(c.late, beat(b.Host, b.Position(), b.At)...)
	return c.early, c.late, nil
}

// at returns the row of a key. Rows whose names are the same as labels are one.
func (c *counters) at(k fleet.Key) *row {
	k.Name, k.App = cut(k.Name), cut(k.App)
	k.User, k.Container, k.Unit = cut(k.User), cut(k.Container), cut(k.Unit)
	r := c.found[k]
	if r == nil {
		r = &row{key: k, fresh: c.batch.Since == 0}
		c.found[k] = r
		c.rows = append(c.rows, r)
	}
	return r
}

func (c *counters) add(k fleet.Key, a amounts) {
	r := c.at(k)
	r.total = r.total.plus(a)
}

// gather takes what the batch says of rows. Those that are gone have nothing any more.
func (c *counters) gather() {
	if s := c.batch.Changes; s != nil {
		c.gatherRows(s)
	}
	for _, k := range c.batch.Gone {
		if c.holds(k) {
			c.at(k)
		}
	}
	for i := range c.batch.Moved {
		m := &c.batch.Moved[i]
		if c.holds(m.Key) {
			r := c.at(m.Key)
			r.moved = r.moved.plus(amounts{received: m.Rx, sent: m.Tx, read: m.Read, written: m.Wrote})
		}
	}
	fresh := make(map[fleet.Key]bool, len(c.batch.Fresh))
	for _, k := range c.batch.Fresh {
		fresh[k] = true
	}
	for k, r := range c.found {
		asked := k
		if k.Kind == kindDisk {
			asked = fleet.Key{Kind: fleet.KindSeries, Name: traffic.SeriesID(traffic.SeriesDisk, k.Name)}
		}
		r.fresh = r.fresh || fresh[asked]
	}
}

// holds reports whether rows of the kind are written.
func (c *counters) holds(k fleet.Key) bool {
	return families[k.Kind] != nil && (k.Kind != fleet.KindCommand || c.commands)
}

func carried(u *traffic.Usage) amounts { return amounts{received: u.RxBytes, sent: u.TxBytes} }

func used(u *traffic.Usage, r *traffic.Resources) amounts {
	a := carried(u)
	a[read], a[written] = r.DiskReadBytes, r.DiskWriteBytes
	return a
}

func (c *counters) gatherRows(s *traffic.Snapshot) {
	for i := range s.Apps {
		a := &s.Apps[i]
		c.add(fleet.AppKey(a), used(&a.Usage, &a.Resources))
		for j := range a.Commands {
			if c.commands {
				c.add(fleet.CommandKey(a.Name, &a.Commands[j]), used(&a.Commands[j].Usage, &a.Commands[j].Resources))
			}
		}
	}
	for i := range s.LANHosts {
		c.add(fleet.LANHostKey(&s.LANHosts[i]), carried(&s.LANHosts[i].Usage))
	}
	for i := range s.Pipes {
		c.add(fleet.PipeKey(&s.Pipes[i]), carried(&s.Pipes[i].Usage))
	}
	for i := range s.Interfaces {
		c.add(fleet.InterfaceKey(&s.Interfaces[i]), carried(&s.Interfaces[i].Usage))
	}
	for i := range s.Series {
		d := &s.Series[i]
		r, hasRead := d.Metrics.Get("read_bytes")
		w, hasWritten := d.Metrics.Get("write_bytes")
		if d.Kind == traffic.SeriesDisk && hasRead && hasWritten && r >= 0 && w >= 0 && r <= fleet.MaxTotal && w <= fleet.MaxTotal {
			c.add(fleet.Key{Kind: kindDisk, Name: d.Name}, amounts{read: uint64(r), written: uint64(w)})
		}
	}
}

// write makes the samples of a row.
func (c *counters) write(r *row) {
	f := families[r.key.Kind]
	k := &r.key
	of := named("", "host", c.batch.Host, "run", c.batch.Run, f.label, k.Name, "app", k.App, "user", k.User, "container", k.Container, "unit", k.Unit)
	labels := func(metric string) []label {
		list := slices.Clone(of)
		list[0].value = metric
		return list
	}
	for i, w := range f.ways {
		total, moved := r.total[w]+r.moved[w], r.moved[w]
		if i > 0 && total == 0 {
			continue
		}
		// A row of which something was moved may have been there earlier: then its
		// counters did not begin at 0 now, but stand where they stood.
		c.put(labels(f.total(w)), r.fresh && r.moved == (amounts{}), float64(total))
		if moved > 0 {
			c.put(labels(f.moved(w)), false, float64(moved))
		}
	}
}

// put makes a sample at the batch's end, and for rows that are new one at its beginning.
func (c *counters) put(labels []label, fresh bool, value float64) {
	if fresh && c.from > 0 && c.from < c.end {
		c.early = append(c.early, series{labels, c.from, 0})
	}
	c.late = append(c.late, series{labels, c.end, value})
}

func (c *counters) balance(b *traffic.Balance) {
	f := families[kindBalance]
	for _, book := range []struct {
		name   string
		rx, tx float64
	}{
		{bookInterface, float64(b.InterfaceRx), float64(b.InterfaceTx)},
		{"local", float64(b.LocalRx), float64(b.LocalTx)},
		{"forwarded", float64(b.ForwardedRx), float64(b.ForwardedTx)},
		{"unattributed", float64(b.UnattributedRx), float64(b.UnattributedTx)},
		{"residual", float64(b.ResidualRx), float64(b.ResidualTx)},
	} {
		for w, v := range map[way]float64{received: book.rx, sent: book.tx} {
			c.put(named(f.total(w), "host", c.batch.Host, "run", c.batch.Run, f.label, book.name), c.batch.Since == 0, v)
		}
	}
}

// maxFigures is how many figures a series has at most: what is posted is up to its host.
const maxFigures = 1000

// levels are what was measured: not of a run.
func (c *counters) levels() {
	s := c.batch.Changes
	for i := range s.Series {
		id := s.Series[i].ID()
		told := make(map[string]bool)
		for _, m := range s.Series[i].Metrics {
			if name := cut(m.Name); !told[name] && len(told) < maxFigures {
				told[name] = true
				c.put(named(metricValue, "host", c.batch.Host, "series", id, "metric", m.Name), false, m.Value)
			}
		}
	}
	if c.batch.HasAlerts {
		firing := 0
		for _, a := range s.Alerts {
			if a.State == "firing" {
				firing++
			}
		}
		c.put(named(metricFiring, "host", c.batch.Host), false, float64(firing))
	}
}

// beat are the samples that say that a host was at a position.
func beat(host string, p fleet.Position, at time.Time) []series {
	ms := at.UnixMilli()
	return []series{
		{named(metricSeen, "host", host, "run", p.Run), ms, float64(ms) / 1000},
		{named(metricPosition, "host", host, "run", p.Run), ms, float64(p.Seq)},
	}
}
