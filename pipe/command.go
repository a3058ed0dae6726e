package pipe

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
	"golang.org/x/term"

	"bwmon/traffic"
)

// CommandOptions says how a Command works. The zero value of a field is its
// default.
type CommandOptions struct {
	Args      []string // the program and its arguments
	Name      string   // what its bytes are booked under; "": under its command line
	Rate      uint64   // bytes per second each way; 0: as fast as can be
	Processes Processes
	Mask      *traffic.Mask // hides secrets in Args where these describe the program
}

// Command runs a program whose standard input and output are counted. It runs
// once; its other methods but Run may be called by any goroutine at any time.
type Command struct {
	opts    CommandOptions
	in, out *Mover // nil before Start; in is nil where the program has our terminal

	process *os.Process
	theirs  [2]*os.File // the program's ends, given up once it runs
	ours    [2]*os.File

	mu sync.Mutex
	// mu protects the fields below.
	owner *traffic.Owner
}

// NewCommand returns a command that has not begun.
func NewCommand(o CommandOptions) *Command {
	o.Name = traffic.CleanText(o.Name, traffic.MaxWord)
	return &Command{opts: o}
}

// Start starts the program. Its error is exec.ErrNotFound, or that of the system
// call.
//
// Where our standard input is a terminal, the program has it as its own, since
// whoever reads a terminal for it would take what the program asks of it by
// itself, such as a password. What is typed then is not counted.
func (c *Command) Start() error {
	path, err := exec.LookPath(c.opts.Args[0])
	if err != nil {
		return err
	}
	files := []*os.File{os.Stdin, nil, os.Stderr}
	if !term.IsTerminal(unix.Stdin) {
		if c.theirs[0], c.ours[0], err = makePipe(); err != nil {
			return err
		}
		files[0] = c.theirs[0]
		c.in = NewMover(unix.Stdin, int(c.ours[0].Fd()), c.opts.Rate)
	}
	if c.ours[1], c.theirs[1], err = makePipe(); err != nil {
		closeFiles(c.theirs[:])
		closeFiles(c.ours[:])
		return err
	}
	files[1] = c.theirs[1]
	c.out = NewMover(int(c.ours[1].Fd()), unix.Stdout, c.opts.Rate)
	c.process, err = os.StartProcess(path, c.opts.Args, &os.ProcAttr{Files: files})
	closeFiles(c.theirs[:])
	if err != nil {
		closeFiles(c.ours[:])
		return err
	}
	c.describe()
	return nil
}

// describe finds out who the program is. In the midst of its exec it has no
// arguments yet, but we know those.
func (c *Command) describe() {
	if c.opts.Processes == nil {
		return
	}
	o := c.opts.Processes.Describe(c.process.Pid)
	if o != nil && o.Args == nil {
		told := *o
		args := strings.Split(c.opts.Mask.Hide(strings.Join(c.opts.Args, "\x00")), "\x00")
		told.Command = traffic.CleanText(strings.Join(args, " "), traffic.MaxCommand)
		for _, a := range args[:min(len(args), maxArgs)] {
			told.Args = append(told.Args, traffic.CleanText(a, traffic.MaxWord))
		}
		o = &told
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.owner = o
}

// maxArgs is how many arguments an Owner keeps.
const maxArgs = 16

// makePipe is os.Pipe, but blocking, as a program expects its ends to be.
func makePipe() (r, w *os.File, err error) {
	var fds [2]int
	if err := unix.Pipe2(fds[:], unix.O_CLOEXEC); err != nil {
		return nil, nil, fmt.Errorf("make a pipe: %w", err)
	}
	return os.NewFile(uintptr(fds[0]), "|0"), os.NewFile(uintptr(fds[1]), "|1"), nil
}

func closeFiles(files []*os.File) {
	for _, f := range files {
		if f != nil {
			f.Close() // a second time it is an error that says so, and nothing else
		}
	}
}

// Counts is what the program received on its standard input and sent to its
// standard output, once it has been started.
func (c *Command) Counts() traffic.Counts {
	t := traffic.Counts{TxBytes: c.out.Moved()}
	if c.in != nil {
		t.RxBytes = c.in.Moved()
	}
	return t
}

// HasTerminal reports whether the program reads our terminal itself.
func (c *Command) HasTerminal() bool { return c.in == nil }

// Owner returns the program.
func (c *Command) Owner() *traffic.Owner {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.owner
}

// Samples is what there is to book, once the program has been started.
func (c *Command) Samples(final bool) []traffic.Sample {
	s := traffic.Sample{
		Flow:  traffic.Flow{Proto: traffic.Pipe, ID: 1},
		Scope: traffic.ScopePipe, Counts: c.Counts(), Owner: c.Owner(), Label: c.opts.Name, Final: final,
	}
	if s.Owner == nil && s.Label == "" {
		s.Label = unnamed
	}
	return []traffic.Sample{s}
}

// Run moves until the program has ended and all of its output is delivered, and
// returns how it ended. Signals that come are passed on to it. The error is that of
// an end of ours: standard input that cannot be read, standard output that cannot
// be written. The program has lost that end then, and whatever it does about it
// has been waited for.
func (c *Command) Run(signals <-chan os.Signal) (unix.WaitStatus, error) {
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	ended := make(chan unix.WaitStatus, 1)
	var wg sync.WaitGroup
	var inErr, outErr, waitErr error
	wg.Go(func() {
		var status unix.WaitStatus
		status, waitErr = c.wait()
		stop() // nobody reads its input any more
		ended <- status
	})
	if c.in != nil {
		wg.Go(func() {
			inErr = c.in.Run(ctx)
			c.ours[0].Close()
		})
	}
	wg.Go(func() {
		outErr = c.out.Run(context.Background())
		c.ours[1].Close() // who writes now learns that nobody reads
	})
	done := make(chan struct{})
	go func() {
		wg.Wait()
		close(done)
	}()
	for {
		select {
		case s := <-signals:
			_ = c.process.Signal(s) // it may have ended
		case <-done:
			_ = c.process.Release()
			if errors.Is(inErr, unix.EPIPE) {
				inErr = nil // it has read as much as it wanted
			}
			return <-ended, errors.Join(waitErr, inErr, outErr)
		}
	}
}

// wait waits for the program's end. Where it stops by itself, so do we, because
// the shell that shall let it go on knows us only.
func (c *Command) wait() (unix.WaitStatus, error) {
	for {
		var status unix.WaitStatus
		_, err := unix.Wait4(c.process.Pid, &status, unix.WUNTRACED, nil)
		switch {
		case err == unix.EINTR:
		case err != nil:
			return status, fmt.Errorf("wait for %s: %w", traffic.CleanText(c.opts.Args[0], traffic.MaxWord), err)
		case status.Stopped() && !c.continued():
			_ = unix.Kill(os.Getpid(), unix.SIGSTOP)
			_ = c.process.Signal(syscall.SIGCONT)
		case status.Stopped():
		default:
			return status, nil
		}
	}
}

// continued reports whether the program goes on already. Ctrl-Z stops it and us
// together, and we may come to read of its stop only after both go on.
func (c *Command) continued() bool {
	var status unix.WaitStatus
	pid, err := unix.Wait4(c.process.Pid, &status, unix.WCONTINUED|unix.WNOHANG, nil)
	return err == nil && pid != 0
}
