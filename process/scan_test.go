package process

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

// A child that executes another program between the two looks at it, at its
// descriptors and at its name, was taken for the owner of what it had closed.
func TestSocketClosedByExec(t *testing.T) {
	proc := t.TempDir()
	fixture(t, proc, 12, map[string]string{"stat": statLine("sleep"), "cmdline": "sleep\x0010\x00", "status": "Uid:\t0\t0\t0\t0\n"})
	link := filepath.Join(proc, "12", "fd", "3")
	for _, c := range []struct {
		link string
		held bool
	}{{"socket:[77]", true}, {"pipe:[78]", false}, {"", false}} {
		os.Remove(link)
		if c.link != "" {
			if err := os.Symlink(c.link, link); err != nil {
				t.Fatal(err)
			}
		}
		s := newScanner(proc, "/dev/null")
		defer s.close()
		s.now = int64(time.Hour)
		if err := s.procs.list(s.now); err != nil {
			t.Fatal(err)
		}
		w := newWanted()
		w.add(77, 0)
		s.hold(w, s.procs.all[12], 77, 3)
		if _, held := s.holders.get(77); held != c.held || (len(w.inodes) == 0) != c.held {
			t.Errorf("descriptor is %q: held %v, want %v", c.link, held, c.held)
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
		s := newScanner(proc, "/dev/null")
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
