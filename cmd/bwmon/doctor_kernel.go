package main

import (
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"

	"bwmon/process"
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

// checkBPF loads the smallest program there is of the kind that counts per
// socket, and lets go of it.
func checkBPF() []finding {
	f := finding{Check: "BPF", State: findingOK, Found: "programs on cgroups can be loaded; this version does not use them"}
	if err := loadNothing(); err != nil {
		f.State, f.Found = findingWarn, fmt.Sprintf("programs on cgroups cannot be loaded: %v", err)
		f.Means = "nothing for this version, which does not use them"
		if errors.Is(err, unix.EPERM) {
			f.Cure = "run bwmon with sudo"
		}
	}
	return []finding{f}
}

// loadNothing loads "return 1" as BPF_PROG_TYPE_CGROUP_SKB (bpf(2)).
func loadNothing() error {
	const progTypeCgroupSKB = 8
	code := [16]byte{0: 0xb7, 4: 1, 8: 0x95} // r0 = 1; exit
	license := [4]byte{'B', 'S', 'D'}
	attr := struct {
		progType, count uint32
		code, license   uint64
		rest            [96]byte
	}{progType: progTypeCgroupSKB, count: 2}
	var pin runtime.Pinner
	defer pin.Unpin()
	pin.Pin(&code)
	pin.Pin(&license)
	attr.code = uint64(uintptr(unsafe.Pointer(&code)))
	attr.license = uint64(uintptr(unsafe.Pointer(&license)))
	fd, _, errno := unix.Syscall(unix.SYS_BPF, unix.BPF_PROG_LOAD, uintptr(unsafe.Pointer(&attr)), unsafe.Sizeof(attr))
	if errno != 0 {
		return errno
	}
	return unix.Close(int(fd))
}
