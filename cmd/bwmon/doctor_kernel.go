package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"
)

// checkSockDiag asks for the sockets of each protocol, in no state at all, so
// that the answer is empty or an error.
func checkSockDiag() []finding {
	families := []struct {
		name   string
		number byte
	}{{"IPv4", unix.AF_INET}, {"IPv6", unix.AF_INET6}}
	protocols := []struct {
		name   string
		number byte
	}{{"TCP", unix.IPPROTO_TCP}, {"UDP", unix.IPPROTO_UDP}, {"UDP-Lite", unix.IPPROTO_UDPLITE}, {"raw", unix.IPPROTO_RAW}}
	if _, err := os.Stat("/proc/net/sctp"); err == nil { // asking would load the module
		protocols = append(protocols, struct {
			name   string
			number byte
		}{"SCTP", unix.IPPROTO_SCTP})
	}
	var can, cannot []string
	for _, family := range families {
		for _, protocol := range protocols {
			name := protocol.name + "/" + family.name
			if err := askSockDiag(family.number, protocol.number); err != nil {
				cannot = append(cannot, fmt.Sprintf("%s (%v)", name, err))
			} else {
				can = append(can, name)
			}
		}
	}
	f := finding{Check: "sockets", State: findingOK, Found: "sock_diag lists " + strings.Join(can, ", ")}
	if len(cannot) > 0 {
		f.State = findingWarn
		f.Found = "sock_diag does not list " + strings.Join(cannot, ", ")
		if len(can) > 0 {
			f.Found += "; it lists " + strings.Join(can, ", ")
		}
		f.Means = "they are read from /proc/net, which takes longer and misses more short connections"
		f.Cure = "sudo modprobe -a inet_diag tcp_diag udp_diag raw_diag"
	}
	return []finding{f}
}

const (
	sockDiagByFamily = 20 // SOCK_DIAG_BY_FAMILY, linux/sock_diag.h
	inetDiagReqLen   = 56 // struct inet_diag_req_v2, linux/inet_diag.h
)

func askSockDiag(family, protocol byte) error {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_SOCK_DIAG)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Sec: 2})
	req := make([]byte, unix.NLMSG_HDRLEN+inetDiagReqLen)
	binary.NativeEndian.PutUint32(req[0:], uint32(len(req)))
	binary.NativeEndian.PutUint16(req[4:], sockDiagByFamily)
	binary.NativeEndian.PutUint16(req[6:], unix.NLM_F_REQUEST|unix.NLM_F_DUMP)
	req[unix.NLMSG_HDRLEN], req[unix.NLMSG_HDRLEN+1] = family, protocol
	if err := unix.Sendto(fd, req, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return err
	}
	buf := make([]byte, 4096)
	n, _, err := unix.Recvfrom(fd, buf, 0)
	if err != nil {
		return err
	}
	if n < unix.NLMSG_HDRLEN+4 {
		return errors.New("short answer")
	}
	// NLMSG_ERROR and NLMSG_DONE both carry a negative errno, or 0.
	kind := binary.NativeEndian.Uint16(buf[4:])
	if code := int32(binary.NativeEndian.Uint32(buf[unix.NLMSG_HDRLEN:])); code < 0 &&
		(kind == unix.NLMSG_ERROR || kind == unix.NLMSG_DONE) {
		if unix.Errno(-code) == unix.ENOENT {
			return errors.New("not in this kernel")
		}
		return unix.Errno(-code)
	}
	return nil
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
