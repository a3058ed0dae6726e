package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"time"

	"bwmon/pipe"

	"golang.org/x/sys/unix"
)

// command is pipe with a command.
func (j *pipeJob) command(args []string) error {
	if len(args) == 0 || args[0] == "" {
		return usageError{errors.New("-- wants a command after it, such as -- sort -u")}
	}
	// Before it starts: no signal of the time in between is to be lost, and the
	// program is not to inherit that SIGPIPE is ignored here.
	signals := make(chan os.Signal, 16)
	signal.Notify(signals, heeded(passedOn()...)...)
	pipes := make(chan os.Signal, 1)
	signal.Notify(pipes, unix.SIGPIPE)
	c := pipe.NewCommand(pipe.CommandOptions{Args: args, Name: j.flags.name, Rate: j.rate, Processes: j.processes, Mask: j.mask})
	if err := c.Start(); err != nil {
		return cannotRun(args[0], err)
	}
	finish := j.courier.follow(c.Samples)
	ticks, stop := j.ticks()
	defer stop()
	type outcome struct {
		status unix.WaitStatus
		err    error
	}
	on := make(chan os.Signal, cap(signals))
	done := make(chan outcome, 1)
	go func() {
		status, err := c.Run(on)
		done <- outcome{status, err}
	}()
	for {
		select {
		case <-ticks:
			j.progress.tick(time.Now(), c.Counts().Bytes())
		case s := <-signals:
			if !fromTerminal(s) {
				on <- s
			}
		case o := <-done:
			finish()
			return j.ran(c, o.status, o.err)
		}
	}
}

// passedOn is the signals that a wrapped command is to get.
func passedOn() []os.Signal {
	return []os.Signal{
		unix.SIGINT, unix.SIGQUIT, unix.SIGTERM, unix.SIGHUP, unix.SIGUSR1, unix.SIGUSR2, unix.SIGWINCH, unix.SIGALRM,
	}
}

// fromTerminal reports whether a signal is taken to be one that the terminal sent
// to all of its foreground, the command included: it must not get it twice. One
// that a user sends by hand to us alone looks the same.
func fromTerminal(s os.Signal) bool {
	if !slices.Contains([]os.Signal{unix.SIGINT, unix.SIGQUIT, unix.SIGWINCH}, s) {
		return false
	}
	tty, err := os.OpenFile("/dev/tty", os.O_RDWR, 0)
	if err != nil {
		return false
	}
	defer tty.Close()
	return foreground(int(tty.Fd()))
}

// cannotRun is the error of a command that was not started.
func cannotRun(name string, err error) error {
	status := exitStatus{code: 126, err: fmt.Errorf("run %s: %w", quoted(name), err)}
	if errors.Is(err, exec.ErrNotFound) || errors.Is(err, fs.ErrNotExist) {
		status = exitStatus{code: 127, err: fmt.Errorf("run %s: not found: give the path of a program, or one that is in PATH", quoted(name))}
	}
	return status
}

// ran says what a command carried, and ends as it did.
func (j *pipeJob) ran(c *pipe.Command, status unix.WaitStatus, err error) error {
	code := status.ExitStatus()
	if status.Signaled() {
		code = 128 + int(status.Signal())
	}
	// Who read our output has gone: that is the command's to answer.
	if errors.Is(err, unix.EPIPE) {
		err = nil
	}
	j.progress.clear()
	if j.speaks() {
		n := c.Counts()
		s := newPipeSummary(j.flags.name, n.Bytes(), time.Since(j.progress.began))
		s.Command, s.Status = newPipeEnd(c.Owner()), &code
		s.Rx, s.Tx = &n.RxBytes, &n.TxBytes
		if c.HasTerminal() {
			s.Rx = nil
		}
		if err != nil {
			s.Error = explain(err)
		}
		j.say(s)
	}
	if err != nil {
		return j.failed(err)
	}
	if code != 0 {
		return exitStatus{code: code}
	}
	return nil
}
