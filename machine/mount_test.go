package machine

import (
	"fmt"
	"math"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"bwmon/lab"
)

// space is a file system of 1,000 blocks of 4 KiB, 600 of them free, 500 for everyone.
func space(_ string, to *unix.Statfs_t) error {
	*to = unix.Statfs_t{Bsize: 8192, Frsize: 4096, Blocks: 1000, Bfree: 600, Bavail: 500, Files: 100, Ffree: 25}
	return nil
}

// mountBench measures nothing but mounts, which are those of the lines.
func mountBench(t *testing.T, lines ...string) (*bench, *mounts, string) {
	proc := t.TempDir()
	write(t, proc, map[string]string{"self/mountinfo": strings.Join(lines, "\n") + "\n"})
	b := newBench(t, VitalsOptions{Proc: proc, Sys: proc, Active: func(id string) bool { return strings.HasPrefix(id, "mount:") }})
	for _, s := range b.v.sources {
		if m, ok := s.(*mounts); ok {
			m.statfs = space
			return b, m, proc
		}
	}
	t.Fatal("no mounts among the sources")
	return nil, nil, ""
}

func TestMountsChosen(t *testing.T) {
	b, _, _ := mountBench(t,
		`22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw`,
		`23 22 0:21 / /proc rw,nosuid shared:2 - proc proc rw`,
		`24 22 0:22 / /sys rw - sysfs sysfs rw`,
		`25 22 0:5 / /dev rw - devtmpfs udev rw`,
		`26 25 0:24 / /dev/shm rw - tmpfs tmpfs rw`,
		`27 22 0:25 / /run rw - tmpfs tmpfs rw`,
		`28 27 0:26 / /run/credentials/x ro - tmpfs tmpfs ro`,
		`29 22 7:3 / /snap/core/1 ro - squashfs /dev/loop3 ro`,
		`30 22 8:1 /var/lib/docker /mnt rw - ext4 /dev/sda1 rw`, // bound: the same as /
		`31 22 8:17 /sub /srv rw - xfs /dev/sdb1 rw`,            // only a part of it, and yet
		`32 22 8:17 / /srv/whole rw - xfs /dev/sdb1 rw`,         // this shows the whole
		`33 22 0:40 /@ /home rw - btrfs /dev/sdc rw`,
		`34 22 0:40 /@a /home/a rw - btrfs /dev/sdc rw`, // another subvolume
		`35 22 0:50 / /nfs\040share rw - nfs4 host:/x rw`,
		`36 22 0:51 / /var/lib/docker/overlay2/x/merged rw - overlay overlay rw,lowerdir=/a:/b`,
		`37 22 0:52 / /auto rw - autofs systemd-1 rw,fd=30`,
		`38 22 0:53 / /mnt/sshfs rw - fuse.sshfs host: rw`,
		`39 22 8:33 / /hidden rw - ext4 /dev/sdd1 rw`,
		`40 22 8:34 / /hidden rw - ext4 /dev/sdd2 rw`, // on top of it
		`41 22 0:60 / /tab\011\033[31m rw - tmpfs tmpfs rw`,
	)
	b.read(0)
	var got []string
	for _, o := range b.v.Things() {
		if o.Active {
			got = append(got, o.ID)
		}
	}
	want := []string{
		"mount:/", "mount:/hidden", "mount:/home", "mount:/mnt/sshfs", "mount:/nfs share", "mount:/run", "mount:/srv/whole",
		`mount:/tab\t\x1b[31m`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("mounts (-want +got):\n%s", diff)
	}
}

