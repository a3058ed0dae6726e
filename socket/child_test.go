package socket

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"bwmon/lab"
)

// childEnv names what a process started by these tests does; see trades.
const childEnv = "BWMON_SOCKET_TEST_CHILD"

// trades is what children can do. What one prints on a line is for the test;
// it ends with its standard input, or when it is done.
var trades = map[string]func(args []string) error{
	"ping": ping, "prefork": prefork, "worker": worker, "sendfile": sendfile, "storm": storm, "chat": chat,
}

// child runs this binary once more, in a host's namespace and cgroup, as
// "TRADE ARGS". The cleanup ends it.
type child struct {
	t     testing.TB
	cmd   *exec.Cmd
	stdin io.WriteCloser
	lines chan string

	patience time.Duration // of line; default 10 s
}

func startChild(t testing.TB, h *lab.Host, group, trade string, args ...string) *child {
	t.Helper()
	dir, err := os.Open(group)
	if err != nil {
		t.Fatal(err)
	}
	defer dir.Close()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	c := &child{t: t, cmd: exec.Command(self, args...), lines: make(chan string, 10), patience: 10 * time.Second}
	c.cmd.Args[0] = trade
	c.cmd.Env = append(os.Environ(), childEnv+"="+trade, "GORACE=atexit_sleep_ms=0")
	c.cmd.SysProcAttr = &syscall.SysProcAttr{UseCgroupFD: true, CgroupFD: int(dir.Fd()), Pdeathsig: syscall.SIGKILL}
	c.cmd.Stderr = os.Stderr
	stdout, err := c.cmd.StdoutPipe()
	if err == nil {
		c.stdin, err = c.cmd.StdinPipe()
	}
	if err == nil {
		err = h.Do(c.cmd.Start)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		c.cmd.Process.Kill()
		c.cmd.Wait()
	})
	go func() {
		defer close(c.lines)
		buf := make([]byte, 4096)
		for {
			n, err := stdout.Read(buf)
			for line := range strings.Lines(string(buf[:n])) {
				c.lines <- strings.TrimSpace(line)
			}
			if err != nil {
				return
			}
		}
	}()
	return c
}

// line is the next that the child prints.
func (c *child) line() string {
	c.t.Helper()
	select {
	case l := <-c.lines:
		return l
	case <-time.After(c.patience):
		c.t.Fatalf("%s says nothing", c.cmd.Args)
		return ""
	}
}

// wait waits until the child has done its work.
func (c *child) wait() {
	c.t.Helper()
	for range c.lines { // until it has ended
	}
	if err := c.cmd.Wait(); err != nil {
		c.t.Fatalf("%s: %v", c.cmd.Args, err)
	}
}

// work does what the environment says, and reports whether it said anything.
func work() bool {
	trade, ok := trades[os.Getenv(childEnv)]
	if !ok {
		return false
	}
	if err := trade(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, os.Args, err)
		os.Exit(1)
	}
	return true
}

// ping sends so many echo requests of a size to an address, over a raw socket.
func ping(args []string) error {
	to := net.IPAddr{IP: net.ParseIP(args[0])}
	n, _ := strconv.Atoi(args[1])
	size, _ := strconv.Atoi(args[2])
	conn, err := net.ListenPacket("ip4:icmp", "")
	if err != nil {
		return err
	}
	defer conn.Close()
	msg := make([]byte, size)
	msg[0] = 8 // echo request, RFC 792
	var sum uint32
	for i := 0; i+1 < len(msg); i += 2 {
		sum += uint32(msg[i])<<8 | uint32(msg[i+1])
	}
	sum = ^(sum>>16 + sum&0xffff)
	msg[2], msg[3] = byte(sum>>8), byte(sum)
	answer := make([]byte, 1500)
	for range n {
		if _, err := conn.WriteTo(msg, &to); err != nil {
			return err
		}
		conn.SetReadDeadline(time.Now().Add(5 * time.Second))
		if _, _, err := conn.ReadFrom(answer); err != nil {
			return err
		}
	}
	return nil
}

// prefork listens and leaves accepting to a worker that inherits the socket.
func prefork(args []string) error {
	ln, err := net.Listen("tcp", args[0])
	if err != nil {
		return err
	}
	f, err := ln.(*net.TCPListener).File()
	if err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	cmd := exec.Command(self, "--of", args[0])
	cmd.Args[0] = "worker"
	cmd.Env = append(os.Environ(), childEnv+"=worker")
	cmd.ExtraFiles = []*os.File{f}
	cmd.Stdin = os.Stdin
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		return err
	}
	fmt.Println(ln.Addr())
	io.Copy(io.Discard, os.Stdin)
	cmd.Process.Kill()
	cmd.Wait()
	return nil
}

// worker accepts from the listener in descriptor 3 and answers every
// connection with as much as it reads.
func worker([]string) error {
	ln, err := net.FileListener(os.NewFile(3, "listener"))
	if err != nil {
		return err
	}
	for {
		conn, err := ln.Accept()
		if err != nil {
			return err
		}
		go func() {
			defer conn.Close()
			io.Copy(conn, conn)
		}()
	}
}

// sendfile sends a file of a size to an address with sendfile(2).
func sendfile(args []string) error {
	return sendZeros(args, func(f *os.File, conn *net.TCPConn, size int64) error {
		n, err := io.Copy(conn, f) // the library uses sendfile
		if err == nil && n != size {
			err = errors.New("not all was sent")
		}
		return err
	})
}

// sendZeros has a file of a size sent to an address, both in args, and waits for
// the other end to end.
func sendZeros(args []string, send func(f *os.File, conn *net.TCPConn, size int64) error) error {
	size, _ := strconv.ParseInt(args[1], 10, 64)
	f, err := os.CreateTemp("", "bwmon")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	if err := f.Truncate(size); err != nil {
		return err
	}
	conn, err := net.Dial("tcp", args[0])
	if err != nil {
		return err
	}
	defer conn.Close()
	if err := send(f, conn.(*net.TCPConn), size); err != nil {
		return err
	}
	return finish(conn)
}

// chat talks to itself over Unix sockets that have a cookie, until its standard
// input ends.
func chat([]string) error {
	fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	for _, fd := range fds {
		if _, err := unix.GetsockoptUint64(fd, unix.SOL_SOCKET, unix.SO_COOKIE); err != nil {
			return err
		}
	}
	buf := make([]byte, 10)
	for range 10 {
		if _, err := syscall.Write(fds[0], buf); err != nil {
			return err
		}
		if _, err := syscall.Read(fds[1], buf); err != nil {
			return err
		}
	}
	fmt.Println("said")
	_, err = io.Copy(io.Discard, os.Stdin)
	return err
}

// storm opens and closes so many UDP sockets, each with one datagram, as fast
// as it goes.
func storm(args []string) error {
	to := netip.MustParseAddrPort(args[0])
	n, _ := strconv.Atoi(args[1])
	addr := &syscall.SockaddrInet4{Port: int(to.Port()), Addr: to.Addr().As4()}
	for range n {
		fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_DGRAM|syscall.SOCK_CLOEXEC, 0)
		if err != nil {
			return err
		}
		err = syscall.Sendto(fd, []byte("0123456789"), 0, addr)
		if err = errors.Join(err, syscall.Close(fd)); err != nil {
			return err
		}
	}
	return nil
}
