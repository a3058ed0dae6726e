package machine

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"bwmon/traffic"
)

// names is a small version of what tells containers and units by their cgroups.
func names(path string) (container, unit string) {
	for _, word := range strings.Split(path, "/") {
		if name, ok := strings.CutPrefix(word, "docker-"); ok {
			container = name
		}
		if strings.HasSuffix(word, ".service") {
			unit = word
		}
	}
	return container, unit
}

// cgroupBench measures nothing but a copy of a cgroup hierarchy that has the io
// controller, since few machines to test on have.
func cgroupBench(t *testing.T, files map[string]string) (b *bench, root string, read func(time.Duration) map[string]map[string]float64) {
	root = t.TempDir()
	write(t, root, map[string]string{"cgroup.controllers": "cpuset cpu io memory\n", "cgroup.stat": "nr_descendants 1\n"})
	write(t, root, files)
	b = newBench(t, VitalsOptions{
		Proc: root, Sys: root, Cgroup: root, Name: names,
		Active: func(id string) bool { return strings.HasPrefix(id, "unit:") || strings.HasPrefix(id, "container:") },
	})
	b.cgroups().share = 0 // however long it takes
	return b, root, func(later time.Duration) map[string]map[string]float64 {
		got := make(map[string]map[string]float64)
		for id, s := range b.read(later) {
			got[id] = figures(s)
		}
		return got
	}
}

func (b *bench) cgroups() *cgroups { return b.v.sources[len(b.v.sources)-1].(*cgroups) }

func TestCgroups(t *testing.T) {
	_, root, read := cgroupBench(t, map[string]string{
		"io.stat":                                    "8:0 rbytes=999999 wbytes=9 rios=9 wios=9\n",
		"system.slice/io.stat":                       "8:0 rbytes=99999 wbytes=9 rios=9 wios=9\n",
		"system.slice/a.service/io.stat":             "8:0 rbytes=4096 wbytes=8192 rios=1 wios=2 dbytes=0 dios=0\n253:0 rbytes=4096 wbytes=8192 rios=1 wios=2\n7:1 rbytes=1\n",
		"system.slice/a.service/inner/io.stat":       "8:0 rbytes=4096\n",
		"system.slice/no-io.service/cgroup.procs":    "",
		"docker/docker-x/io.stat":                    "8:0 rbytes=100 wbytes=100 rios=1 wios=1\n",
		"docker/docker-x/web.service/io.stat":        "8:0 rbytes=50 wbytes=50 rios=1 wios=0\n",
		"user.slice/u.service/io.stat":               "8:0 rbytes=500 wbytes=0 rios=5 wios=0\n",
		"user.slice/u.service/app/b.service/io.stat": "8:0 rbytes=200 wbytes=0 rios=2 wios=0\n",
		// 253:0 is made of 8:0, where the kernel counts the same again.
		"dev/block/253:0/slaves/sda/x": "",
	})
	first := read(0)
	zero := map[string]float64{"read_bytes": 0, "write_bytes": 0}
	want := map[string]map[string]float64{
		"unit:a.service": zero, "unit:b.service": zero, "unit:u.service": zero, "unit:web.service": zero, "container:x": zero,
	}
	if diff := cmp.Diff(want, first); diff != "" {
		t.Errorf("at first (-want +got):\n%s", diff)
	}
	write(t, root, map[string]string{
		"system.slice/a.service/io.stat":             "8:0 rbytes=5096 wbytes=8192 rios=3 wios=2\n253:0 rbytes=5096 wbytes=8192 rios=3 wios=2\n7:1 rbytes=1001\n",
		"docker/docker-x/io.stat":                    "8:0 rbytes=300 wbytes=140 rios=3 wios=2\n8:16 rbytes=7 wbytes=0 rios=1 wios=0\n",
		"docker/docker-x/web.service/io.stat":        "8:0 rbytes=150 wbytes=50 rios=2 wios=0\n",
		"user.slice/u.service/io.stat":               "8:0 rbytes=800 wbytes=0 rios=9 wios=0\n",
		"user.slice/u.service/app/b.service/io.stat": "8:0 rbytes=300 wbytes=0 rios=4 wios=0\n",
	})
	one := func(read, write, reads, writes float64) map[string]float64 {
		return map[string]float64{
			"read_bytes": read, "write_bytes": write, "read_bytes_per_s": read / 2, "write_bytes_per_s": write / 2,
			"reads_per_s": reads / 2, "writes_per_s": writes / 2,
		}
	}
	want = map[string]map[string]float64{
		"unit:a.service":   one(1000, 0, 2, 0),
		"container:x":      one(207, 40, 3, 1), // with what is in it, and a device that came
		"unit:web.service": one(100, 0, 1, 0),
		"unit:u.service":   one(200, 0, 2, 0), // without b.service
		"unit:b.service":   one(100, 0, 2, 0),
	}
	if diff := cmp.Diff(want, read(2*time.Second)); diff != "" {
		t.Errorf("after two seconds (-want +got):\n%s", diff)
	}
}

