package engine

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"time"

	"bwmon/fleet"
	"bwmon/traffic"
)

// moment is what a model host's books have at one position.
type moment struct {
	fleet.Position
	at     time.Time
	totals map[fleet.Key]amounts
	moved  map[fleet.Key]amounts
}

func (m *moment) clone() *moment {
	c := *m
	c.totals, c.moved = maps.Clone(m.totals), maps.Clone(m.moved)
	return &c
}

// modelHost is a host whose books are known at every position.
type modelHost struct {
	name  string
	began map[string]time.Time // runs
	list  []*moment            // of all runs, by time
	known []*moment            // those that an engine was told of
}

// Names as hostile as they come.
var hostile = []string{
	`quote " back \ slash`, "new\nline", "ünï©ödé 🙂", `{}=~"|.*[]()$^`, "\xff\xfe", "<script>alert(1)</script>", " ", "a,b", "`",
	strings.Repeat("long ", 1000), strings.Repeat("long ", 1000) + "er", "../..", "\u202eevil", "'", "plain",
}

// newModelHost lives through n ticks of ten seconds or so from begin on. Its clock does
// not go back.
func newModelHost(r *rand.Rand, name string, begin time.Time, n int) *modelHost {
	h := &modelHost{name: name, began: make(map[string]time.Time)}
	now := &moment{}
	at := begin
	for i := range n {
		if i == 0 || r.IntN(60) == 0 { // a new run
			now = &moment{Position: fleet.Position{Run: fmt.Sprintf("%s-run%d", name, i)}, totals: make(map[fleet.Key]amounts), moved: make(map[fleet.Key]amounts)}
			h.began[now.Run] = at
		}
		if r.IntN(50) == 0 {
			at = at.Add(time.Duration(r.IntN(5*3600)) * time.Second) // nobody did anything
		}
		at = at.Add(time.Duration(9000+r.IntN(2000)) * time.Millisecond)
		if r.IntN(10) == 0 { // where a minute begins, or an hour
			at = at.Add(time.Hour).Truncate([]time.Duration{time.Minute, time.Hour}[r.IntN(2)])
		}
		now = now.clone()
		now.Seq++
		now.at = at
		for range 1 + r.IntN(5) {
			now.carry(r)
		}
		for r.IntN(3) == 0 {
			now.move(r)
		}
		h.list = append(h.list, now)
	}
	return h
}

func (m *moment) carry(r *rand.Rand) {
	name := hostile[r.IntN(len(hostile))]
	a := amounts{received: r.Uint64N(1 << 20), sent: r.Uint64N(1 << 30)}
	if r.IntN(200) == 0 {
		a[received] = 1<<45 + r.Uint64N(1<<45)
	}
	switch name {
	case "'": // it only sends
		a[received] = 0
	case "`": // it only uses a disk
		a = amounts{}
	}
	used := a
	if r.IntN(4) == 0 || a == (amounts{}) {
		used[read], used[written] = r.Uint64N(1<<20), r.Uint64N(1<<20)
	}
	add := func(k fleet.Key, a amounts) { m.totals[k] = m.totals[k].plus(a) }
	add(fleet.Key{Kind: fleet.KindApp, Name: name}, used)
	add(fleet.Key{Kind: fleet.KindCommand, App: name, Name: "run " + hostile[r.IntN(len(hostile))], User: []string{"", "root", "u\"x"}[r.IntN(3)], Unit: "a.service"}, used)
	if r.IntN(3) == 0 {
		add(fleet.Key{Kind: fleet.KindLANHost, Name: netip.AddrFrom4([4]byte{10, 0, 0, byte(r.IntN(5))}).String()}, a)
	}
	if r.IntN(3) == 0 {
		add(fleet.Key{Kind: fleet.KindPipe, Name: name}, a)
	}
	add(fleet.Key{Kind: fleet.KindInterface, Name: "eth0"}, a)
	add(fleet.Key{Kind: kindBalance, Name: bookInterface}, a)
	add(fleet.Key{Kind: kindDisk, Name: "sda"}, amounts{read: r.Uint64N(1 << 20), written: r.Uint64N(1 << 20)})
}

