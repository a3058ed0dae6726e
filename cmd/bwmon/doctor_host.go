package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"

	"bwmon/conntrack"
	"bwmon/socket"
	"bwmon/traffic"
)

func checkPrivileges() []finding {
	caps, err := effectiveCapabilities()
	if err != nil {
		return []finding{{Check: "privileges", State: findingWarn, Found: err.Error()}}
	}
	return judgePrivileges(caps)
}

func judgePrivileges(caps capabilities) []finding {
	admin := finding{Check: "privileges", State: findingOK, Found: "CAP_NET_ADMIN is effective", Essential: true}
	if !caps.readsFlows() {
		admin.State, admin.Found = findingMissing, "CAP_NET_ADMIN is not effective"
		admin.Means = "the kernel's table of flows cannot be read"
		admin.Cure = "run bwmon with sudo, or " + fileCapabilities
	}
	processes := finding{Check: "processes", State: findingOK, Found: "the sockets of all users' processes can be seen"}
	if !caps.seesAllProcesses() {
		processes.State, processes.Found = findingWarn, "CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH are not both effective"
		processes.Means = "only your own processes are recognised; the traffic of others is (unattributed)"
		processes.Cure = "run bwmon with sudo, or " + fileCapabilities
	}
	return []finding{admin, processes}
}

func checkReceiveBuffer() []finding { return judgeReceiveBuffer(conntrack.EventBuffer()) }

func judgeReceiveBuffer(got, wanted int, err error) []finding {
	f := finding{Check: "receive buffer", State: findingOK}
	switch {
	case err != nil:
		f.State, f.Found = findingWarn, err.Error()
	case got >= wanted:
		f.Found = fmt.Sprintf("%d MiB for events", got>>20)
	default:
		f.State = findingWarn
		f.Found = fmt.Sprintf("%d KiB for events: net.core.rmem_max allows no more and it cannot be forced", got>>10)
		f.Means = "bursts of ending connections may lose their last bytes; the loss is counted and shown"
		f.Cure = fmt.Sprintf("run bwmon with sudo, or sudo sysctl -w net.core.rmem_max=%d", wanted)
	}
	return []finding{f}
}

func checkInterfaces(proc string) []finding {
	f := finding{Check: "interfaces", State: findingOK}
	dev, err := os.ReadFile(filepath.Join(proc, "net/dev"))
	if err != nil {
		f.State, f.Found = findingWarn, "their counters cannot be read: "+err.Error()
		f.Means = "no balance is shown: nothing tells how much was not booked"
		return []finding{f}
	}
	f.Found = fmt.Sprintf("the counters of %d interfaces can be read", max(bytes.Count(dev, []byte("\n"))-2, 0))
	return []finding{f}
}

func checkCgroup(proc string) []finding {
	f := finding{Check: "cgroup v2", State: findingOK}
	if at, err := socket.Root(proc); err == nil {
		f.Found = "mounted at " + traffic.CleanText(at, traffic.MaxWord)
		return []finding{f}
	}
	f.State, f.Found = findingWarn, "not mounted"
	f.Means = "containers and units are recognised from cgroup v1 paths alone"
	f.Cure = "sudo mount -t cgroup2 none /sys/fs/cgroup"
	return []finding{f}
}
