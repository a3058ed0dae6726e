package main

import "os"

// manager is what a service manager tells those it starts, in their environment.
type manager struct {
	notifySocket              string // NOTIFY_SOCKET: where it wants to be told (sd_notify(3))
	watchdogUsec, watchdogPID string // WATCHDOG_USEC, WATCHDOG_PID (sd_watchdog_enabled(3))
	listenPID, listenFDs      string // LISTEN_PID, LISTEN_FDS (sd_listen_fds(3))
	listenNames               string // LISTEN_FDNAMES
	journalStream             string // JOURNAL_STREAM (systemd.exec(5))
	readyFD                   string // readyVariable: of "bwmon run --detach"
}

// takeManager reads the environment and takes out of it what is not for the programs
// that are started later.
func takeManager() manager {
	m := manager{journalStream: os.Getenv("JOURNAL_STREAM")}
	for name, value := range map[string]*string{
		"NOTIFY_SOCKET": &m.notifySocket, "WATCHDOG_USEC": &m.watchdogUsec, "WATCHDOG_PID": &m.watchdogPID,
		"LISTEN_PID": &m.listenPID, "LISTEN_FDS": &m.listenFDs, "LISTEN_FDNAMES": &m.listenNames, readyVariable: &m.readyFD,
	} {
		*value = os.Getenv(name)
		os.Unsetenv(name)
	}
	return m
}
