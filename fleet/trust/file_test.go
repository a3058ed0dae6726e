package trust

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// nobody is a user who has a directory, and whom root works for.
const nobody = 65532

func ownerOf(t *testing.T, path string) int {
	t.Helper()
	info, err := os.Lstat(path)
	check(t, err)
	return int(info.Sys().(*syscall.Stat_t).Uid)
}

// TestPlantedFiles: root changes nothing outside a directory for the user who has it,
// whatever that one has put in the place of a file.
func TestPlantedFiles(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can give files away")
	}
	for _, c := range []struct {
		name  string
		plant func(victim, path string) error
	}{
		{"link", os.Symlink},
		{"link to nothing", func(victim, path string) error { return os.Symlink(victim+"-new", path) }},
		{"second name", os.Link},
		{"pipe", func(_, path string) error { return unix.Mkfifo(path, 0o600) }},
		{"directory", func(_, path string) error { return os.Mkdir(path, 0o700) }},
	} {
		for _, file := range []string{"lock", "register.json.new"} {
			t.Run(c.name+" as "+file, func(t *testing.T) {
				s := newSite(t)
				victim := filepath.Join(filepath.Dir(s.dir), "shadow")
				check(t, os.WriteFile(victim, []byte("x"), 0o600))
				check(t, os.Chown(s.dir, nobody, nobody))
				path := filepath.Join(s.dir, file)
				check(t, os.RemoveAll(path))
				check(t, c.plant(victim, path))
				_, err := s.admin().Invite("web", time.Hour)
				if file == "lock" && err == nil {
					t.Error("what is no lock was locked")
				}
				if uid := ownerOf(t, victim); uid != 0 {
					t.Errorf("a file elsewhere was given to user %d", uid)
				}
				if text, err := os.ReadFile(victim); err != nil || string(text) != "x" {
					t.Errorf("a file elsewhere has %q, %v", text, err)
				}
				if exists(victim + "-new") {
					t.Error("a file was made elsewhere")
				}
			})
		}
	}
}

// TestForAnotherUser: what root makes belongs to who has the directory; what was there is
// left as it is.
func TestForAnotherUser(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can give files away")
	}
	s := newSite(t)
	check(t, os.Chown(s.dir, nobody, nobody))
	s.invite("web")
	for file, want := range map[string]int{"register.json": nobody, "lock": 0, "ca.key": 0} {
		if uid := ownerOf(t, filepath.Join(s.dir, file)); uid != want {
			t.Errorf("%s belongs to user %d, want %d", file, uid, want)
		}
	}
	check(t, os.Remove(filepath.Join(s.dir, "lock")))
	s.invite("web")
	if uid := ownerOf(t, filepath.Join(s.dir, "lock")); uid != nobody {
		t.Errorf("a new lock belongs to user %d", uid)
	}
}

// TestPipeForAFile: nobody waits for somebody to write a register.
func TestPipeForAFile(t *testing.T) {
	s := newSite(t)
	path := filepath.Join(s.dir, fileRegister)
	check(t, os.Remove(path))
	check(t, unix.Mkfifo(path, 0o600))
	_, err := Open(s.dir, s.options())
	wantError(t, err, "register.json is not a file")
}

// TestOpenDirectory: a directory that others may enter, and what is in it, stays as it is.
func TestOpenDirectory(t *testing.T) {
	s := newSite(t)
	for _, mode := range []os.FileMode{0o777 | os.ModeSticky, 0o755, 0o750, 0o710, 0o701} {
		dir := t.TempDir()
		check(t, os.Chmod(dir, mode))
		_, err := Create(dir, "https://x:1", []string{"x"}, Options{})
		wantError(t, err, "chmod 700 "+dir)
		wantError(t, s.a.Copy(dir, []string{"x"}), "chmod 700 "+dir)
		info, err := os.Stat(dir)
		check(t, err)
		if got := info.Mode() & (os.ModePerm | os.ModeSticky); got != mode {
			t.Errorf("mode %v has become %v", mode, got)
		}
		if files := filesOf(t, dir); len(files) > 0 {
			t.Errorf("mode %v: there is now %v", mode, files)
		}
	}
	// Where it cannot be seen what is there, nobody says that it is a fleet.
	file := filepath.Join(t.TempDir(), "file")
	check(t, os.WriteFile(file, nil, 0o600))
	_, err := Create(file, "https://x:1", []string{"x"}, Options{})
	wantError(t, err, "not a directory")

	// Nor does it go over what somebody else has.
	dir := t.TempDir()
	check(t, os.Chmod(dir, 0o700))
	check(t, os.WriteFile(dir+"/server.pem", []byte("theirs"), 0o600))
	wantError(t, s.a.Copy(dir, []string{"x"}), "name a directory of its own")
	if files := filesOf(t, dir); len(files) != 1 || files["server.pem"] != "theirs" {
		t.Errorf("there is now %v", files)
	}
	check(t, os.Remove(dir+"/server.pem"))
	check(t, s.a.Copy(dir, []string{"x"}))
}
