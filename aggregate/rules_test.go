package aggregate

import (
	"fmt"
	"regexp"
	"testing"

	"bwmon/traffic"
)

func regexes(t *testing.T, patterns ...string) []*regexp.Regexp {
	t.Helper()
	var list []*regexp.Regexp
	for _, p := range patterns {
		list = append(list, regexp.MustCompile(p))
	}
	return list
}

func TestRules(t *testing.T) {
	rules := Rules{AutoGroup: true, Apps: []AppRule{
		{Name: "nothing"},
		{Name: "root's backup", Match: regexes(t, "backup"), User: regexp.MustCompile("^root$")},
		{Name: "Backup", Match: regexes(t, "^/usr/bin/(restic|borg)", "rsync .*backup")},
		{Name: "late", Match: regexes(t, "rsync")},
		{Name: "web", Container: regexp.MustCompile("^web"), Unit: regexp.MustCompile("docker")},
		{Name: traffic.AppKernel, Match: regexes(t, "^evil$")},
	}}
	for _, test := range []struct {
		owner *traffic.Owner
		want  string
	}{
		{nil, traffic.AppUnattributed},
		{traffic.KernelOwner(), traffic.AppKernel},
		{&traffic.Owner{PID: 1, Command: "/usr/bin/restic x", User: "ann"}, "Backup"},
		{&traffic.Owner{PID: 1, Command: "/usr/bin/restic backup", User: "root"}, "root's backup"},
		{&traffic.Owner{PID: 1, Command: "/usr/bin/restic backup", User: "ann"}, "Backup"},
		{&traffic.Owner{PID: 1, Command: "rsync a backup", User: "ann"}, "Backup"},
		{&traffic.Owner{PID: 1, Command: "rsync a b", User: "ann"}, "late"},
		{&traffic.Owner{PID: 1, Command: "nginx: worker", Container: "web-1", Unit: "docker.service"}, "web"},
		{&traffic.Owner{PID: 1, Command: "nginx: worker", Container: "web-1"}, "nginx"},
		// Nobody passes for the ledger's own rows.
		{&traffic.Owner{PID: 1, Command: "evil"}, "[(kernel)]"},
		{&traffic.Owner{PID: 1, Command: "(unattributed)"}, "[(unattributed)]"},
		{&traffic.Owner{PID: 1, Comm: "(excluded)"}, "[(excluded)]"},
	} {
		if got := rules.App(test.owner); got != test.want {
			t.Errorf("%+v: got %q, want %q", test.owner, got, test.want)
		}
	}
	rules = Rules{}
	if got := rules.App(&traffic.Owner{PID: 1, Command: "/usr/bin/curl x"}); got != "/usr/bin/curl x" {
		t.Errorf("without grouping: got %q", got)
	}
	if got := rules.App(&traffic.Owner{PID: 1}); got != unnamed {
		t.Errorf("without anything: got %q", got)
	}
}

func TestFilter(t *testing.T) {
	for _, test := range []struct {
		filter  Filter
		command string
		want    bool
	}{
		{Filter{}, "curl", true},
		{Filter{Include: regexes(t, "ssh", "curl")}, "/usr/bin/curl x", true},
		{Filter{Include: regexes(t, "ssh")}, "curl", false},
		{Filter{Exclude: regexes(t, "x$")}, "curl x", false},
		{Filter{Exclude: regexes(t, "x$")}, "curl", true},
		{Filter{Include: regexes(t, "curl"), Exclude: regexes(t, "x$")}, "curl x", false},
	} {
		if got := test.filter.admits(&traffic.Owner{PID: 1, Command: test.command}); got != test.want {
			t.Errorf("%+v, %q: got %v, want %v", test.filter, test.command, got, test.want)
		}
	}
}

func TestVerdictsAreJudgedOnceAndBounded(t *testing.T) {
	var v verdicts
	judged := 0
	ask := func(command string) string {
		return v.app(&traffic.Owner{Command: command}, func(o *traffic.Owner) string {
			judged++
			return o.Command
		})
	}
	for i := range 10 * verdictsKept {
		ask("kept")
		if got := ask(fmt.Sprint(i)); got != fmt.Sprint(i) {
			t.Fatalf("%d: got %q", i, got)
		}
	}
	if n := len(v.newer) + len(v.older); n > 2*verdictsKept {
		t.Errorf("%d verdicts kept, want at most %d", n, 2*verdictsKept)
	}
	if want := 10*verdictsKept + 1; judged != want {
		t.Errorf("judged %d times, want %d", judged, want)
	}
}
