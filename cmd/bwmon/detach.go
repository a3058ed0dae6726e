package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// readyVariable names, to a daemon that was started by "bwmon run --detach", the
// descriptor on which that one waits.
const readyVariable = "BWMON_READY_FD"

// readyWord is what it waits for.
const readyWord = "ready\n"

// detach starts this program again as a daemon and returns once that one is ready. If
// it fails before, so do we, after it has said why.
func (p *program) detach(ctx context.Context) error {
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find this program: %w", err)
	}
	readyOut, readyIn, err := os.Pipe()
	if err != nil {
		return fmt.Errorf("start the daemon: %w", err)
	}
	defer readyOut.Close()
	cmd := &exec.Cmd{
		Path: self, Args: os.Args, ExtraFiles: []*os.File{readyIn}, // which is descriptor 3
		Env:         append(os.Environ(), readyVariable+"=3"),
		SysProcAttr: &syscall.SysProcAttr{Setsid: true},
	}
	// What we were given and did not ask for is not the daemon's to hold open.
	err = keepBack(firstPassed, unix.CloseRange)
	var errs io.ReadCloser
	if err == nil {
		errs, err = cmd.StderrPipe()
	}
	if err == nil {
		err = cmd.Start()
	}
	readyIn.Close()
	if err != nil {
		return fmt.Errorf("start the daemon: %w", err)
	}
	stop := context.AfterFunc(ctx, func() { cmd.Process.Signal(unix.SIGTERM) })
	defer stop()
	said := make(chan struct{})
	go func() {
		defer close(said)
		io.Copy(p.stderr, errs)
	}()
	word, err := io.ReadAll(io.LimitReader(readyOut, int64(len(readyWord))))
	if err == nil && string(word) == readyWord {
		<-said // it has turned stderr over to its log
		return cmd.Process.Release()
	}
	<-said
	var exit *exec.ExitError
	switch err := cmd.Wait(); {
	case errors.As(err, &exit) && exit.Exited():
		return exitStatus{code: exit.ExitCode()}
	case err != nil:
		return fmt.Errorf("the daemon ended before it was ready: %w", err)
	case ctx.Err() != nil:
		return errSaid
	}
	return errors.New("the daemon ended before it was ready")
}

// keepBack lets no descriptor from first on through to programs that are started.
// closeRange is unix.CloseRange, which kernels before Linux 5.11 refuse.
func keepBack(first int, closeRange func(first, last uint, flags uint) error) error {
	if closeRange(uint(first), math.MaxUint32, unix.CLOSE_RANGE_CLOEXEC) == nil {
		return nil
	}
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return err
	}
	for _, e := range entries {
		if fd, err := strconv.Atoi(e.Name()); err == nil && fd >= first {
			unix.CloseOnExec(fd) // of the one that has been read that is an error, and no harm
		}
	}
	return nil
}

// detached is a daemon whose starter waits for it. Before it is ready stderr goes to
// that one, afterwards to the log file, or nowhere.
type detached struct {
	starter *os.File

	mu sync.Mutex
	// mu protects the fields below.
	ready bool
	log   *os.File // the latest one; nil: none
}

// newDetached returns nil where nobody waits.
func newDetached(m manager) (*detached, error) {
	if m.readyFD == "" {
		return nil, nil
	}
	fd, err := strconv.Atoi(m.readyFD)
	var st unix.Stat_t
	if err != nil || fd < firstPassed || unix.Fstat(fd, &st) != nil || st.Mode&unix.S_IFMT != unix.S_IFIFO {
		return nil, usageError{fmt.Errorf("%s: that is set by \"bwmon run --detach\" alone, got %s", readyVariable, quoted(m.readyFD))}
	}
	unix.CloseOnExec(fd)
	return &detached{starter: os.NewFile(uintptr(fd), "starter")}, nil
}

// opened is told of each log file.
func (d *detached) opened(log *os.File) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.log = log; d.ready {
		d.turnOver()
	}
}

// turnOver has stderr, on which the Go runtime writes its last words, go to the log.
func (d *detached) turnOver() {
	to := d.log
	if to == nil {
		null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
		if err != nil {
			return
		}
		defer null.Close()
		to = null
	}
	_ = unix.Dup3(int(to.Fd()), int(os.Stderr.Fd()), 0)
}

// isReady lets the starter go.
func (d *detached) isReady() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.ready {
		return
	}
	d.ready = true
	d.turnOver()
	io.WriteString(d.starter, readyWord) // it may have given up
	d.starter.Close()
}

// alone reports whether nobody hears any more what is said on stderr.
func (d *detached) alone() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.ready
}
