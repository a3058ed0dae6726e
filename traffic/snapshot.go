package traffic

import (
	"net/netip"
	"slices"
	"time"
)

// SchemaVersion is Snapshot.Schema. Fields may be added within one version;
// none changes its meaning.
const SchemaVersion = 1

// The apps that stand for what no process is known to have carried.
const (
	AppUnattributed = "(unattributed)"   // bytes nobody is known to own
	AppKernel       = "(kernel)"         // the kernel's own
	AppOther        = "(other apps)"     // apps folded together to bound memory
	CommandsFolded  = "(other commands)" // likewise the commands of one app
	HostsFolded     = "(other hosts)"    // likewise LAN hosts, and remote ones
	HostUnknown     = "(no address)"     // the remote host of flows that name none
	PipesFolded     = "(other pipes)"    // likewise pipes
)

// Snapshot is everything bwmon knows at one tick. It is immutable once
// published and shared by all surfaces; its JSON is the public document.
// All *_bytes are totals since the monitors started, exact; all *_rate are
// bytes per second over the monitor's last complete interval.
type Snapshot struct {
	Schema int    `json:"schema"`
	Host   string `json:"host"`
	// Run tells one run of the engine from all others: where it is another one, all
	// totals began anew.
	Run      string          `json:"run"`
	At       time.Time       `json:"at"`
	Elapsed  float64         `json:"elapsed_s"`  // measured time since the monitors started, in seconds
	Interval float64         `json:"interval_s"` // between two snapshots, as the engine is asked to
	Monitors []MonitorStatus `json:"monitors"`
	Apps     []App           `json:"apps"`
	LANHosts []LANHost       `json:"lan_hosts"`
	// RemoteHosts is whom all this was exchanged with, forwarded flows
	// included; without loopback. In the document it appears with the flows.
	RemoteHosts []RemoteHost `json:"remote_hosts,omitempty"`
	// Pipes are the named pipes and relays. What they carried stands in Apps
	// too, under the same name.
	Pipes      []PipeRow   `json:"pipes"`
	Interfaces []Interface `json:"interfaces"`
	// Hosts are the members of a fleet, by name, in the snapshot of a receiver; its apps
	// are those of all members together, and the commands of an app are the members
	// that run it.
	Hosts []Member `json:"hosts,omitempty"`
	// Series is what is measured of the machine, by kind and name.
	Series  []Series `json:"series"`
	Balance Balance  `json:"balance"`
	Rules   []Rule   `json:"rules"` // what was agreed, in the order of the configuration
	Alerts  []Alert  `json:"alerts"`
}

// The states of a monitor.
const (
	StateStarting = "starting"
	StateRunning  = "running"
	StateFailed   = "failed"  // Detail says why; it is tried again
	StateStopped  = "stopped" // it ended by itself
)

// WithoutFlows is s without the flows and remote hosts, as most readers want
// it; s itself where it has none. It shares all else with s.
func (s *Snapshot) WithoutFlows() *Snapshot {
	if !s.HasFlows() {
		return s
	}
	bare := *s
	bare.RemoteHosts = nil
	bare.Apps = slices.Clone(s.Apps)
	for i := range bare.Apps {
		a := &bare.Apps[i]
		a.Commands = slices.Clone(a.Commands)
		for j := range a.Commands {
			a.Commands[j].Flows, a.Commands[j].Closed = nil, nil
		}
	}
	bare.LANHosts = slices.Clone(s.LANHosts)
	for i := range bare.LANHosts {
		bare.LANHosts[i].Flows, bare.LANHosts[i].Closed = nil, nil
	}
	return &bare
}

// HasFlows reports whether flows were asked for.
func (s *Snapshot) HasFlows() bool {
	if s.RemoteHosts != nil {
		return true
	}
	for i := range s.Apps {
		for j := range s.Apps[i].Commands {
			if c := &s.Apps[i].Commands[j]; c.Flows != nil || c.Closed != nil {
				return true
			}
		}
	}
	for i := range s.LANHosts {
		if h := &s.LANHosts[i]; h.Flows != nil || h.Closed != nil {
			return true
		}
	}
	return false
}

