package main

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"bwmon/conntrack"
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
	mounts, err := os.ReadFile(filepath.Join(proc, "self/mountinfo"))
	if err == nil {
		if at := cgroupMount(mounts); at != "" {
			f.Found = "mounted at " + at
			return []finding{f}
		}
	}
	f.State, f.Found = findingWarn, "not mounted"
	f.Means = "containers and units are recognised from cgroup v1 paths alone"
	f.Cure = "sudo mount -t cgroup2 none /sys/fs/cgroup"
	return []finding{f}
}

// cgroupMount finds the first cgroup v2 mount in /proc/PID/mountinfo
// (proc_pid_mountinfo(5)); "" where there is none. It never fails.
func cgroupMount(mountinfo []byte) string {
	s := bufio.NewScanner(bytes.NewReader(mountinfo))
	for s.Scan() {
		before, after, ok := strings.Cut(s.Text(), " - ")
		fields := strings.Fields(before)
		if ok && len(fields) >= 5 && strings.HasPrefix(after, "cgroup2 ") {
			return unescapeMount(fields[4])
		}
	}
	return ""
}

// unescapeMount undoes the octal escapes of a path in mountinfo, and quotes
// what is left of it when it does not print.
func unescapeMount(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+3 < len(s) {
			if n, err := strconv.ParseUint(s[i+1:i+4], 8, 8); err == nil {
				b.WriteByte(byte(n))
				i += 3
				continue
			}
		}
		b.WriteByte(s[i])
	}
	if q := strconv.Quote(b.String()); q != `"`+b.String()+`"` {
		return q
	}
	return b.String()
}
