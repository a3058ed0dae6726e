package pipe

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// device is one kind of descriptor for a mover.
type device struct {
	name string
	// source returns a descriptor that gives data, sink one that keeps what it
	// takes until it is asked for.
	source func(t *testing.T, data []byte) *os.File
	sink   func(t *testing.T) (to *os.File, taken func() []byte)
}

func devices() []device {
	return []device{
		{"pipe", pipeSource, pipeSink},
		{"file", fileSource, func(t *testing.T) (*os.File, func() []byte) { return fileSink(t, 0) }},
		{"appended file", fileSource, func(t *testing.T) (*os.File, func() []byte) { return fileSink(t, os.O_APPEND) }},
		{"socket", socketSource, socketSink},
	}
}

func pipeSource(t *testing.T, data []byte) *os.File {
	r, w, err := makePipe()
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		w.Write(data)
		w.Close()
	}()
	t.Cleanup(func() { r.Close() })
	return r
}

func pipeSink(t *testing.T) (*os.File, func() []byte) {
	r, w, err := makePipe()
	if err != nil {
		t.Fatal(err)
	}
	return w, collect(r, w)
}

// collect reads all of r from now on. The function returned closes w first.
func collect(r io.ReadCloser, w io.Closer) func() []byte {
	got := make(chan []byte, 1)
	go func() {
		b, _ := io.ReadAll(r)
		r.Close()
		got <- b
	}()
	return func() []byte {
		w.Close()
		return <-got
	}
}

