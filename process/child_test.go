package process

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"bwmon/lab"
)

// TestMain lets the test binary be its own child: see child.
func TestMain(m *testing.M) {
	if role := os.Getenv("PROCESS_TEST_CHILD"); role != "" {
		os.Exit(childMain(role))
	}
	os.Exit(lab.Main(m))
}

// child is a child of the test binary that does what it is told on its
// standard input, line by line.
type child struct {
	t   testing.TB
	cmd *exec.Cmd
	in  interface{ Close() error }
	out *bufio.Scanner
	w   *bufio.Writer
}

// newChild starts a child whose command line is args.
func newChild(t testing.TB, role string, files []*os.File, args ...string) *child {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self)
	cmd.Args = args
	cmd.Env = append(os.Environ(), "PROCESS_TEST_CHILD="+role)
	cmd.ExtraFiles = files
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	c := &child{t: t, cmd: cmd, in: in, out: bufio.NewScanner(out), w: bufio.NewWriter(in)}
	t.Cleanup(c.end)
	return c
}

// tell sends one line and returns the answer.
func (c *child) tell(format string, args ...any) string {
	c.t.Helper()
	fmt.Fprintf(c.w, format+"\n", args...)
	if err := c.w.Flush(); err != nil {
		c.t.Fatal(err)
	}
	if !c.out.Scan() {
		c.t.Fatalf("child ended: %v", c.out.Err())
	}
	return c.out.Text()
}

// end closes the child's input, upon which it exits, and waits for it.
func (c *child) end() {
	if c.cmd.ProcessState != nil {
		return
	}
	c.in.Close()
	if err := c.cmd.Wait(); err != nil {
		c.t.Errorf("child: %v", err)
	}
}

// childMain is the child's side.
func childMain(role string) int {
	in := bufio.NewScanner(os.Stdin)
	for in.Scan() {
		answer, err := childDo(role, strings.Fields(in.Text()))
		if err != nil {
			fmt.Fprintln(os.Stderr, "child:", err)
			return 1
		}
		fmt.Println(answer)
	}
	return 0
}

func childDo(role string, words []string) (string, error) {
	switch role {
	case "client":
		// "HOLD": dial, say the local address, keep the connection. "SHORT":
		// keep it for that long and close it.
		c, err := net.Dial("tcp", words[1])
		if err != nil {
			return "", err
		}
		local := c.LocalAddr().String()
		if words[0] == "SHORT" {
			d, err := time.ParseDuration(words[2])
			if err != nil {
				return "", err
			}
			fmt.Println(local)
			time.Sleep(d)
			_ = c.(*net.TCPConn).SetLinger(0)
			c.Close()
			return "closed", nil
		}
		keep = append(keep, c)
		return local, nil
	case "heir":
		return "here", nil // holds the descriptors it was given
	}
	return "", fmt.Errorf("no such role: %s", role)
}

// keep holds a child's connections.
var keep []net.Conn
