package socket

import "testing"

func TestCgroupMount(t *testing.T) {
	for mountinfo, want := range map[string]string{
		"": "",
		"30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n":                               "/sys/fs/cgroup",
		"30 23 0:26 / /sys/fs/cgroup ro - tmpfs tmpfs ro\n31 30 0:27 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n": "/sys/fs/cgroup/unified",
		"30 23 0:26 / /a\\040b rw - cgroup2 x rw\n":                                                                      "/a b",
		"30 23 0:26 / /a\\033[2J rw - cgroup2 x rw\n":                                                                    "/a\x1b[2J",
		"30 23 0:26 / /sys/fs/cgroup rw - cgroup cgroup rw\n":                                                            "",
		" - cgroup2 ": "", "a b c d e": "",
	} {
		if got := cgroupMount([]byte(mountinfo)); got != want {
			t.Errorf("cgroupMount(%q) = %q, want %q", mountinfo, got, want)
		}
	}
}

func FuzzCgroupMount(f *testing.F) {
	f.Add([]byte("30 23 0:26 / /a\\040b rw - cgroup2 x rw\n"))
	f.Fuzz(func(t *testing.T, b []byte) { cgroupMount(b) })
}
