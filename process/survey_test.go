package process

import (
	"os"
	"path/filepath"
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
}

// Without procfs, files that were not there were taken for read.
func TestLookWithoutProcfs(t *testing.T) {
	asked := Look("/proc").Asked
	for _, c := range []struct {
		name        string
		make        string // a directory below proc
		read, blind []string
	}{
		{name: "no procfs", blind: []string{"raw", "raw6", "icmp", "icmpv6"}},
		{name: "no tables", make: "thread-self/net", read: []string{"raw", "raw6", "icmp", "icmpv6"}},
		{name: "one unreadable", make: "thread-self/net/raw", read: []string{"raw6", "icmp", "icmpv6"}, blind: []string{"raw"}},
	} {
		proc := t.TempDir()
		if err := os.MkdirAll(filepath.Join(proc, c.make), 0o755); err != nil {
			t.Fatal(err)
		}
		v := Look(proc)
		for _, name := range []string{"tcp", "tcp6", "udp", "udp6"} {
			known := v.Asked
			if !slices.Contains(asked, name) {
				known = slices.Concat(v.Read, v.Blind)
			}
			if !slices.Contains(known, name) {
				t.Errorf("%s: %s is missing in %+v", c.name, name, v)
			}
		}
		for _, list := range []struct{ want, got []string }{{c.read, v.Read}, {c.blind, v.Blind}} {
			for _, name := range list.want {
				if !slices.Contains(list.got, name) {
					t.Errorf("%s: %s is not where it should be in %+v", c.name, name, v)
				}
			}
		}
	}
}
