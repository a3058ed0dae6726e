package machine

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"bwmon/lab"
	"bwmon/traffic"
)

// loopDevice is a block device of 64 MiB in a file. It is gone after the test, and also
// when that is killed: detached while it is open, it stays until it is closed.
func loopDevice(t *testing.T) (path string) {
	t.Helper()
	if testing.Short() {
		t.Skip("two intervals under load take their time, and tell of no races")
	}
	if os.Geteuid() != 0 {
		t.Skip("loop devices take root")
	}
	for _, tool := range []string{"losetup", "fio", "iostat"} {
		if _, err := exec.LookPath(tool); err != nil {
			if os.Getenv("CI") != "" {
				t.Fatalf("%v: scripts/setup-tests installs it", err)
			}
			t.Skipf("%v: apt-get install mount fio sysstat", err)
		}
	}
	file := filepath.Join(t.TempDir(), "disk")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(file, 64<<20); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("losetup", "--find", "--show", file).CombinedOutput()
	if err != nil {
		t.Skipf("no loop device: %s", out)
	}
	path = strings.TrimSpace(string(out))
	device, openErr := os.Open(path)
	if out, err := exec.Command("losetup", "--detach", path).CombinedOutput(); err != nil {
		t.Errorf("detach %s: %s", path, out)
	}
	if openErr != nil {
		t.Fatal(openErr)
	}
	t.Cleanup(func() { device.Close() })
	lab.Record(t)
	return path
}

// iostat runs Debian's iostat for one interval and returns what it
// says of the disk, by its own names. Meanwhile it runs the load.
func iostat(t *testing.T, disk string, load func(), options ...string) map[string]float64 {
	t.Helper()
	args := append(options, "-c", "-d", "-y", "-o", "JSON", disk, fmt.Sprint(iostatSeconds), "1")
	cmd := exec.Command("iostat", args...)
	cmd.Env = append(os.Environ(), "LC_ALL=C", "S_TIME_FORMAT=ISO")
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	waitForDiskstats(t, cmd.Process.Pid)
	load()
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	var report struct {
		Sysstat struct {
			Hosts []struct {
				Statistics []struct {
					CPU  map[string]float64 `json:"avg-cpu"`
					Disk []map[string]any
				}
			}
		}
	}
	if err := json.Unmarshal(out.Bytes(), &report); err != nil {
		t.Fatalf("%v in %s", err, out.Bytes())
	}
	found := make(map[string]float64)
	for _, s := range report.Sysstat.Hosts[0].Statistics {
		for name, value := range s.CPU {
			found["cpu "+name] = value
		}
		for _, d := range s.Disk {
			for name, value := range d {
				if v, ok := value.(float64); ok {
					found[name] = v
				}
			}
		}
	}
	if len(found) == 0 {
		t.Fatalf("iostat says nothing of %s: %s", disk, out.Bytes())
	}
	return found
}

// waitForDiskstats waits until iostat has taken its first reading: from then on it
// sleeps.
func waitForDiskstats(t *testing.T, pid int) {
	t.Helper()
	deadline := time.Now().Add(5 * time.Second)
	for time.Now().Before(deadline) {
		stat, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if strings.Contains(string(stat), "(iostat) S ") {
			return
		}
		time.Sleep(time.Millisecond)
	}
	t.Log("iostat was not seen to sleep")
}

// fio runs a job on a device: random blocks of 4 to 64 KiB, read and written, flushed now
// and then, and some discarded.
func fio(t *testing.T, device string, seconds float64) {
	t.Helper()
	jobs := []string{
		"--filename=" + device, "--allow_file_create=0", "--output-format=terse", "--direct=1", "--size=64m",
		"--time_based", fmt.Sprintf("--runtime=%dms", int(seconds*1000)),
		"--name=mixed", "--rw=randrw", "--rwmixread=60", "--bsrange=4k-64k", "--rate=60m,40m", "--fsync=100",
		"--ioengine=libaio", "--iodepth=8",
		"--name=trim", "--rw=randtrim", "--bs=64k", "--thinktime=5ms", "--ioengine=psync",
	}
	if out, err := exec.Command("fio", jobs...).CombinedOutput(); err != nil {
		t.Fatalf("fio: %v\n%s", err, out)
	}
}

// asIostat are our names of its figures, and how many of ours are one of its units.
var asIostat = []struct {
	theirs, ours string
	unit         float64
}{
	{"r/s", "reads_per_s", 1}, {"w/s", "writes_per_s", 1}, {"d/s", "discards_per_s", 1}, {"f/s", "flushes_per_s", 1},
	{"rkB/s", "read_bytes_per_s", 1024}, {"wkB/s", "write_bytes_per_s", 1024}, {"dkB/s", "discard_bytes_per_s", 1024},
	{"rrqm/s", "reads_merged_per_s", 1}, {"wrqm/s", "writes_merged_per_s", 1}, {"drqm/s", "discards_merged_per_s", 1},
	{"r_await", "read_await_ms", 1}, {"w_await", "write_await_ms", 1}, {"d_await", "discard_await_ms", 1},
	{"f_await", "flush_await_ms", 1}, {"await", "await_ms", 1},
	{"rareq-sz", "read_request_bytes", 1024}, {"wareq-sz", "write_request_bytes", 1024},
	{"dareq-sz", "discard_request_bytes", 1024}, {"areq-sz", "request_bytes", 1024},
	{"aqu-sz", "queue_size", 1}, {"util", "utilization_percent", 1},
	{"tps", "tps", 1}, {"kB/s", "bytes", 1024},
}

