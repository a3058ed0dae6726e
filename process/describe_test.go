package process

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"bwmon/traffic"
)

// described is a process as the kernel tells of it, with what its tests do not
// vary.
type described struct {
	pid     int
	start   uint64
	uid     uint32
	comm    string
	cmdline string
	cut     bool
	group   uint64
}

func (d *Describer) of(p described) *traffic.Owner {
	return d.Describe(p.pid, p.start, p.uid, p.comm, []byte(p.cmdline), p.cut, p.group)
}

func TestDescribe(t *testing.T) {
	passwd := filepath.Join(t.TempDir(), "passwd")
	if err := os.WriteFile(passwd, []byte("www:x:33:33:::\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	d := NewDescriber(Options{Proc: t.TempDir(), Passwd: passwd}, "")
	for name, c := range map[string]struct {
		in   described
		want traffic.Owner
	}{
		"plain": {
			described{pid: 7, start: 8, uid: 33, comm: "curl", cmdline: "curl\x00-s\x00"},
			traffic.Owner{PID: 7, Start: 8, UID: 33, User: "www", Comm: "curl", Command: "curl -s", Args: []string{"curl", "-s"}},
		},
		"unknown user": {
			described{uid: 4294967294, comm: "curl", cmdline: "curl\x00"},
			traffic.Owner{UID: 4294967294, User: "4294967294", Comm: "curl", Command: "curl", Args: []string{"curl"}},
		},
		"kernel thread": {
			described{uid: 33, comm: "kworker/0:1"},
			traffic.Owner{UID: 33, User: "www", Comm: "kworker/0:1", Command: "[kworker/0:1]"},
		},
		"only NULs": {
			described{uid: 33, comm: "shy", cmdline: "\x00\x00 \x00"},
			traffic.Owner{UID: 33, User: "www", Comm: "shy", Command: "[shy]"},
		},
		"hostile": {
			described{uid: 33, comm: "\x1b[31m\xff\n", cmdline: "\x1b[2Jx\x00a\nb\x00\u202e\x00"},
			traffic.Owner{UID: 33, User: "www", Comm: `\x1b[31m\xff\n`, Command: `\x1b[2Jx a\nb \u202e`, Args: []string{`\x1b[2Jx`, `a\nb`, `\u202e`}},
		},
		"hostile kernel name alone": {
			described{uid: 33, comm: "\x1b]0;x\x07"},
			traffic.Owner{UID: 33, User: "www", Comm: `\x1b]0;x\x07`, Command: `[\x1b]0;x\x07]`},
		},
		"cut, and gone": {
			described{pid: 7, uid: 33, comm: "java", cmdline: "java\x00-cp\x00/opt/a", cut: true},
			traffic.Owner{PID: 7, UID: 33, User: "www", Comm: "java", Command: "java -cp /opt/a", Args: []string{"java", "-cp", "/opt/a"}},
		},
		"a cgroup, and none mounted": {
			described{uid: 33, comm: "curl", cmdline: "curl\x00", group: 1},
			traffic.Owner{UID: 33, User: "www", Comm: "curl", Command: "curl", Args: []string{"curl"}},
		},
	} {
		if diff := cmp.Diff(&c.want, d.of(c.in)); diff != "" {
			t.Errorf("%s: owner (-want +got):\n%s", name, diff)
		}
	}
}

// What is missing of a command line comes from the process itself, and not
// from another that has its number by now.
func TestDescribeCompletesCommandLine(t *testing.T) {
	args := []string{"some-client", strings.Repeat("x", 200), "--last"}
	child := newChild(t, "client", nil, args...)
	pid := child.cmd.Process.Pid
	awaitCommand(t, fmt.Sprint(pid), strings.Join(args, " "))
	d := NewDescriber(Options{}, "")
	st, err := d.ids.stat(pid)
	if err != nil {
		t.Fatal(err)
	}
	const part = "some-client\x00xxx"
	for name, c := range map[string]struct {
		in   described
		want []string
	}{
		"cut":          {described{pid: pid, start: st.start, cmdline: part, cut: true}, args},
		"not cut":      {described{pid: pid, start: st.start, cmdline: part}, []string{"some-client", "xxx"}},
		"another life": {described{pid: pid, start: st.start + 1, cmdline: part, cut: true}, []string{"some-client", "xxx"}},
	} {
		o := d.of(c.in)
		if diff := cmp.Diff(c.want, o.Args); diff != "" {
			t.Errorf("%s: arguments (-want +got):\n%s", name, diff)
		}
		if want := strings.Join(c.want, " "); o.Command != want {
			t.Errorf("%s: command %q, want %q", name, o.Command, want)
		}
	}
	child.end()
	if o := d.of(described{pid: pid, start: st.start, cmdline: part, cut: true}); o.Command != "some-client xxx" {
		t.Errorf("command %q of a process that has ended, want what is known of it", o.Command)
	}
}

// A process that is exiting has lost its arguments; the kernel had told some.
func TestDescribeKeepsWhatIsKnown(t *testing.T) {
	proc := t.TempDir()
	fixture(t, proc, 12, map[string]string{"stat": statLine("web"), "cmdline": ""})
	d := NewDescriber(Options{Proc: proc, Passwd: "/dev/null"}, "")
	if o := d.of(described{pid: 12, start: 4711, comm: "web", cmdline: "web\x00-d", cut: true}); o.Command != "web -d" {
		t.Errorf("command %q, want what was told", o.Command)
	}
}

// mount is a directory that stands in for the cgroup mount: all that is asked
// of it are the inode numbers of its directories.
type mount struct {
	t    *testing.T
	root string
}

// make makes a cgroup and returns its number.
func (m mount) make(path string) uint64 {
	m.t.Helper()
	dir := filepath.Join(m.root, path)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		m.t.Fatal(err)
	}
	info, err := os.Stat(dir)
	if err != nil {
		m.t.Fatal(err)
	}
	return info.Sys().(*syscall.Stat_t).Ino
}

func TestDescribeCgroup(t *testing.T) {
	m := mount{t, t.TempDir()}
	now := time.Unix(1_000_000, 0)
	d := NewDescriber(Options{Proc: t.TempDir(), Passwd: "/dev/null", Now: func() time.Time { return now }}, m.root)
	expect := func(when string, group uint64, container, unit string) {
		t.Helper()
		if o := d.of(described{comm: "x", group: group}); o.Container != container || o.Unit != unit {
			t.Errorf("%s: container %q, unit %q; want %q, %q", when, o.Container, o.Unit, container, unit)
		}
	}
	service := m.make("system.slice/ssh.service")
	docker := m.make("system.slice/docker-" + id64 + ".scope")
	hostile := m.make("lxc/\x1b[31m\xff")
	expect("a service", service, "", "ssh.service")
	expect("a container", docker, id12, "")
	expect("a hostile name", hostile, `\x1b[31m\xff`, "")
	expect("the root", m.make(""), "", "")
	expect("no cgroup", 0, "", "")

	late := m.make("system.slice/late.service")
	expect("just listed", late, "", "")
	now = now.Add(walkEvery)
	expect("listed anew", late, "", "late.service")

	if err := os.Remove(filepath.Join(m.root, "system.slice/ssh.service")); err != nil {
		t.Fatal(err)
	}
	now = now.Add(walkEvery)
	expect("lists anew without it", 1<<63, "", "")
	expect("removed", service, "", "ssh.service")
	expect("still there", docker, id12, "")
}

// The cgroups that are remembered do not grow without end.
func TestDescribeForgetsCgroups(t *testing.T) {
	m := mount{t, t.TempDir()}
	now := time.Unix(1_000_000, 0)
	g := groups{root: m.root, now: func() time.Time { return now }, paths: make(map[uint64]string)}
	for i := range uint64(maxGroups + 1) {
		g.paths[1<<63+i] = "/gone"
	}
	here := m.make("here")
	if path, ok := g.path(here); !ok || path != "/here" {
		t.Errorf("path %q, %v; want /here", path, ok)
	}
	if len(g.paths) != 2 {
		t.Errorf("%d cgroups are remembered, want the two that are there", len(g.paths))
	}
}