func TestMountFigures(t *testing.T) {
	b, m, proc := mountBench(t, `22 1 8:1 / / rw - ext4 /dev/sda1 rw`, `33 22 0:40 / /home rw - btrfs /dev/sdc rw`,
		`34 22 0:41 / /forbidden rw - fuse.x x rw`, `35 22 0:42 / /portal rw - fuse.portal x rw`)
	m.statfs = func(path string, to *unix.Statfs_t) error {
		space(path, to)
		switch path {
		case "/home":
			to.Files, to.Ffree, to.Frsize = 0, 0, 0
		case "/forbidden":
			return unix.EACCES
		case "/portal":
			to.Blocks, to.Bfree, to.Bavail = 0, 0, 0
		}
		return nil
	}
	for range 2 {
		got := b.read(time.Second)
		root := map[string]float64{
			"size_bytes": 4096000, "used_bytes": 400 * 4096, "free_bytes": 600 * 4096, "available_bytes": 500 * 4096,
			"used_percent": 44.444444, "inodes": 100, "inodes_free": 25, "inodes_used_percent": 75,
		}
		if diff := cmp.Diff(root, figures(got["mount:/"])); diff != "" {
			t.Errorf("/ (-want +got):\n%s", diff)
		}
		if f := figures(got["mount:/home"]); f["size_bytes"] != 8192000 || len(f) != 5 {
			t.Errorf("/home, which has no inodes to run out of: %v", f)
		}
		if s := got["mount:/forbidden"]; len(s.Metrics) != 0 || !strings.Contains(s.Detail, "permission denied") {
			t.Errorf("/forbidden is %+v", s)
		}
		if _, ok := got["mount:/portal"]; ok {
			t.Error("what has no space is listed")
		}
	}
	write(t, proc, map[string]string{"self/mountinfo": "22 1 8:1 / / rw - ext4 /dev/sda1 rw\n"})
	if got := b.read(time.Second); len(got) != 1 {
		t.Errorf("after an umount there are %d series", len(got))
	}
	write(t, proc, map[string]string{"self/mountinfo": "nonsense\n"})
	batch := b.batch(time.Second)
	if len(batch.Series) != 1 || !strings.Contains(batch.Detail, "mounts: ") {
		t.Errorf("with nonsense: %+v: want what was known, and a word", batch)
	}
}

// TestMountHangs: a file system that does not answer holds up one reading for a moment,
// the others never; it is asked once, and is back when it answers.
func TestMountHangs(t *testing.T) {
	b, m, _ := mountBench(t, `22 1 8:1 / / rw - ext4 /dev/sda1 rw`, `35 22 0:50 / /nfs rw - nfs4 host:/x rw`)
	m.patience = 50 * time.Millisecond
	release := make(chan struct{})
	var asked atomic.Int32
	m.statfs = func(path string, to *unix.Statfs_t) error {
		if path == "/nfs" {
			asked.Add(1)
			<-release
		}
		return space(path, to)
	}
	for i := range 4 {
		begin := time.Now()
		got := b.read(10 * time.Second)
		if took := time.Since(begin); i > 0 && took > m.patience {
			t.Errorf("reading %d took %v", i, took)
		}
		if len(got["mount:/"].Metrics) == 0 {
			t.Errorf("reading %d: the other mount has no figures", i)
		}
		want := fmt.Sprintf("has not answered for %ds", 10*i)
		if s := got["mount:/nfs"]; len(s.Metrics) != 0 || s.Detail != want {
			t.Errorf("reading %d: %+v, want %q", i, s, want)
		}
	}
	if n := asked.Load(); n != 1 {
		t.Errorf("it was asked %d times", n)
	}
	close(release)
	deadline := time.Now().Add(5 * time.Second)
	for len(b.read(10 * time.Second)["mount:/nfs"].Metrics) == 0 {
		if time.Now().After(deadline) {
			t.Fatal("it is not back")
		}
		time.Sleep(time.Millisecond)
	}
}

// TestMountWithoutSpaceYet: what had no space is asked again a minute later.
func TestMountWithoutSpaceYet(t *testing.T) {
	b, m, _ := mountBench(t, `22 1 8:1 / / rw - ext4 /dev/sda1 rw`, `35 22 0:50 / /cloud rw - fuse.rclone host:/x rw,user_id=0`)
	var asked atomic.Int32
	var connected atomic.Bool
	m.statfs = func(path string, to *unix.Statfs_t) error {
		if path != "/cloud" {
			return space(path, to)
		}
		asked.Add(1)
		if connected.Load() {
			return space(path, to)
		}
		return nil
	}
	b.read(0)
	connected.Store(true)
	if got := b.read(sizelessAge / 2); len(got) != 1 || asked.Load() != 1 {
		t.Errorf("after half the time %d were measured, and it was asked %d times", len(got), asked.Load())
	}
	b.read(sizelessAge)
	if got := b.read(time.Second)["mount:/cloud"]; figures(got)["size_bytes"] != 4096000 {
		t.Errorf("when it is connected: %+v", got)
	}
	if err := b.v.Stop("mount:/cloud"); err != nil {
		t.Fatal(err)
	}
	connected.Store(false)
	if err := b.v.Start("mount:/cloud"); err != nil {
		t.Fatal(err)
	}
	b.read(time.Second) // it has none again
	before := asked.Load()
	if err := b.v.Stop(All); err != nil {
		t.Fatal(err)
	}
	if b.read(sizelessAge); asked.Load() != before {
		t.Error("it was asked though all are stopped")
	}
}

