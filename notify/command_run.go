package notify

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"bwmon/traffic"
)

const (
	// maxOutput is how much of what a command prints is kept for the log.
	maxOutput = 16 << 10
	// termGrace is how long a command has between SIGTERM and SIGKILL.
	termGrace = 2 * time.Second
)

// run is one run of the command, from its start until nothing of it is left.
func (c *Command) run(ctx context.Context, e Event) error {
	input, err := encodeJSON(newDocument(e))
	if err != nil {
		return Permanent(err)
	}
	read, write, err := os.Pipe()
	if err != nil {
		return fmt.Errorf("run command: %w", err)
	}
	defer read.Close()
	cmd := exec.Command(c.o.Argv[0], c.o.Argv[1:]...)
	cmd.Env = append(append([]string(nil), c.env...), alertEnv(e)...)
	cmd.Stdin = bytes.NewReader(append(input, '\n'))
	cmd.Stdout, cmd.Stderr = write, write
	// A group of its own, so that all of it can be ended.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Credential: c.as}
	cmd.WaitDelay = time.Second // for standard input that something still holds open
	err = cmd.Start()
	write.Close()
	if err != nil {
		return fmt.Errorf("run command: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, c.o.Timeout)
	defer cancel()
	output := make(chan []byte, 1)
	go func() { output <- readBounded(read, maxOutput) }()
	said, ended := c.await(ctx, cmd.Process.Pid, read, output)
	err = cmd.Wait() // it has ended, and is reaped here
	if errors.Is(err, exec.ErrWaitDelay) {
		err = nil // it ended well, without reading all of its input
	}
	if ended != nil {
		err = ended
	}
	c.log(e, said)
	return outcome(err, lastLine(said))
}

// await waits until the command has ended and closed its output, or ends it with
// its group when ctx is over, which is the error. The process is not reaped:
// until then its number, which is the group's, is nobody else's.
func (c *Command) await(ctx context.Context, pid int, read *os.File, output <-chan []byte) ([]byte, error) {
	exited := make(chan struct{})
	go func() {
		defer close(exited)
		for unix.Waitid(unix.P_PID, pid, nil, unix.WEXITED|unix.WNOWAIT, nil) == unix.EINTR {
		}
	}()
	waiting := exited
	var said []byte
	for waiting != nil || output != nil {
		select {
		case <-waiting:
			waiting = nil
		case said = <-output:
			output = nil
		case <-ctx.Done():
			endGroup(pid, exited)
			<-exited
			if output != nil {
				// Something may have left the group with our pipe.
				read.SetReadDeadline(time.Now().Add(100 * time.Millisecond))
				said = <-output
			}
			if waiting == nil {
				return said, nil // only what it had left behind was ended
			}
			if errors.Is(ctx.Err(), context.DeadlineExceeded) {
				return said, fmt.Errorf("it was ended after %v", c.o.Timeout)
			}
			return said, ctx.Err()
		}
	}
	return said, nil
}

// endGroup asks a process group to end, and then makes it.
func endGroup(leader int, exited <-chan struct{}) {
	unix.Kill(-leader, unix.SIGTERM)
	grace := time.NewTimer(termGrace)
	defer grace.Stop()
	select {
	case <-exited:
	case <-grace.C:
	}
	unix.Kill(-leader, unix.SIGKILL)
}

// readBounded reads to the end and keeps the first max bytes.
func readBounded(r io.Reader, max int64) []byte {
	data, err := io.ReadAll(io.LimitReader(r, max))
	if err == nil {
		io.Copy(io.Discard, r) // whoever writes must not be stopped by us
	}
	return data
}

// log writes what a command printed.
func (c *Command) log(e Event, said []byte) {
	text := strings.TrimSpace(string(said))
	if text == "" {
		return
	}
	c.o.Log.Info("a command for an alert printed this", "notify", c.o.Name, "rule", e.Alert.Rule,
		"output", traffic.CleanText(text, maxOutput))
}

// lastLine is the last line of what a command printed, which mostly says why it
// failed.
func lastLine(said []byte) string {
	text := strings.TrimSpace(string(said))
	return traffic.CleanText(text[strings.LastIndexByte(text, '\n')+1:], 200)
}
