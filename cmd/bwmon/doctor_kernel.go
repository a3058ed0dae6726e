package main

import (
	"errors"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"bwmon/process"
	"bwmon/socket"
	"bwmon/traffic"
)

func checkSockets() []finding { return judgeSockets(process.Look("/proc")) }

func judgeSockets(v process.Survey) []finding {
	f := finding{Check: "sockets", State: findingOK}
	var found []string
	note := func(how string, names []string) {
		if len(names) > 0 {
			found = append(found, how+" "+strings.Join(names, ", "))
		}
	}
	note("sock_diag lists", v.Asked)
	note("/proc/net lists", v.Read)
	note("nothing lists", v.Blind)
	f.Found = strings.Join(found, "; ")
	has := func(names []string, of string) bool {
		return slices.Contains(names, of) || slices.Contains(names, of+"6")
	}
	var modules []string
	for _, m := range []struct{ table, module string }{
		{"tcp", "tcp_diag"}, {"udp", "udp_diag"}, {"sctp", "sctp_diag"},
	} {
		if has(v.Read, m.table) || has(v.Blind, m.table) {
			modules = append(modules, m.module)
		}
	}
	if len(modules) > 0 {
		f.State = findingWarn
		f.Means = "who uses those sockets is found out later, and more short connections are missed"
		f.Cure = "sudo modprobe -a inet_diag " + strings.Join(modules, " ")
	}
	if len(v.Blind) > 0 {
		f.State = findingWarn
		f.Means = "the traffic of " + strings.Join(v.Blind, ", ") + " is (unattributed)"
	}
	return []finding{f}
}

// checkSocketMonitor attaches the socket monitor's programs, and takes them
// away again.
func checkSocketMonitor(m monitorConfig) []finding {
	sockets := socket.New(socket.Options{Cgroup: m.Cgroup, MaxFlows: 1})
	err := sockets.Open()
	return judgeSocketMonitor(m, errors.Join(err, sockets.Close()))
}

func judgeSocketMonitor(m monitorConfig, err error) []finding {
	f := finding{Check: "socket monitor", State: findingOK, Found: "every socket of this host and its containers can be counted", Suffices: true}
	if m.Cgroup != "" {
		f.Found = "every socket below " + traffic.CleanText(m.Cgroup, traffic.MaxWord) + " can be counted"
	}
	if err != nil {
		f.State, f.Found = findingWarn, traffic.CleanText(err.Error(), 300)
		f.Means = "connection tracking counts in its place, and misses whose the shortest connections are"
		if errors.Is(err, unix.EPERM) || errors.Is(err, unix.EACCES) {
			f.Cure = "run bwmon with sudo, or " + fileCapabilities
		}
	}
	return []finding{f}
}
