package main

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// fileCapabilities is the command that gives bwmon what it needs without root.
const fileCapabilities = `sudo setcap cap_net_admin,cap_bpf,cap_perfmon,cap_sys_ptrace,cap_dac_read_search+ep "$(command -v bwmon)"`

// capabilities is the set of effective capabilities of this process, one bit
// each (linux/capability.h). Being user 0 says nothing: containers drop
// capabilities, and files give them to other users.
type capabilities uint64

func (c capabilities) has(number int) bool { return c>>number&1 == 1 }

// effectiveCapabilities asks the kernel (capget(2)).
func effectiveCapabilities() (capabilities, error) {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if err := unix.Capget(&header, &data[0]); err != nil {
		return 0, fmt.Errorf("read capabilities: %w", err)
	}
	return capabilities(data[0].Effective) | capabilities(data[1].Effective)<<32, nil
}

// readsFlows is what reading conntrack and switching accounting on need.
func (c capabilities) readsFlows() bool { return c.has(unix.CAP_NET_ADMIN) }

// seesAllProcesses is what reading the descriptors of other users' processes
// needs: /proc/PID/fd is a directory of its owner's, and its links are behind
// a ptrace access check (proc_pid_fd(5)).
func (c capabilities) seesAllProcesses() bool {
	return c.has(unix.CAP_SYS_PTRACE) && (c.has(unix.CAP_DAC_READ_SEARCH) || c.has(unix.CAP_DAC_OVERRIDE))
}

// needPrivileges refuses to measure what may not be read; command is what the
// user called.
func needPrivileges(c config, caps capabilities, command string) error {
	_, conntrack := findMonitor(c.Monitors, kindConntrack)
	_, sockets := findMonitor(c.Monitors, kindSocket)
	if !conntrack && !sockets || caps.readsFlows() {
		return nil
	}
	return fmt.Errorf(`needs CAP_NET_ADMIN to count traffic: run "sudo %s", `+
		`or give the binary the capabilities (see "bwmon doctor")`, command)
}
