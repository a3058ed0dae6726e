package lab

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"os/exec"
	"syscall"
	"time"
)

// childEnv carries a child's orders; a process that has it is a child.
const childEnv = "BWMON_LAB_CHILD"

// defaultDeadline bounds a child's life where its orders do not.
const defaultDeadline = time.Minute

// orders is what a child is told: exactly one of them.
type orders struct {
	Client *Client `json:",omitempty"`
	Server *Server `json:",omitempty"`
	Relay  *Relay  `json:",omitempty"`
}

func (o orders) deadline() time.Duration {
	var d time.Duration
	switch {
	case o.Client != nil:
		d = o.Client.Deadline
	case o.Server != nil:
		d = o.Server.Deadline
	case o.Relay != nil:
		d = o.Relay.Deadline
	}
	if d == 0 {
		d = defaultDeadline
	}
	return d
}

// Conn is what one connection carried, in payload bytes of its protocol, as
// the reporting end saw it.
type Conn struct {
	Local, Remote  netip.AddrPort
	Sent, Received uint64
}

// Report is what a child did. The totals are those of Conns.
type Report struct {
	Sent, Received uint64
	Conns          []Conn
	Error          string `json:",omitempty"` // the first thing that went wrong
}

func (r *Report) add(c Conn) {
	r.Conns = append(r.Conns, c)
	r.Sent += c.Sent
	r.Received += c.Received
}

// message is a line of a child's standard output.
type message struct {
	Listen netip.AddrPort `json:",omitzero"` // a server is ready
	Report *Report        `json:",omitempty"`
}

// Child is a process of its own on a Host. It is tied to the test process by
// its standard input: when that ends, so does the child. Its methods are for
// one goroutine at a time.
type Child struct {
	PID  int
	Addr netip.AddrPort // where a server listens

	lab      *Lab
	name     string
	cmd      *exec.Cmd
	stdin    io.WriteCloser
	stdout   *bufio.Reader
	deadline time.Time
	linger   bool
	report   *Report
	reaped   bool
}

// start runs this test binary once more, as a child with the command line
// args, in the host's namespace.
func (h *Host) start(o orders, args []string) *Child {
	h.lab.t.Helper()
	self, err := os.Executable()
	if err != nil {
		h.lab.t.Fatalf("start a child: %v", err)
	}
	text, err := json.Marshal(o)
	if err != nil {
		h.lab.t.Fatalf("start a child: %v", err)
	}
	if len(args) == 0 {
		args = []string{"lab-child"}
	}
	cmd := &exec.Cmd{
		Path: self,
		Args: args,
		Env: append(os.Environ(), childEnv+"="+string(text), "GOMAXPROCS=1",
			// Under the race detector a process would take a second to exit.
			"GORACE="+os.Getenv("GORACE")+" atexit_sleep_ms=0"),
		Stderr: os.Stderr,
	}
	if h.group != nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{UseCgroupFD: true, CgroupFD: int(h.group.Fd())}
	}
	c := &Child{lab: h.lab, name: fmt.Sprintf("%q on %s", args[0], h.Name), cmd: cmd}
	c.deadline = time.Now().Add(o.deadline() + patience)
	stdin, err := cmd.StdinPipe()
	if err != nil {
		h.lab.t.Fatalf("start %s: %v", c.name, err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		stdin.Close()
		h.lab.t.Fatalf("start %s: %v", c.name, err)
	}
	c.stdin = stdin
	if f, ok := stdout.(*os.File); ok {
		f.SetReadDeadline(c.deadline) // a pipe always has deadlines
	}
	c.stdout = bufio.NewReader(stdout)
	// The child gets the namespace of the thread that forks it.
	if err := h.Do(cmd.Start); err != nil {
		stdin.Close()
		stdout.Close()
		h.lab.t.Fatalf("start %s: %v", c.name, err)
	}
	c.PID = cmd.Process.Pid
	h.lab.mu.Lock()
	h.lab.children = append(h.lab.children, c)
	h.lab.mu.Unlock()
	return c
}

// Begin starts the traffic of a client that was started with Hold.
func (c *Child) Begin() {
	c.lab.t.Helper()
	if _, err := io.WriteString(c.stdin, "begin\n"); err != nil {
		c.lab.t.Fatalf("begin %s: %v", c.name, err)
	}
}

// Wait blocks until a client has carried all its traffic, and returns what
// that was. The process has ended then, unless its orders say Linger or
// KeepOpen. A client that failed ends the test.
func (c *Child) Wait() Report {
	c.lab.t.Helper()
	if c.report == nil {
		m := c.next()
		if m.Report == nil {
			c.lab.t.Fatalf("wait for %s: it sent no report", c.name)
		}
		c.report = m.Report
	}
	if c.report.Error != "" {
		c.lab.t.Fatalf("%s: %s", c.name, c.report.Error)
	}
	if !c.linger {
		c.reapOrFail()
	}
	return *c.report
}

// Stop ends a server, a relay or a lingering client and returns what it carried.
func (c *Child) Stop() Report {
	c.lab.t.Helper()
	c.stdin.Close()
	c.linger = false
	return c.Wait()
}

// awaitListening returns once a server listens, which ends with Stop.
func (c *Child) awaitListening() {
	c.lab.t.Helper()
	c.linger = true
	m := c.next()
	if m.Report != nil {
		c.lab.t.Fatalf("%s: %s", c.name, m.Report.Error)
	}
	c.Addr = m.Listen
}

func (c *Child) next() message {
	c.lab.t.Helper()
	line, err := c.stdout.ReadBytes('\n')
	if err != nil {
		if errors.Is(err, io.EOF) {
			err = errors.New("it ended without a word: does TestMain call lab.Main?")
		}
		c.lab.t.Fatalf("wait for %s: %v", c.name, err)
	}
	var m message
	if err := json.Unmarshal(line, &m); err != nil {
		c.lab.t.Fatalf("wait for %s: %q: %v", c.name, line, err)
	}
	return m
}

func (c *Child) reapOrFail() {
	c.lab.t.Helper()
	if c.reaped {
		return
	}
	c.reaped = true
	timer := time.AfterFunc(patience, func() { c.cmd.Process.Kill() })
	defer timer.Stop()
	if err := c.cmd.Wait(); err != nil {
		c.lab.t.Fatalf("%s: %v", c.name, err)
	}
}

// kill ends the child whatever it is doing; reap collects it.
func (c *Child) kill() {
	if !c.reaped {
		c.cmd.Process.Kill()
	}
}

func (c *Child) reap() {
	if !c.reaped {
		c.reaped = true
		c.cmd.Wait() // killed: its status says nothing
	}
}
