package engine

import (
	"context"
	"time"

	"github.com/prometheus/common/model"

	"bwmon/fleet"
	"bwmon/traffic"
)

// Snapshot is what the engine knows of the fleet now: the members that wrote within 32
// days, and the apps that changed within two, with the members that run each as its
// commands. Totals are those of the members' present runs, so that they fall when one
// begins anew. A member is silent for the time that r could have seen it write: while the
// engine did not answer, and before the first Snapshot, that is until any member wrote
// last. It blocks as Report does; a large fleet's is costly.
func (r *Reader) Snapshot(ctx context.Context) (*traffic.Snapshot, error) {
	now := r.opts.Now()
	runs, err := r.listed(ctx, now)
	if err != nil {
		return nil, err
	}
	s := emptySnapshot("", "", now)
	apps, err := r.now(ctx, families[fleet.KindApp], nil, runs, now, recently)
	if err != nil {
		return nil, err
	}
	uses := fillFleet(s, apps)
	if s.Hosts, err = r.members(ctx, runs, now); err != nil {
		return nil, err
	}
	for i := range s.Hosts {
		h := &s.Hosts[i]
		h.Apps = uses[h.Host]
		s.Balance.InterfaceRx += h.RxBytes
		s.Balance.InterfaceTx += h.TxBytes
		s.Series = append(s.Series, traffic.Series{Kind: traffic.SeriesHost, Name: h.Host, Detail: h.Detail, Metrics: traffic.Metrics{
			{Name: "silent_s", Value: h.Silent}, {Name: "waiting", Value: float64(h.Waiting)}, {Name: "alerts", Value: float64(h.Alerts)},
			{Name: "apps", Value: float64(h.Apps)}, {Name: "rx_bytes_per_s", Value: h.RxRate}, {Name: "tx_bytes_per_s", Value: h.TxRate},
			{Name: "unbooked_bytes", Value: float64(h.Unbooked)},
		}})
	}
	sortSnapshot(s)
	return s, nil
}

// fillFleet puts apps into s, and returns how many each member has.
func fillFleet(s *traffic.Snapshot, rows []*known) map[string]int {
	at, uses := make(map[string]int), make(map[string]int)
	for _, k := range rows {
		name, host := string(k.metric["app"]), string(k.metric["host"])
		i, is := at[name]
		if !is {
			i = len(s.Apps)
			at[name] = i
			s.Apps = append(s.Apps, traffic.App{Name: name})
		}
		a, u := &s.Apps[i], k.usage()
		a.RxBytes, a.TxBytes, a.RxRate, a.TxRate = a.RxBytes+u.RxBytes, a.TxBytes+u.TxBytes, a.RxRate+u.RxRate, a.TxRate+u.TxRate
		a.Resources = a.Resources.Add(k.resources())
		a.Commands = append(a.Commands, traffic.Command{Command: host, Host: host, PIDs: []int{}, Usage: u, Resources: k.resources()})
		uses[host]++
	}
	return uses
}

// members are the hosts of runs, in no order.
func (r *Reader) members(ctx context.Context, runs map[string]run, now time.Time) ([]traffic.Member, error) {
	carried, err := r.now(ctx, families[kindBalance], []string{equal("book", bookInterface)}, runs, now, recently)
	if err != nil {
		return nil, err
	}
	waiting, err := r.newest(ctx, metricWaiting, nil, now, recently)
	if err != nil {
		return nil, err
	}
	firing, err := r.newest(ctx, metricFiring, nil, now, recently)
	if err != nil {
		return nil, err
	}
	unbooked, err := r.unbooked(ctx, runs, now)
	if err != nil {
		return nil, err
	}
	paces, err := r.paces(ctx, runs, now)
	if err != nil {
		return nil, err
	}
	usage := make(map[string]traffic.Usage)
	for _, k := range carried {
		usage[string(k.metric["host"])] = k.usage()
	}
	waits, fires := byHost(waiting), byHost(firing)
	list := make([]traffic.Member, 0, len(runs))
	for name, at := range runs {
		silent := r.roll.silent(at.seen, now)
		m := traffic.Member{
			Host: name, Usage: usage[name], State: traffic.MemberReporting, Seen: at.seen, Silent: silent.Seconds(),
			Alerts: int(fires[name]), Waiting: waits[name], Unbooked: unbooked[name],
		}
		if silent > max(r.opts.SilentAfter, 3*paces[name]) {
			m.State, m.Detail = traffic.MemberSilent, "nothing came from it since "+at.seen.Format(time.RFC3339)
		}
		list = append(list, m)
	}
	return list, nil
}

// byHost are levels that count something.
func byHost(v model.Vector) map[string]uint64 {
	all := make(map[string]uint64, len(v))
	for _, s := range v {
		all[string(s.Metric["host"])] = uint64(max(whole(float64(s.Value)), 0))
	}
	return all
}

// unbooked is what members' interfaces carried in their present runs and nobody owns, by
// host.
func (r *Reader) unbooked(ctx context.Context, runs map[string]run, now time.Time) (map[string]uint64, error) {
	all := make(map[string]uint64, len(runs))
	for _, w := range []way{received, sent} {
		v, err := r.newest(ctx, families[kindBalance].total(w), []string{`book=~"unattributed|residual"`}, now, recently)
		if err != nil {
			return nil, err
		}
		for _, s := range v {
			host := string(s.Metric["host"])
			if runs[host].name == string(s.Metric["run"]) {
				all[host] += uint64(max(whole(float64(s.Value)), 0))
			}
		}
	}
	return all, nil
}
