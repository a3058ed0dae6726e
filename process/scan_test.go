package process

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// A child that executes another program between the two looks at it, at its
// descriptors and at its name, was taken for the owner of what it had closed:
// when its socket was found, and when it was verified.
func TestSocketClosedByExec(t *testing.T) {
	for _, c := range []struct {
		link string // what the descriptor is after the exec; "": closed
		held bool
	}{{"socket:[77]", true}, {"pipe:[78]", false}, {"", false}} {
		proc := t.TempDir()
		fixture(t, proc, 12, map[string]string{"stat": statLine("sleep"), "cmdline": "sleep\x0010\x00", "status": "Uid:\t0\t0\t0\t0\n"})
		descriptor(t, proc, c.link)
		s := newScanner(proc, "/dev/null", nil)
		defer s.close()
		s.now = int64(time.Hour)
		if err := s.procs.list(s.now); err != nil {
			t.Fatal(err)
		}
		want := newWanted()
		want.add(77, 0)
		s.hold(want, s.procs.all[12], 77, 3)
		if _, held := s.holders.get(77); held != c.held || (len(want.inodes) == 0) != c.held {
			t.Errorf("descriptor is %q: found %v, want %v", c.link, held, c.held)
		}

		descriptor(t, proc, "socket:[77]")
		s.hold(want, s.procs.all[12], 77, 3)
		s.now += int64(time.Second)
		executed := executesWhenRead(t, proc, "heir\x00", c.link)
		(&worker{scan: s}).verify(77)
		executed()
		h, held := s.holders.get(77)
		if held != c.held {
			t.Errorf("descriptor is %q: verified %v, want %v", c.link, held, c.held)
		}
		if held && h.owner.Command != "heir" {
			t.Errorf("descriptor is %q: owner is %+v, want the heir", c.link, h.owner)
		}
	}
}

// descriptor makes descriptor 3 of process 12 that link; "" closes it.
func descriptor(t *testing.T, proc, link string) {
	t.Helper()
	name := filepath.Join(proc, "12", "fd", "3")
	os.Remove(name)
	if link == "" {
		return
	}
	if err := os.Symlink(link, name); err != nil {
		t.Error(err)
	}
}

// executesWhenRead lets process 12 execute another program just when its
// command line is read, which changes its descriptor to link. The function
// returned waits until that has happened, and sees to it if nobody has read.
func executesWhenRead(t *testing.T, proc, cmdline, link string) func() {
	t.Helper()
	name := filepath.Join(proc, "12", "cmdline")
	os.Remove(name)
	if err := unix.Mkfifo(name, 0o600); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() {
		f, err := os.OpenFile(name, os.O_WRONLY, 0) // waits for the reader
		if err == nil {
			descriptor(t, proc, link)
			_, err = f.WriteString(cmdline)
			f.Close()
		}
		done <- err
	}()
	return func() {
		t.Helper()
		r, err := unix.Open(name, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer unix.Close(r)
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

// A process may be listed between fork and exec, also by the first list.
func TestIdentityOfYoungProcessIsReadEachTime(t *testing.T) {
	for _, c := range []struct {
		name  string
		first bool          // listed by the first list
		age   time.Duration // since then
		after time.Duration // the exec came after it was identified
		want  string
	}{
		{"there at the start", true, 0, time.Millisecond, "worker"},
		{"started later", false, 0, time.Millisecond, "worker"},
		{"long there, soon", true, time.Minute, time.Millisecond, "parent"},
		{"long there, later", true, time.Minute, time.Second, "worker"},
	} {
		proc := t.TempDir()
		files := map[string]string{"stat": statLine("x"), "cmdline": "parent\x00", "status": "Uid:\t0\t0\t0\t0\n"}
		fixture(t, proc, 1, files)
		s := newScanner(proc, "/dev/null", nil)
		defer s.close()
		s.now = int64(time.Hour)
		list := func() {
			if err := s.procs.list(s.now); err != nil {
				t.Fatal(err)
			}
		}
		if !c.first {
			list()
			s.now += int64(time.Hour)
		}
		fixture(t, proc, 12, files)
		list()
		p := s.procs.all[12]
		s.now += int64(c.age)
		if !s.identify(p) || p.owner.Command != "parent" {
			t.Errorf("%s: owner %+v", c.name, p.owner)
		}
		fixture(t, proc, 12, map[string]string{"cmdline": "worker\x00"})
		s.now += int64(c.after)
		if !s.identify(p) || p.owner.Command != c.want {
			t.Errorf("%s: owner %+v, want %s", c.name, p.owner, c.want)
		}
	}
}
