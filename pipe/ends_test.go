package pipe

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"

	"golang.org/x/sys/unix"
)

// TestEnds finds the processes at both ends of a pipeline's pipes, and not those
// that hold the same pipe the other way round.
func TestEnds(t *testing.T) {
	inR, inW, err := makePipe()
	if err != nil {
		t.Fatal(err)
	}
	defer inR.Close()
	outR, outW, err := makePipe()
	if err != nil {
		t.Fatal(err)
	}
	defer outW.Close()
	writer := program(t, nil, inW)
	reader := program(t, outR, nil)
	e := Ends{Proc: "/proc"}
	if w, r := e.Find(int(inR.Fd()), int(outW.Fd())); w != writer || r != reader {
		t.Errorf("writer is %d and reader %d, want %d and %d", w, r, writer, reader)
	}
	if w, r := e.Find(int(outW.Fd()), int(inR.Fd())); w != 0 || r != 0 {
		t.Errorf("the other way round, writer is %d and reader %d", w, r)
	}
	f, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if w, r := e.Find(int(f.Fd()), int(f.Fd())); w != 0 || r != 0 {
		t.Errorf("of what is no pipe, writer is %d and reader %d", w, r)
	}
}

// program starts a process that does nothing but hold its standard input and
// output, and gives ours up.
func program(t *testing.T, stdin, stdout *os.File) int {
	t.Helper()
	cmd := exec.Command("sleep", "60")
	if stdin != nil {
		cmd.Stdin = stdin
	}
	if stdout != nil {
		cmd.Stdout = stdout
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
	for _, f := range []*os.File{stdin, stdout} {
		if f != nil {
			f.Close()
		}
	}
	return cmd.Process.Pid
}

// TestEndsOfOtherProcs reads a /proc as a shell leaves it that has started others:
// it holds the pipe as well as they do.
func TestEndsOfOtherProcs(t *testing.T) {
	proc := t.TempDir()
	hold := func(pid, fd int, link, flags string) {
		dir := filepath.Join(proc, strconv.Itoa(pid))
		for _, d := range []string{"fd", "fdinfo"} {
			if err := os.MkdirAll(filepath.Join(dir, d), 0o755); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.Symlink(link, filepath.Join(dir, "fd", strconv.Itoa(fd))); err != nil {
			t.Fatal(err)
		}
		text := "pos:\t0\nflags:\t" + flags + "\nmnt_id:\t15\nino:\t7\n"
		if err := os.WriteFile(filepath.Join(dir, "fdinfo", strconv.Itoa(fd)), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	hold(10, 1, "pipe:[7]", "01")    // the shell
	hold(11, 1, "pipe:[7]", "01")    // what it runs now
	hold(12, 5, "pipe:[7]", "01")    // got it from somewhere
	hold(13, 0, "pipe:[7]", "00")    // reads
	hold(14, 1, "pipe:[8]", "01")    // another pipe
	hold(15, 1, "/pipe:[7]", "0101") // a file of that name
	e := Ends{Proc: proc}
	found := e.holders(end{"pipe:[7]", unix.O_WRONLY, unix.Stdout}, end{"pipe:[7]", unix.O_RDONLY, unix.Stdin})
	if got := likeliest(found[0], unix.Stdout); got != 11 {
		t.Errorf("the writer is %d, want 11", got)
	}
	if got := likeliest(found[1], unix.Stdin); got != 13 {
		t.Errorf("the reader is %d, want 13", got)
	}
	if got := likeliest(nil, unix.Stdin); got != 0 {
		t.Errorf("of nobody, %d", got)
	}
}

func TestParseFlags(t *testing.T) {
	for _, tc := range []struct {
		text string
		want uint64
		ok   bool
	}{
		{"pos:\t0\nflags:\t0100001\nmnt_id:\t15\n", 0o100001, true},
		{"flags: 00", 0, true},
		{"flags:\t9\n", 0, false},
		{"pos:\t0\n", 0, false},
		{"", 0, false},
	} {
		got, err := parseFlags([]byte(tc.text))
		if got != tc.want || (err == nil) != tc.ok {
			t.Errorf("parseFlags(%q) = %o, %v", tc.text, got, err)
		}
	}
}

func FuzzParseFlags(f *testing.F) {
	f.Add([]byte("pos:\t0\nflags:\t0100001\nmnt_id:\t15\nino:\t1\n"))
	f.Add([]byte("flags:"))
	f.Fuzz(func(t *testing.T, text []byte) {
		if n, err := parseFlags(text); err != nil && n != 0 && n != 1<<64-1 {
			t.Errorf("%d with an error", n)
		}
	})
}
