package machine

import (
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestManyMountsHang: what dead file systems hold is bounded.
func TestManyMountsHang(t *testing.T) {
	var lines []string
	for i := range maxMounts + 20 {
		lines = append(lines, fmt.Sprintf("%d 1 0:%d / /nfs/%04d rw - nfs4 host:/x rw", i+2, i+40, i))
	}
	b, m, _ := mountBench(t, lines...)
	m.patience = 50 * time.Millisecond
	release := make(chan struct{})
	var asked atomic.Int32
	m.statfs = func(string, *unix.Statfs_t) error {
		asked.Add(1)
		<-release
		return errors.New("gone")
	}
	for range 3 {
		batch := b.batch(time.Second)
		if len(batch.Series) != maxMounts || !strings.Contains(batch.Detail, "20 mounts are not measured") {
			t.Errorf("%d series: %s", len(batch.Series), batch.Detail)
		}
	}
	close(release)
	for m.outstanding > 0 {
		b.batch(time.Second)
	}
	if n := asked.Load(); n < maxMounts {
		t.Errorf("%d were asked", n)
	}
}

// TestUsersMountMany: a user who mounts hundreds of file systems takes the place of no
// other, whether they answer or not.
func TestUsersMountMany(t *testing.T) {
	lines := []string{`35 22 0:50 / /srv/nfs rw - nfs4 host:/x rw`, `36 22 0:51 / /srv/ssh rw - fuse.sshfs host: rw,user_id=0`}
	for i := range maxMounts + 90 {
		lines = append(lines, fmt.Sprintf("%d 1 0:%d / /home/eve/%04d rw shared:7 - fuse.x x rw,user_id=1001,group_id=1001", i+40, i+60, i))
	}
	lines = append(lines, `22 1 8:1 / / rw - ext4 /dev/sda1 rw`, `33 22 8:33 / /var rw - xfs /dev/sdc rw`)
	for name, users := range map[string]func(string, *unix.Statfs_t) error{
		"sizes": space,
		"none":  func(string, *unix.Statfs_t) error { return nil },
		"error": func(string, *unix.Statfs_t) error { return unix.EACCES },
	} {
		t.Run(name, func(t *testing.T) {
			b, m, _ := mountBench(t, lines...)
			m.statfs = func(path string, to *unix.Statfs_t) error {
				if strings.HasPrefix(path, "/home/eve/") {
					return users(path, to)
				}
				return space(path, to)
			}
			for i := range 6 {
				got := b.read(time.Second)
				for _, id := range []string{"mount:/", "mount:/var", "mount:/srv/nfs", "mount:/srv/ssh"} {
					if len(got[id].Metrics) == 0 {
						t.Errorf("reading %d: %s is %+v", i, id, got[id])
					}
				}
				if len(got) > maxUserMounts+4 {
					t.Errorf("reading %d: %d series", i, len(got))
				}
				for id, s := range got {
					if strings.HasPrefix(s.Detail, "not asked") {
						t.Errorf("reading %d: %s, which would answer: %s", i, id, s.Detail)
					}
				}
			}
			if batch := b.batch(time.Second); name == "none" && (len(batch.Series) != 4 || strings.Contains(batch.Detail, "not measured")) {
				t.Errorf("those without space take places: %d series, %s", len(batch.Series), batch.Detail)
			}
		})
	}
}

// TestUsersMountsHang: what a user mounts again and again and does not answer for takes
// no more than half of the questions that may be open.
func TestUsersMountsHang(t *testing.T) {
	var lines []string
	for i := range maxMounts {
		lines = append(lines, fmt.Sprintf("%d 1 0:%d / /home/eve/%04d rw - fuse.x x rw,user_id=1001", i+2, i+40, i))
	}
	b, m, proc := mountBench(t, lines...)
	m.patience = 50 * time.Millisecond
	release := make(chan struct{})
	m.statfs = func(path string, to *unix.Statfs_t) error {
		if strings.HasPrefix(path, "/home/eve/") {
			<-release
		}
		return space(path, to)
	}
	b.read(0)
	var others []string
	for i := range 100 {
		others = append(others, fmt.Sprintf("%d 1 8:%d / /srv/%04d rw - ext4 /dev/x rw", i+2, i+1, i))
	}
	write(t, proc, map[string]string{"self/mountinfo": strings.Join(others, "\n") + "\n"})
	for id, s := range b.read(time.Second) {
		if len(s.Metrics) == 0 {
			t.Errorf("%s: %s", id, s.Detail)
		}
	}
	close(release)
	for m.outstanding > 0 {
		b.read(time.Second)
	}
	if m.ofUsers != 0 {
		t.Errorf("%d questions to users are open, of none", m.ofUsers)
	}
}
