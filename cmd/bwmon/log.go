package main

import (
	"fmt"
	"io"
	"log/slog"
	"os"

	"bwmon/traffic"

	"golang.org/x/sys/unix"
)

// daemonLog is where a daemon says what happens to it. Any goroutine may use it.
type daemonLog struct {
	*slog.Logger
	asked   string // log.to
	to      string // what that is here: never logAuto
	level   slog.LevelVar
	file    *rotatingFile // nil: there is none
	journal *journal      // likewise
	stderr  *outlet       // takes the log, or what the others do not take
	// aside: the log goes elsewhere than to stderr, so an error that ends the daemon
	// is to be said in both.
	aside bool
}

// logOptions is what openLog cannot know from the configuration.
type logOptions struct {
	stderr        io.Writer
	journalStream string         // JOURNAL_STREAM of the environment
	journalSocket string         // "": that of this host
	opened        func(*os.File) // is given each log file; may be nil
	detached      bool           // nobody reads stderr: auto is a file
}

// openLog opens the log that is configured.
func openLog(c logConfig, o logOptions) (*daemonLog, error) {
	l := &daemonLog{asked: c.To, to: c.To, stderr: &outlet{to: o.stderr}}
	l.level.Set(c.Level)
	inJournal := isJournal(o.stderr, o.journalStream)
	switch {
	case c.To == logAuto && inJournal:
		l.to = logJournal
	case c.To == logAuto && o.detached:
		l.to = logFile
	case c.To == logAuto:
		l.to = logStderr
	}
	handler := &slog.HandlerOptions{Level: &l.level}
	var err error
	switch l.to {
	case logJournal:
		path := o.journalSocket
		if path == "" {
			path = journalSocket
		}
		l.journal, err = openJournal(path, l.stderr)
		if err != nil && c.To == logAuto { // a socket that this process cannot see
			l.to = logStderr
			l.Logger = slog.New(slog.NewTextHandler(l.stderr, handler))
			return l, nil
		}
		if err == nil {
			l.Logger = slog.New(newJournalHandler(l.journal, &l.level))
			l.aside = !inJournal
		}
	case logFile:
		l.file, err = openRotatingFile(c, func(err error) { complainTo(l.stderr, err) }, o.opened)
		if err == nil {
			l.Logger = slog.New(slog.NewTextHandler(l.file, handler))
			l.aside = true
		}
	default:
		l.Logger = slog.New(slog.NewTextHandler(l.stderr, handler))
	}
	if err != nil {
		return nil, usageError{err}
	}
	return l, nil
}

// warn logs a warning that needs no attributes.
func (l *daemonLog) warn(text string) { l.Warn(text) }

// Reload takes over a new configuration, and opens the log file anew, which somebody
// may have moved away. On an error the one before goes on. Whether the log goes to a
// file is decided at the start.
func (l *daemonLog) Reload(c logConfig) error {
	l.level.Set(c.Level)
	var err error
	if l.file != nil {
		err = l.file.Reopen(c)
	}
	if c.To != l.asked {
		l.Warn("where the log goes changes with the next start", "log.to", c.To, "now", l.to)
	}
	return err
}

// Close closes what openLog opened. It waits a little for stderr to be read.
func (l *daemonLog) Close() error {
	l.stderr.flush(outletPatience)
	switch {
	case l.file != nil:
		return l.file.Close()
	case l.journal != nil:
		return l.journal.Close()
	}
	return nil
}

func complainTo(w io.Writer, err error) {
	fmt.Fprintf(w, "bwmon: %s\n", traffic.CleanText(err.Error(), 1000))
}

// isJournal reports whether w goes to the journal: JOURNAL_STREAM then is its device
// and inode (systemd.exec(5)).
func isJournal(w io.Writer, journalStream string) bool {
	f, ok := w.(*os.File)
	if !ok || journalStream == "" {
		return false
	}
	var st unix.Stat_t
	return unix.Fstat(int(f.Fd()), &st) == nil && journalStream == fmt.Sprintf("%d:%d", st.Dev, st.Ino)
}
