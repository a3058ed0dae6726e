package engine

import (
	"cmp"
	"context"
	"net/netip"
	"slices"
	"strings"
	"time"

	"bwmon/fleet"
	"bwmon/traffic"
)

// HostSnapshot is what the engine knows of a host now: the totals of its present run, the
// rates of the last minute, the latest levels. It has no monitors, rules and alerts, and
// commands only where these are written. It blocks as Report does.
func (r *Reader) HostSnapshot(ctx context.Context, host string) (*traffic.Snapshot, error) {
	now := r.opts.Now()
	runs, err := r.runs(ctx, host, now)
	if err != nil {
		return nil, err
	}
	of := runs[host]
	matchers := []string{equal("host", host), equal("run", of.name)}
	v, err := r.vector(ctx, "min_over_time("+selector(metricSeen, matchers...)+span(r.opts.Reach)+")", now)
	if err != nil {
		return nil, err
	}
	s := emptySnapshot(host, of.name, of.seen)
	window := recently
	if len(v) > 0 {
		s.Elapsed = max(0, of.seen.Sub(time.UnixMilli(whole(float64(v[0].Value)*1000))).Seconds())
		window = now.Sub(of.seen) + time.Duration(s.Elapsed*float64(time.Second)) + time.Minute
	}
	for _, kind := range []string{fleet.KindApp, fleet.KindCommand, fleet.KindLANHost, fleet.KindPipe, fleet.KindInterface} {
		if kind == fleet.KindCommand && !r.opts.Commands {
			continue
		}
		rows, err := r.now(ctx, families[kind], matchers, runs, now, window)
		if err != nil {
			return nil, err
		}
		fill(s, kind, rows)
	}
	if err := r.balance(ctx, s, matchers, now, window); err != nil {
		return nil, err
	}
	if err := r.levels(ctx, s, host, now); err != nil {
		return nil, err
	}
	sortSnapshot(s)
	return s, nil
}

func emptySnapshot(host, run string, at time.Time) *traffic.Snapshot {
	return &traffic.Snapshot{
		Schema: traffic.SchemaVersion, Host: host, Run: run, At: at.UTC(), Interval: 10,
		Monitors: []traffic.MonitorStatus{}, Apps: []traffic.App{}, LANHosts: []traffic.LANHost{}, Pipes: []traffic.PipeRow{},
		Interfaces: []traffic.Interface{}, Series: []traffic.Series{}, Rules: []traffic.Rule{}, Alerts: []traffic.Alert{},
	}
}

// fill puts rows of a kind into s; apps before commands.
func fill(s *traffic.Snapshot, kind string, rows []*known) {
	apps := make(map[string]int)
	for i := range s.Apps {
		apps[s.Apps[i].Name] = i
	}
	for _, k := range rows {
		u, m := k.usage(), k.metric
		switch kind {
		case fleet.KindApp:
			s.Apps = append(s.Apps, traffic.App{Name: string(m["app"]), Usage: u, Resources: k.resources(), Commands: []traffic.Command{}})
		case fleet.KindCommand:
			if i, known := apps[string(m["app"])]; known {
				s.Apps[i].Commands = append(s.Apps[i].Commands, traffic.Command{
					Command: string(m["command"]), User: string(m["user"]), Container: string(m["container"]), Unit: string(m["unit"]),
					PIDs: []int{}, Usage: u, Resources: k.resources(),
				})
			}
		case fleet.KindLANHost:
			h := traffic.LANHost{Name: string(m["lan_host"]), Usage: u}
			if a, err := netip.ParseAddr(h.Name); err == nil {
				h.Host, h.Name = a, ""
			}
			s.LANHosts = append(s.LANHosts, h)
		case fleet.KindPipe:
			s.Pipes = append(s.Pipes, traffic.PipeRow{Name: string(m["pipe"]), Usage: u})
		case fleet.KindInterface:
			s.Interfaces = append(s.Interfaces, traffic.Interface{Name: string(m["interface"]), Usage: u})
		}
	}
}

// balance fetches the books of the present run.
func (r *Reader) balance(ctx context.Context, s *traffic.Snapshot, matchers []string, now time.Time, window time.Duration) error {
	for _, w := range []way{received, sent} {
		v, err := r.newest(ctx, families[kindBalance].total(w), matchers, now, window)
		if err != nil {
			return err
		}
		for _, book := range v {
			n := whole(float64(book.Value))
			b := &s.Balance
			at := map[string][2]*uint64{
				bookInterface: {&b.InterfaceRx, &b.InterfaceTx}, "local": {&b.LocalRx, &b.LocalTx},
				"forwarded": {&b.ForwardedRx, &b.ForwardedTx}, "unattributed": {&b.UnattributedRx, &b.UnattributedTx},
			}[string(book.Metric["book"])]
			if at[w] != nil {
				*at[w] = uint64(max(n, 0))
			}
			if residual := [2]*int64{&b.ResidualRx, &b.ResidualTx}; book.Metric["book"] == "residual" {
				*residual[w] = n
			}
		}
	}
	return nil
}

// levels fetches what was measured.
func (r *Reader) levels(ctx context.Context, s *traffic.Snapshot, host string, now time.Time) error {
	v, err := r.newest(ctx, metricValue, []string{equal("host", host)}, now, 24*time.Hour)
	at := make(map[string]int)
	for _, f := range v {
		id := string(f.Metric["series"])
		i, is := at[id]
		if !is {
			i = len(s.Series)
			at[id] = i
			kind, name, _ := strings.Cut(id, ":")
			s.Series = append(s.Series, traffic.Series{Kind: kind, Name: name})
		}
		s.Series[i].Metrics = s.Series[i].Metrics.With(string(f.Metric["metric"]), float64(f.Value))
	}
	for i := range s.Series {
		slices.SortFunc(s.Series[i].Metrics, func(a, b traffic.Metric) int { return strings.Compare(a.Name, b.Name) })
	}
	return err
}

// sortSnapshot puts rows with most bytes first, and series in order.
func sortSnapshot(s *traffic.Snapshot) {
	most := func(a, b *traffic.Usage, nameA, nameB string) int {
		return cmp.Or(cmp.Compare(b.RxBytes+b.TxBytes, a.RxBytes+a.TxBytes), strings.Compare(nameA, nameB))
	}
	slices.SortFunc(s.Apps, func(a, b traffic.App) int { return most(&a.Usage, &b.Usage, a.Name, b.Name) })
	for i := range s.Apps {
		slices.SortFunc(s.Apps[i].Commands, func(a, b traffic.Command) int { return most(&a.Usage, &b.Usage, a.Command, b.Command) })
	}
	slices.SortFunc(s.LANHosts, func(a, b traffic.LANHost) int { return most(&a.Usage, &b.Usage, a.Host.String(), b.Host.String()) })
	slices.SortFunc(s.Pipes, func(a, b traffic.PipeRow) int { return most(&a.Usage, &b.Usage, a.Name, b.Name) })
	slices.SortFunc(s.Interfaces, func(a, b traffic.Interface) int { return most(&a.Usage, &b.Usage, a.Name, b.Name) })
	slices.SortFunc(s.Series, func(a, b traffic.Series) int { return strings.Compare(a.ID(), b.ID()) })
	slices.SortFunc(s.Hosts, func(a, b traffic.Member) int { return strings.Compare(a.Host, b.Host) })
}
