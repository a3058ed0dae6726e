package machine

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestMountLines: a line that is long or makes no sense takes no other mount with it.
func TestMountLines(t *testing.T) {
	b, _, proc := mountBench(t,
		`22 1 8:1 / / rw - ext4 /dev/sda1 rw`,
		`23 22 0:51 / /merged rw - overlay overlay rw,lowerdir=`+strings.Repeat("/layer:", 20000),
		`nonsense`,
		`24 22 0:52 / /tmp rw - tmpfs  rw`, // its source is an empty name
		`25 22 0:53 / /short rw shared:5 master:1 unbindable`,
		`26 22 8:2 / /data rw shared:5 master:1 unbindable - ext4 /dev/sda2 rw`,
	)
	batch := b.batch(0)
	var got []string
	for _, s := range batch.Series {
		got = append(got, s.Name)
	}
	if diff := cmp.Diff([]string{"/", "/data", "/tmp"}, got); diff != "" {
		t.Errorf("mounts (-want +got):\n%s", diff)
	}
	if want := "2 lines of " + filepath.Join(proc, "self/mountinfo") + " make no sense"; !strings.Contains(batch.Detail, want) {
		t.Errorf("the detail is %q, want %q", batch.Detail, want)
	}
	// More than is ever read: the first of them are those that were there first.
	write(t, proc, map[string]string{"self/mountinfo": "22 1 8:1 / / rw - ext4 /dev/sda1 rw\n" +
		strings.Repeat("30 1 0:60 / /home/eve/"+strings.Repeat("x", 4000)+" rw - fuse.x x rw,user_id=1001\n", maxProcFile/4000)})
	for range 2 {
		batch := b.batch(time.Second)
		if len(batch.Series) != 2 || batch.Series[0].Name != "/" || !strings.Contains(batch.Detail, "only the first 8 MiB") {
			t.Errorf("of a text that is too large there are %d series: %s", len(batch.Series), batch.Detail)
		}
	}
}

func FuzzParseMount(f *testing.F) {
	f.Add("36 35 98:0 /mnt1 /mnt/parent rw,noatime master:1 - ext3 /dev/root rw,errors=continue")
	f.Add("40 22 0:53 / /home/eve/m ro - fuse.sshfs host: rw,user_id=1000,group_id=1000\n\n - ")
	f.Add("1 1 0:1    -   ")
	f.Fuzz(func(t *testing.T, text string) {
		list, bad := parseMounts([]byte(text))
		if len(list)+bad > strings.Count(text, "\n")+1 {
			t.Errorf("%d mounts and %d bad lines in %q", len(list), bad, text)
		}
		for _, m := range list {
			if m.device == "" || m.path == "" || m.kind == "" || strings.ContainsAny(m.path+m.kind+m.root+m.device, " \n") {
				t.Errorf("%+v in %q", m, text)
			}
			if m.userID != "" && !strings.HasPrefix(m.kind, "fuse") {
				t.Errorf("%+v in %q is of a user", m, text)
			}
		}
	})
}