// TestRealDeadMount mounts a FUSE file system that nobody answers for, and measures
// beside it.
func TestRealDeadMount(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("mounting takes root")
	}
	fuse, err := unix.Open("/dev/fuse", unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Skipf("no FUSE: %v", err)
	}
	dir := t.TempDir()
	options := fmt.Sprintf("fd=%d,rootmode=40000,user_id=0,group_id=0", fuse)
	if err := unix.Mount("dead", dir, "fuse.dead", 0, options); err != nil {
		unix.Close(fuse)
		t.Skipf("mount a FUSE file system: %v", err)
	}
	lab.Record(t)
	alive := true
	end := func() {
		if alive {
			unix.Close(fuse) // what waits for an answer gets an error
			unix.Unmount(dir, unix.MNT_DETACH)
		}
		alive = false
	}
	defer end()
	b := newBench(t, VitalsOptions{Active: func(id string) bool { return strings.HasPrefix(id, "mount:") }})
	id := "mount:" + dir
	for i := range 2 {
		begin := time.Now()
		got := b.read(time.Second)
		if took := time.Since(begin); took > 2*time.Second {
			t.Errorf("the reading took %v", took)
		}
		if s, ok := got[id]; !ok || !strings.HasPrefix(s.Detail, "has not answered") {
			t.Errorf("reading %d: the dead mount is %+v", i, s)
		}
		if s := got["mount:/"]; len(s.Metrics) == 0 {
			t.Errorf("reading %d: the root is %+v", i, s)
		}
	}
	end()
	deadline := time.Now().Add(5 * time.Second)
	for {
		if _, ok := b.read(time.Second)[id]; !ok {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("the mount is still there")
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// TestRealMountsChange: what is mounted is noticed, and the umount.
func TestRealMountsChange(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("mounting takes root")
	}
	b := newBench(t, VitalsOptions{Active: func(id string) bool { return strings.HasPrefix(id, "mount:") }})
	dir := t.TempDir()
	for range 2 {
		if _, ok := b.read(time.Second)["mount:"+dir]; ok {
			t.Fatal("it is there before it is mounted, or after")
		}
		if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=1m"); err != nil {
			t.Skipf("mount: %v", err)
		}
		got, ok := b.read(time.Second)["mount:"+dir]
		if err := unix.Unmount(dir, 0); err != nil {
			t.Fatal(err)
		}
		if !ok || figures(got)["size_bytes"] != 1<<20 {
			t.Errorf("of a file system of 1 MiB: %+v", got)
		}
	}
}

// TestDF compares the space of the root with df(1).
func TestDF(t *testing.T) {
	b := newBench(t, VitalsOptions{Active: func(id string) bool { return id == "mount:/" }})
	ours := b.read(0)["mount:/"]
	out, err := exec.Command("df", "--block-size=1", "--output=size,used,avail,itotal,iavail", "/").Output()
	if err != nil {
		t.Skipf("df: %v", err)
	}
	_, line, _ := strings.Cut(string(out), "\n")
	var size, used, avail, inodes, inodesFree float64
	if _, err := fmt.Sscan(line, &size, &used, &avail, &inodes, &inodesFree); err != nil {
		t.Skipf("df says %q", line)
	}
	for name, want := range map[string]float64{
		"size_bytes": size, "used_bytes": used, "available_bytes": avail, "inodes": inodes, "inodes_free": inodesFree,
	} {
		got, _ := ours.Metrics.Get(name)
		if math.Abs(got-want) > 0.01*size { // others write meanwhile
			t.Errorf("%s is %v, df has %v", name, got, want)
		}
	}
}

func FuzzUnescapeMount(f *testing.F) {
	f.Add(`/mnt/with\040space\134`, `/plain`)
	f.Add(`\777\0`, `\04`)
	f.Fuzz(func(t *testing.T, escaped, plain string) {
		if got := unescapeMount(escaped); len(got) > len(escaped) {
			t.Errorf("%q became %q", escaped, got)
		}
		mangled := strings.NewReplacer(` `, `\040`, "\t", `\011`, "\n", `\012`, `\`, `\134`, `#`, `\043`).Replace(plain)
		if got := unescapeMount(mangled); got != plain {
			t.Errorf("%q became %q, was %q", mangled, got, plain)
		}
	})
}