// MonitorStatus is one monitor's health.
type MonitorStatus struct {
	Name   string `json:"name"`
	Kind   string `json:"kind"`
	State  string `json:"state"`
	Lost   uint64 `json:"lost"`
	Detail string `json:"detail"`
}

// Usage is the four figures every row has, embedded in each.
type Usage struct {
	RxBytes uint64  `json:"rx_bytes"`
	TxBytes uint64  `json:"tx_bytes"`
	RxRate  float64 `json:"rx_rate"`
	TxRate  float64 `json:"tx_rate"`
}

// App is what one application used, in all its commands.
type App struct {
	Name string `json:"app"`
	Usage
	Resources
	Processes   int       `json:"processes"`   // distinct ones with an open connection
	Connections int       `json:"connections"` // open ones
	Commands    []Command `json:"commands"`
	// Recent is the app's rate in each of the last ticks, oldest first, at
	// most 60; for sparklines, not in the document.
	Recent []Rate `json:"-"`
}

// MachineOnly reports whether the row never had traffic: it is there for what its
// processes use of the machine.
func (a *App) MachineOnly() bool {
	return a.Connections == 0 && a.RxBytes|a.TxBytes == 0
}

// Command is what one command line used, of one user in one container or unit.
type Command struct {
	Command   string `json:"command"`
	User      string `json:"user"`
	Container string `json:"container"`
	Unit      string `json:"unit"`
	// Host is the member of a fleet that a receiver's row is of.
	Host string `json:"host,omitempty"`
	PIDs []int  `json:"pids"` // ascending; at most 100
	Usage
	Resources
	Processes   int `json:"processes"`
	Connections int `json:"connections"`
	// Flows is filled only where flows were asked for: the open ones and the
	// latest that ended. Together with Closed they add up to the row.
	Flows  []FlowRow `json:"flows,omitempty"`
	Closed *Closed   `json:"closed,omitempty"`
}

// MachineOnly is as an App's.
func (c *Command) MachineOnly() bool {
	return c.Connections == 0 && c.RxBytes|c.TxBytes == 0
}

// Closed sums the flows of a row that ended and are no longer listed.
type Closed struct {
	Connections uint64 `json:"connections"`
	RxBytes     uint64 `json:"rx_bytes"`
	TxBytes     uint64 `json:"tx_bytes"`
}

// FlowRow is one connection.
type FlowRow struct {
	Proto  string         `json:"proto"`
	Local  netip.AddrPort `json:"local"`
	Remote netip.AddrPort `json:"remote"`
	Scope  string         `json:"scope"`
	PID    int            `json:"pid,omitempty"`
	Ended  bool           `json:"ended,omitempty"`
	ID     uint64         `json:"-"`
	Usage
}

// LANHost is what one host behind this router used in forwarded traffic.
type LANHost struct {
	Host netip.Addr `json:"host"`
	Name string     `json:"name"`
	Usage
	Connections int       `json:"connections"`
	Flows       []FlowRow `json:"flows,omitempty"`
	Closed      *Closed   `json:"closed,omitempty"`
	Recent      []Rate    `json:"-"`
}

// RemoteHost is what was exchanged with one host elsewhere: rx came from it.
type RemoteHost struct {
	// Host is not valid in the row that stands for hosts folded together to
	// bound memory; its Name says so.
	Host netip.Addr `json:"host"`
	Name string     `json:"name"`
	Usage
	Connections int `json:"connections"`
}

// PipeRow is what a named pipe or relay carried, in payload bytes: rx and tx are
// those of whom it carried them for.
type PipeRow struct {
	Name string `json:"pipe"`
	Usage
	Connections int    `json:"connections"`
	Recent      []Rate `json:"-"`
}

