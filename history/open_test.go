package history

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"bwmon/traffic"
)

func TestOptions(t *testing.T) {
	for _, tt := range []struct {
		o    Options
		want string
	}{
		{Options{}, "no path"},
		{Options{Path: "x", MaxSize: 4096}, "want at least 1048576 bytes, got 4096"},
	} {
		if _, err := Open(tt.o); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%+v: %v, want %q", tt.o, err, tt.want)
		}
	}
	keep := Retention{Hour: -1, Day: time.Hour}.keep()
	if keep[minute] != 25*time.Hour || keep[hour] != 0 || keep[day] != time.Hour || keep[month] != 0 {
		t.Errorf("keep %v", keep)
	}
}

func TestFileMode(t *testing.T) {
	old := syscall.Umask(0)
	defer syscall.Umask(old)
	dir := filepath.Join(t.TempDir(), "made", "too")
	s := openStore(t, Options{Path: filepath.Join(dir, "history.db")})
	m := newMachine(time.Now())
	m.carry("app", "command", 1, 1)
	s.take(m.snapshot())
	mustFlush(t, s)
	for _, name := range []string{"history.db", "history.db-wal", "history.db-shm"} {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v", name, info.Mode())
		}
	}
	for pragma, want := range map[string]string{"journal_mode": "wal", "auto_vacuum": "2", "synchronous": "1", "busy_timeout": "5000", "user_version": "3"} {
		var got string
		if err := s.db.conn.QueryRowContext(t.Context(), "PRAGMA "+pragma).Scan(&got); err != nil || got != want {
			t.Errorf("%s is %s, %v; want %s", pragma, got, err, want)
		}
	}
}

// TestForeignFiles: what is not ours, or not for us, stays as it is.
func TestForeignFiles(t *testing.T) {
	for _, tt := range []struct{ name, make, want string }{
		{"newer", "", "was written by a newer bwmon (schema 99, this one knows 3): update bwmon"},
		{"another program's", "CREATE TABLE notes (text)", "is the database of another program: set another path"},
		{"another program's, empty", "PRAGMA application_id = 7", "is the database of another program"},
	} {
		path := filepath.Join(t.TempDir(), "history.db")
		if tt.make == "" {
			s := openStore(t, Options{Path: path})
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			tt.make = "PRAGMA user_version = 99"
		}
		db, err := openPool(path, "rwc", 1)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := db.Exec(tt.make); err != nil {
			t.Fatal(err)
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
		before, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if _, err = Open(Options{Path: path}); err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %v", tt.name, err)
		}
		if _, err = OpenReader(path); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s, to read: %v", tt.name, err)
		}
		after, err := os.ReadFile(path)
		if err != nil || string(before) != string(after) {
			t.Errorf("%s: it was changed, %v", tt.name, err)
		}
		if entries, _ := os.ReadDir(filepath.Dir(path)); len(entries) != 1 {
			t.Errorf("%s: %v", tt.name, entries)
		}
	}
}

// TestOneWriter: a second daemon is told so, and when the first has ended it may.
func TestOneWriter(t *testing.T) {
	path := filepath.Join(t.TempDir(), "history.db")
	s := openStore(t, Options{Path: path})
	if _, err := Open(Options{Path: path}); !errors.Is(err, errBusy) || !strings.Contains(err.Error(), "another bwmon writes "+path) {
		t.Errorf("got %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	openStore(t, Options{Path: path})
}

func TestPathsThatCannotBe(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{dir, filepath.Join(file, "history.db")} {
		if _, err := Open(Options{Path: path}); err == nil || !strings.Contains(err.Error(), "open the history") {
			t.Errorf("%s: %v", path, err)
		}
	}
}

func TestReader(t *testing.T) {
	berlin := place(t, "Europe/Berlin").place
	path := filepath.Join(t.TempDir(), "history.db")
	if _, err := OpenReader(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("there is none: %v", err)
	}
	m := newMachine(time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC))
	s := openStore(t, Options{Path: path, Host: "gw", Location: berlin, Now: m.now})
	m.carry("app", "command", 10, 20)
	s.take(m.after(time.Minute).snapshot())
	mustFlush(t, s)
	r, err := OpenReader(path)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	r.now = m.now
	got, err := r.Report(t.Context(), traffic.Query{By: traffic.ByApp, Step: traffic.StepDay})
	if err != nil || got.Host != "gw" || got.Zone != "Europe/Berlin" || got.Total.RxBytes != 10 || !got.From.Equal(utc(t, "2026-04-30 22:00")) {
		t.Errorf("%+v, %v", got, err)
	}
	if _, err := r.Report(t.Context(), traffic.Query{By: "disc"}); !errors.Is(err, ErrQuestion) {
		t.Errorf("a wrong question: %v", err)
	}
	// It goes on seeing what is written, and keeps nobody from writing.
	m.carry("app", "command", 5, 5)
	s.take(m.after(time.Minute).snapshot())
	mustFlush(t, s)
	if err := s.checkpoint(0); err != nil {
		t.Fatal(err)
	}
	if got, err = r.Report(t.Context(), traffic.Query{By: traffic.ByApp}); err != nil || got.Total.RxBytes != 15 {
		t.Errorf("%+v, %v", got, err)
	}
}

// readEnv has the path of a history that the test binary reads as a child.
const readEnv = "BWMON_HISTORY_TEST_READ"

func readMain(path string) int {
	r, err := OpenReader(path)
	if err != nil {
		os.Stdout.WriteString(err.Error())
		return 1
	}
	defer r.Close()
	report, err := r.Report(background(), traffic.Query{By: traffic.ByApp})
	if err != nil {
		os.Stdout.WriteString(err.Error())
		return 1
	}
	os.Stdout.WriteString(report.Rows[0].Name)
	return 0
}

// TestReaderOfAnotherUser: who may read the file can, with the daemon running or not,
// and without a right to write anything; who may not is told why.
func TestReaderOfAnotherUser(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("it needs root to be another user")
	}
	dir := t.TempDir()
	for d := dir; d != "/" && d != os.TempDir(); d = filepath.Dir(d) {
		if err := os.Chmod(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	binary, err := os.ReadFile(exe)
	if err != nil {
		t.Fatal(err)
	}
	self := filepath.Join(dir, "self")
	if err := os.WriteFile(self, binary, 0o755); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "history.db")
	m := newMachine(time.Now())
	s := openStore(t, Options{Path: path})
	m.carry("an app", "command", 10, 20)
	s.take(m.snapshot())
	mustFlush(t, s)
	read := func() string {
		cmd := exec.Command(self)
		cmd.Env = append(os.Environ(), readEnv+"="+path)
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
		cmd.Dir = "/"
		out, err := cmd.Output()
		if len(out) == 0 {
			t.Fatalf("the reader said nothing: %v", err)
		}
		return string(out)
	}
	if got := read(); !strings.Contains(got, "permission denied") {
		t.Errorf("without the right: %q", got)
	}
	for _, suffix := range []string{"", "-wal", "-shm"} {
		if err := os.Chmod(path+suffix, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if got := read(); got != "an app" {
		t.Errorf("while it is written: %q", got)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if got := read(); got != "an app" {
		t.Errorf("while nobody writes it: %q", got)
	}
	if entries, _ := os.ReadDir(dir); len(entries) != 2 {
		t.Errorf("left behind: %v", entries)
	}
}

// TestClosedStore: it says so, and does not crash.
func TestClosedStore(t *testing.T) {
	s := openStore(t, Options{})
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Report(t.Context(), traffic.Query{By: traffic.ByApp}); err == nil {
		t.Error("a closed history was read")
	}
}
