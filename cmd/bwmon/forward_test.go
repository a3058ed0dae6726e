package main

import (
	"bytes"
	"context"
	"encoding/json"
	"net/netip"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"bwmon/lab"
)

// lines is what a program writes, to be looked at while it runs.
type lines struct {
	mu  sync.Mutex // protects buf
	buf bytes.Buffer
}

func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(b)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

// forwardOn runs "bwmon forward" on a host until stop is called, which returns its
// summary.
func forwardOn(t *testing.T, host *lab.Host, args ...string) (stop func() forwardSummary) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	t.Cleanup(cancel)
	cmd := command(t, ctx, append([]string{"forward", "--format", "json"}, args...)...)
	var stdout bytes.Buffer
	stderr := &lines{}
	cmd.Stdout, cmd.Stderr = &stdout, stderr
	if err := host.Do(cmd.Start); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	for !strings.Contains(stderr.String(), "forwarding ") {
		select {
		case err := <-ended:
			t.Fatalf("bwmon forward ended: %v: %s", err, stderr)
		case <-time.After(5 * time.Millisecond):
		}
	}
	return func() forwardSummary {
		t.Helper()
		cmd.Process.Signal(unix.SIGTERM)
		if err := <-ended; err != nil {
			t.Fatalf("bwmon forward: %v: %s", err, stderr)
		}
		var s forwardSummary
		if err := json.Unmarshal(stdout.Bytes(), &s); err != nil {
			t.Fatalf("%v: %s", err, stdout.Bytes())
		}
		return s
	}
}

// TestForwardBooksClients: one on this host by its command line, one of another host
// by its address, both to the byte.
func TestForwardBooksClients(t *testing.T) {
	here, there := cable(t, true)
	server := there.Serve(lab.Server{Proto: "tcp", Listen: netip.MustParseAddrPort("198.18.1.2:7000")})
	stop := forwardOn(t, here, "0.0.0.0:8080", "198.18.1.2:7000")
	mine := here.Start(lab.Client{
		Args: []string{"restorer", "--all"}, Proto: "tcp", Target: netip.MustParseAddrPort("127.0.0.1:8080"),
		Connections: 5, Send: 10_000, Receive: 3_000_000,
	}).Wait()
	theirs := there.Start(lab.Client{
		Proto: "tcp", Target: netip.MustParseAddrPort("198.18.1.1:8080"), Connections: 3, Send: 700_000, Receive: 500,
	}).Wait()
	s := stop()
	server.Stop()
	want := map[string]lab.Report{"restorer --all": mine, "198.18.1.2": theirs}
	if len(s.Clients) != len(want) || s.Label != "pipe-8080:198.18.1.2:7000" || s.Relays != 8 {
		t.Errorf("summary is %+v", s)
	}
	for _, row := range s.Clients {
		if rep := want[row.Client]; row.Rx != rep.Received || row.Tx != rep.Sent {
			t.Errorf("%s: received %d and sent %d, want %d and %d", row.Client, row.Rx, row.Tx, rep.Received, rep.Sent)
		}
	}
}

// TestForwardDrainsOnASignal, and a second one ends it at once.
func TestForwardDrainsOnASignal(t *testing.T) {
	here, there := cable(t, true)
	server := there.Serve(lab.Server{Proto: "tcp", Listen: netip.MustParseAddrPort("198.18.1.2:7000")})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := command(t, ctx, "forward", ":8080", "198.18.1.2:7000", "--drain", "1m")
	var stdout bytes.Buffer
	stderr := &lines{}
	cmd.Stdout, cmd.Stderr = &stdout, stderr
	if err := here.Do(cmd.Start); err != nil {
		t.Fatal(err)
	}
	for !strings.Contains(stderr.String(), "forwarding ") {
		time.Sleep(5 * time.Millisecond)
	}
	client := here.Start(lab.Client{
		Args: []string{"keeper"}, Proto: "tcp", Target: netip.MustParseAddrPort("127.0.0.1:8080"), Send: 1000, Receive: 1000, KeepOpen: true,
	})
	client.Wait()
	cmd.Process.Signal(unix.SIGTERM)
	time.Sleep(300 * time.Millisecond)
	if err := cmd.Process.Signal(syscall.Signal(0)); err != nil {
		t.Errorf("it did not wait for the relay: %v", err)
	}
	began := time.Now()
	cmd.Process.Signal(unix.SIGTERM)
	if err := cmd.Wait(); err != nil {
		t.Errorf("%v: %s", err, stderr)
	}
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("it took %v", took)
	}
	if out := stdout.String(); !strings.Contains(out, "keeper") || !strings.Contains(out, "1 cut") {
		t.Errorf("it said %s", out)
	}
	client.Stop()
	server.Stop()
}
