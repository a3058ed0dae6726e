package process

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"bwmon/traffic"
)

// statLine is a stat line of a process of that name started at tick 4711.
func statLine(comm string) string {
	return "12 (" + comm + ") S 1 2 3 0 -1 4194560 5 6 7 8 9 10 11 12 20 0 1 0 4711 223 44 184467 1 1 0\n"
}

func TestParseStat(t *testing.T) {
	for _, comm := range []string{"bash", "tmux: server", "a) S 1 (b", ") (", "(", ")", "", "x\ny", "\xff\xfe", "kworker/0:1"} {
		got, err := parseStat([]byte(statLine(comm)))
		if want := (stat{comm: comm, flags: 4194560, start: 4711}); err != nil || got != want {
			t.Errorf("%q: got %+v, %v; want %+v", comm, got, err, want)
		}
	}
	for _, line := range []string{"", "12", "12 (x", ")12 (x", "12 (x) S 1 2", strings.Replace(statLine("x"), "4711", "-1", 1), strings.Replace(statLine("x"), "4194560", "x", 1)} {
		if got, err := parseStat([]byte(line)); err == nil {
			t.Errorf("%q: got %+v, want an error", line, got)
		}
	}
}

func TestParseCmdline(t *testing.T) {
	long := strings.Repeat("x", 1<<20)
	for name, c := range map[string]struct {
		in   string
		args []string
		line string
	}{
		"plain":             {"curl\x00-s\x00http://h/\x00", []string{"curl", "-s", "http://h/"}, "curl -s http://h/"},
		"title":             {"nginx: worker process\x00\x00\x00\x00", []string{"nginx: worker process"}, "nginx: worker process"},
		"title, spaces":     {"postgres: writer   \x00  \x00", []string{"postgres: writer"}, "postgres: writer"},
		"empty":             {"", nil, ""},
		"only NULs":         {"\x00\x00 \x00", nil, ""},
		"empty argument":    {"a\x00\x00b\x00", []string{"a", "", "b"}, "a  b"},
		"hostile":           {"\x1b[2Jx\x00a\nb\x00[red]\x00\xff\x00\u202e\x00", []string{`\x1b[2Jx`, `a\nb`, "[red]", `\xff`, `\u202e`}, `\x1b[2Jx a\nb [red] \xff \u202e`},
		"one huge argument": {long, []string{strings.Repeat("x", traffic.MaxWord-3) + "…"}, strings.Repeat("x", traffic.MaxCommand-3) + "…"},
		"many arguments":    {strings.Repeat("a\x00", 100), strings.Split(strings.Repeat("a ", maxArgs-1)+"a", " "), strings.TrimSpace(strings.Repeat("a ", 100))},
	} {
		args, line := parseCmdline([]byte(c.in), nil)
		if diff := cmp.Diff(c.args, args); diff != "" {
			t.Errorf("%s: arguments (-want +got):\n%s", name, diff)
		}
		if diff := cmp.Diff(c.line, line); diff != "" {
			t.Errorf("%s: line (-want +got):\n%s", name, diff)
		}
	}
}

func TestParseUID(t *testing.T) {
	for _, c := range []struct {
		in string
		n  uint32
		ok bool
	}{
		{"Name:\tUid:\nUid:\t1000\t33\t1000\t1000\nGid:\t1\t2\t3\t4\n", 33, true},
		{"Uid:\t4294967294\t4294967295\t0\t0", 4294967295, true},
		{"Uid:\t1\n", 0, false},
		{"Uid:\t1 x\n", 0, false},
		{"", 0, false},
	} {
		if n, ok := parseUID([]byte(c.in)); n != c.n || ok != c.ok {
			t.Errorf("%q: got %d, %v; want %d, %v", c.in, n, ok, c.n, c.ok)
		}
	}
}

