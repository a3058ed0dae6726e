package notify

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// shell returns a Command that runs a script, whose files are in $DIR.
func shell(t *testing.T, script string, o CommandOptions) (*Command, string) {
	t.Helper()
	dir := t.TempDir()
	for _, d := range []string{filepath.Dir(dir), dir} { // for other users
		if err := os.Chmod(d, 0o777); err != nil {
			t.Fatal(err)
		}
	}
	o.Argv = []string{"/bin/sh", "-c", "cd " + dir + "\n" + script}
	c, err := NewCommand(o)
	if err != nil {
		t.Fatal(err)
	}
	return c, dir
}

func readFile(t *testing.T, path ...string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(path...))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestCommandHasTheAlert(t *testing.T) {
	t.Setenv("SECRET_OF_OURS", "x")
	c, dir := shell(t, "cat > in; env -0 | sort -z > env", CommandOptions{})
	a := testAlert("a", StateFiring)
	if err := c.Send(t.Context(), []Event{{Alert: a}}); err != nil {
		t.Fatal(err)
	}
	var got document
	if err := json.Unmarshal([]byte(readFile(t, dir, "in")), &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(document{Schema: 1, Alert: a}, got); diff != "" {
		t.Errorf("stdin: -want +got\n%s", diff)
	}
	var vars []string
	for _, kv := range strings.Split(readFile(t, dir, "env"), "\x00") {
		if strings.HasPrefix(kv, "BWMON_") && !strings.HasPrefix(kv, "BWMON_LAB") {
			vars = append(vars, kv)
		}
		if strings.HasPrefix(kv, "SECRET") {
			t.Errorf("the command was given %s", kv)
		}
	}
	want := []string{
		"BWMON_APP=Backup", "BWMON_COMMAND=restic backup /home", "BWMON_CONDITION=above", "BWMON_CONTAINER=c1",
		"BWMON_COUNT=1", "BWMON_DIRECTION=tx", "BWMON_HOST=gw", "BWMON_ID=a", "BWMON_KIND=app", "BWMON_LEVEL=0",
		"BWMON_MEMBER=", "BWMON_METRIC=", "BWMON_PERIOD=", "BWMON_RULE=backup cap", "BWMON_SINCE=2026-01-02T03:04:05Z", "BWMON_STATE=firing",
		"BWMON_SUBJECT=Backup", "BWMON_THRESHOLD=5242880", "BWMON_UNIT=backup.service", "BWMON_USER=root",
		"BWMON_VALUE=6291456", "BWMON_WINDOW=60",
	}
	if diff := cmp.Diff(want, vars); diff != "" {
		t.Errorf("variables: -want +got\n%s", diff)
	}
}

func TestCommandHostileNames(t *testing.T) {
	c, dir := shell(t, `cat > in; env -0 > env; printf '%s\0' "$BWMON_RULE" "$@" > rule`, CommandOptions{})
	for _, a := range append(hostileAlerts(), hostileAlert()) {
		if err := c.Send(t.Context(), []Event{{Alert: a}}); err != nil {
			t.Fatalf("%.40q: %v", a.Rule, err)
		}
		var got document
		if err := json.Unmarshal([]byte(readFile(t, dir, "in")), &got); err != nil {
			t.Errorf("%.40q: %v", a.Rule, err)
		}
		vars := 0
		for _, kv := range strings.Split(readFile(t, dir, "env"), "\x00") {
			if strings.HasPrefix(kv, "BWMON_") {
				vars++
			}
			if strings.ContainsAny(kv, "\r\n\x1b") || len(kv) > maxVariable+100 {
				t.Errorf("%.60q is not harmless", kv)
			}
		}
		if rule := readFile(t, dir, "rule"); vars != len(alertEnv(Event{})) || strings.Count(rule, "\x00") != 1 {
			t.Errorf("%.40q: %d variables, rule %.60q", a.Rule, vars, rule)
		}
	}
}

func TestCommandExitStatus(t *testing.T) {
	for _, c := range []struct {
		script    string
		want      string // error
		permanent bool
	}{
		{"exit 0", "", false},
		{"echo no route >&2; exit 1", "run command: exit status 1: no route", false},
		{"printf 'a\\033[2J\\n'; exit 64", `run command: exit status 64: a\x1b[2J`, true},
		{"exit 78", "run command: exit status 78", true},
		{"kill -9 $$", "run command: signal: killed", false},
		{"exec 0<&-; exit 0", "", false},
	} {
		cmd, _ := shell(t, c.script, CommandOptions{})
		err := cmd.Send(t.Context(), []Event{{Alert: testAlert(strings.Repeat("long", 100_000), StateFiring)}})
		got := ""
		if err != nil {
			got = err.Error()
		}
		if got != c.want || IsPermanent(err) != c.permanent {
			t.Errorf("%s: got %q (permanent: %v), want %q", c.script, got, IsPermanent(err), c.want)
		}
	}
}

func TestCommandLogsBoundedOutput(t *testing.T) {
	var b strings.Builder
	c, _ := shell(t, "yes | head -c 10000000", CommandOptions{Log: slog.New(slog.NewTextHandler(&b, nil))})
	if err := c.Send(t.Context(), []Event{{Alert: testAlert("a", StateFiring)}}); err != nil {
		t.Fatal(err)
	}
	if n := b.Len(); n < 1000 || n > 3*maxOutput {
		t.Errorf("%d bytes in the log", n)
	}
}

// A command and a child of it that both ignore SIGTERM end with the time limit,
// and leave no zombie.
func TestCommandTimeLimitEndsTheGroup(t *testing.T) {
	c, dir := shell(t, `trap '' TERM
		(trap '' TERM; sleep 100; sleep 100) &
		echo $! > child; echo $$ > leader; echo started; sleep 100; sleep 100`, CommandOptions{Timeout: 300 * time.Millisecond})
	began := time.Now()
	err := c.Send(t.Context(), []Event{{Alert: testAlert("a", StateFiring)}})
	if err == nil || IsPermanent(err) || err.Error() != "run command: it was ended after 300ms: started" {
		t.Errorf("got %v", err)
	}
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("took %v", took)
	}
	assertEnded(t, readFile(t, dir, "child"))
	assertEnded(t, readFile(t, dir, "leader"))
	if z := zombies(t); len(z) != 0 {
		t.Errorf("zombies: %v", z)
	}
}