func fileSource(t *testing.T, data []byte) *os.File {
	name := filepath.Join(t.TempDir(), "in")
	if err := os.WriteFile(name, data, 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

func fileSink(t *testing.T, flags int) (*os.File, func() []byte) {
	name := filepath.Join(t.TempDir(), "out")
	f, err := os.OpenFile(name, os.O_CREATE|os.O_WRONLY|flags, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	return f, func() []byte {
		f.Close()
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
}

// sockets returns a TCP connection's ends, the first of them blocking.
func sockets(t *testing.T) (*os.File, *net.TCPConn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	near, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	far, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	f, err := near.(*net.TCPConn).File()
	near.Close()
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.SetNonblock(int(f.Fd()), false); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close(); far.Close() })
	return f, far.(*net.TCPConn)
}

func socketSource(t *testing.T, data []byte) *os.File {
	near, far := sockets(t)
	go func() {
		far.Write(data)
		far.CloseWrite()
	}()
	return near
}

func socketSink(t *testing.T) (*os.File, func() []byte) {
	near, far := sockets(t)
	return near, collect(far, near)
}

// TestMove carries from every kind of descriptor to every other, byte for byte.
func TestMove(t *testing.T) {
	data := make([]byte, 3<<20+17)
	rand.Read(data)
	for _, from := range devices() {
		for _, to := range devices() {
			t.Run(from.name+" to "+to.name, func(t *testing.T) {
				in := from.source(t, data)
				out, taken := to.sink(t)
				m := NewMover(int(in.Fd()), int(out.Fd()), 0)
				if err := m.Run(t.Context()); err != nil {
					t.Error(err)
				}
				if got := taken(); !bytes.Equal(got, data) {
					t.Errorf("%d bytes arrived, or others than were sent: want %d", len(got), len(data))
				}
				if m.Moved() != uint64(len(data)) {
					t.Errorf("counted %d, want %d", m.Moved(), len(data))
				}
			})
		}
	}
}

// TestMoveIsExactWhereTheReaderLeaves: what the pipe took is counted, and no more.
func TestMoveIsExactWhereTheReaderLeaves(t *testing.T) {
	for _, source := range devices()[:2] {
		in := source.source(t, make([]byte, 8<<20))
		r, w, err := makePipe()
		if err != nil {
			t.Fatal(err)
		}
		m := NewMover(int(in.Fd()), int(w.Fd()), 0)
		failed := make(chan error, 1)
		go func() { failed <- m.Run(t.Context()) }()
		buf := make([]byte, 100_000)
		io.ReadFull(r, buf)
		// It fills the pipe up and waits. What then is in there was moved.
		var queued int
		for last := -1; queued != last; time.Sleep(20 * time.Millisecond) {
			last = queued
			if queued, err = unix.IoctlGetInt(int(r.Fd()), unix.TIOCINQ); err != nil {
				t.Fatal(err)
			}
		}
		r.Close()
		var end *EndError
		if err := <-failed; !errors.As(err, &end) || !end.Output || !errors.Is(err, unix.EPIPE) {
			t.Errorf("from a %s: %v, want EPIPE of the output", source.name, err)
		}
		if want := uint64(len(buf) + queued); m.Moved() != want {
			t.Errorf("from a %s: counted %d, want %d", source.name, m.Moved(), want)
		}
		w.Close()
	}
}

// TestMoveIsExactWhereTheDiskIsFull: what is in the file is what was counted.
func TestMoveIsExactWhereTheDiskIsFull(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("mounting a small file system takes root")
	}
	dir := t.TempDir()
	if err := unix.Mount("bwmon-test", dir, "tmpfs", 0, "size=1m"); err != nil {
		t.Skipf("cannot mount a tmpfs here: %v", err)
	}
	defer unix.Unmount(dir, unix.MNT_DETACH)
	for i, from := range devices() {
		name := filepath.Join(dir, fmt.Sprint("out", i))
		f, err := os.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		in := from.source(t, make([]byte, 8<<20))
		m := NewMover(int(in.Fd()), int(f.Fd()), 0)
		err = m.Run(t.Context())
		var end *EndError
		if !errors.As(err, &end) || !end.Output || !errors.Is(err, unix.ENOSPC) {
			t.Errorf("from a %s: %v, want ENOSPC of the output", from.name, err)
		}
		st, err := f.Stat()
		if err != nil {
			t.Fatal(err)
		}
		if st.Size() == 0 || uint64(st.Size()) != m.Moved() {
			t.Errorf("from a %s: counted %d, the file has %d", from.name, m.Moved(), st.Size())
		}
		f.Close()
		in.Close()
		os.Remove(name)
	}
}

// TestMoveEndsWhenCancelled, whatever it waits for.
func TestMoveEndsWhenCancelled(t *testing.T) {
	socket, _ := sockets(t)
	r, w, err := makePipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	full, into, err := makePipe()
	if err != nil {
		t.Fatal(err)
	}
	defer full.Close()
	defer into.Close()
	zero, err := os.Open("/dev/zero")
	if err != nil {
		t.Fatal(err)
	}
	defer zero.Close()
	for _, tc := range []struct {
		name     string
		from, to *os.File
		rate     uint64
	}{
		{"no input", r, into, 0}, {"a quiet socket", socket, into, 0},
		{"no room", zero, into, 0}, {"a slow rate", zero, w, 1},
	} {
		m := NewMover(int(tc.from.Fd()), int(tc.to.Fd()), tc.rate)
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		began := time.Now()
		if err := m.Run(ctx); err != nil {
			t.Errorf("%s: %v", tc.name, err)
		}
		cancel()
		if took := time.Since(began); took > 2*time.Second {
			t.Errorf("%s: took %v", tc.name, took)
		}
	}
}

// TestMoveIsNotInterrupted: a signal, such as the runtime sends its threads, does not
// end the wait for a socket's bytes, since reading it would block for good.
func TestMoveIsNotInterrupted(t *testing.T) {
	socket, _ := sockets(t)
	r, into, err := makePipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer into.Close()
	m := NewMover(int(socket.Fd()), int(into.Fd()), 0)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	thread, done := make(chan int), make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		thread <- unix.Gettid()
		done <- m.Run(ctx)
	}()
	tid := <-thread
	for range 20 {
		time.Sleep(5 * time.Millisecond)
		if err := unix.Tgkill(unix.Getpid(), tid, unix.SIGURG); err != nil {
			t.Fatal(err)
		}
	}
	cancel()
	select {
	case err := <-done:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(5 * time.Second):
		t.Fatal("it does not end")
	}
}

func TestMoveKeepsToItsRate(t *testing.T) {
	const rate = 4 << 20
	for _, from := range devices() {
		in := from.source(t, make([]byte, rate))
		out, taken := pipeSink(t)
		m := NewMover(int(in.Fd()), int(out.Fd()), rate)
		ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
		if err := m.Run(ctx); err != nil {
			t.Error(err)
		}
		cancel()
		// Half a second's worth, and what may be saved up.
		if n := len(taken()); n < rate/4 || n > rate*65/100 {
			t.Errorf("from a %s: %d bytes in 0.5 s, want about %d", from.name, n, rate/2)
		}
		in.Close()
	}
}

func TestPace(t *testing.T) {
	now := time.Unix(0, 0)
	p := pace{rate: 1000}
	sum := 0
	for end := now.Add(10 * time.Second); now.Before(end); {
		n, wait := p.allow(now, 1<<20)
		p.spend(n)
		sum += n
		now = now.Add(wait)
	}
	if sum < 9_800 || sum > 10_100 {
		t.Errorf("%d bytes in 10 s at 1000 a second", sum)
	}
	now = now.Add(time.Hour) // nothing is saved up over a pause
	if n, _ := p.allow(now, 1<<20); n > 100 {
		t.Errorf("%d bytes at once after a pause", n)
	}
	if n, wait := new(pace).allow(now, 5); n != 5 || wait != 0 {
		t.Errorf("without a rate: %d, %v", n, wait)
	}
}
