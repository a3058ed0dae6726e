package main

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"bwmon/process"
	"bwmon/traffic"
)

// states reduces findings to what matters to a test.
func states(findings []finding) map[string]string {
	m := make(map[string]string)
	for _, f := range findings {
		m[f.Check] = f.State
		if f.State == findingMissing && (f.Cure == "" || f.Means == "") {
			m[f.Check] += " without a cure"
		}
	}
	return m
}

func TestJudgePrivileges(t *testing.T) {
	const admin, ptrace, search = 1 << 12, 1 << 19, 1 << 2 // linux/capability.h
	for _, tt := range []struct {
		name string
		caps capabilities
		want map[string]string
	}{
		{"root", ^capabilities(0), map[string]string{"privileges": "ok", "processes": "ok"}},
		{"file capabilities", admin | ptrace | search, map[string]string{"privileges": "ok", "processes": "ok"}},
		{"only CAP_NET_ADMIN", admin, map[string]string{"privileges": "ok", "processes": "warn"}},
		{"root of a container", ptrace | 1<<1, map[string]string{"privileges": "missing", "processes": "ok"}},
		{"nobody", 0, map[string]string{"privileges": "missing", "processes": "warn"}},
	} {
		if diff := cmp.Diff(tt.want, states(judgePrivileges(tt.caps))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
}

func TestJudgeConntrack(t *testing.T) {
	allowed, forbidden := defaultMonitor(kindConntrack), defaultMonitor(kindConntrack)
	forbidden.Setup = false
	good := map[string]int{"nf_conntrack_count": 10, "nf_conntrack_max": 100, "nf_conntrack_acct": 1, "nf_conntrack_events": 2}
	with := func(name string, value int) map[string]int {
		m := map[string]int{name: value}
		for k, v := range good {
			if k != name {
				m[k] = v
			}
		}
		return m
	}
	ok := map[string]string{"conntrack": "ok", "accounting": "ok", "table": "ok", "events": "ok"}
	but := func(name, state string) map[string]string {
		m := map[string]string{name: state}
		for k, v := range ok {
			if k != name {
				m[k] = v
			}
		}
		return m
	}
	for _, tt := range []struct {
		name    string
		monitor monitorConfig
		sysctls map[string]int
		want    map[string]string
	}{
		{"all well", allowed, good, ok},
		{"no conntrack", allowed, nil, map[string]string{"conntrack": "missing"}},
		{"no accounting", allowed, with("nf_conntrack_acct", 0), but("accounting", "warn")},
		{"no accounting, none allowed", forbidden, with("nf_conntrack_acct", 0), but("accounting", "missing")},
		{"nearly full", allowed, with("nf_conntrack_count", 80), but("table", "warn")},
		{"not nearly full", allowed, with("nf_conntrack_count", 79), ok},
		{"no limit", allowed, with("nf_conntrack_max", 0), ok},
		{"no events", allowed, with("nf_conntrack_events", 0), but("events", "warn")},
	} {
		got := states(judgeConntrack(tt.monitor, func(name string) (int, error) {
			if v, ok := tt.sysctls[name]; ok {
				return v, nil
			}
			return 0, fs.ErrNotExist
		}))
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
}

func TestJudgeSockets(t *testing.T) {
	raw := []string{"raw", "raw6", "icmp", "icmpv6"}
	for _, tt := range []struct {
		name   string
		survey process.Survey
		want   finding
	}{
		{"all well", process.Survey{Asked: []string{"tcp", "tcp6", "udp", "udp6"}, Read: raw}, finding{
			State: findingOK, Found: "sock_diag lists tcp, tcp6, udp, udp6; /proc/net lists raw, raw6, icmp, icmpv6",
		}},
		{"no udp_diag", process.Survey{Asked: []string{"tcp", "tcp6"}, Read: append([]string{"udp", "udp6"}, raw...)}, finding{
			State: findingWarn, Found: "sock_diag lists tcp, tcp6; /proc/net lists udp, udp6, raw, raw6, icmp, icmpv6",
			Means: "who uses those sockets is found out later, and more short connections are missed",
			Cure:  "sudo modprobe -a inet_diag udp_diag",
		}},
		{"SCTP, and nothing to list it", process.Survey{Asked: []string{"tcp", "udp"}, Read: raw, Blind: []string{"sctp", "sctp6"}}, finding{
			State: findingWarn, Found: "sock_diag lists tcp, udp; /proc/net lists raw, raw6, icmp, icmpv6; nothing lists sctp, sctp6",
			Means: "the traffic of sctp, sctp6 is (unattributed)",
			Cure:  "sudo modprobe -a inet_diag sctp_diag",
		}},
	} {
		tt.want.Check = "sockets"
		if diff := cmp.Diff([]finding{tt.want}, judgeSockets(tt.survey)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
}

func TestJudgeSocketMonitor(t *testing.T) {
	m := defaultMonitor(kindSocket)
	missing := finding{Check: "conntrack", State: findingMissing, Essential: true}
	for _, tt := range []struct {
		err      error
		state    string
		cure     bool
		accounts bool
	}{
		{nil, "ok", false, true},
		{fmt.Errorf("attach: %w", unix.EPERM), "warn", true, false},
		{errors.New("cgroup v2 is not mounted\x1b[2J"), "warn", false, false},
	} {
		f := judgeSocketMonitor(m, tt.err)[0]
		if f.State != tt.state || (f.Cure != "") != tt.cure || strings.Contains(f.Found, "\x1b") {
			t.Errorf("%v: %+v", tt.err, f)
		}
		if got := accounts([]finding{missing, f}); got != tt.accounts {
			t.Errorf("%v, without connection tracking: accounts is %v", tt.err, got)
		}
	}
}

func TestJudgeBalance(t *testing.T) {
	for _, tt := range []struct {
		name     string
		carried  uint64
		residual int64
		monitor  traffic.MonitorStatus
		state    string
		found    string
	}{
		{"all booked", 5 << 20, 0, traffic.MonitorStatus{}, "ok", "rx 5.0 MiB with a residual of 0 B"},
		{"nothing carried", 0, 0, traffic.MonitorStatus{}, "ok", "rx 0 B with a residual of 0 B"},
		{"ARP", 20_000, 9_000, traffic.MonitorStatus{}, "ok", "rx 19.5 KiB with a residual of 8.8 KiB"},
		{"something is missing", 1 << 20, 100 << 10, traffic.MonitorStatus{}, "warn", "with a residual of 100.0 KiB"},
		{"more than was carried", 1 << 20, -100 << 10, traffic.MonitorStatus{}, "warn", "with a residual of -100.0 KiB"},
		{"no conntrack", 0, 0, traffic.MonitorStatus{Name: "conntrack", State: traffic.StateFailed, Detail: "off"}, "warn", "rx 0 B"},
	} {
		f := judgeBalance(&traffic.Snapshot{
			Elapsed: 2, Monitors: []traffic.MonitorStatus{tt.monitor},
			Balance: traffic.Balance{InterfaceRx: tt.carried, ResidualRx: tt.residual},
		})
		if f.State != tt.state || !strings.Contains(f.Found, tt.found) || (f.State == findingWarn) != (f.Means != "" && f.Cure != "") {
			t.Errorf("%s: %+v", tt.name, f)
		}
	}
}

func TestJudgeReceiveBuffer(t *testing.T) {
	for _, tt := range []struct {
		got, wanted int
		err         error
		want        string
	}{
		{32 << 20, 32 << 20, nil, "ok"}, {208 << 10, 32 << 20, nil, "warn"}, {0, 0, fs.ErrPermission, "warn"},
	} {
		if got := judgeReceiveBuffer(tt.got, tt.wanted, tt.err)[0].State; got != tt.want {
			t.Errorf("%d of %d, %v: %s, want %s", tt.got, tt.wanted, tt.err, got, tt.want)
		}
	}
}

// TestChecksRunHere: every check has an answer on the machine of the test, and
// each finding can be told from the others.
func TestChecksRunHere(t *testing.T) {
	seen := make(map[string]bool)
	for _, check := range checks(t.Context(), defaultConfig()) {
		for _, f := range check() {
			if f.Check == "" || f.Found == "" || seen[f.Check] {
				t.Errorf("finding %+v is empty or there twice", f)
			}
			if f.State != findingOK && f.State != findingWarn && f.State != findingMissing {
				t.Errorf("finding %+v is in no known state", f)
			}
			seen[f.Check] = true
		}
	}
}