// fixture writes a process into a procfs of the test's own.
func fixture(t *testing.T, proc string, pid int, files map[string]string) {
	t.Helper()
	dir := filepath.Join(proc, fmt.Sprint(pid))
	if err := os.MkdirAll(filepath.Join(dir, "fd"), 0o755); err != nil {
		t.Fatal(err)
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func TestRefresh(t *testing.T) {
	proc := t.TempDir()
	passwd := filepath.Join(proc, "passwd")
	if err := os.WriteFile(passwd, []byte("root:x:0:0::/:/bin/sh\nwww:x:33:33:::\nalias:x:33:33:::\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	fixture(t, proc, 12, map[string]string{
		"stat": statLine("web"), "cmdline": "web\x00-d\x00",
		"status": "Uid:\t0\t33\t0\t0\n", "cgroup": "0::/system.slice/web.service\n",
	})
	ids := newIdentities(proc, passwd, nil)
	p := &process{pid: 12, dir: -1}
	now := int64(time.Hour)
	if !ids.refresh(p, now) {
		t.Fatal("process not found")
	}
	first := p.owner
	want := &traffic.Owner{
		PID: 12, Start: 4711, UID: 33, Command: "web -d", Args: []string{"web", "-d"},
		Comm: "web", User: "www", Unit: "web.service",
	}
	if diff := cmp.Diff(want, first); diff != "" {
		t.Errorf("owner (-want +got):\n%s", diff)
	}
	if !ids.refresh(p, now) || p.owner != first {
		t.Errorf("nothing changed, but the owner is another: %+v", p.owner)
	}
	fixture(t, proc, 12, map[string]string{"cgroup": "0::/system.slice/web2.service\n"})
	if !ids.refresh(p, now) || p.owner == first || p.owner.Unit != "web2.service" || first.Unit != "web.service" {
		t.Errorf("moved to another cgroup: owner %+v, former %+v", p.owner, first)
	}
	first = p.owner
	fixture(t, proc, 12, map[string]string{"cmdline": "", "cgroup": "0::/\n"})
	if !ids.refresh(p, now) || p.owner != first {
		t.Errorf("an exiting process lost its owner: %+v", p.owner)
	}
	fixture(t, proc, 12, map[string]string{"cmdline": "sh\x00", "stat": statLine("sh")})
	if !ids.refresh(p, now) || p.owner == first || p.owner.Command != "sh" || first.Command != "web -d" {
		t.Errorf("after exec: owner %+v, former %+v", p.owner, first)
	}
	fixture(t, proc, 12, map[string]string{"cmdline": "", "stat": strings.NewReplacer("4711", "5000", "4194560", "2129984").Replace(statLine("kworker/0:1"))})
	if !ids.refresh(p, now) || p.owner.Command != "[kworker/0:1]" || p.owner.Start != 5000 || p.owner.Args != nil {
		t.Errorf("pid reused by a kernel thread: %+v", p.owner)
	}
	if err := os.RemoveAll(filepath.Join(proc, "12")); err != nil {
		t.Fatal(err)
	}
	if ids.refresh(p, now) {
		t.Error("a process that is gone was refreshed")
	}
}

// A process whose command line was empty for a moment was shown like a kernel
// thread for good.
func TestRefreshInTheMidstOfAnExec(t *testing.T) {
	const later = int64(time.Millisecond)
	exiting := strings.Replace(statLine("web"), "4194560", "4194564", 1)
	for name, c := range map[string]struct {
		steps []map[string]string // files that change, later apart
		waits int64               // after them
		want  string              // "": not known yet
		asks  bool                // again soon
	}{
		"empty":              {steps: []map[string]string{{"cmdline": ""}}, asks: true},
		"then there":         {steps: []map[string]string{{"cmdline": ""}, {"cmdline": "web\x00-d\x00"}}, want: "web -d"},
		"stays empty":        {steps: []map[string]string{{"cmdline": ""}, {}}, waits: execTime, want: "[web]"},
		"comes late":         {steps: []map[string]string{{"cmdline": ""}, {}, {"cmdline": "web\x00"}}, waits: execTime, want: "web"},
		"exits":              {steps: []map[string]string{{"cmdline": "", "stat": exiting}}, want: "[web]"},
		"an empty argument":  {steps: []map[string]string{{"cmdline": "\x00"}}, want: "[web]"},
		"from another":       {steps: []map[string]string{{"cmdline": "sh\x00"}, {"cmdline": ""}}, want: "sh", asks: true},
		"from another, done": {steps: []map[string]string{{"cmdline": "sh\x00"}, {"cmdline": ""}, {"cmdline": "web\x00"}}, want: "web"},
		"reused": {steps: []map[string]string{{"cmdline": "sh\x00"},
			{"cmdline": "", "stat": strings.Replace(statLine("web"), "4711", "5000", 1)}}, asks: true},
	} {
		proc := t.TempDir()
		fixture(t, proc, 12, map[string]string{"stat": statLine("web"), "status": "Uid:\t0\t0\t0\t0\n"})
		ids, p, now := newIdentities(proc, "/dev/null", nil), &process{pid: 12, dir: -1}, int64(time.Hour)
		for i, files := range c.steps {
			if i == len(c.steps)-1 {
				now += c.waits
			}
			now += later
			fixture(t, proc, 12, files)
			if !ids.refresh(p, now) {
				t.Errorf("%s: step %d: process not found", name, i)
			}
		}
		got := ""
		if p.owner != nil {
			got = p.owner.Command
		}
		if got != c.want || p.inExec(now) != c.asks {
			t.Errorf("%s: command %q, to be asked again: %v; want %q, %v", name, got, p.inExec(now), c.want, c.asks)
		}
	}
}

func TestUsersAreReadAgain(t *testing.T) {
	path := filepath.Join(t.TempDir(), "passwd")
	u := newUsers(path)
	if got := u.name(7); got != "7" {
		t.Errorf("without a file: %q, want the number", got)
	}
	text := "# x:y:7:z\nbroken\n:x:7:\nbad:x:seven:\nev\x1bil:x:7:7:::\nsecond:x:7:7:::"
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	if got := u.name(7); got != `ev\x1bil` {
		t.Errorf("got %q, want the first name, clean", got)
	}
}

func FuzzParseStat(f *testing.F) {
	f.Add([]byte(statLine("a) (b")))
	f.Add([]byte(""))
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := parseStat(b)
		if err == nil && len(s.comm) > len(b) {
			t.Errorf("comm %q out of nowhere", s.comm)
		}
	})
}