// Interface is what one network interface carried, in layer-3 bytes.
type Interface struct {
	Name string `json:"name"`
	Usage
	RxPackets uint64 `json:"rx_packets"`
	TxPackets uint64 `json:"tx_packets"`
	Balanced  bool   `json:"balanced"` // enters the balance
	SpeedBits uint64 `json:"speed_bits,omitempty"`
}

// The states of a member of a fleet.
const (
	MemberReporting = "reporting"
	MemberSilent    = "silent"  // it has not published for longer than it may
	MemberRefused   = "refused" // what it published last was not taken; Detail says why
)

// Member is one host of a fleet, as its receiver knows it. Usage is what the interfaces
// that are in its balance carried.
type Member struct {
	Host string `json:"host"`
	Usage
	State string `json:"state"`
	// Seen is when it last published, by the receiver's clock.
	Seen        time.Time `json:"seen"`
	Silent      float64   `json:"silent_s"` // for how long it has not
	Apps        int       `json:"apps"`
	Connections int       `json:"connections"`
	Alerts      int       `json:"alerts"`   // firing there
	Unbooked    uint64    `json:"unbooked"` // bytes that its interfaces carried and nobody is known to own, both ways
	Clock       float64   `json:"clock_s"`  // how far its clock is ahead of the receiver's; negative: behind
	Waiting     uint64    `json:"waiting"`  // batches that it has yet to send, as it says
	Detail      string    `json:"detail,omitempty"`
}

// Balance sets what the interfaces carried against what was booked, all since
// the monitors started and without loopback:
//
//	residual = interface - local - forwarded - unattributed
//
// A forwarded byte passes the interfaces twice, once in and once out, so
// ForwardedRx and ForwardedTx both hold what forwarded flows carried in both
// directions. A residual may be negative: the books then hold more than the
// interfaces are known to have carried.
type Balance struct {
	InterfaceRx    uint64 `json:"interface_rx"`
	InterfaceTx    uint64 `json:"interface_tx"`
	LocalRx        uint64 `json:"local_rx"`
	LocalTx        uint64 `json:"local_tx"`
	ForwardedRx    uint64 `json:"forwarded_rx"`
	ForwardedTx    uint64 `json:"forwarded_tx"`
	UnattributedRx uint64 `json:"unattributed_rx"`
	UnattributedTx uint64 `json:"unattributed_tx"`
	ResidualRx     int64  `json:"residual_rx"`
	ResidualTx     int64  `json:"residual_tx"`
}

// Rule is one thing that was agreed, for people and for finding the rows that
// it is about.
type Rule struct {
	Name  string `json:"rule"`
	Kind  string `json:"kind"`  // of its subjects: app, command, lan_host, …
	Match string `json:"match"` // regex (RE2), searched in the subject's name
	Text  string `json:"text"`  // such as "tx above 5 MiB/s over 1m0s"
}

// Alert is one rule's state for one subject.
type Alert struct {
	Rule    string    `json:"rule"`
	Kind    string    `json:"kind"` // of the subject
	Subject string    `json:"subject"`
	State   string    `json:"state"` // pending or firing
	Since   time.Time `json:"since"`

	// App, Command, User, Container and Unit are the subject's, as far as it
	// has them.
	App       string `json:"app,omitempty"`
	Command   string `json:"command,omitempty"`
	User      string `json:"user,omitempty"`
	Container string `json:"container,omitempty"`
	Unit      string `json:"unit,omitempty"`
	// Host is the member of a fleet that the subject is, or is of.
	Host string `json:"host,omitempty"`

	Direction string  `json:"direction,omitempty"` // rx, tx or total; "" of a metric
	Metric    string  `json:"metric,omitempty"`    // what the rule is about in place of a direction
	Condition string  `json:"condition"`           // above, below, equals or quota
	Value     float64 `json:"value"`               // bytes per second; of a quota: bytes; of a metric: see UnitOf
	Threshold float64 `json:"threshold"`           // likewise
	Window    float64 `json:"window_s"`            // seconds averaged over; of a quota: 0
}
