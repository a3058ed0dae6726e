package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"bwmon/traffic"

	"golang.org/x/sys/unix"
)

// beacon tells the service manager how the daemon is (sd_notify(3)): that it is
// ready once there is a snapshot, a line on what it does, and that it is alive as
// long as there are new ones. Any goroutine may call its methods.
type beacon struct {
	send     func(state string) error // nil: nobody wants to know
	log      *slog.Logger
	watchdog time.Duration // the manager's patience; 0: it does not watch
	// patience is how old the latest snapshot may be while the daemon is alive.
	patience time.Duration
	onReady  func() // is called once, when there is the first snapshot; may be nil

	mu sync.Mutex
	// mu protects the fields below.
	seen      bool      // a snapshot
	ready     bool      // the manager knows
	latest    time.Time // of the latest snapshot
	status    string    // that was told
	statusAt  time.Time
	reloading bool
	mute      bool // the manager could not be told, and that was said
}

// statusEvery is how often the line on what the daemon does changes at most.
const statusEvery = 10 * time.Second

// maxWatchdog is longer than any patience of a manager.
const maxWatchdog = 1000 * time.Hour

// newBeacon starts nothing. interval is the time between two snapshots.
func newBeacon(m manager, interval time.Duration, log *slog.Logger) *beacon {
	b := &beacon{log: log}
	if m.notifySocket == "" {
		return b
	}
	address, err := notifyAddress(m.notifySocket)
	if err != nil {
		log.Warn("the service manager is not told anything", "error", err)
		return b
	}
	b.send = func(state string) error { return sendDatagram(address, state) }
	usec, err := strconv.ParseUint(m.watchdogUsec, 10, 63)
	if m.watchdogUsec != "" && (err != nil || usec == 0 || usec > uint64(maxWatchdog/time.Microsecond)) {
		log.Warn("WATCHDOG_USEC: want a number of microseconds: nobody is told that this runs", "got", m.watchdogUsec)
		return b
	}
	if m.watchdogPID == "" || m.watchdogPID == strconv.Itoa(os.Getpid()) {
		b.watchdog = time.Duration(usec) * time.Microsecond
	}
	b.patience = max(b.watchdog/2, 2*interval)
	return b
}

// notifyAddress reads NOTIFY_SOCKET: a path, or @name of an abstract one.
func notifyAddress(name string) (*unix.SockaddrUnix, error) {
	if len(name) < 2 || name[0] != '/' && name[0] != '@' {
		return nil, fmt.Errorf("NOTIFY_SOCKET: want a path that begins with /, or @ and a name, got %s", quoted(name))
	}
	return &unix.SockaddrUnix{Name: name}, nil
}

// sendDatagram waits a second at most for a reader that has no room.
func sendDatagram(to *unix.SockaddrUnix, text string) error {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_SNDTIMEO, &unix.Timeval{Sec: 1}); err != nil {
		return err
	}
	for {
		if err = unix.Sendto(fd, []byte(text), unix.MSG_NOSIGNAL, to); err != unix.EINTR {
			return err
		}
	}
}

// tell reports whether the manager was told. mu is held.
func (b *beacon) tell(lines ...string) bool {
	if b.send == nil {
		return true
	}
	err := b.send(strings.Join(lines, "\n"))
	if err != nil && !b.mute {
		b.log.Warn("the service manager cannot be told how this daemon is", "error", err)
	}
	b.mute = err != nil
	return err == nil
}

// published notes that a snapshot was, at a time.
func (b *beacon) published(s *traffic.Snapshot, now time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.latest = now
	status := "STATUS=" + statusLine(s)
	switch {
	case b.reloading: // what is told then ends with it
	case !b.ready:
		if b.ready = b.tell("READY=1", status); b.ready {
			b.status, b.statusAt = status, now
		}
	case status != b.status && now.Sub(b.statusAt) >= statusEvery:
		b.tell(status)
		b.status, b.statusAt = status, now
	}
	if !b.seen && b.onReady != nil {
		b.onReady()
	}
	b.seen = true
}

// statusLine is what the daemon does, for "systemctl status".
func statusLine(s *traffic.Snapshot) string {
	monitors, firing := 0, 0
	for _, m := range s.Monitors {
		if m.State == traffic.StateRunning && m.Kind != "notify" && m.Kind != "history" {
			monitors++
		}
	}
	for _, a := range s.Alerts {
		if a.State == "firing" {
			firing++
		}
	}
	line := counted(monitors, "monitor") + ", " + counted(len(s.Apps), "app")
	if firing > 0 {
		line += ", " + counted(firing, "alert") + " firing"
	}
	return line
}

func counted(n int, noun string) string {
	if n != 1 {
		noun += "s"
	}
	return strconv.Itoa(n) + " " + noun
}

// Reloading tells that the configuration is being read anew; Reloaded is to follow.
func (b *beacon) Reloading() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.reloading = true
	var now unix.Timespec
	// Of the clock that the manager compares with the time of its signal.
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &now); err == nil {
		b.tell("RELOADING=1", fmt.Sprintf("MONOTONIC_USEC=%d", now.Nano()/1000))
	}
}

// Reloaded tells that this is done; err says why all stays as it was, nil that the
// new configuration is in force.
func (b *beacon) Reloaded(err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.reloading = false
	if !b.ready { // of which the first snapshot will tell
		return
	}
	if err == nil {
		b.ready = b.tell("READY=1")
		return
	}
	line, _, _ := strings.Cut(err.Error(), "\n")
	b.status = "STATUS=the new configuration was refused: " + traffic.CleanText(line, 300)
	b.ready = b.tell("READY=1", b.status)
	b.statusAt = time.Now()
}

// run tells that the daemon is alive, while it is, until ctx is cancelled, and that
// it stops then.
func (b *beacon) run(ctx context.Context) error {
	var beat <-chan time.Time
	if b.watchdog > 0 {
		t := time.NewTicker(b.watchdog / 2)
		defer t.Stop()
		beat = t.C
	}
	for {
		select {
		case <-ctx.Done():
			b.mu.Lock()
			defer b.mu.Unlock()
			b.tell("STOPPING=1")
			return nil
		case now := <-beat:
			b.beat(now)
		}
	}
}

// beat tells that the daemon is alive unless snapshots no longer come: who only has
// this goroutine left is better started again.
func (b *beacon) beat(now time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.ready && now.Sub(b.latest) <= b.patience {
		b.tell("WATCHDOG=1")
	}
}
