package receive

import (
	"fmt"
	"time"

	"bwmon/traffic"
)

// snapshot is the fleet at a moment.
func (r *Receiver) snapshot(now time.Time) *traffic.Snapshot {
	s := &traffic.Snapshot{
		Schema: traffic.SchemaVersion, Host: r.opts.Host, Run: r.opts.Run, At: now.UTC(),
		Elapsed: max(0, now.Sub(r.started).Seconds()), Interval: r.opts.Interval.Seconds(),
		LANHosts: []traffic.LANHost{}, Pipes: []traffic.PipeRow{}, Interfaces: []traffic.Interface{},
		Rules: []traffic.Rule{}, Alerts: []traffic.Alert{},
		Hosts: r.members(now), Apps: r.tally.current(now), Balance: r.tally.balance(),
	}
	s.Series = make([]traffic.Series, 0, len(s.Hosts))
	for i := range s.Hosts {
		s.Series = append(s.Series, seriesOf(&s.Hosts[i]))
	}
	s.Monitors = []traffic.MonitorStatus{r.monitor(s.Hosts)}
	return s
}

// seriesOf is what rules and charts have of a member.
func seriesOf(m *traffic.Member) traffic.Series {
	flag := func(state string) float64 {
		if m.State == state {
			return 1
		}
		return 0
	}
	return traffic.Series{Kind: traffic.SeriesHost, Name: m.Host, Detail: m.Detail, Metrics: traffic.Metrics{
		{Name: "silent_s", Value: m.Silent}, {Name: "clock_s", Value: m.Clock}, {Name: "waiting", Value: float64(m.Waiting)},
		{Name: "refused", Value: flag(traffic.MemberRefused)}, {Name: "alerts", Value: float64(m.Alerts)},
		{Name: "apps", Value: float64(m.Apps)}, {Name: "connections", Value: float64(m.Connections)},
		{Name: "rx_bytes_per_s", Value: m.RxRate}, {Name: "tx_bytes_per_s", Value: m.TxRate},
		{Name: "unbooked_bytes", Value: float64(m.Unbooked)},
	}}
}

// monitor is the receiver's own line.
func (r *Receiver) monitor(members []traffic.Member) traffic.MonitorStatus {
	var s Status
	s.count(members)
	m := traffic.MonitorStatus{
		Name: "receive", Kind: "receive", State: traffic.StateRunning, Lost: r.counters.refused.Load(),
		Detail: fmt.Sprintf("hosts: %d reporting, %d silent, %d refused", s.Reporting, s.Silent, s.Refused),
	}
	if m.Lost > 0 {
		m.Detail += fmt.Sprintf("; %d requests were refused", m.Lost)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.failing != nil {
		m.State, m.Detail = traffic.StateFailed, traffic.CleanText(r.failing.Error(), 1000)
	}
	return m
}

// balance is that of all hosts.
func (t *tally) balance() traffic.Balance {
	t.mu.Lock()
	defer t.mu.Unlock()
	var all [balances]uint64
	for a := range t.accounts {
		for i, v := range a.bytes {
			all[i] = sum(all[i], v)
		}
	}
	return balance(all)
}
