package traffic

import (
	"net/netip"
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
)

// Snapshot is everything bwmon knows at one tick. It is immutable once
// published and shared by all surfaces; its JSON is the public document.
// All *_bytes are totals since the monitors started, exact; all *_rate are
// bytes per second over the monitor's last complete interval.
type Snapshot struct {
	Schema     int             `json:"schema"`
	Host       string          `json:"host"`
	At         time.Time       `json:"at"`
	Elapsed    float64         `json:"elapsed_s"` // measured time since the monitors started
	Monitors   []MonitorStatus `json:"monitors"`
	Apps       []App           `json:"apps"`
	LANHosts   []LANHost       `json:"lan_hosts"`
	Interfaces []Interface     `json:"interfaces"`
	Balance    Balance         `json:"balance"`
	Alerts     []Alert         `json:"alerts"`
}

// The states of a monitor.
const (
	StateStarting = "starting"
	StateRunning  = "running"
	StateFailed   = "failed"  // Detail says why; it is tried again
	StateStopped  = "stopped" // it ended by itself
)

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
	Processes   int       `json:"processes"`   // distinct ones with an open connection
	Connections int       `json:"connections"` // open ones
	Commands    []Command `json:"commands"`
	// Recent is the app's rate in each of the last ticks, oldest first, at
	// most 60; for sparklines, not in the document.
	Recent []Rate `json:"-"`
}

// Command is what one command line used, of one user in one container or unit.
type Command struct {
	Command   string `json:"command"`
	User      string `json:"user"`
	Container string `json:"container"`
	Unit      string `json:"unit"`
	PIDs      []int  `json:"pids"` // ascending; at most 100
	Usage
	Processes   int `json:"processes"`
	Connections int `json:"connections"`
	// Flows is filled only where flows were asked for: the open ones and the
	// latest that ended. Together with Closed they add up to the row.
	Flows  []FlowRow `json:"flows,omitempty"`
	Closed *Closed   `json:"closed,omitempty"`
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

// Interface is what one network interface carried, in layer-3 bytes.
type Interface struct {
	Name string `json:"name"`
	Usage
	RxPackets uint64 `json:"rx_packets"`
	TxPackets uint64 `json:"tx_packets"`
	Balanced  bool   `json:"balanced"` // enters the balance
	SpeedBits uint64 `json:"speed_bits,omitempty"`
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

// Alert is one rule's state for one subject.
type Alert struct {
	Rule    string    `json:"rule"`
	Subject string    `json:"subject"`
	State   string    `json:"state"`
	Since   time.Time `json:"since"`
}
