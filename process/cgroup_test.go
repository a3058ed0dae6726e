package process

import (
	"strings"
	"testing"
	"unicode/utf8"
)

const (
	id64 = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
	id12 = "0123456789ab"
)

func TestParseCgroup(t *testing.T) {
	for name, c := range map[string]struct{ in, container, unit string }{
		"root":                {"0::/\n", "", ""},
		"service":             {"0::/system.slice/ssh.service\n", "", "ssh.service"},
		"template":            {"0::/system.slice/system-getty.slice/getty@tty1.service\n", "", "getty@tty1.service"},
		"escaped":             {`0::/system.slice/systemd\x2dcryptsetup.slice/systemd-cryptsetup@a\x2db.service` + "\n", "", `systemd-cryptsetup@a\x2db.service`},
		"session":             {"0::/user.slice/user-1000.slice/session-3.scope\n", "", "session-3.scope"},
		"user unit":           {"0::/user.slice/user-1000.slice/user@1000.service/app.slice/app-firefox-12.scope\n", "", "app-firefox-12.scope"},
		"delegated below":     {"0::/system.slice/foo.service/worker\n", "", "foo.service"},
		"socket unit":         {"0::/system.slice/cups.socket\n", "", "cups.socket"},
		"docker v2":           {"0::/system.slice/docker-" + id64 + ".scope\n", id12, ""},
		"docker v1":           {"12:pids:/docker/" + id64 + "\n1:name=systemd:/docker/" + id64 + "\n", id12, ""},
		"docker, own cgroup":  {"0::/docker/" + id64 + "\n", id12, ""},
		"podman":              {"0::/machine.slice/libpod-" + id64 + ".scope/container\n", id12, ""},
		"podman, rootless":    {"0::/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-" + id64 + ".scope\n", id12, "user@1000.service"},
		"podman, cgroupfs":    {"0::/libpod_parent/libpod-" + id64 + "\n", id12, ""},
		"conmon":              {"0::/machine.slice/libpod-conmon-" + id64 + ".scope\n", id12, ""},
		"containerd CRI":      {"0::/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod1.slice/cri-containerd-" + id64 + ".scope\n", id12, ""},
		"containerd cgroupfs": {"11:memory:/kubepods/besteffort/pod0a-1/" + id64 + "\n", id12, ""},
		"containerd odd":      {"0::/system.slice/containerd.service/kubepods-pod1.slice:cri-containerd:" + id64 + "\n", id12, "containerd.service"},
		"CRI-O":               {"0::/kubepods.slice/kubepods-pod1.slice/crio-" + id64 + ".scope\n", id12, ""},
		"LXC v1":              {"1:name=systemd:/lxc/web1/init.scope\n", "web1", "init.scope"},
		"LXC v2":              {"0::/lxc.payload.web1/system.slice/nginx.service\n", "web1", "nginx.service"},
		"LXC v2, nested":      {"0::/lxc.payload/web1\n", "web1", ""},
		"LXC monitor":         {"0::/lxc.monitor.web1\n", "", ""},
		"nspawn":              {"0::/machine.slice/machine-my\\x2dbox.scope/payload\n", "my-box", ""},
		"nspawn service":      {"0::/machine.slice/systemd-nspawn@box.service/payload/system.slice/a.service\n", "box", "a.service"},
		"docker in LXC":       {"0::/lxc.payload.web1/system.slice/docker-" + id64 + ".scope\n", id12, ""},
		"hybrid":              {"9:name=systemd:/system.slice/a.service\n4:memory:/docker/" + id64 + "\n0::/\n", id12, "a.service"},
		"unified first":       {"1:name=systemd:/system.slice/old.service\n0::/system.slice/new.service\n", "", "new.service"},
		"v1 unit elsewhere":   {"4:memory:/system.slice/a.service\n", "", ""},
		"short id":            {"0::/docker/0123\n", "", ""},
		"upper-case id":       {"0::/docker/" + strings.ToUpper(id64) + "\n", "", ""},
		"hostile":             {"0::/lxc/\x1b[31m\xff\n", `\x1b[31m\xff`, ""},
		"hostile unit":        {"0::/a\x07.service\n", "", `a\x07.service`},
		"truncated":           {"0::", "", ""},
		"garbage":             {"\n:\n::\nx:y\n", "", ""},
		"empty":               {"", "", ""},
	} {
		if container, unit := parseCgroup(c.in); container != c.container || unit != c.unit {
			t.Errorf("%s: got container %q, unit %q; want %q, %q", name, container, unit, c.container, c.unit)
		}
	}
}

func FuzzParseCgroup(f *testing.F) {
	f.Add("0::/system.slice/docker-" + id64 + ".scope\n")
	f.Add("1:name=systemd:/machine.slice/machine-a\\x2db.scope\n")
	f.Fuzz(func(t *testing.T, text string) {
		for _, s := range func() [2]string { c, u := parseCgroup(text); return [2]string{c, u} }() {
			if !utf8.ValidString(s) || strings.ContainsAny(s, "\n\x1b\x00") || len(s) > 256 {
				t.Errorf("%q gave %q", text, s)
			}
		}
	})
}
