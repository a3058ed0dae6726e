package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"time"

	"bwmon/traffic"

	"github.com/spf13/cobra"
)

// serviceFlags are those of "bwmon run" about where it runs.
type serviceFlags struct {
	detach  bool
	pidFile string
}

// defaultPIDFile is that of a daemon that detaches itself.
const defaultPIDFile = "/run/bwmon/bwmon.pid"

func (f *serviceFlags) register(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.BoolVar(&f.detach, "detach", false, "go on as a daemon of its own; return once it counts, or say why it does not")
	flags.StringVar(&f.pidFile, "pid-file", "", "keep the number of the process in this `FILE` (default "+defaultPIDFile+" with --detach)")
}

// service is what is around a daemon: its log, who started it and waits to be told
// how it is, and what that one passed to it.
type service struct {
	log     *daemonLog
	beacon  *beacon
	sockets passedSockets
	hangups chan os.Signal // SIGHUP asks to read the configuration anew
	pid     *pidFile       // nil: none
	starter *detached      // nil: none
}

// openService makes what is configured. Its end is to be called.
func (p *program) openService(c config, f serviceFlags, m manager) (*service, error) {
	// A panic, and a watchdog's SIGABRT, end the daemon by a signal. Else it would be
	// with exitUsage, after which managers do not start it again.
	debug.SetTraceback("crash")
	s := &service{}
	if err := s.open(p, c, f, m); err != nil {
		return nil, errors.Join(err, s.close())
	}
	return s, nil
}

func (s *service) open(p *program, c config, f serviceFlags, m manager) (err error) {
	if s.starter, err = newDetached(m); err != nil {
		return err
	}
	if err = f.check(c); err != nil {
		return err
	}
	if f.pidFile != "" {
		if s.pid, err = openPIDFile(f.pidFile, os.Getpid()); err != nil {
			return err
		}
	}
	o := logOptions{stderr: p.stderr, journalStream: m.journalStream}
	if s.starter != nil {
		o.detached, o.opened = true, s.starter.opened
	}
	if s.log, err = openLog(c.Log, o); err != nil {
		return err
	}
	if s.sockets, err = takePassed(m, os.Getpid()); err == nil {
		err = s.sockets.check(c)
	}
	if err != nil {
		return usageError{err}
	}
	if l := s.sockets.control; l != nil && l.Addr().String() != c.Control.Socket {
		s.log.Warn("the control socket that was passed is not where others look for it", "passed", l.Addr().String(), "control.socket", c.Control.Socket)
	}
	s.beacon = newBeacon(m, c.Interval, s.log.Logger)
	if s.starter != nil {
		s.beacon.onReady = s.starter.isReady
	}
	return nil
}

// check finds what does not go together, and fills in the default.
func (f *serviceFlags) check(c config) error {
	if f.detach && c.Log.To == logStderr {
		return usageError{errors.New(`log.to = "stderr": nobody reads that with --detach: write "file", "journal" or "auto"`)}
	}
	if f.detach && f.pidFile == "" {
		f.pidFile = defaultPIDFile
	}
	if f.pidFile != "" {
		path, err := filepath.Abs(f.pidFile)
		if err != nil {
			return usageError{fmt.Errorf("--pid-file: %w", err)}
		}
		f.pidFile = path
	}
	return nil
}

// publishing has the beacon know of each snapshot that publish has published.
func (s *service) publishing(publish func(*traffic.Snapshot)) func(*traffic.Snapshot) {
	return func(snapshot *traffic.Snapshot) {
		publish(snapshot)
		s.beacon.published(snapshot, time.Now())
	}
}

// end gives all up, and returns what is still to be said of the error that the daemon
// ended with.
func (s *service) end(err error) error {
	if err != nil && !errors.Is(err, context.Canceled) && s.log.aside && (s.starter == nil || s.starter.alone()) {
		s.log.Error("the daemon has failed", "error", err)
		if s.starter != nil {
			err = errSaid
		}
	}
	if err == nil {
		s.log.Info("ended")
	}
	return errors.Join(err, s.close())
}

func (s *service) close() error {
	var errs []error
	errs = append(errs, s.sockets.close())
	if s.pid != nil {
		errs = append(errs, s.pid.Close())
	}
	if s.log != nil {
		errs = append(errs, s.log.Close())
	}
	return errors.Join(errs...)
}
