package main

import (
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"strconv"
	"time"

	"bwmon/notify"
	"bwmon/pipe"
	"bwmon/traffic"

	"golang.org/x/sys/unix"
)

// config is the configuration, validated: what the program is wired from.
type config struct {
	// Path is the first file it was read from; "" for the built-in defaults. Files
	// are all of them, in the order they were read.
	Path      string
	Files     []string
	Interval  time.Duration
	AutoGroup bool
	Monitors  []monitorConfig
	// Auto: the monitors are the program's choice. The socket monitor is left
	// out where the kernel does not let it, and Without says why it does not.
	Auto    bool
	Without error
	Apps    []appConfig
	Control controlConfig
	Mask    *traffic.Mask  // of command lines
	Zone    *time.Location // of calendars and hours
	// StateDir is where is kept what outlives a run: alerts that are not delivered
	// yet, quotas, the alerts of the past.
	StateDir   string
	History    historyConfig
	Remotes    bool // remote hosts are in every snapshot, for the history
	HTTP       httpConfig
	UI         uiConfig
	Log        logConfig
	Publish    publishConfig
	Receive    receiveConfig
	Probes     []probeConfig
	Rules      []notify.Rule
	Deliveries []notifyConfig

	Raw *rawConfig // as it was written
}

// controlConfig is how other programs on this host reach a daemon.
type controlConfig struct {
	Socket string // path; "": none
	Group  string // who may connect besides the daemon's own user; "": nobody
	// Receiver is the socket of a receiver, which is asked where no daemon is; "": none.
	Receiver string
}

// monitorConfig is one monitor to run. What its kind has no use for is at its
// default.
type monitorConfig struct {
	Kind        string
	Include     []*regexp.Regexp
	Exclude     []*regexp.Regexp
	IgnoreLocal bool
	Lookback    bool
	MaxShare    float64 // of one core, that reading the kernel's tables may cost
	Setup       bool    // whether accounting and tracking may be switched on
	Cgroup      string  // directory of the cgroup whose sockets count; "" the root of cgroup v2
	MaxFlows    int     // that are counted one by one
	Forward     pipe.ForwardOptions
	Series      seriesChoice
	Processes   bool // what they use of disks, processors and memory
}

// seriesChoice says which series of the machine are measured, by their IDs, of which
// all must match.
type seriesChoice struct {
	Include []*regexp.Regexp // where there are any, one must match
	Exclude []*regexp.Regexp // none may; stronger than Include
}

func (s seriesChoice) has(id string) bool {
	matches := func(re *regexp.Regexp) bool { return re.MatchString(id) }
	if slices.ContainsFunc(s.Exclude, matches) {
		return false
	}
	return len(s.Include) == 0 || slices.ContainsFunc(s.Include, matches)
}

// appConfig is one app rule. Match, or one of the others, is set.
type appConfig struct {
	Name                  string
	Match                 []*regexp.Regexp
	User, Container, Unit *regexp.Regexp // nil: any
}

// The kinds of monitor.
const (
	kindSocket    = "socket"
	kindConntrack = "conntrack"
	kindMachine   = "machine"
	kindForward   = "forward"
)

// defaultKinds are those that run when none is listed, in this order.
func defaultKinds() []string { return []string{kindSocket, kindConntrack, kindMachine} }

// monitorKinds are all there are.
func monitorKinds() []string { return append(defaultKinds(), kindForward) }

// defaultConfig is what runs without any configuration; bwmon.toml shows it.
func defaultConfig() config {
	return config{
		Interval: time.Second, AutoGroup: true, Auto: true, Monitors: defaultMonitors(),
		Control: controlConfig{Socket: "/run/bwmon/bwmon.sock", Group: "bwmon", Receiver: defaultReceive().Control},
		Mask:    traffic.NewMask(true),
		Zone:    time.Local, StateDir: "/var/lib/bwmon",
		History: defaultHistory(), HTTP: defaultHTTP(), UI: defaultUI(), Log: defaultLog(),
		Publish: defaultPublish(), Receive: defaultReceive(),
	}
}

func defaultMonitors() []monitorConfig {
	var list []monitorConfig
	for _, kind := range defaultKinds() {
		list = append(list, defaultMonitor(kind))
	}
	return list
}

func defaultMonitor(kind string) monitorConfig {
	m := monitorConfig{Kind: kind, MaxShare: 0.10, Setup: true, MaxFlows: 1_000_000, Processes: true}
	if kind == kindForward {
		m.Forward = defaultForward()
	}
	return m
}

// defaultConfigPaths are looked for in this order when -c is not given.
func defaultConfigPaths() []string { return []string{"bwmon.toml", "/etc/bwmon/bwmon.toml"} }

// maxConfigBytes bounds what is read: a file longer than this is not a
// configuration.
const maxConfigBytes = 1 << 20

// trusted refuses a file, or a directory, that nobody named and that another user may
// have put there, or written to: a configuration names programs to run. path is what it
// is called.
func trusted(st *unix.Stat_t, path string) error {
	is := func(id uint32, own int, sudo string) bool {
		return id == 0 || int(id) == own || strconv.Itoa(int(id)) == os.Getenv(sudo)
	}
	owner := is(st.Uid, os.Geteuid(), "SUDO_UID")
	group := st.Mode&0o020 == 0 || is(st.Gid, os.Getegid(), "SUDO_GID")
	if owner && group && st.Mode&0o002 == 0 {
		return nil
	}
	return fmt.Errorf("configuration %q can be written by other users: if it is meant, name it with -c, or make it yours", path)
}

// openConfig opens a file that somebody has named, which may be a pipe of theirs.
func openConfig(path string) (*os.File, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read configuration: %w", err)
	}
	if st, err := f.Stat(); err == nil && st.IsDir() {
		f.Close()
		return nil, fmt.Errorf("configuration %q is a directory: name the file in it", path)
	}
	return f, nil
}

// openTrusted opens a file that nobody has named, if it is trusted. It is called name
// in an open directory (or unix.AT_FDCWD), and path in errors. What is opened is what
// is judged, and nothing is read or waited for before.
func openTrusted(dir int, name, path string) (*os.File, error) {
	f, st, err := openToJudge(dir, name, path)
	if err != nil {
		return nil, err
	}
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFREG:
		err = trusted(st, path)
	case unix.S_IFDIR:
		err = fmt.Errorf("configuration %q is a directory: name the file in it", path)
	default:
		err = fmt.Errorf("configuration %q is no regular file: if it is meant, name it with -c, or remove it", path)
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// openToJudge opens whatever a path has come to be, and says what it is.
func openToJudge(dir int, name, path string) (*os.File, *unix.Stat_t, error) {
	for {
		fd, err := unix.Openat(dir, name, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_CLOEXEC|unix.O_NOCTTY, 0)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return nil, nil, fmt.Errorf("read configuration: open %s: %w", path, err)
		}
		var st unix.Stat_t
		if err := unix.Fstat(fd, &st); err != nil {
			unix.Close(fd)
			return nil, nil, fmt.Errorf("read configuration: look at %s: %w", path, err)
		}
		return os.NewFile(uintptr(fd), path), &st, nil
	}
}

// readConfig reads f, and closes it.
func readConfig(f *os.File) (string, error) {
	defer f.Close()
	src, err := io.ReadAll(io.LimitReader(f, maxConfigBytes+1))
	if err != nil {
		return "", fmt.Errorf("read configuration: %w", err)
	}
	if len(src) > maxConfigBytes {
		return "", fmt.Errorf("configuration %q is longer than 1 MiB: is it the right file?", f.Name())
	}
	return string(src), nil
}
