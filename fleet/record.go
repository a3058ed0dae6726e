package fleet

import (
	"maps"
	"slices"
	"time"

	"bwmon/traffic"
)

// Recorder makes batches of a host's snapshots. It is for one goroutine.
type Recorder struct {
	host   string
	former Position          // where the run before this one ended
	seq    uint64            // of last
	last   *traffic.Snapshot // as it is published; nil before the first
	totals map[Key]totals    // of last
	moved  map[Key]totals    // in this run
}

// totals are the bytes of a row.
type totals struct{ rx, tx, read, wrote uint64 }

// maxMoved bounds how many rows a Recorder remembers the moves of. A row beyond that
// which is gone and comes back is one whose counter begins anew.
const maxMoved = 50_000

// maxGone bounds how many rows a full batch says are gone, so that receivers with smaller
// limits than the default take it.
const maxGone = 10_000

// NewRecorder makes one for the host of that name, whose last batch led to former.
func NewRecorder(host string, former Position) *Recorder {
	return &Recorder{host: host, former: former}
}

// Next returns what changed since the last call; another Run of the engine begins at
// Seq 1. It is nil where s is the snapshot of the last call. It keeps nothing of s that
// changes.
func (r *Recorder) Next(s *traffic.Snapshot) *Batch {
	if r.last != nil && r.last.Run != s.Run {
		r.former, r.last = Position{r.last.Run, r.seq}, nil
	}
	if r.last != nil && s.Elapsed == r.last.Elapsed && s.At.Equal(r.last.At) {
		return nil
	}
	b := &Batch{Schema: SchemaVersion, Host: r.host, Run: s.Run, At: s.At.UTC(), From: startOf(s)}
	now := published(s, MaxPublished)
	if r.last == nil {
		r.seq, r.totals, r.moved = 0, nil, make(map[Key]totals)
		b.Former = r.former
	} else {
		b.Since, b.From = r.seq, r.last.At.UTC()
	}
	r.seq++
	b.Seq = r.seq
	b.Changes = r.compare(now, b)
	r.last = now
	r.account(b)
	return b
}

// Full is all of this run up to the last Next; nil before the first.
func (r *Recorder) Full() *Batch {
	if r.last == nil {
		return nil
	}
	b := &Batch{
		Schema: SchemaVersion, Host: r.host, Run: r.last.Run, Seq: r.seq, At: r.last.At.UTC(), From: startOf(r.last),
		Changes: r.last, HasBalance: true, HasMonitors: true, HasRules: true, HasAlerts: true,
	}
	Rows(r.last, func(k Key, _ *traffic.Usage, _ *traffic.Resources) {
		b.Fresh = append(b.Fresh, k)
		r.noteMoved(b, k)
	})
	// Who takes totals for counters has to hear of those that were moved away whole, in
	// batches that may never have been sent.
	for _, k := range slices.SortedFunc(maps.Keys(r.moved), Key.Compare) {
		if _, there := r.totals[k]; !there && len(b.Gone) < maxGone {
			b.Gone = append(b.Gone, k)
			r.noteMoved(b, k)
		}
	}
	return b
}

func startOf(s *traffic.Snapshot) time.Time {
	return s.At.Add(-time.Duration(s.Elapsed * float64(time.Second))).UTC()
}

// published is what of a snapshot is published: commands of one key are one, and LAN hosts,
// and of each there are at most so many, those with most bytes. Rows of other kinds have
// keys of their own in all snapshots.
func published(s *traffic.Snapshot, most int) *traffic.Snapshot {
	out := &traffic.Snapshot{
		Schema: s.Schema, Host: s.Host, Run: s.Run, At: s.At.UTC(), Elapsed: s.Elapsed, Interval: s.Interval,
		Monitors: s.Monitors, Balance: s.Balance, Rules: s.Rules, Alerts: s.Alerts,
		Pipes: slices.Clone(s.Pipes), Interfaces: s.Interfaces, Series: s.Series,
	}
	for i := range out.Pipes {
		out.Pipes[i].Recent = nil
	}
	out.Apps = slices.Clone(s.Apps)
	for i := range out.Apps {
		a := &out.Apps[i]
		a.Recent = nil
		a.Commands = uniq(s.Apps[i].Commands, func(c *traffic.Command) Key { return CommandKey(a.Name, c) },
			func(c *traffic.Command) { c.PIDs, c.Flows, c.Closed = nil, nil, nil },
			addCommand)
	}
	out.LANHosts = uniq(s.LANHosts, LANHostKey,
		func(h *traffic.LANHost) { h.Flows, h.Closed, h.Recent = nil, nil, nil },
		addLANHost)
	foldCommands(out, most)
	foldLANHosts(out, most)
	for ; most > 1 && textOf(out) > MaxText/2; most /= 2 { // rather fewer names than none taken
		foldCommands(out, most/2)
	}
	return out
}

// uniq is a copy of a list in which each row is stripped, and those of one key are
// added up.
func uniq[T any](list []T, key func(*T) Key, strip func(*T), add func(to, row *T)) []T {
	out := make([]T, 0, len(list))
	at := make(map[Key]int, len(list))
	for i := range list {
		k := key(&list[i])
		if n, twice := at[k]; twice {
			add(&out[n], &list[i])
			continue
		}
		at[k] = len(out)
		row := list[i]
		strip(&row)
		out = append(out, row)
	}
	return out
}

func addUsage(a, b traffic.Usage) traffic.Usage {
	return traffic.Usage{
		RxBytes: a.RxBytes + b.RxBytes, TxBytes: a.TxBytes + b.TxBytes, RxRate: a.RxRate + b.RxRate, TxRate: a.TxRate + b.TxRate,
	}
}