// move moves bytes from a row to another of its kind; a row that has none left is gone.
func (m *moment) move(r *rand.Rand) {
	var rows []fleet.Key
	for k := range m.totals {
		if k.Kind == fleet.KindApp {
			rows = append(rows, k)
		}
	}
	slices.SortFunc(rows, fleet.Key.Compare)
	from, to := rows[r.IntN(len(rows))], rows[r.IntN(len(rows))]
	if from == to {
		return
	}
	part := m.totals[from]
	if r.IntN(2) == 0 {
		for w := range part {
			part[w] = r.Uint64N(part[w] + 1)
		}
	}
	left := m.totals[from]
	for w := range left {
		left[w] -= part[w]
	}
	m.totals[from] = left
	m.moved[from] = m.moved[from].plus(part)
	m.totals[to] = m.totals[to].plus(part)
	if left == (amounts{}) {
		delete(m.totals, from)
		m.moveCommands(from.Name, to.Name)
	}
}

func (m *moment) moveCommands(from, to string) {
	for k, all := range maps.Clone(m.totals) {
		if k.Kind == fleet.KindCommand && k.App == from {
			delete(m.totals, k)
			m.moved[k] = m.moved[k].plus(all)
			k.App = to
			m.totals[k] = m.totals[k].plus(all)
		}
	}
}

// batch is what leads from one position to another of the same run; nil: from its beginning.
func (h *modelHost) batch(from, to *moment) *fleet.Batch {
	b := &fleet.Batch{Schema: fleet.SchemaVersion, Host: h.name, Run: to.Run, Seq: to.Seq, From: h.began[to.Run], At: to.at, Changes: &traffic.Snapshot{}}
	if from == nil {
		from = &moment{}
	} else {
		b.Since, b.From = from.Seq, from.at
	}
	keys := maps.Clone(to.totals)
	maps.Copy(keys, from.totals)
	maps.Copy(keys, to.moved)
	for _, k := range slices.SortedFunc(maps.Keys(keys), fleet.Key.Compare) {
		total, is := to.totals[k]
		before, was := from.totals[k]
		if is == was && total == before && to.moved[k] == from.moved[k] {
			continue
		}
		named := k
		if k.Kind == kindDisk {
			named = fleet.Key{Kind: fleet.KindSeries, Name: "disk:" + k.Name}
		}
		switch {
		case is:
			change(b, k, total, to)
			if !was && k.Kind != kindBalance {
				b.Fresh = append(b.Fresh, named)
			}
		case was:
			b.Gone = append(b.Gone, k)
		default: // it came and went
			b.Gone = append(b.Gone, k)
		}
		if m := to.moved[k]; m != (amounts{}) {
			b.Moved = append(b.Moved, fleet.Moved{Key: k, Rx: m[received], Tx: m[sent], Read: m[read], Wrote: m[written]})
		}
	}
	return b
}

// change puts a row into a batch.
func change(b *fleet.Batch, k fleet.Key, a amounts, to *moment) {
	s := b.Changes
	u := traffic.Usage{RxBytes: a[received], TxBytes: a[sent]}
	r := traffic.Resources{DiskReadBytes: a[read], DiskWriteBytes: a[written]}
	switch k.Kind {
	case fleet.KindApp:
		s.Apps = append(s.Apps, traffic.App{Name: k.Name, Usage: u, Resources: r})
	case fleet.KindCommand:
		i := slices.IndexFunc(s.Apps, func(a traffic.App) bool { return a.Name == k.App })
		if i < 0 { // the app itself has not changed
			change(b, fleet.Key{Kind: fleet.KindApp, Name: k.App}, to.totals[fleet.Key{Kind: fleet.KindApp, Name: k.App}], to)
			i = len(s.Apps) - 1
		}
		s.Apps[i].Commands = append(s.Apps[i].Commands, traffic.Command{Command: k.Name, User: k.User, Container: k.Container, Unit: k.Unit, Usage: u, Resources: r})
	case fleet.KindLANHost:
		s.LANHosts = append(s.LANHosts, traffic.LANHost{Host: netip.MustParseAddr(k.Name), Usage: u})
	case fleet.KindPipe:
		s.Pipes = append(s.Pipes, traffic.PipeRow{Name: k.Name, Usage: u})
	case fleet.KindInterface:
		s.Interfaces = append(s.Interfaces, traffic.Interface{Name: k.Name, Usage: u})
	case kindBalance:
		b.HasBalance = true
		s.Balance = traffic.Balance{InterfaceRx: a[received], InterfaceTx: a[sent], ResidualRx: -5}
	case kindDisk:
		s.Series = append(s.Series, traffic.Series{Kind: "disk", Name: k.Name, Metrics: traffic.Metrics{
			{Name: "read_bytes", Value: float64(a[read])}, {Name: "write_bytes", Value: float64(a[written])}, {Name: "utilization_percent", Value: 12.5}}})
	}
}