// TestCgroupsComeAndGo: a unit that begins is counted from its first byte, one that ends
// is gone, and one that begins again goes on.
func TestCgroupsComeAndGo(t *testing.T) {
	b, root, read := cgroupBench(t, map[string]string{"system.slice/a.service/io.stat": "8:0 rbytes=1000\n"})
	read(0)
	write(t, root, map[string]string{
		"system.slice/b.service/io.stat": "8:0 rbytes=300\n", "cgroup.stat": "nr_descendants 2\n",
	})
	got := read(time.Second)
	if d := got["unit:b.service"]; d["read_bytes"] != 300 || d["read_bytes_per_s"] != 300 {
		t.Errorf("a new unit: %v", d)
	}
	if err := os.RemoveAll(filepath.Join(root, "system.slice/b.service")); err != nil {
		t.Fatal(err)
	}
	read(time.Second) // its open file still answers here, as it does not in a cgroup
	b.cgroups().stale = true
	if _, ok := read(time.Second)["unit:b.service"]; ok {
		t.Error("it is gone and listed")
	}
	write(t, root, map[string]string{"system.slice/b.service/io.stat": "8:0 rbytes=70\n"})
	if got := read(walkAge)["unit:b.service"]; got["read_bytes"] != 370 {
		t.Errorf("it began again: %v", got)
	}
	// What one did while it was stopped is in its total, and in no rate.
	if err := b.v.Stop("unit:b.service"); err != nil {
		t.Fatal(err)
	}
	write(t, root, map[string]string{"system.slice/b.service/io.stat": "8:0 rbytes=90\n"})
	read(time.Second)
	if err := b.v.Start("unit:b.service"); err != nil {
		t.Fatal(err)
	}
	if got := read(time.Second)["unit:b.service"]; got["read_bytes"] != 390 || got["read_bytes_per_s"] != 0 {
		t.Errorf("it was stopped for a while: %v", got)
	}
	// Where all are stopped nothing is read, and nothing is lost.
	if err := b.v.Stop(All); err != nil {
		t.Fatal(err)
	}
	write(t, root, map[string]string{"system.slice/b.service/io.stat": "8:0 rbytes=100\n"})
	if got := read(time.Second); len(got) != 0 {
		t.Errorf("all is stopped: %v", got)
	}
	if err := b.v.Start("unit:b.service"); err != nil {
		t.Fatal(err)
	}
	want := map[string]map[string]float64{"unit:b.service": {"read_bytes": 400, "write_bytes": 0}}
	if diff := cmp.Diff(want, read(time.Second)); diff != "" {
		t.Errorf("started again (-want +got):\n%s", diff)
	}
}

// TestNoIOController says that there are no figures of containers and units, and why.
func TestNoIOController(t *testing.T) {
	b, root, read := cgroupBench(t, map[string]string{"system.slice/a.service/io.stat": "8:0 rbytes=1000\n"})
	write(t, root, map[string]string{"cgroup.controllers": "cpuset cpu memory\n"})
	if batch := b.batch(0); len(batch.Series) != 0 || !strings.Contains(batch.Detail, "no io controller") {
		t.Errorf("%+v", batch)
	}
	write(t, root, map[string]string{"cgroup.controllers": "io\n"})
	if got := read(walkAge); len(got) != 1 {
		t.Errorf("with one: %v", got)
	}
}

// TestRealCgroups measures the cgroups of this machine where it can.
func TestRealCgroups(t *testing.T) {
	for _, root := range []string{"/sys/fs/cgroup", "/sys/fs/cgroup/unified"} {
		controllers, err := os.ReadFile(filepath.Join(root, "cgroup.controllers"))
		if err != nil {
			continue
		}
		b := newBench(t, VitalsOptions{Cgroup: root, Name: func(path string) (string, string) {
			return "", traffic.CleanText(path, traffic.MaxWord)
		}})
		batch := b.batch(0)
		if !strings.Contains(" "+strings.TrimSpace(string(controllers))+" ", " io ") {
			if !strings.Contains(batch.Detail, "no io controller") {
				t.Errorf("there is no io controller, and the detail is %q", batch.Detail)
			}
			t.Skipf("%s has no io controller: its controllers are %q", root, controllers)
		}
		t.Log(batch.Detail)
		return
	}
	t.Skip("there is no cgroup v2 hierarchy")
}

func FuzzParseIOStat(f *testing.F) {
	f.Add("8:0 rbytes=4096 wbytes=8192 rios=1 wios=2 dbytes=0 dios=0\n253:0 rbytes=18446744073709551615\n")
	f.Add("8: rbytes=1\n\n8:0\n8:1 rbytes= wbytes=x =5 rbytes\n")
	f.Add("nr_descendants 7\n")
	f.Fuzz(func(t *testing.T, text string) {
		list := parseIOStat([]byte(text), nil)
		if len(list) > strings.Count(text, "\n")+1 {
			t.Errorf("%d devices in %q", len(list), text)
		}
		for _, d := range list {
			if d.readBytes < 0 || d.writeBytes < 0 || d.reads < 0 || d.writes < 0 {
				t.Errorf("%+v in %q", d, text)
			}
		}
	})
}

func FuzzParseFigures(f *testing.F) {
	f.Add("0.50 1.25 2.00 3/456 789\n")
	f.Add("pgpgin 5\npswpin 10\npswpout 20\n")
	f.Add("nr_descendants 12\nnr_dying_descendants 0\n")
	f.Fuzz(func(t *testing.T, text string) {
		if runnable, tasks, ok := parseTasks([]byte(text)); !ok && (runnable != 0 && tasks != 0) {
			t.Errorf("%q: %d/%d", text, runnable, tasks)
		}
		if _, _, ok := parseSwapped([]byte(text)); ok && (!strings.Contains(text, "pswpin ") || !strings.Contains(text, "pswpout ")) {
			t.Errorf("%q has no swap figures", text)
		}
		if _, ok := parseDescendants([]byte(text)); ok && !strings.Contains(text, "nr_descendants ") {
			t.Errorf("%q has no count", text)
		}
	})
}