func FuzzParseCmdline(f *testing.F) {
	f.Add([]byte("nginx: worker process\x00\x00"))
	f.Add([]byte("\xff\x1b[31m\x00 \x00"))
	f.Fuzz(func(t *testing.T, b []byte) {
		args, line := parseCmdline(b, traffic.NewMask(true))
		if len(line) > traffic.MaxCommand || !utf8.ValidString(line) || strings.ContainsAny(line, "\x00\x1b\n") {
			t.Errorf("line %q", line)
		}
		if len(args) > maxArgs || (len(args) == 0) != (line == "") {
			t.Errorf("arguments %q of line %q", args, line)
		}
	})
}

// TestSecretsInCommandLines: neither the line nor the arguments keep what the mask
// hides, also where a secret is an argument of its own.
func TestSecretsInCommandLines(t *testing.T) {
	args, line := parseCmdline([]byte("curl\x00-u\x00alice:hunter2\x00--token\x00abc\x00url\x00"), traffic.NewMask(true))
	if want := "curl -u alice:*** --token *** url"; line != want {
		t.Errorf("line %q, want %q", line, want)
	}
	if diff := cmp.Diff([]string{"curl", "-u", "alice:***", "--token", "***", "url"}, args); diff != "" {
		t.Errorf("arguments (-want +got):\n%s", diff)
	}
}
