package engine

import "bwmon/fleet"

// The metrics that are not of rows.
const (
	metricPosition = "bwmon_fleet_host_position"
	metricSeen     = "bwmon_fleet_host_seen_timestamp_seconds"
	metricWaiting  = "bwmon_fleet_host_waiting_batches"
	metricFiring   = "bwmon_fleet_alerts_firing"
	metricValue    = "bwmon_fleet_series_value"
)

// way is what a counter of a row counts.
type way int

const (
	received way = iota
	sent
	read
	written
	ways
)

// amounts are bytes each way.
type amounts [ways]uint64

func (a amounts) plus(b amounts) amounts {
	for w := range a {
		a[w] += b[w]
	}
	return a
}

// family is the counters of rows of one kind. The first of its ways always has a series
// where there is a row.
type family struct {
	prefix  string
	label   string // whose value is the row's name
	ways    []way
	names   [ways]string
	isLevel bool // it may fall; nothing is moved
}

// families are the metrics of rows by the kind of their keys.
var families = map[string]*family{
	fleet.KindApp:       {prefix: "bwmon_fleet_app", label: "app", ways: []way{received, sent, read, written}, names: carriedAndUsed},
	fleet.KindCommand:   {prefix: "bwmon_fleet_command", label: "command", ways: []way{received, sent, read, written}, names: carriedAndUsed},
	fleet.KindLANHost:   {prefix: "bwmon_fleet_lan_host", label: "lan_host", ways: []way{received, sent}, names: carriedAndUsed},
	fleet.KindPipe:      {prefix: "bwmon_fleet_pipe", label: "pipe", ways: []way{received, sent}, names: carriedAndUsed},
	fleet.KindInterface: {prefix: "bwmon_fleet_interface", label: "interface", ways: []way{received, sent}, names: carriedAndUsed},
	kindDisk:            {prefix: "bwmon_fleet_disk", label: "disk", ways: []way{read, written}, names: [ways]string{read: "_read", written: "_written"}},
	kindBalance:         {prefix: "bwmon_fleet_balance", label: "book", ways: []way{received, sent}, names: carriedAndUsed, isLevel: true},
}

var carriedAndUsed = [ways]string{received: "_receive", sent: "_transmit", read: "_disk_read", written: "_disk_written"}

// Kinds of rows that a batch has no keys of: a disk's is that of its series.
const (
	kindDisk    = "disk"
	kindBalance = "balance"
)

// bookInterface is the book of the balance that has what the interfaces carried.
const bookInterface = "interface"

// total and moved are the names of the two counters.
func (f *family) total(w way) string {
	if f.isLevel {
		return f.prefix + f.names[w] + "_bytes"
	}
	return f.prefix + f.names[w] + "_bytes_total"
}

func (f *family) moved(w way) string { return f.prefix + f.names[w] + "_moved_bytes_total" }
