package main

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
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

// wantedBuffer is the receive buffer that keeps bursts of events, in bytes.
const wantedBuffer = 8 << 20

// checkReceiveBuffer tries what an event socket does: force a large buffer,
// else take what net.core.rmem_max allows.
func checkReceiveBuffer() []finding {
	f := finding{Check: "receive buffer", State: findingOK}
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_ROUTE)
	if err != nil {
		f.State, f.Found = findingWarn, "a netlink socket cannot be opened: "+err.Error()
		return []finding{f}
	}
	defer unix.Close(fd)
	if unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, wantedBuffer) == nil {
		f.Found = fmt.Sprintf("%d MiB for events can be had whatever net.core.rmem_max is", wantedBuffer>>20)
		return []finding{f}
	}
	unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, wantedBuffer)
	got, _ := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF)
	got /= 2 // the kernel doubles it for its own bookkeeping, socket(7)
	f.Found = fmt.Sprintf("%d KiB for events: net.core.rmem_max allows no more and it cannot be forced", got>>10)
	if got < wantedBuffer {
		f.State = findingWarn
		f.Means = "bursts of ending connections may lose their last bytes; the loss is counted and shown"
		f.Cure = fmt.Sprintf("sudo sysctl -w net.core.rmem_max=%d", wantedBuffer)
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