// What stays in the background with our pipe is waited for and then ended; what
// has closed it may stay.
func TestCommandInTheBackground(t *testing.T) {
	c, dir := shell(t, `sleep 100 & echo $! > kept
		sleep 100 > /dev/null 2>&1 & echo $! > left; echo done`, CommandOptions{Timeout: 300 * time.Millisecond})
	if err := c.Send(t.Context(), []Event{{Alert: testAlert("a", StateFiring)}}); err != nil {
		t.Errorf("the command itself ended well: %v", err)
	}
	assertEnded(t, readFile(t, dir, "kept"))
	assertEnded(t, readFile(t, dir, "left")) // with the group of the other one

	c, dir = shell(t, "sleep 100 > /dev/null 2>&1 & echo $! > left", CommandOptions{})
	if err := c.Send(t.Context(), []Event{{Alert: testAlert("a", StateFiring)}}); err != nil {
		t.Error(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(readFile(t, dir, "left")))
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Errorf("what closed our pipe was ended: %v", err)
	}
}

func TestCommandEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	c, dir := shell(t, "echo $$ > leader; sleep 100", CommandOptions{})
	if err := c.Send(ctx, []Event{{Alert: testAlert("a", StateFiring)}}); err == nil {
		t.Error("no error")
	}
	assertEnded(t, readFile(t, dir, "leader"))
}

// assertEnded waits a little until a process is gone; an orphan is reaped by its
// new parent.
func assertEnded(t *testing.T, pid string) {
	t.Helper()
	pid = strings.TrimSpace(pid)
	eventually(t, "the end of process "+pid, func() bool {
		stat, err := os.ReadFile("/proc/" + pid + "/stat")
		return err != nil || strings.Contains(string(stat), ") Z ")
	})
}

// zombies lists those of our own children that were not waited for.
func zombies(t *testing.T) []string {
	t.Helper()
	var found []string
	files, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		stat, err := os.ReadFile(f)
		if err != nil {
			continue
		}
		if strings.Contains(string(stat), fmt.Sprintf(") Z %d ", os.Getpid())) {
			found = append(found, string(stat))
		}
	}
	return found
}

func TestCommandAsAnotherUser(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root")
	}
	nobody, err := user.Lookup("nobody")
	if err != nil {
		t.Skip(err)
	}
	c, dir := shell(t, "id -u > uid; id -g > gid; id -G > groups; echo $HOME $USER $DISPLAY > env", CommandOptions{User: "nobody"})
	if err := c.Send(t.Context(), []Event{{Alert: testAlert("a", StateFiring)}}); err != nil {
		t.Fatal(err)
	}
	for file, want := range map[string]string{
		"uid": nobody.Uid, "gid": nobody.Gid, "groups": nobody.Gid, "env": nobody.HomeDir + " nobody",
	} {
		if got := strings.TrimSpace(readFile(t, dir, file)); got != want {
			t.Errorf("%s: got %q, want %q", file, got, want)
		}
	}
}

func TestNewCommandFindsFaults(t *testing.T) {
	for _, c := range []struct {
		o    CommandOptions
		want string
	}{
		{CommandOptions{}, "no command is given"},
		{CommandOptions{Argv: []string{"/no/such/program"}}, "command: exec: \"/no/such/program\": stat /no/such/program: no such file or directory"},
		{CommandOptions{Argv: []string{"true"}, User: "no-such-user"}, "command: user: unknown user no-such-user"},
	} {
		if _, err := NewCommand(c.o); err == nil || err.Error() != c.want {
			t.Errorf("got %v, want %s", err, c.want)
		}
	}
}

func TestAncestorLine(t *testing.T) {
	at := time.Date(2010, 6, 7, 12, 0, 0, 0, time.Local)
	for _, c := range []struct {
		a    Alert
		want string
	}{
		{Alert{Subject: "NAME", Direction: "rx", Condition: "above", Value: 100 << 10, Threshold: 50 << 10},
			"2010-06-07 12:00:00: NAME exceeding 'in' bandwidth limit      50.00:     100.00 kB/s (200.00 %)"},
		{Alert{Subject: "vpn", Direction: "tx", Condition: "below", Value: 25 << 10, Threshold: 100 << 10},
			"2010-06-07 12:00:00: vpn below 'out' bandwidth limit     100.00:      25.00 kB/s (25.00 %)"},
		{Alert{Subject: "chat", Direction: "total", Condition: "quota", Period: "month", Level: 0.8, Value: 900 << 10, Threshold: 1000 << 10},
			"2010-06-07 12:00:00: chat reaching 'total' month quota    1000.00:     900.00 kB (90.00 %)"},
		{Alert{Subject: "idle", Direction: "rx", Condition: "above", Value: 1024},
			"2010-06-07 12:00:00: idle exceeding 'in' bandwidth limit       0.00:       1.00 kB/s (inf %)"},
	} {
		c.a.At = at
		if got := AncestorLine(c.a); got != c.want {
			t.Errorf("got\n%s\nwant\n%s", got, c.want)
		}
	}
}
