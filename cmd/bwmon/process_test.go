package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"bwmon/lab"
	"bwmon/traffic"
)

// patience bounds every wait of these tests.
const patience = 30 * time.Second

// withoutPrivileges runs the command as a user who has none.
func withoutPrivileges(t *testing.T, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	cmd := command(t, ctx, args...)
	dir := openDir(t)
	cmd.Dir = dir
	if os.Geteuid() == 0 {
		self, err := os.ReadFile(cmd.Path)
		if err != nil {
			t.Fatal(err)
		}
		cmd.Path = filepath.Join(dir, "bwmon")
		if err := os.WriteFile(cmd.Path, self, 0o755); err != nil {
			t.Fatal(err)
		}
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	}
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil && cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return out.String(), errs.String(), cmd.ProcessState.ExitCode()
}

func TestWithoutPrivileges(t *testing.T) {
	stdout, stderr, code := withoutPrivileges(t, "snapshot", "--for", "1s")
	const want = `bwmon: needs CAP_NET_ADMIN to count traffic: run "sudo bwmon snapshot", ` +
		`or give the binary the capabilities (see "bwmon doctor")` + "\n"
	if stdout != "" || stderr != want || code != exitFailed {
		t.Errorf("stdout %q, stderr %q, exit code %d; want stderr %q and exit code 1", stdout, stderr, code, want)
	}
}

func TestMachineWithoutPrivileges(t *testing.T) {
	stdout, stderr, code := withoutPrivileges(t, "snapshot", "--for", "200ms", "--monitor", "machine", "--format", "json")
	var s traffic.Snapshot
	if err := json.Unmarshal([]byte(stdout), &s); err != nil {
		t.Fatalf("%v in %q", err, stdout)
	}
	for _, m := range s.Monitors {
		if m.State != traffic.StateRunning {
			t.Errorf("%+v", m)
		}
	}
	if code != exitOK || stderr != "" || len(s.Monitors) != 3 || len(s.Interfaces) == 0 || series(&s, "memory") == nil {
		t.Errorf("exit code %d, stderr %q, monitors %v, interfaces %v", code, stderr, s.Monitors, s.Interfaces)
	}
}

func TestDoctorWithoutPrivileges(t *testing.T) {
	stdout, stderr, code := withoutPrivileges(t, "doctor", "--format", "json")
	var d diagnosis
	if err := json.Unmarshal([]byte(stdout), &d); err != nil {
		t.Fatalf("%v in %q", err, stdout)
	}
	if code != exitFailed || d.Accounts || stderr != "" {
		t.Errorf("exit code %d, accounts %v, stderr %q; want 1, false, nothing", code, d.Accounts, stderr)
	}
	for _, f := range d.Findings {
		if f.State == findingMissing && (f.Cure == "" || f.Means == "") {
			t.Errorf("missing, with no cure or meaning: %+v", f)
		}
	}
}

// TestOutputThatCannotBeWritten: a full disk is a failure, a reader that has
// seen enough is not.
func TestOutputThatCannotBeWritten(t *testing.T) {
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Skip(err)
	}
	defer full.Close()
	reader, gone, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	reader.Close()
	defer gone.Close()
	for _, tt := range []struct {
		name   string
		stdout *os.File
		want   int
		says   string
	}{
		{"full disk", full, exitFailed, "write /dev/stdout: no space left on device"},
		{"broken pipe", gone, exitOK, ""},
	} {
		for _, args := range [][]string{
			{"check"}, {"version"}, {"man"}, {"--help"},
			{"snapshot", "--for", "100ms", "--monitor", "machine"},
			{"snapshot", "--for", "100ms", "--monitor", "machine", "--format", "json"},
			{"snapshot", "--for", "100ms", "--monitor", "machine", "--format", "csv"},
		} {
			t.Run(tt.name+" "+strings.Join(args, " "), func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), patience)
				defer cancel()
				cmd := command(t, ctx, args...)
				var errs bytes.Buffer
				cmd.Stdout, cmd.Stderr = tt.stdout, &errs
				cmd.Run()
				if code := cmd.ProcessState.ExitCode(); code != tt.want || !strings.Contains(errs.String(), tt.says) ||
					tt.says == "" && errs.Len() > 0 {
					t.Errorf("exit code %d, stderr %q; want %d, %q", code, errs.String(), tt.want, tt.says)
				}
			})
		}
	}
}

