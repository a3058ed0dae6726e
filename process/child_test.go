package process

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
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
	for _, w := range workers {
		w.in.Close()
		w.cmd.Wait()
	}
	return 0
}

func childDo(role string, words []string) (string, error) {
	switch role {
	case "client":
		return clientDo(words)
	case "forker":
		return forkerDo(words)
	case "forked":
		// It looks like its parent until it is told.
		os.Setenv("PROCESS_TEST_CHILD", "heir")
		return "", syscall.Exec("/proc/self/exe", []string{"worker", "--of", "connection"}, os.Environ())
	case "heir":
		return "here", nil // holds the descriptors it was given
	}
	return "", fmt.Errorf("no such role: %s", role)
}

func clientDo(words []string) (string, error) {
	switch words[0] {
	case "HOLD", "SHORT":
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
	case "DROP": // privileges
		uid, err := strconv.Atoi(words[1])
		if err != nil {
			return "", err
		}
		return "done", syscall.Setresuid(uid, uid, uid)
	}
	return "", fmt.Errorf("no such order: %s", words[0])
}

// forkerDo is a server that forks for each connection. "LISTEN": say where.
// "ACCEPT": accept one, leave it to a child that looks like this process, say
// its pid. "EXEC": let the latest child execute another program.
func forkerDo(words []string) (string, error) {
	switch words[0] {
	case "LISTEN":
		ln, err := net.Listen("tcp", words[1])
		if err != nil {
			return "", err
		}
		listener = ln.(*net.TCPListener)
		return ln.Addr().String(), nil
	case "ACCEPT":
		return accept()
	case "EXEC":
		_, err := fmt.Fprintln(workers[len(workers)-1].in)
		return "told", err
	}
	return "", fmt.Errorf("no such order: %s", words[0])
}

// accept leaves one connection to a child.
func accept() (string, error) {
	conn, err := listener.AcceptTCP()
	if err != nil {
		return "", err
	}
	defer conn.Close()
	file, err := conn.File()
	if err != nil {
		return "", err
	}
	defer file.Close()
	cmd := &exec.Cmd{
		Path: "/proc/self/exe", Args: os.Args, Env: append(os.Environ(), "PROCESS_TEST_CHILD=forked"),
		ExtraFiles: []*os.File{file}, Stderr: os.Stderr,
	}
	in, err := cmd.StdinPipe()
	if err != nil {
		return "", err
	}
	if err := cmd.Start(); err != nil {
		return "", err
	}
	workers = append(workers, worked{cmd, in})
	return strconv.Itoa(cmd.Process.Pid), nil
}

// worked is a child of a child, which ends with its input.
type worked struct {
	cmd *exec.Cmd
	in  io.WriteCloser
}

// What a child has.
var (
	keep     []net.Conn
	listener *net.TCPListener
	workers  []worked
)
