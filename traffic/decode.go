package traffic

import (
	"math"
	"net/netip"
)

// DecodeSnapshot reads a document that another bwmon wrote. All its text is made
// clean and its rates finite, since nothing that comes from elsewhere is trusted;
// flows without a valid address keep it. It refuses another schema.
func DecodeSnapshot(document []byte) (*Snapshot, error) {
	return new(Decoder).Snapshot(document)
}

// clean makes all text of s clean and its figures finite.
func (s *Snapshot) clean() {
	words(&s.Host, &s.Run)
	s.Elapsed, s.Interval = finite(s.Elapsed), finite(s.Interval)
	for i := range s.Monitors {
		m := &s.Monitors[i]
		words(&m.Name, &m.Kind, &m.State)
		m.Detail = CleanText(m.Detail, MaxCommand)
	}
	for i := range s.Apps {
		a := &s.Apps[i]
		a.Name = CleanText(a.Name, MaxCommand)
		a.Usage.clean()
		a.Resources.clean()
		a.Processes, a.Connections = max(a.Processes, 0), max(a.Connections, 0)
		for j := range a.Commands {
			a.Commands[j].clean()
		}
	}
	for i := range s.LANHosts {
		h := &s.LANHosts[i]
		words(&h.Name)
		h.Host = h.Host.WithZone("")
		h.Usage.clean()
		h.Connections = max(h.Connections, 0)
		cleanFlows(h.Flows)
	}
	for i := range s.RemoteHosts {
		h := &s.RemoteHosts[i]
		words(&h.Name)
		h.Host = h.Host.WithZone("")
		h.Usage.clean()
		h.Connections = max(h.Connections, 0)
	}
	for i := range s.Pipes {
		p := &s.Pipes[i]
		p.Name = CleanText(p.Name, MaxCommand)
		p.Usage.clean()
		p.Connections = max(p.Connections, 0)
	}
	for i := range s.Interfaces {
		words(&s.Interfaces[i].Name)
		s.Interfaces[i].Usage.clean()
	}
	for i := range s.Hosts {
		h := &s.Hosts[i]
		words(&h.Host, &h.State)
		h.Detail = CleanText(h.Detail, MaxCommand)
		h.Usage.clean()
		h.Silent = finite(h.Silent)
		h.Apps, h.Connections, h.Alerts = max(h.Apps, 0), max(h.Connections, 0), max(h.Alerts, 0)
	}
	for i := range s.Series {
		s.Series[i].Clean()
	}
	for i := range s.Rules {
		r := &s.Rules[i]
		words(&r.Name, &r.Kind)
		r.Match, r.Text = CleanText(r.Match, MaxCommand), CleanText(r.Text, MaxCommand)
	}
	for i := range s.Alerts {
		a := &s.Alerts[i]
		words(&a.Rule, &a.Kind, &a.State, &a.User, &a.Container, &a.Unit, &a.Host, &a.Direction, &a.Metric, &a.Condition)
		a.Subject, a.App, a.Command = CleanText(a.Subject, MaxCommand), CleanText(a.App, MaxCommand), CleanText(a.Command, MaxCommand)
		a.Value, a.Threshold, a.Window = finite(a.Value), finite(a.Threshold), finite(a.Window)
	}
}

func (c *Command) clean() {
	c.Command = CleanText(c.Command, MaxCommand)
	words(&c.User, &c.Container, &c.Unit, &c.Host)
	c.Usage.clean()
	c.Resources.clean()
	c.Processes, c.Connections = max(c.Processes, 0), max(c.Connections, 0)
	cleanFlows(c.Flows)
}

func cleanFlows(flows []FlowRow) {
	for i := range flows {
		f := &flows[i]
		words(&f.Proto, &f.Scope)
		f.Local, f.Remote = withoutZone(f.Local), withoutZone(f.Remote)
		f.Usage.clean()
	}
}

// withoutZone drops the name of an interface, which may be any text.
func withoutZone(a netip.AddrPort) netip.AddrPort {
	if a.Addr().Zone() == "" {
		return a
	}
	return netip.AddrPortFrom(a.Addr().WithZone(""), a.Port())
}

func words(list ...*string) {
	for _, w := range list {
		*w = CleanText(*w, MaxWord)
	}
}

func (u *Usage) clean() { u.RxRate, u.TxRate = finite(u.RxRate), finite(u.TxRate) }

func (r *Resources) clean() {
	r.DiskReadRate, r.DiskWriteRate, r.CPUPercent = finite(r.DiskReadRate), finite(r.DiskWriteRate), finite(r.CPUPercent)
}

// Clean makes all text of s clean, where it comes from elsewhere.
func (s *Series) Clean() {
	words(&s.Kind)
	s.Name, s.Detail = CleanText(s.Name, MaxCommand), CleanText(s.Detail, MaxCommand)
	for i := range s.Metrics {
		words(&s.Metrics[i].Name)
	}
}

// finite is v where that is a possible figure: JSON has numbers that are none
// once they are sums.
func finite(v float64) float64 {
	if !(v >= 0) || v > math.MaxInt64 {
		return 0
	}
	return v
}