// TestSnapshotEndsAtSignal: Ctrl-C prints what there is.
func TestSnapshotEndsAtSignal(t *testing.T) {
	for _, sig := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP} {
		t.Run(sig.String(), func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			cmd := command(t, ctx, "snapshot", "--for", "1h", "--monitor", "machine", "--format", "json")
			var out, errs bytes.Buffer
			cmd.Stdout, cmd.Stderr = &out, &errs
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			poll(t, "the command has a socket", func() bool { return hasSocket(cmd.Process.Pid) })
			cmd.Process.Signal(sig)
			if err := cmd.Wait(); err != nil {
				t.Errorf("%v; stderr %q", err, errs.String())
			}
			var s traffic.Snapshot
			if err := json.Unmarshal(out.Bytes(), &s); err != nil {
				t.Errorf("%v in %q", err, out.String())
			}
		})
	}
}

// poll waits until something is so.
func poll(t *testing.T, what string, so func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !so(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain until %s", what)
		}
	}
}

// hasSocket reports whether a process has a socket open: its monitors run
// then, and its signals were taken care of before that.
func hasSocket(pid int) bool {
	links, _ := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", pid))
	return slices.ContainsFunc(links, func(link string) bool {
		to, err := os.Readlink(link)
		return err == nil && strings.HasPrefix(to, "socket:")
	})
}

// TestHostileArguments: what stands on the command line comes back harmless.
func TestHostileArguments(t *testing.T) {
	for _, hostile := range []string{
		"\x1b[31mred", "--\x1b]0;title\x07", "[red]", "a\nb", "\xff\xfe", "-\x1b", "--monitor=\x1b[2J", "--format=\x1b[2J",
		"--interval=\x9b31m", "--for=\u202e", "-c=\x1b[H", strings.Repeat("x", 100_000), "",
	} {
		for _, args := range [][]string{{hostile}, {"snapshot", hostile}, {"check", hostile}} {
			var out, errs bytes.Buffer
			code := run(t.Context(), args, strings.NewReader(""), &out, &errs)
			for _, text := range []string{out.String(), errs.String()} {
				for line := range strings.Lines(text) {
					line = strings.TrimSuffix(line, "\n")
					if line != traffic.CleanText(line, 4096) && code != exitOK {
						t.Errorf("%q prints %q", args, line)
					}
				}
			}
			if code == exitOK && hostile != "" || code == exitFailed {
				t.Errorf("%q: exit code %d, stderr %q", args, code, errs.String())
			}
		}
	}
}

// TestRouterLooksForNoSockets: what a router forwards is nobody's here.
func TestRouterLooksForNoSockets(t *testing.T) {
	l := lab.New(t)
	lan, gw, wan := l.Host("lan"), l.Host("gw"), l.Host("wan")
	l.Link(lab.End{Host: lan, Name: "eth0", Addrs: []string{"198.18.1.2/24"}}, lab.End{Host: gw, Name: "lan0", Addrs: []string{"198.18.1.1/24"}})
	l.Link(lab.End{Host: wan, Name: "eth0", Addrs: []string{"198.18.2.2/24"}}, lab.End{Host: gw, Name: "wan0", Addrs: []string{"198.18.2.1/24"}})
	gw.Forward()
	gw.Masquerade("wan0")
	lan.DefaultRoute("198.18.1.1")
	server := wan.Serve(lab.Server{Proto: "tcp", Listen: netip.MustParseAddrPort("198.18.2.2:7000")})
	out := snapshotDuring(t, gw, func() {
		lan.Start(lab.Client{Proto: "tcp", Target: server.Addr, Connections: 20, Parallel: 4, Send: 10_000, Life: 300 * time.Millisecond}).Wait()
	}, "--format", "json", "--monitor", "conntrack", "--lookback")
	var s traffic.Snapshot
	if err := json.Unmarshal([]byte(out), &s); err != nil {
		t.Fatal(err)
	}
	if len(s.Monitors) != 1 || len(s.LANHosts) != 1 || s.LANHosts[0].TxBytes < 200_000 || strings.Contains(s.Monitors[0].Detail, "closed before") {
		t.Errorf("monitors %+v, LAN hosts %+v", s.Monitors, s.LANHosts)
	}
}
