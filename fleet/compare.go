package fleet

import (
	"slices"

	"bwmon/traffic"
)

// compare returns what of now is not as it was in the last snapshot, and says in b what
// is gone.
func (r *Recorder) compare(now *traffic.Snapshot, b *Batch) *traffic.Snapshot {
	old := r.last
	if old == nil {
		old = new(traffic.Snapshot)
		b.HasBalance, b.HasMonitors, b.HasRules, b.HasAlerts = true, true, true, true
	}
	out := &traffic.Snapshot{
		Schema: now.Schema, Host: now.Host, Run: now.Run, At: now.At, Elapsed: now.Elapsed, Interval: now.Interval,
	}
	if b.HasBalance = b.HasBalance || now.Balance != old.Balance; b.HasBalance {
		out.Balance = now.Balance
	}
	if b.HasMonitors = b.HasMonitors || !slices.Equal(now.Monitors, old.Monitors); b.HasMonitors {
		out.Monitors = now.Monitors
	}
	if b.HasRules = b.HasRules || !slices.Equal(now.Rules, old.Rules); b.HasRules {
		out.Rules = now.Rules
	}
	if b.HasAlerts = b.HasAlerts || !slices.Equal(now.Alerts, old.Alerts); b.HasAlerts {
		out.Alerts = now.Alerts
	}
	out.Apps = compareApps(old.Apps, now.Apps, b)
	out.LANHosts = changed(old.LANHosts, now.LANHosts, LANHostKey, b, func(a, b *traffic.LANHost) bool {
		return a.Name == b.Name && a.Usage == b.Usage && a.Connections == b.Connections
	})
	out.Pipes = changed(old.Pipes, now.Pipes, PipeKey, b, func(a, b *traffic.PipeRow) bool {
		return a.Usage == b.Usage && a.Connections == b.Connections
	})
	out.Interfaces = changed(old.Interfaces, now.Interfaces, InterfaceKey, b, func(a, b *traffic.Interface) bool { return *a == *b })
	out.Series = changed(old.Series, now.Series, SeriesKey, b, func(a, b *traffic.Series) bool {
		return a.Detail == b.Detail && slices.Equal(a.Metrics, b.Metrics)
	})
	return out
}

// compareApps is changed for apps, of which each has the commands that changed.
func compareApps(old, now []traffic.App, b *Batch) []traffic.App {
	had := make(map[string]*traffic.App, len(old))
	for i := range old {
		had[old[i].Name] = &old[i]
	}
	var list []traffic.App
	for i := range now {
		a := now[i]
		former := had[a.Name]
		if former == nil {
			former = new(traffic.App)
			b.Fresh = append(b.Fresh, AppKey(&a))
		} else {
			delete(had, a.Name)
		}
		gone := len(b.Gone)
		a.Commands = changed(former.Commands, a.Commands, func(c *traffic.Command) Key { return CommandKey(a.Name, c) }, b,
			func(a, b *traffic.Command) bool {
				return a.Usage == b.Usage && a.Resources == b.Resources && a.Processes == b.Processes && a.Connections == b.Connections
			})
		same := former.Name == a.Name && former.Usage == a.Usage && former.Resources == a.Resources &&
			former.Processes == a.Processes && former.Connections == a.Connections
		if !same || len(a.Commands) > 0 || len(b.Gone) > gone {
			list = append(list, a)
		}
	}
	for i := range old {
		if a := &old[i]; had[a.Name] != nil {
			b.Gone = append(b.Gone, AppKey(a))
			for j := range a.Commands {
				b.Gone = append(b.Gone, CommandKey(a.Name, &a.Commands[j]))
			}
		}
	}
	return list
}

// changed are the rows of now that were not there, or were not so.
func changed[T any](old, now []T, key func(*T) Key, b *Batch, same func(a, b *T) bool) []T {
	had := make(map[Key]*T, len(old))
	for i := range old {
		had[key(&old[i])] = &old[i]
	}
	var list []T
	for i := range now {
		k := key(&now[i])
		former := had[k]
		if former == nil {
			b.Fresh = append(b.Fresh, k)
		} else {
			delete(had, k)
		}
		if former == nil || !same(former, &now[i]) {
			list = append(list, now[i])
		}
	}
	for i := range old {
		if k := key(&old[i]); had[k] != nil {
			b.Gone = append(b.Gone, k)
		}
	}
	return list
}

// account notes what the rows of the last snapshot have, and in b what was moved from
// rows that it names. A row that comes back with what was moved from it is not fresh.
func (r *Recorder) account(b *Batch) {
	now := make(map[Key]totals, len(r.totals))
	Rows(r.last, func(k Key, u *traffic.Usage, used *traffic.Resources) { now[k] = totalsOf(u, used) })
	for k, had := range r.totals {
		if fell := had.above(now[k]); fell != (totals{}) {
			r.moved[k] = r.moved[k].add(fell)
		}
	}
	r.totals = now
	for k := range r.moved {
		if _, there := now[k]; len(r.moved) > maxMoved && !there {
			delete(r.moved, k)
		}
	}
	Rows(b.Changes, func(k Key, _ *traffic.Usage, _ *traffic.Resources) { r.noteMoved(b, k) })
	for _, k := range b.Gone {
		r.noteMoved(b, k)
	}
	b.Fresh = slices.DeleteFunc(b.Fresh, func(k Key) bool { return r.moved[k] != (totals{}) })
}

// noteMoved says in b what was moved from a row.
func (r *Recorder) noteMoved(b *Batch, k Key) {
	if m := r.moved[k]; m != (totals{}) {
		b.Moved = append(b.Moved, Moved{Key: k, Rx: m.rx, Tx: m.tx, Read: m.read, Wrote: m.wrote})
	}
}

func totalsOf(u *traffic.Usage, used *traffic.Resources) totals {
	t := totals{rx: u.RxBytes, tx: u.TxBytes}
	if used != nil {
		t.read, t.wrote = used.DiskReadBytes, used.DiskWriteBytes
	}
	return t
}

func (t totals) add(o totals) totals {
	return totals{t.rx + o.rx, t.tx + o.tx, t.read + o.read, t.wrote + o.wrote}
}

// above is what of t is more than in o.
func (t totals) above(o totals) totals {
	return totals{t.rx - min(t.rx, o.rx), t.tx - min(t.tx, o.tx), t.read - min(t.read, o.read), t.wrote - min(t.wrote, o.wrote)}
}
