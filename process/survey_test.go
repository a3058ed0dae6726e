package process

import (
	"slices"
	"testing"
)

// TestLook: on any kernel the sockets of TCP and UDP are listed in one way or
// the other, once, and those whose protocol sock_diag does not list here are
// read from files.
func TestLook(t *testing.T) {
	v := Look("/proc")
	all := slices.Concat(v.Asked, v.Read, v.Blind)
	for _, name := range []string{"tcp", "tcp6", "udp", "udp6", "raw", "raw6", "icmp", "icmpv6"} {
		n := 0
		for _, a := range all {
			if a == name {
				n++
			}
		}
		if n != 1 || slices.Contains(v.Blind, name) {
			t.Errorf("%s is listed %d times in %+v", name, n, v)
		}
	}
	if !slices.Contains(v.Read, "raw") {
		t.Errorf("raw is not read in %+v", v)
	}
	if blind := Look(t.TempDir()); len(blind.Blind) > 0 && slices.Contains(v.Asked, "tcp") {
		t.Errorf("without procfs %+v", blind)
	}
}
