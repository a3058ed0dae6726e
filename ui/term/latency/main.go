// Command latency measures how long it takes from a key to the screen:
//
//	latency [-every TIME] [-for TIME] COMMAND…
//
// It runs COMMAND, a full-screen bwmon with a conntrack and a machine monitor,
// on a terminal of its own of 120×40, waits until it counts, presses keys and
// waits for what each shows. A frame is on the screen when it is complete: with
// the sequence that ends a synchronized update.
//
// It prints three lines, of how many, and of the median, the 95th percentile and
// the maximum in ms: "all" keys; those in whose time the kernel was "dumping" its
// connection tracking table; and how "late" the machine woke this program, which
// only slept, before each key. The last is what a busy machine adds to the others.
package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), unix.SIGINT, unix.SIGTERM, unix.SIGHUP)
	err := run(ctx)
	stop()
	if err != nil {
		fmt.Fprintf(os.Stderr, "latency: %v\n", err)
		os.Exit(1)
	}
}

const (
	columns, lines = 120, 40

	startTime  = 60 * time.Second // for the first dump
	answerTime = 2 * time.Second  // for a key; one without an answer counts as that
	endTime    = 20 * time.Second // to quit: bwmon takes a last dump
)

func run(ctx context.Context) error {
	every := flag.Duration("every", 200*time.Millisecond, "between two keys, on average")
	span := flag.Duration("for", time.Minute, "how long to press keys")
	flag.Parse()
	if flag.NArg() == 0 || *every <= 0 || *span <= 0 {
		return errors.New("usage: latency [-every TIME] [-for TIME] COMMAND…")
	}
	t, err := start(flag.Args())
	if err != nil {
		return err
	}
	defer t.end()
	if ok, err := t.await(ctx, startTime, counting); err != nil {
		return err
	} else if !ok {
		return fmt.Errorf("it does not count after %v:\n%s", startTime, t.screen)
	}
	var all, dumping, late []time.Duration
	unanswered := 0
	end := time.Now().Add(*span)
	for i := 0; time.Now().Before(end); i++ {
		// Not in step with bwmon's own seconds.
		pause := *every * time.Duration(75+i*37%51) / 100
		due := time.Now().Add(pause)
		if _, err := t.await(ctx, pause, never); err != nil {
			return err
		}
		late = append(late, time.Since(due))
		k := keys[i%len(keys)]
		dump := t.dumps()
		took, ok, err := t.press(ctx, k)
		if err != nil {
			return err
		}
		if !ok {
			unanswered++
			fmt.Fprintf(os.Stderr, "latency: no answer to %s within %v:\n%s", k.name, answerTime, t.screen)
		}
		all = append(all, took)
		if dump || t.dumps() {
			dumping = append(dumping, took)
		}
	}
	report("all", all)
	report("dumping", dumping)
	report("late", late)
	if unanswered > 0 {
		return fmt.Errorf("%d of %d keys had no answer within %v", unanswered, len(all), answerTime)
	}
	return nil
}

// report prints a line of figures; none where there was no key.
func report(name string, d []time.Duration) {
	if len(d) == 0 {
		fmt.Println(name, 0)
		return
	}
	slices.Sort(d)
	rank := func(percent int) float64 { // nearest rank
		return d[(len(d)*percent+99)/100-1].Seconds() * 1e3
	}
	fmt.Printf("%s %d %.1f %.1f %.1f\n", name, len(d), rank(50), rank(95), rank(100))
}

// key is one to press, and what it shows.
type key struct {
	name, sequence string
	shows          func(before, now *screen) bool
}

// keys are pressed in turn, over and over: each changes what is seen.
var keys = []key{
	{"3", "3", view("Connections")},
	{"right", "\x1bOC", differs(sortedBy)},
	{"left", "\x1bOD", differs(sortedBy)},
	{"9", "9", view("Monitors")},
	{"down", "\x1bOB", differs(selected)},
	{"up", "\x1bOA", differs(selected)},
	{"u", "u", differs(unit)},
	{"5", "5", view("LAN hosts")},
	{"1", "1", view("Apps")},
	{"u", "u", differs(unit)},
}

func never(*screen) bool { return false }

func counting(s *screen) bool {
	return s.lineWith("conntrack running") >= 0 && s.lineWith("machine running") >= 0 && unit(s) != ""
}

// view is shown once the line below the tabs begins with its name.
func view(name string) func(_, now *screen) bool {
	return func(_, now *screen) bool {
		tabs := now.lineWith(" 1 Apps")
		return tabs >= 0 && strings.HasPrefix(now.line(tabs+1), " "+name+" ")
	}
}

func differs(what func(*screen) string) func(before, now *screen) bool {
	return func(before, now *screen) bool { return what(now) != "" && what(now) != what(before) }
}

// sortedBy is the place of the arrow at a title.
func sortedBy(s *screen) string {
	titles := s.lineWith(" 1 Apps") + 2
	return strconv.Itoa(strings.IndexAny(s.line(titles), "▲▼"))
}

