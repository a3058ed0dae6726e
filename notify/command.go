package notify

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"os/user"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"bwmon/traffic"
)

// The exit statuses by which a command says that to run it again for the same
// alert is of no use (sysexits.h).
const (
	exitUsage  = 64
	exitConfig = 78
)

// maxVariable bounds a variable's value: the kernel takes 128 KiB, and nobody
// reads as much.
const maxVariable = 4 << 10

// CommandOptions says what to run. Zero values stand for the defaults given.
type CommandOptions struct {
	Name     string // of the delivery, for the log
	Argv     []string
	User     string        // to run as, by name or number; "": as bwmon itself
	Timeout  time.Duration // 30 s
	Parallel int           // 4; most at once
	Log      *slog.Logger
}

// Command is a Sender that runs a program for each event, without a shell. The
// program has the alert as JSON on its standard input and in the variables
// BWMON_*; what it prints goes to the log. Its exit status says whether that was
// a delivery: 0 yes, 64 and 78 no and never, any other try again.
//
// The program has a process group of its own, and all of that is ended after
// Timeout. What it leaves running in the background counts as it does, unless it
// has closed standard output and standard error.
type Command struct {
	o   CommandOptions
	as  *syscall.Credential // nil: as bwmon itself
	env []string
}

// NewCommand finds what is wrong with o as far as that can be told beforehand.
func NewCommand(o CommandOptions) (*Command, error) {
	if len(o.Argv) == 0 || o.Argv[0] == "" {
		return nil, errors.New("no command is given")
	}
	if _, err := exec.LookPath(o.Argv[0]); err != nil {
		return nil, fmt.Errorf("command: %w", err)
	}
	if o.Timeout <= 0 {
		o.Timeout = 30 * time.Second
	}
	if o.Parallel <= 0 {
		o.Parallel = 4
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	c := &Command{o: o}
	var as *user.User
	if o.User != "" {
		var err error
		if as, err = findUser(o.User); err != nil {
			return nil, fmt.Errorf("command: %w", err)
		}
		if c.as, err = credential(as); err != nil {
			return nil, fmt.Errorf("command: run as %s: %w", o.User, err)
		}
	}
	c.env = commandEnv(os.Environ(), as, c.as != nil)
	return c, nil
}

// Pace implements Pacer.
func (c *Command) Pace() Pace { return Pace{Parallel: c.o.Parallel} }

// Send implements Sender.
func (c *Command) Send(ctx context.Context, events []Event) error {
	for _, e := range events {
		if err := c.run(ctx, e); err != nil {
			return err
		}
	}
	return nil
}

func findUser(name string) (*user.User, error) {
	u, err := user.Lookup(name)
	if err != nil {
		if _, notNumber := strconv.ParseUint(name, 10, 32); notNumber == nil {
			u, err = user.LookupId(name)
		}
	}
	return u, err
}

// credential is what a process of u has, or nil if that is what we have.
func credential(u *user.User) (*syscall.Credential, error) {
	uid, err := strconv.ParseUint(u.Uid, 10, 32)
	if err != nil {
		return nil, err
	}
	gid, err := strconv.ParseUint(u.Gid, 10, 32)
	if err != nil {
		return nil, err
	}
	if int(uid) == os.Geteuid() {
		return nil, nil
	}
	if os.Geteuid() != 0 {
		return nil, errors.New("only root can; leave user out, or run bwmon as root")
	}
	as := &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	groups, err := u.GroupIds()
	if err != nil {
		return nil, err
	}
	for _, g := range groups {
		n, err := strconv.ParseUint(g, 10, 32)
		if err != nil {
			return nil, err
		}
		as.Groups = append(as.Groups, uint32(n))
	}
	return as, nil
}

// commandEnv is what of our own environment a command is given. The rest may tell
// secrets. Another user has no use for our session.
func commandEnv(own []string, as *user.User, other bool) []string {
	keep := []string{"PATH", "LANG", "LANGUAGE", "TZ"}
	if !other {
		keep = append(keep, "HOME", "USER", "LOGNAME", "SHELL", "TMPDIR", "DISPLAY", "WAYLAND_DISPLAY",
			"XAUTHORITY", "XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS")
	}
	var env []string
	for _, kv := range own {
		name, _, _ := strings.Cut(kv, "=")
		if slices.Contains(keep, name) || strings.HasPrefix(name, "LC_") {
			env = append(env, kv)
		}
	}
	if other {
		env = append(env, "HOME="+as.HomeDir, "USER="+as.Username, "LOGNAME="+as.Username)
	}
	return env
}

// alertEnv is the event as variables. Those that do not apply are empty.
func alertEnv(e Event) []string {
	a := e.Alert
	since := ""
	if !a.Since.IsZero() {
		since = a.Since.UTC().Format(time.RFC3339)
	}
	number := func(f float64) string { return strconv.FormatFloat(f, 'f', -1, 64) }
	var env []string
	for _, v := range [][2]string{
		{"STATE", string(a.State)}, {"RULE", a.Rule}, {"KIND", a.Kind}, {"SUBJECT", a.Subject},
		{"APP", a.App}, {"COMMAND", a.Command}, {"USER", a.User}, {"CONTAINER", a.Container}, {"UNIT", a.Unit}, {"MEMBER", a.Member},
		{"DIRECTION", a.Direction}, {"METRIC", a.Metric}, {"CONDITION", a.Condition},
		{"VALUE", number(a.Value)}, {"THRESHOLD", number(a.Threshold)}, {"WINDOW", number(a.Window)},
		{"PERIOD", a.Period}, {"LEVEL", number(a.Level)},
		{"SINCE", since}, {"HOST", a.Host}, {"ID", a.ID}, {"COUNT", strconv.Itoa(a.Count)},
	} {
		env = append(env, "BWMON_"+v[0]+"="+traffic.CleanText(v[1], maxVariable))
	}
	if e.Test {
		env = append(env, "BWMON_TEST=1")
	}
	return env
}

// outcome makes an error of how a command ended; said is its last line.
func outcome(err error, said string) error {
	if err == nil {
		return nil
	}
	if said != "" {
		err = fmt.Errorf("%w: %s", err, said)
	}
	err = fmt.Errorf("run command: %w", err)
	var exit *exec.ExitError
	if errors.As(err, &exit) && (exit.ExitCode() == exitUsage || exit.ExitCode() == exitConfig) {
		return Permanent(err)
	}
	return err
}
