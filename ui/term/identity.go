package term

import "net/netip"

// roster is one of the lists of a snapshot whose rows are remembered.
type roster uint8

const (
	ofApps roster = iota
	ofCommands
	ofConnections
	ofRemoteHosts
	ofLANHosts
	ofInterfaces
	ofPipes
	ofAlerts
	ofMonitors
	ofAppDisks     // what apps read and wrote
	ofCommandDisks // likewise commands
	ofDisks
	ofSeries // all other series, by kind and name; not totals, but levels
	ofGroups // rows that this surface sums up itself
	ofMetrics
	ofMembers // hosts of a fleet
	rosters
)

// identity is what a row is about, whatever its figures and its place. The
// selection is an identity, never a row number.
type identity struct {
	of                               roster
	app, name, user, container, unit string
	local, remote                    netip.AddrPort
	id                               uint64
}
