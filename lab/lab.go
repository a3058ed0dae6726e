// Package lab builds small networks of network namespaces for tests: hosts,
// veth pairs, bridges, routes, NAT, and child processes that carry exactly
// known numbers of payload bytes. It needs root and no shell tools.
//
// A test package that starts children has to hand its TestMain to Main:
//
//	func TestMain(m *testing.M) { os.Exit(lab.Main(m)) }
//
// Hosts are anonymous namespaces: nothing is mounted and nothing appears
// below /run/netns, so they vanish with the test process whatever happens.
// Use only addresses of 198.18.0.0/15 (RFC 2544) and fd00::/8 (RFC 4193).
//
// Methods that take no error back end the test with Fatal; call those from
// the test's own goroutine.
package lab

import (
	"os"
	"sync"
	"testing"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// logEnv names a file to which every lab test that really ran adds its name.
const logEnv = "BWMON_LAB_LOG"

// Lab is the hosts and children of one test.
type Lab struct {
	t testing.TB

	mu       sync.Mutex // protects the fields below
	hosts    []*Host
	children []*Child
}

// New returns an empty lab, or skips the test with the reason where
// namespaces cannot be made. The test's cleanup ends all children and lets go
// of all namespaces.
func New(t testing.TB) *Lab {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("the lab needs root to make network namespaces")
	}
	ns, err := newNamespace()
	if err != nil {
		t.Skipf("the lab cannot make network namespaces here: %v", err)
	}
	defer unix.Close(ns)
	h, err := handleAt(ns)
	if err != nil {
		t.Skipf("the lab cannot use rtnetlink here: %v", err)
	}
	defer h.Close()
	// Some kernels have namespaces but no veth.
	probe := netlink.NewVeth(netlink.LinkAttrs{Name: "probe0", MTU: 1500})
	probe.PeerName = "probe1"
	if err := h.LinkAdd(probe); err != nil {
		t.Skipf("the lab cannot make veth pairs here: %v", err)
	}
	l := &Lab{t: t}
	t.Cleanup(l.close)
	Record(l.t)
	return l
}

// Record notes that a test ran on the real kernel, where somebody counts these, so that
// a run that skipped everything can be told from one that passed. New calls it.
func Record(t testing.TB) {
	t.Helper()
	name := os.Getenv(logEnv)
	if name == "" {
		return
	}
	f, err := os.OpenFile(name, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		t.Fatalf("record the lab test: %v", err)
	}
	defer f.Close()
	if _, err := f.WriteString(t.Name() + "\n"); err != nil {
		t.Fatalf("record the lab test: %v", err)
	}
}

func (l *Lab) close() {
	l.mu.Lock()
	children, hosts := l.children, l.hosts
	l.children, l.hosts = nil, nil
	l.mu.Unlock()
	// All are killed before any is collected: 200 children end together.
	for _, c := range children {
		c.kill()
	}
	for _, c := range children {
		c.reap()
	}
	for _, h := range hosts {
		h.leaveCgroup()
		h.nl.Close()
		unix.Close(h.ns)
	}
}
