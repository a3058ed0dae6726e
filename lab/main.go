package lab

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

// Main is the body of TestMain. In a child it does what the child was ordered
// to do; otherwise it runs the tests and then looks for goroutines, sockets
// and namespaces they left behind, which make it fail. The result is the
// process's exit code.
func Main(m *testing.M) int {
	if text := os.Getenv(childEnv); text != "" {
		return childMain(text)
	}
	before := leftDescriptors()
	code := m.Run()
	if code != 0 {
		return code // a failed test may well leave things behind
	}
	if left := leaks(before); left != "" {
		fmt.Fprintf(os.Stderr, "lab: the tests left behind:\n%s\n", left)
		return 1
	}
	return 0
}

func childMain(text string) int {
	var o orders
	if err := json.Unmarshal([]byte(text), &o); err != nil {
		fmt.Fprintf(os.Stderr, "lab child: read orders: %v\n", err)
		return 2
	}
	time.AfterFunc(o.deadline(), func() { os.Exit(3) })
	// exec(2) has named the process after the test binary.
	os.WriteFile("/proc/self/comm", []byte(filepath.Base(os.Args[0])), 0)

	begin, end := make(chan struct{}), make(chan struct{})
	go func() {
		in := bufio.NewScanner(os.Stdin)
		if in.Scan() {
			close(begin)
			in.Scan()
		}
		close(end)
	}()
	out := json.NewEncoder(os.Stdout)
	say := func(m message) {
		if out.Encode(m) != nil {
			os.Exit(4) // nobody listens any more
		}
	}
	listening := func(a netip.AddrPort) { say(message{Listen: a}) }
	var rep Report
	switch {
	case o.Server != nil:
		rep = o.Server.run(listening, end)
	case o.Relay != nil:
		rep = o.Relay.run(listening, end)
	default:
		clientMain(o.Client, say, begin, end)
		return 0
	}
	say(message{Report: &rep})
	return 0
}

func clientMain(c *Client, say func(message), begin, end <-chan struct{}) {
	if c.Hold {
		select {
		case <-begin:
		case <-end:
			return
		}
	}
	rep, open := c.run()
	say(message{Report: &rep})
	if c.Linger || c.KeepOpen {
		<-end
	}
	for _, conn := range open {
		conn.Close()
	}
}

// leaks lists the goroutines and descriptors that are there now and have no
// business to be. It gives those that are just ending two seconds.
func leaks(before map[string]bool) string {
	deadline := time.Now().Add(2 * time.Second)
	for {
		var left []string
		for fd := range leftDescriptors() {
			if !before[fd] {
				left = append(left, "descriptor "+fd)
			}
		}
		left = append(left, leftGoroutines()...)
		if len(left) == 0 || time.Now().After(deadline) {
			return strings.Join(left, "\n")
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// leftDescriptors lists this process's open sockets, namespaces, BPF objects
// and child processes. Others (the poller's, the test log) come and go by the
// runtime's will.
func leftDescriptors() map[string]bool {
	const dir = "/proc/self/fd"
	found := make(map[string]bool)
	entries, err := os.ReadDir(dir)
	if err != nil {
		return found
	}
	for _, e := range entries {
		target, err := os.Readlink(filepath.Join(dir, e.Name()))
		if err != nil {
			continue // the directory's own
		}
		for _, kind := range []string{"socket:", "net:", "anon_inode:bpf", "anon_inode:[pidfd]", "pipe:"} {
			if strings.HasPrefix(target, kind) {
				found[e.Name()+" "+target] = true
			}
		}
	}
	return found
}

// leftGoroutines lists the goroutines other than the caller's and those that
// belong to the runtime and to package testing.
func leftGoroutines() []string {
	buf := make([]byte, 1<<20)
	buf = buf[:runtime.Stack(buf, true)]
	var left []string
	for i, g := range strings.Split(string(buf), "\n\n") {
		known := i == 0 // the caller
		for _, name := range []string{
			"os/signal.", "testing.(*M).", "testing.runFuzz", "runtime/trace.", "runtime/pprof.",
		} {
			known = known || strings.Contains(g, name)
		}
		if !known {
			left = append(left, g)
		}
	}
	return left
}