// TestIostat: under load by fio on a loop device the figures are those of iostat -x in
// the same interval, within 1 % or one request. The load begins after both have read and
// ends before both read again, so that what differs is how they count, not when.
func TestIostat(t *testing.T) {
	device := loopDevice(t)
	for _, options := range [][]string{{"-x"}, {"-x", "-s"}} {
		theirs, cpu, disk := besideIostat(t, device, options)
		compareProcessors(t, theirs, cpu)
		compareIostat(t, theirs, disk)
		if disk["in_flight"] != 0 || disk["read_bytes"] < 1<<20 || disk["write_bytes"] < 1<<20 {
			t.Errorf("after the load: %v", disk)
		}
	}
}

// iostatSeconds is the interval.
const iostatSeconds = 4

// besideIostat measures a device under load, and the processors, with iostat and with
// what is tested.
func besideIostat(t *testing.T, device string, options []string) (theirs, cpu, disk map[string]float64) {
	id := traffic.SeriesID(traffic.SeriesDisk, filepath.Base(device))
	for try := 1; ; try++ {
		b := newBench(t, VitalsOptions{Active: func(of string) bool { return of == id || of == traffic.SeriesCPU }})
		begin := time.Now()
		b.v.readAt(begin, time.Now)
		theirs = iostat(t, filepath.Base(device), func() { fio(t, device, iostatSeconds-1.5) }, options...)
		end := time.Now()
		batch := b.v.readAt(end, time.Now)
		t.Logf("%-10s %12s   %-24s %12s", "", "iostat", "", "bwmon")
		t.Logf("%-10s %12.3f   %-24s %12.3f", "interval,s", float64(iostatSeconds), "", end.Sub(begin).Seconds())
		if end.Sub(begin) > iostatSeconds*time.Second+25*time.Millisecond && try < 5 {
			t.Log("the machine is busy, and these are two intervals; once more")
			continue
		}
		if len(batch.Series) != 2 || batch.Series[0].ID() != traffic.SeriesCPU || batch.Series[1].ID() != id {
			t.Fatalf("series are %+v", batch.Series)
		}
		return theirs, figures(batch.Series[0]), figures(batch.Series[1])
	}
}

// compareProcessors says where the processors' time differs by more than a hundredth of
// all: they work also while only one of both looks.
func compareProcessors(t *testing.T, theirs, ours map[string]float64) {
	t.Helper()
	theirs["cpu user"] += theirs["cpu nice"]
	ours["system and interrupts"] = ours["system_percent"] + ours["irq_percent"] + ours["softirq_percent"]
	for _, c := range [][2]string{
		{"cpu user", "user_percent"}, {"cpu system", "system and interrupts"}, {"cpu iowait", "iowait_percent"},
		{"cpu steal", "steal_percent"}, {"cpu idle", "idle_percent"},
	} {
		verdict, want, got := "ok", theirs[c[0]], ours[c[1]]
		if math.Abs(got-want) > 1 {
			verdict = "DIFFERS"
			t.Errorf("%s: iostat has %v %%, we have %v %%", c[0], want, got)
		}
		t.Logf("%-10s %12.2f   %-24s %12.2f  %s", c[0], want, c[1], got, verdict)
	}
}

// compareIostat prints both beside each other, and says where they differ.
func compareIostat(t *testing.T, theirs, ours map[string]float64) {
	t.Helper()
	compared := 0
	// What the short form of iostat sums up.
	ours["tps"] = ours["reads_per_s"] + ours["writes_per_s"] + ours["discards_per_s"]
	ours["bytes"] = ours["read_bytes_per_s"] + ours["write_bytes_per_s"] + ours["discard_bytes_per_s"]
	for _, c := range asIostat {
		want, ok := theirs[c.theirs]
		if !ok {
			continue // the short form has others than the long one
		}
		got := ours[c.ours] / c.unit
		compared++
		slack := max(0.01*math.Abs(want), 0.0051) // it prints two digits
		if strings.HasSuffix(c.ours, "s_per_s") && c.unit == 1 {
			slack = max(slack, 1./iostatSeconds+0.0051)
		}
		verdict := "ok"
		if math.Abs(got-want) > slack {
			verdict = "DIFFERS"
			t.Errorf("%s: iostat has %v, we have %v", c.theirs, want, got)
		}
		t.Logf("%-10s %12.2f   %-24s %12.2f  %s", c.theirs, want, c.ours, got, verdict)
	}
	if compared < 6 {
		t.Errorf("only %d figures were compared: %v", compared, theirs)
	}
}
