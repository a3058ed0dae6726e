package term

import "strings"

// kinds are the kinds of rows there are, each with the order that all its
// pages share, and the ways from one to the other.
type kinds struct {
	apps        *kind[groupRow]
	groups      *kind[groupRow]
	commands    *kind[commandRow]
	connections *kind[connection]
	remotes     *kind[remoteRow]
	lanHosts    *kind[lanRow]
	interfaces  *kind[interfaceRow]
	pipes       *kind[pipeRow]
	alerts      *kind[alertRow]
	monitors    *kind[monitorRow]
	disks       *kind[seriesRow]
	machine     *kind[seriesRow]
	metrics     *kind[metricRow]
	members     *kind[memberRow]
}

func newKinds() *kinds {
	k := &kinds{}
	k.connections = connectionKind()
	k.commands = k.commandKind()
	k.apps, k.groups = k.groupKind("apps"), k.groupKind("groups")
	k.remotes = k.remoteKind()
	k.lanHosts = k.lanKind()
	k.interfaces = interfaceKind()
	k.pipes = k.pipeKind()
	k.alerts = alertKind()
	k.monitors = monitorKind()
	k.members = k.memberKind()
	k.disks, k.machine, k.metrics = k.diskKind(), k.machineKind(), metricKind()
	return k
}

// nobody reports whether a name stands for what no single application or
// command carried: "(unattributed)", "(kernel)", "(other commands)".
func nobody(name string) bool {
	return strings.HasPrefix(name, "(") && strings.HasSuffix(name, ")")
}
