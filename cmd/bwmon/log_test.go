package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

func logTo(to, dir string) logConfig {
	c := defaultLog()
	c.To, c.File = to, filepath.Join(dir, "log", "bwmon.log")
	return c
}

func readLog(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestLogRotates: files do not grow beyond what is configured, nor in number, and
// what they hold is the end of what was written, in order.
func TestLogRotates(t *testing.T) {
	for _, files := range []int{1, 3} {
		c := logTo(logFile, t.TempDir())
		c.MaxSize, c.MaxFiles = 1000, files
		var names []string
		l, err := openLog(c, logOptions{stderr: os.Stderr, opened: func(f *os.File) { names = append(names, f.Name()) }})
		if err != nil {
			t.Fatal(err)
		}
		for i := range 200 {
			l.Info("line", "n", i)
		}
		if err := l.Close(); err != nil {
			t.Error(err)
		}
		var text string
		for n := files - 1; n >= 0; n-- {
			path := c.File
			if n > 0 {
				path += "." + strconv.Itoa(n)
			}
			part := readLog(t, path)
			if len(part) > 1000 || n > 0 && len(part) < 900 {
				t.Errorf("%s has %d bytes", path, len(part))
			}
			text += part
		}
		lines := strings.Split(strings.TrimSpace(text), "\n")
		for i, line := range lines {
			if want := fmt.Sprintf("msg=line n=%d", 200-len(lines)+i); !strings.HasSuffix(line, want) {
				t.Fatalf("line %d of %d is %q, want %s", i, len(lines), line, want)
			}
		}
		if entries, _ := os.ReadDir(filepath.Dir(c.File)); len(entries) != files {
			t.Errorf("%d files, want %d", len(entries), files)
		}
		if len(names) < files || len(lines) < 13*(files-1) {
			t.Errorf("%d files opened, %d lines kept", len(names), len(lines))
		}
	}
}

// TestLogReopens: after somebody has moved the file away, and a reload, there is a
// new one; and the level is the new one.
func TestLogReopens(t *testing.T) {
	c := logTo(logFile, t.TempDir())
	l, err := openLog(c, logOptions{stderr: os.Stderr})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	l.Debug("not yet")
	l.Info("first")
	if err := os.Rename(c.File, c.File+".old"); err != nil {
		t.Fatal(err)
	}
	l.Info("second")
	c.Level, c.To = slog.LevelDebug, logStderr
	if err := l.Reload(c); err != nil {
		t.Fatal(err)
	}
	l.Debug("third")
	if old, text := readLog(t, c.File+".old"), readLog(t, c.File); strings.Count(old, "\n") != 2 || !strings.Contains(old, "second") ||
		strings.Count(text, "\n") != 2 || !strings.Contains(text, "changes with the next start") || !strings.Contains(text, "level=DEBUG msg=third") {
		t.Errorf("%q, %q", old, text)
	}
	if err := os.Remove(c.File); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mkfifo(c.File, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := l.Reload(c); err == nil { // and it does not wait for a reader
		t.Error("a FIFO was taken for a file")
	}
}

// TestLogIsALink: a link that others may have made is neither followed nor emptied.
func TestLogIsALink(t *testing.T) {
	for _, mode := range []os.FileMode{0o755, 0o777} {
		c := logTo(logFile, t.TempDir())
		c.MaxSize, c.MaxFiles = 1000, 1
		var errs bytes.Buffer
		l, err := openLog(c, logOptions{stderr: &errs})
		if err != nil {
			t.Fatal(err)
		}
		precious := filepath.Join(t.TempDir(), "precious")
		err = errors.Join(os.WriteFile(precious, []byte("precious\n"), 0o600), os.Chmod(filepath.Dir(c.File), mode),
			os.Remove(c.File), os.Symlink(precious, c.File))
		if err != nil {
			t.Fatal(err)
		}
		for i := range 100 {
			l.Info("line", "n", i)
		}
		if err := l.Close(); err != nil {
			t.Error(err)
		}
		// In a directory of ours alone it is meant, and goes on with what is there.
		text := readLog(t, precious)
		if mode == 0o777 && text != "precious\n" || mode == 0o755 && !strings.Contains(text, "msg=line") {
			t.Errorf("%v: %q", mode, text)
		}
		if refused := strings.Contains(errs.String(), "is a symbolic link in a directory that other users can write to"); refused != (mode == 0o777) {
			t.Errorf("%v: it says %q", mode, errs.String())
		}
	}
}

// TestLogOnAFullDisk: what cannot be written is lost, told of and counted, and
// holds nobody up.
func TestLogOnAFullDisk(t *testing.T) {
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=64k"); err != nil {
		t.Skipf("mount a small tmpfs: %v", err)
	}
	t.Cleanup(func() { unix.Unmount(dir, unix.MNT_DETACH) })
	c := logTo(logFile, dir)
	var errs bytes.Buffer
	l, err := openLog(c, logOptions{stderr: &errs})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	ballast := filepath.Join(dir, "ballast")
	if err := os.WriteFile(ballast, make([]byte, 60<<10), 0o600); err != nil {
		t.Fatal(err)
	}
	for i := range 1000 {
		l.Info("line", "n", i)
	}
	l.stderr.flush(patience)
	if text := errs.String(); strings.Count(text, "\n") != 1 || !strings.Contains(text, "write the log: ") || !strings.Contains(text, "no space left") {
		t.Errorf("stderr has %q", text)
	}
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	l.Info("again")
	written, lost := 0, 0
	for line := range strings.Lines(readLog(t, c.File)) {
		if _, after, ok := strings.Cut(line, "lost\" lines="); ok {
			lost, _ = strconv.Atoi(strings.TrimSpace(after))
		} else if strings.Contains(line, "msg=line") {
			written++
		}
	}
	// The last line before the disk was full is there in part.
	if all := written + lost; lost == 0 || all < 1000 || all > 1001 || !strings.HasSuffix(readLog(t, c.File), "msg=again\n") {
		t.Errorf("%d written, %d lost", written, lost)
	}
}

// TestLogToTheJournal: by its protocol, where stderr goes there or it is asked for.
func TestLogToTheJournal(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal")
	c, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	l, err := openLog(logTo(logJournal, ""), logOptions{stderr: os.Stderr, journalSocket: path})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	l.Debug("not this")
	l.With("notify", "ops").WithGroup("g").Warn("hostile \x1b[31m\nPRIORITY=0", "error", "a\nPRIORITY=0 b")
	buffer := make([]byte, 4096)
	n, err := c.Read(buffer)
	if err != nil {
		t.Fatal(err)
	}
	want := `MESSAGE=hostile \x1b[31m\nPRIORITY=0 notify=ops g.error="a\nPRIORITY=0 b"` + "\nPRIORITY=4\nSYSLOG_IDENTIFIER=bwmon\n"
	if diff := cmp.Diff(want, string(buffer[:n])); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got := string(journalRecord([][2]string{{"A", "b\nc"}})); got != "A\n\x03\x00\x00\x00\x00\x00\x00\x00b\nc\n" {
		t.Errorf("a value of two lines: %q", got)
	}
}

// TestLogWithoutAJournal: journald that does not answer holds nobody up, and its
// records are not lost without a word.
func TestLogWithoutAJournal(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal")
	c, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	var errs bytes.Buffer
	l, err := openLog(logTo(logJournal, ""), logOptions{stderr: &errs, journalSocket: path})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	const all = 2000 // more than the socket's queue and buffer take
	for range all {
		l.Info("line")
	}
	l.stderr.flush(patience)
	lost := strings.Count(errs.String(), "(the journal does not take it: ")
	buffer := make([]byte, 4096)
	for range all - lost {
		if _, err := c.Read(buffer); err != nil {
			t.Fatal(err)
		}
	}
	l.Info("again")
	n, err := c.Read(buffer)
	if want := fmt.Sprintf("MESSAGE=again (%d records before it were lost)\n", lost); err != nil || lost == 0 || !strings.HasPrefix(string(buffer[:n]), want) {
		t.Errorf("%q, %v; want %q", buffer[:n], err, want)
	}
}

// TestLogThatNobodyReads: neither a full stderr nor journald that hangs, whose own
// socket stderr is, holds anybody up; what is lost is counted.
func TestLogThatNobodyReads(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal")
	c, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for _, to := range []string{logStderr, logJournal} {
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		defer w.Close()
		l, err := openLog(logTo(to, ""), logOptions{stderr: w, journalSocket: path})
		if err != nil {
			t.Fatal(err)
		}
		const all = 20_000
		done := make(chan struct{})
		go func() {
			defer close(done)
			for i := range all {
				l.Info("line", "n", i)
			}
		}()
		select {
		case <-done:
		case <-time.After(patience):
			t.Errorf("%s: it waits for a reader", to)
			go io.Copy(io.Discard, r)
			<-done
			continue
		}
		began := time.Now()
		if err := l.Close(); err != nil || time.Since(began) > outletPatience+patience {
			t.Errorf("%s: closed after %v: %v", to, time.Since(began), err)
		}
		// There is a reader again.
		written, lost := 0, 0
		for scan := bufio.NewScanner(r); lost == 0 && scan.Scan(); {
			if _, after, ok := strings.Cut(scan.Text(), "lost\" lines="); ok {
				lost, _ = strconv.Atoi(after)
			} else {
				written++
			}
		}
		l.stderr.flush(patience)
		taken := 0 // by the journal
		for buffer := make([]byte, 4096); to == logJournal; taken++ {
			c.SetReadDeadline(time.Now().Add(10 * time.Millisecond))
			if _, err := c.Read(buffer); err != nil {
				break
			}
		}
		if lost == 0 || written < 1000 || written+lost+taken != all {
			t.Errorf("%s: %d written, %d lost, %d in the journal", to, written, lost, taken)
		}
	}
}

// TestWhereTheLogGoes: auto is the journal where stderr goes there, a file for who
// is detached, and else stderr.
func TestWhereTheLogGoes(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	var st unix.Stat_t
	if err := unix.Fstat(int(w.Fd()), &st); err != nil {
		t.Fatal(err)
	}
	stream := fmt.Sprintf("%d:%d", st.Dev, st.Ino)
	path := filepath.Join(t.TempDir(), "journal")
	c, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for _, tt := range []struct {
		name, to, want string
		o              logOptions
		aside          bool
	}{
		{"auto", logAuto, logStderr, logOptions{}, false},
		{"of another stderr", logAuto, logStderr, logOptions{journalStream: "1:2", journalSocket: path}, false},
		{"in the journal", logAuto, logJournal, logOptions{journalStream: stream, journalSocket: path}, false},
		{"which is not there", logAuto, logStderr, logOptions{journalStream: stream, journalSocket: path + "x"}, false},
		{"asked for", logJournal, logJournal, logOptions{journalSocket: path}, true},
		{"detached", logAuto, logFile, logOptions{detached: true}, true},
		{"file", logFile, logFile, logOptions{}, true},
		{"stderr", logStderr, logStderr, logOptions{journalStream: stream, journalSocket: path}, false},
	} {
		tt.o.stderr = w
		l, err := openLog(logTo(tt.to, t.TempDir()), tt.o)
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		if l.to != tt.want || l.aside != tt.aside {
			t.Errorf("%s: to %s, aside %v; want %s, %v", tt.name, l.to, l.aside, tt.want, tt.aside)
		}
		if err := l.Close(); err != nil {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
	var usage usageError
	if _, err := openLog(logTo(logJournal, ""), logOptions{stderr: w, journalSocket: path + "x"}); !errors.As(err, &usage) {
		t.Errorf("a journal that is not there: %v", err)
	}
	if _, err := openLog(logTo(logFile, "/dev/null"), logOptions{stderr: w}); !errors.As(err, &usage) {
		t.Errorf("a file that cannot be: %v", err)
	}
}

// TestConfigOfTheLog: what is wrong with it is told by its key.
func TestConfigOfTheLog(t *testing.T) {
	for _, tt := range []struct{ src, want string }{
		{"to = \"syslog\"", `x:2: log.to: want one of auto, journal, stderr, file, got "syslog"`},
		{"level = \"loud\"", `x:2: log.level: want debug, info, warn or error, got "loud"`},
		{"file = \"bwmon.log\"", `x:2: log.file: want a path that begins with /, got "bwmon.log"`},
		{"max_size = \"1 KiB\"", `x:2: log.max_size: want a number of bytes from "64 KiB" up, got "1 KiB"`},
		{"max_files = 0", `x:2: log.max_files: want a number from 1 to 1000, got 0`},
	} {
		if _, err := parseConfig("x", "[log]\n"+tt.src); err == nil || err.Error() != tt.want {
			t.Errorf("%s: %v, want %s", tt.src, err, tt.want)
		}
	}
}