// selected is the line with the mark of the selection.
func selected(s *screen) string {
	for y := range lines {
		if strings.HasPrefix(s.line(y), "›") {
			return strconv.Itoa(y)
		}
	}
	return ""
}

// unit is that of the rates in the header.
func unit(s *screen) string {
	for _, u := range []string{"bit/s", "iB/s", "B/s"} {
		if strings.Contains(s.line(1), u) {
			return u
		}
	}
	return ""
}

// terminal is a pseudo-terminal, what runs on it and what it shows. It belongs
// to one goroutine.
type terminal struct {
	master *os.File
	cmd    *exec.Cmd
	screen *screen
	ended  bool // the command has let go of the terminal
}

// start runs a command as the leader of a session on a new terminal.
func start(args []string) (*terminal, error) {
	fd, err := unix.Open("/dev/ptmx", unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("open /dev/ptmx: %w", err)
	}
	t := &terminal{master: os.NewFile(uintptr(fd), "/dev/ptmx"), screen: newScreen(columns, lines)}
	slave, err := other(fd)
	if err != nil {
		t.master.Close()
		return nil, err
	}
	defer slave.Close()
	t.cmd = exec.Command(args[0], args[1:]...)
	t.cmd.Stdin, t.cmd.Stdout, t.cmd.Stderr = slave, slave, slave
	t.cmd.Env = append(os.Environ(), "TERM=xterm-256color", "COLORTERM=", "LC_ALL=C.UTF-8")
	t.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := t.cmd.Start(); err != nil {
		t.master.Close()
		return nil, err
	}
	return t, nil
}

// other opens the side of a new terminal that programs have.
func other(master int) (*os.File, error) {
	if err := unix.IoctlSetPointerInt(master, unix.TIOCSPTLCK, 0); err != nil {
		return nil, fmt.Errorf("unlock the terminal: %w", err)
	}
	n, err := unix.IoctlGetInt(master, unix.TIOCGPTN)
	if err != nil {
		return nil, fmt.Errorf("number of the terminal: %w", err)
	}
	if err := unix.IoctlSetWinsize(master, unix.TIOCSWINSZ, &unix.Winsize{Col: columns, Row: lines}); err != nil {
		return nil, fmt.Errorf("size of the terminal: %w", err)
	}
	return os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
}

// press sends a key and returns how long it took until a complete frame shows
// what it is for, or reports that none did.
func (t *terminal) press(ctx context.Context, k key) (time.Duration, bool, error) {
	before := t.screen.clone()
	begun := time.Now()
	if _, err := t.master.WriteString(k.sequence); err != nil {
		return 0, false, err
	}
	ok, err := t.await(ctx, answerTime, func(s *screen) bool { return k.shows(before, s) })
	return time.Since(begun), ok, err
}

// await reads the terminal until a complete frame has what is wanted, which it
// reports, or for so long. That the command ends is an error.
func (t *terminal) await(ctx context.Context, most time.Duration, want func(*screen) bool) (bool, error) {
	end := time.Now().Add(most)
	buf := make([]byte, 64<<10)
	for {
		// Not longer: a signal should not have to wait.
		if err := t.master.SetReadDeadline(earlier(end, time.Now().Add(100*time.Millisecond))); err != nil {
			return false, err
		}
		n, err := t.master.Read(buf)
		t.screen.write(buf[:n])
		switch {
		case ctx.Err() != nil:
			return false, ctx.Err()
		case err != nil && !errors.Is(err, os.ErrDeadlineExceeded):
			t.ended = true
			return false, fmt.Errorf("the command has ended:\n%s", t.screen)
		case n > 0 && !t.screen.updating && want(t.screen):
			return true, nil
		case !time.Now().Before(end):
			return false, nil
		}
	}
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// dumps reports whether a netfilter socket in the command's network namespace is
// in the middle of a dump.
func (t *terminal) dumps() bool {
	list, err := os.ReadFile(fmt.Sprintf("/proc/%d/net/netlink", t.cmd.Process.Pid))
	if err != nil {
		return false
	}
	// sk Eth Pid Groups Rmem Wmem Dump …: net/netlink/af_netlink.c
	for line := range bytes.Lines(list) {
		f := bytes.Fields(line)
		if len(f) > 6 && string(f[1]) == strconv.Itoa(unix.NETLINK_NETFILTER) && string(f[6]) != "0" {
			return true
		}
	}
	return false
}

// end has the command quit, or ends it, and waits for it.
func (t *terminal) end() {
	ctx, stop := context.WithTimeout(context.Background(), endTime)
	defer stop()
	if !t.ended {
		_ = t.cmd.Process.Signal(unix.SIGTERM)
		for err := error(nil); err == nil; { // it must be able to write
			_, err = t.await(ctx, endTime, never)
		}
	}
	if !t.ended {
		_ = t.cmd.Process.Kill()
	}
	_ = t.cmd.Wait() // how it ends is not what is measured
	t.master.Close()
}
