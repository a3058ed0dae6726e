package machine

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"bwmon/lab"
)

// TestUnitMadeAnew: what a unit that was started again has used counts from its first
// byte, also where that is more than before.
func TestUnitMadeAnew(t *testing.T) {
	b, root, read := cgroupBench(t, map[string]string{"system.slice/a.service/io.stat": "8:0 rbytes=1000\n"})
	b.cgroups().open = 0
	read(0)
	write(t, root, map[string]string{"system.slice/a.service/io.stat": "8:0 rbytes=1100\n"})
	if got := read(time.Second)["unit:a.service"]; got["read_bytes"] != 100 {
		t.Fatalf("at first: %v", got)
	}
	write(t, root, map[string]string{"new/io.stat": "8:0 rbytes=5000\n"})
	if err := os.Rename(filepath.Join(root, "new/io.stat"), filepath.Join(root, "system.slice/a.service/io.stat")); err != nil {
		t.Fatal(err)
	}
	if got := read(time.Second)["unit:a.service"]; got["read_bytes"] != 5100 || got["read_bytes_per_s"] != 5000 {
		t.Errorf("made anew: %v", got)
	}
}

// TestRealCgroupMadeAnew: a cgroup made anew is told from the one that was there.
func TestRealCgroupMadeAnew(t *testing.T) {
	var dir string
	for _, root := range []string{"/sys/fs/cgroup", "/sys/fs/cgroup/unified"} {
		if _, err := os.Stat(filepath.Join(root, "cgroup.controllers")); err == nil {
			dir = filepath.Join(root, fmt.Sprintf("bwmon-test-%d", os.Getpid()))
		}
	}
	if dir == "" {
		t.Skip("there is no cgroup v2 hierarchy")
	}
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Skipf("make a cgroup: %v", err)
	}
	lab.Record(t)
	defer os.Remove(dir)
	f := newProcFile(filepath.Join(dir, "cgroup.stat"))
	defer f.close()
	if _, err := f.read(); err != nil {
		t.Fatal(err)
	}
	inode := f.inode
	if err := os.Remove(dir); err != nil {
		t.Fatal(err)
	}
	if _, err := f.read(); err == nil {
		t.Error("what is gone answers")
	}
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err := f.read(); err != nil || f.inode == inode {
		t.Errorf("made anew: inode %d, was %d; %v", f.inode, inode, err)
	}
}

// TestUserUnitsAreNotTheSystems: a user who calls cgroups as the system calls its own
// moves nothing in the system's books.
func TestUserUnitsAreNotTheSystems(t *testing.T) {
	const eve = "user.slice/user-1001.slice/user@1001.service"
	paths := []string{
		"system.slice/web.service", "docker/docker-x", "user.slice/user-1002.slice/user@1002.service",
		eve, eve + "/web.service", eve + "/app.slice/docker-x", eve + "/app.slice/docker-x/deep", eve + "/user@1002.service", eve + "/own.service",
	}
	files := make(map[string]string)
	stat := func(n int) {
		for _, path := range paths {
			bytes := n
			if path == eve {
				bytes = 10 * n // with all that is in it
			}
			files[path+"/io.stat"] = fmt.Sprintf("8:0 rbytes=%d\n", bytes)
		}
	}
	stat(100)
	b, root, read := cgroupBench(t, files)
	read(0)
	stat(200)
	write(t, root, files)
	check := func(got map[string]map[string]float64, want map[string]float64) {
		t.Helper()
		for id, bytes := range want {
			if got[id]["read_bytes"] != bytes {
				t.Errorf("%s is %v, want %v", id, got[id], bytes)
			}
		}
		if len(got) != len(want) {
			t.Errorf("the series are %v", got)
		}
	}
	check(read(time.Second), map[string]float64{
		"unit:web.service": 100, "container:x": 100, "unit:user@1002.service": 100,
		"unit:user@1001.service": 900, "unit:own.service": 100,
	})
	// Also while the system's is stopped.
	if err := os.RemoveAll(filepath.Join(root, "system.slice/web.service")); err != nil {
		t.Fatal(err)
	}
	b.cgroups().stale = true
	if got, there := read(walkAge)["unit:web.service"]; there {
		t.Errorf("the user's takes its place: %v", got)
	}
}

// TestManyCgroups: no more series than there is room for, the system's first, and no
// more reading than its share of the time.
func TestManyCgroups(t *testing.T) {
	files := map[string]string{"system.slice/last.service/io.stat": "8:0 rbytes=100\n"}
	for i := range maxNames + 20 {
		files[fmt.Sprintf("user.slice/user-1001.slice/user@1001.service/u%04d.service/io.stat", i)] = "8:0 rbytes=100\n"
	}
	b, root, _ := cgroupBench(t, files)
	batch := b.batch(0)
	if len(batch.Series) != maxNames || !strings.Contains(batch.Detail, "21 containers and units are not told: there are more than 1000") {
		t.Errorf("%d series: %s", len(batch.Series), batch.Detail)
	}
	get := func(later time.Duration) (map[string]float64, string) {
		batch := b.batch(later)
		for _, s := range batch.Series {
			if s.ID() == "unit:last.service" {
				return figures(s), batch.Detail
			}
		}
		t.Fatalf("last.service is not told: %s", batch.Detail)
		return nil, ""
	}
	bytes := 0
	grow := func() {
		bytes += 100
		write(t, root, map[string]string{"system.slice/last.service/io.stat": fmt.Sprintf("8:0 rbytes=%d\n", 100+bytes)})
	}
	grow()
	if got, _ := get(time.Second); got["read_bytes"] != 100 || got["read_bytes_per_s"] != 100 {
		t.Errorf("after a second: %v", got)
	}
	s := b.cgroups()
	s.share, s.took = readShare, 35*time.Millisecond
	grow()
	for i := range 3 {
		got, detail := get(time.Second)
		if want := fmt.Sprintf("are %ds old", i+1); got["read_bytes"] != 100 || got["read_bytes_per_s"] != 100 || !strings.Contains(detail, want) {
			t.Errorf("while it would cost too much: %v: %s", got, detail)
		}
	}
	if got, _ := get(time.Second); got["read_bytes"] != 200 || got["read_bytes_per_s"] != 25 {
		t.Errorf("after four seconds: %v", got)
	}
	if s.took <= 0 {
		t.Error("reading has cost nothing")
	}
}

// TestOpenStats: what stays open is no more than a part of what may be.
func TestOpenStats(t *testing.T) {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	less := limit
	less.Cur = 400
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &less); err != nil {
		t.Skipf("lower the limit of open files: %v", err)
	}
	defer unix.Setrlimit(unix.RLIMIT_NOFILE, &limit)
	files := make(map[string]string)
	for i := range 80 {
		files[fmt.Sprintf("system.slice/u%d.service/io.stat", i)] = "8:0 rbytes=100\n"
	}
	b, _, read := cgroupBench(t, files)
	if got := read(0); len(got) != 80 {
		t.Errorf("%d units", len(got))
	}
	open := 0
	for _, g := range b.cgroups().groups {
		if g.file.fd >= 0 {
			open++
		}
	}
	if open != 50 {
		t.Errorf("%d files stay open, want an eighth of 400", open)
	}
}
