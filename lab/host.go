package lab

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// Host is one network namespace. It lives until the test's cleanup.
type Host struct {
	Name string // for messages only

	lab *Lab
	ns  int             // descriptor of the namespace
	nl  *netlink.Handle // its rtnetlink socket

	group *os.File // directory of its cgroup; nil: children stay in the test's
}

// Host adds a host with nothing but lo, which is up. IPv6 is quiet (no
// link-local addresses, duplicate address detection or router solicitation),
// so that a link carries what the test sends and little else.
func (l *Lab) Host(name string) *Host {
	l.t.Helper()
	ns, err := newNamespace()
	if err != nil {
		l.t.Fatalf("make host %s: %v", name, err)
	}
	nl, err := handleAt(ns)
	if err != nil {
		unix.Close(ns)
		l.t.Fatalf("make host %s: open rtnetlink: %v", name, err)
	}
	h := &Host{Name: name, lab: l, ns: ns, nl: nl}
	l.mu.Lock()
	l.hosts = append(l.hosts, h)
	l.mu.Unlock()

	lo, err := nl.LinkByName("lo")
	if err == nil {
		err = nl.LinkSetUp(lo)
	}
	if err != nil {
		l.t.Fatalf("set lo of %s up: %v", name, err)
	}
	if _, err := os.Stat("/proc/sys/net/ipv6"); err == nil {
		h.Sysctl("net/ipv6/conf/default/addr_gen_mode", "1") // IN6_ADDR_GEN_MODE_NONE
		h.Sysctl("net/ipv6/conf/default/accept_dad", "0")
		h.Sysctl("net/ipv6/conf/default/accept_ra", "0")
		h.Sysctl("net/ipv6/conf/default/router_solicitations", "0")
	}
	return h
}

// FD is the descriptor of the host's namespace. The lab closes it.
func (h *Host) FD() int { return h.ns }

// Do runs f in the calling goroutine, on an OS thread that is inside the
// host's namespace for as long as f runs. Sockets opened and processes
// started by f belong to the host for good; goroutines started by f do not.
// Files of /proc/net have to be read below /proc/thread-self/net. Do may be
// nested. Its error is f's.
func (h *Host) Do(f func() error) error {
	runtime.LockOSThread()
	back, err := currentNamespace()
	if err != nil {
		runtime.UnlockOSThread()
		return fmt.Errorf("enter %s: %w", h.Name, err)
	}
	defer unix.Close(back)
	if err := unix.Setns(h.ns, unix.CLONE_NEWNET); err != nil {
		runtime.UnlockOSThread()
		return fmt.Errorf("enter %s: %w", h.Name, err)
	}
	defer leave(back)
	return f()
}

// leave gives the thread back clean. One that cannot be cleaned must never
// run other goroutines, and the caller cannot go on in a foreign namespace.
func leave(back int) {
	if err := unix.Setns(back, unix.CLONE_NEWNET); err != nil {
		panic(fmt.Sprintf("lab: return to the former network namespace: %v", err))
	}
	runtime.UnlockOSThread()
}

// Go runs f in a new goroutine inside the host's namespace, for what blocks
// long, such as a monitor's Run. The function returned waits for f's end and
// gives its error; it may be called once.
func (h *Host) Go(f func() error) (wait func() error) {
	done := make(chan error, 1)
	go func() { done <- h.Do(f) }()
	return func() error { return <-done }
}

// Sysctl sets a kernel variable of the host's namespace; name is its path
// below /proc/sys, such as net/ipv4/ip_forward.
func (h *Host) Sysctl(name, value string) {
	h.lab.t.Helper()
	// /proc/sys/net shows the namespace of the thread that opens it.
	err := h.Do(func() error {
		return os.WriteFile(filepath.Join("/proc/sys", name), []byte(value), 0)
	})
	if err != nil {
		h.lab.t.Fatalf("set sysctl of %s: %v", h.Name, err)
	}
}

// Forward makes the host a router for IPv4 and IPv6.
func (h *Host) Forward() {
	h.lab.t.Helper()
	h.Sysctl("net/ipv4/ip_forward", "1")
	h.Sysctl("net/ipv6/conf/all/forwarding", "1")
}

// Counters are an interface's own counters: bytes with link headers, as its
// driver counts them.
type Counters struct {
	RxBytes, TxBytes     uint64
	RxPackets, TxPackets uint64
}

// Layer3 returns the counters less header bytes for each packet: 14 for
// Ethernet.
func (c Counters) Layer3(header uint64) Counters {
	c.RxBytes -= header * c.RxPackets
	c.TxBytes -= header * c.TxPackets
	return c
}

// Sub returns c minus d.
func (c Counters) Sub(d Counters) Counters {
	return Counters{
		RxBytes: c.RxBytes - d.RxBytes, TxBytes: c.TxBytes - d.TxBytes,
		RxPackets: c.RxPackets - d.RxPackets, TxPackets: c.TxPackets - d.TxPackets,
	}
}

// Counters reads the counters of one of the host's interfaces.
func (h *Host) Counters(iface string) Counters {
	h.lab.t.Helper()
	s := h.link(iface).Attrs().Statistics
	if s == nil {
		h.lab.t.Fatalf("counters of %s on %s: the kernel sent none", iface, h.Name)
	}
	return Counters{
		RxBytes: s.RxBytes, TxBytes: s.TxBytes,
		RxPackets: s.RxPackets, TxPackets: s.TxPackets,
	}
}

// newNamespace makes a network namespace and returns a descriptor that keeps
// it. The caller's own namespace is untouched.
func newNamespace() (int, error) {
	runtime.LockOSThread()
	back, err := currentNamespace()
	if err != nil {
		runtime.UnlockOSThread()
		return -1, err
	}
	defer unix.Close(back)
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		runtime.UnlockOSThread()
		return -1, fmt.Errorf("unshare: %w", err)
	}
	defer leave(back)
	return currentNamespace()
}

// currentNamespace opens the calling thread's network namespace.
func currentNamespace() (int, error) {
	const path = "/proc/thread-self/ns/net"
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, fmt.Errorf("open %s: %w", path, err)
	}
	return fd, nil
}

func handleAt(ns int) (*netlink.Handle, error) {
	return netlink.NewHandleAt(netns.NsHandle(ns), unix.NETLINK_ROUTE)
}
