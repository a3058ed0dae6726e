package machine

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestParseDisk(t *testing.T) {
	full := diskCounters{
		reads: requests{1, 2, 3, 4}, writes: requests{5, 6, 7, 8}, inFlight: 9, busyTicks: 10, queueTicks: 11,
		discards: requests{12, 13, 14, 15}, flushes: 16, flushTicks: 17, fields: 17,
	}
	without := full
	without.flushes, without.flushTicks, without.fields = 0, 0, 15
	old := without
	old.discards, old.fields = requests{}, 11
	negative := old
	negative.inFlight = 0
	for _, c := range []struct {
		name, line string
		device     string
		want       diskCounters
		ok         bool
	}{
		{"Linux 5.5", " 254       0 vda 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17", "vda", full, true},
		{"one to come", "254 0 vda 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19", "vda", full, true},
		{"Linux 4.18", "   8       0 sda 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15", "sda", without, true},
		{"half a flush", "   8       0 sda 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16", "sda", without, true},
		{"Linux 2.6", "   8       0 sda 1 2 3 4 5 6 7 8 9 10 11", "sda", old, true},
		{"half a discard", "   8       0 sda 1 2 3 4 5 6 7 8 9 10 11 12", "sda", old, true},
		{"in flight below zero", "8 0 sda 1 2 3 4 5 6 7 8 4294967295 10 11", "sda", negative, true},
		{"slash", "104 0 cciss/c0d0 1 2 3 4 5 6 7 8 9 10 11", "cciss/c0d0", old, true},
		{"partition of long ago", "   8       1 sda1 1 2 3 4", "", diskCounters{}, false},
		{"empty", "", "", diskCounters{}, false},
		{"no number", "8 0 sda 1 2 3 x 5 6 7 8 9 10 11", "", diskCounters{}, false},
		{"too large", "8 0 sda 1 2 3 18446744073709551616 5 6 7 8 9 10 11", "", diskCounters{}, false},
		{"device too large", "4294967296 0 sda 1 2 3 4 5 6 7 8 9 10 11", "", diskCounters{}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, name, got, ok := parseDisk([]byte(c.line))
			if ok != c.ok || string(name) != c.device {
				t.Fatalf("got %q, %v", name, ok)
			}
			if ok && got != c.want {
				t.Errorf("got %+v, want %+v", got, c.want)
			}
		})
	}
}

func TestDiskSince(t *testing.T) {
	const most = 1<<32 - 1
	for _, c := range []struct {
		name        string
		before, now diskCounters
		words32     bool
		want        diskCounters
	}{
		{
			"ticks wrap on every kernel",
			diskCounters{reads: requests{count: 5, ticks: most}, busyTicks: most - 1, queueTicks: most - 9},
			diskCounters{reads: requests{count: 6, ticks: 1}, busyTicks: 3, queueTicks: 90},
			false,
			diskCounters{reads: requests{count: 1, ticks: 2}, busyTicks: 5, queueTicks: 100},
		},
		{
			"ticks fell by a little", diskCounters{busyTicks: 100}, diskCounters{busyTicks: 98},
			false, diskCounters{},
		},
		{
			"sectors wrap where words have 32 bits",
			diskCounters{writes: requests{count: 5, sectors: most - 7}},
			diskCounters{writes: requests{count: 6, sectors: 8}},
			true, diskCounters{writes: requests{count: 1, sectors: 16}},
		},
		{
			"and begin anew where they have 64",
			diskCounters{writes: requests{count: 5, sectors: most - 7}},
			diskCounters{writes: requests{count: 6, sectors: 8}},
			false, diskCounters{writes: requests{count: 1, sectors: 8}},
		},
		{
			"more than half the way round is no wrap",
			diskCounters{reads: requests{count: 1000}}, diskCounters{reads: requests{count: 3, ticks: 9}},
			true, diskCounters{reads: requests{count: 3, ticks: 9}},
		},
		{
			"more than 32 bits", diskCounters{reads: requests{count: 1 << 40}}, diskCounters{reads: requests{count: 1<<40 + 2}},
			true, diskCounters{reads: requests{count: 2}},
		},
		{
			"one that falls takes no other with it",
			diskCounters{reads: requests{count: 9e6, sectors: 8e9}, writes: requests{count: 5e6, merged: 7000, sectors: 4e9}, flushes: 50},
			diskCounters{reads: requests{count: 9e6 + 2, sectors: 8e9 + 16}, writes: requests{count: 5e6, merged: 3, sectors: 4e9}, flushes: 49},
			false, diskCounters{reads: requests{count: 2, sectors: 16}, writes: requests{merged: 3}},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := c.now.since(&c.before, c.words32)
			if got != c.want {
				t.Errorf("got %+v, want %+v", got, c.want)
			}
		})
	}
}

// TestDiskFigures computes the figures of known counters in two seconds.
func TestDiskFigures(t *testing.T) {
	proc := t.TempDir()
	write(t, proc, map[string]string{
		"diskstats":        "8 0 sda 100 10 1000 50 200 20 2000 80 3 1000 5000 10 1 100 5 4 8\n",
		"sys/block/sda/ro": "",
	})
	b := newBench(t, VitalsOptions{Proc: proc, Sys: filepath.Join(proc, "sys")})
	if diff := cmp.Diff(map[string]float64{"in_flight": 3, "read_bytes": 0, "write_bytes": 0}, figures(b.read(0)["disk:sda"])); diff != "" {
		t.Errorf("at first (-want +got):\n%s", diff)
	}
	write(t, proc, map[string]string{"diskstats": "8 0 sda 104 12 1064 60 210 24 2160 130 1 1500 6000 12 3 140 11 6 9\n"})
	want := map[string]float64{
		"reads_per_s": 2, "writes_per_s": 5, "read_bytes_per_s": 32 * 512, "write_bytes_per_s": 80 * 512,
		"reads_merged_per_s": 1, "writes_merged_per_s": 2, "read_await_ms": 2.5, "write_await_ms": 5,
		"await_ms": 66. / 16, "queue_size": 0.5, "read_request_bytes": 16 * 512, "write_request_bytes": 16 * 512,
		"request_bytes": 264. / 16 * 512, "utilization_percent": 25,
		"discards_per_s": 1, "discard_bytes_per_s": 20 * 512, "discards_merged_per_s": 1, "discard_await_ms": 3,
		"discard_request_bytes": 20 * 512, "flushes_per_s": 1, "flush_await_ms": 0.5,
		"in_flight": 1, "read_bytes": 64 * 512, "write_bytes": 160 * 512,
	}
	if diff := cmp.Diff(want, figures(b.read(2 * time.Second)["disk:sda"])); diff != "" {
		t.Errorf("after two seconds (-want +got):\n%s", diff)
	}
	// Nothing requested: 0, not missing.
	got := figures(b.read(time.Second)["disk:sda"])
	for name, value := range got {
		if value != 0 && !strings.HasSuffix(name, "e_bytes") && name != "read_bytes" && name != "in_flight" {
			t.Errorf("%s is %v of nothing", name, value)
		}
	}
	if len(got) != len(want) {
		t.Errorf("%d figures, want %d", len(got), len(want))
	}
	// Closer than rates make sense: totals only.
	if got := figures(b.read(time.Millisecond)["disk:sda"]); len(got) != 3 {
		t.Errorf("after a millisecond: %v", got)
	}
	// An old kernel has no discards and flushes, which then are missing.
	write(t, proc, map[string]string{"diskstats": "8 0 sda 100 10 1000 50 200 20 2000 80 3 1000 5000\n"})
	b = newBench(t, VitalsOptions{Proc: proc, Sys: filepath.Join(proc, "sys")})
	b.read(0)
	write(t, proc, map[string]string{"diskstats": "8 0 sda 105 12 1064 60 210 24 2160 130 1 1500 6000\n"})
	if got := figures(b.read(time.Second)["disk:sda"]); got["reads_per_s"] != 5 || len(got) != len(want)-7 {
		t.Errorf("of an old kernel: %v", got)
	}
}

// TestDisksComeAndGo: disks that are plugged in, replaced and unplugged, and those that
// are only there in supply.
func TestDisksComeAndGo(t *testing.T) {
	proc := t.TempDir()
	sys := map[string]string{}
	for _, name := range []string{"sda", "sdb", "loop0", "zram0", "ram1", "cciss!c0d0", "loopback"} {
		sys["sys/block/"+name+"/ro"] = ""
	}
	sys["sys/block/nvme0c0n1/hidden"] = "1\n"
	write(t, proc, sys)
	b := newBench(t, VitalsOptions{Proc: proc, Sys: filepath.Join(proc, "sys")})
	const zeros = " 0 0 0 0 0 0 0 0 0 0 0\n"
	read := func(diskstats string) map[string]map[string]float64 {
		t.Helper()
		write(t, proc, map[string]string{"diskstats": diskstats})
		got := make(map[string]map[string]float64)
		for id, s := range b.read(time.Second) {
			if name, ok := strings.CutPrefix(id, "disk:"); ok {
				got[name] = figures(s)
			}
		}
		return got
	}
	names := func(of map[string]map[string]float64) string {
		var list []string
		for name := range of {
			list = append(list, name)
		}
		slices.Sort(list)
		return strings.Join(list, " ")
	}
	got := read("8 0 sda 9 0 90 9 9 0 90 9 0 9 9\n8 1 sda1 9 0 90 9 9 0 90 9 0 9 9\n8 2 sda2 1 2 3 4\n" +
		"7 0 loop0" + zeros + "253 0 zram0" + zeros + "1 1 ram1" + zeros + "104 0 cciss/c0d0" + zeros + "259 1 nvme0c0n1 1 2 3 4 5 6 7 8 9 10 11\n" + "9 9 loopback" + zeros)
	if got := names(got); got != "cciss/c0d0 loopback sda" {
		t.Errorf("disks are %q: partitions are not, nor what was never used", got)
	}
	got = read("8 0 sda 9 0 90 9 9 0 90 9 0 9 9\n7 0 loop0 1 0 8 1 0 0 0 0 0 1 1\n8 16 sdb 2 0 16 1 1 0 4 1 0 1 1\n")
	if got := names(got); got != "loop0 sda sdb" {
		t.Errorf("disks are %q", got)
	}
	if d := got["loop0"]; d["read_bytes"] != 8*512 || d["reads_per_s"] != 1 {
		t.Errorf("a loop device that begins: %v", d)
	}
	if d := got["sdb"]; d["read_bytes"] != 16*512 || d["write_bytes"] != 4*512 || d["writes_per_s"] != 1 {
		t.Errorf("a disk that was plugged in: %v", d)
	}
	// The same name and other counters, with the same number and with another.
	got = read("8 16 sdb 0 0 6 1 1 0 4 1 0 1 1\n")
	if d := got["sdb"]; d["read_bytes"] != (16+6)*512 || d["write_bytes"] != 4*512 || d["reads_per_s"] != 0 {
		t.Errorf("a disk whose counters of what was read began anew: %v", d)
	}
	got = read("65 0 sdb 5 0 20 1 1 0 4 1 0 1 1\n")
	if d := got["sdb"]; d["read_bytes"] != (22+20)*512 || d["reads_per_s"] != 5 {
		t.Errorf("a disk with another number: %v", d)
	}
	if got := read(""); len(got) != 0 {
		t.Errorf("without disks: %v", got)
	}
	got = read("65 0 sdb 7 0 24 1 1 0 4 1 0 1 1\n")
	if d := got["sdb"]; d["read_bytes"] != (42+24)*512 || d["reads_per_s"] != 7 {
		t.Errorf("a disk that came back: %v", d)
	}
}

// TestDisksWithoutSysfs: better too many disks than none.
func TestDisksWithoutSysfs(t *testing.T) {
	proc := t.TempDir()
	write(t, proc, map[string]string{"diskstats": "8 0 sda 9 0 90 9 9 0 90 9 0 9 9\n8 1 sda1 9 0 90 9 9 0 90 9 0 9 9\n"})
	b := newBench(t, VitalsOptions{Proc: proc, Sys: "/nowhere"})
	batch := b.batch(0)
	disks := 0
	for _, s := range batch.Series {
		if s.Kind == "disk" {
			disks++
		}
	}
	if disks != 2 || !strings.Contains(batch.Detail, "partitions are listed") {
		t.Errorf("%d disks: %s", disks, batch.Detail)
	}
}

func TestHostileDiskName(t *testing.T) {
	proc := t.TempDir()
	name := "sd\x1b[31m\u202e[red]"
	write(t, proc, map[string]string{
		"diskstats":                 "8 0 " + name + " 1 0 8 1 0 0 0 0 0 1 1\n",
		"sys/block/" + name + "/ro": "",
	})
	b := newBench(t, VitalsOptions{Proc: proc, Sys: filepath.Join(proc, "sys")})
	if _, ok := b.read(0)[`disk:sd\x1b[31m\u202e[red]`]; !ok {
		t.Errorf("not cleaned: %+v", b.v.Things())
	}
	if err := b.v.Stop(`disk:sd\x1b[31m\u202e[red]`); err != nil {
		t.Error(err)
	}
}

// TestManyDisksGone: what is remembered of disks that are gone is bounded.
func TestManyDisksGone(t *testing.T) {
	proc := t.TempDir()
	s := newDisks(proc, proc)
	defer s.close()
	var th things
	th.init(nil)
	for i := range maxGoneDisks + 200 {
		write(t, proc, map[string]string{"diskstats": "8 0 sd" + strings.Repeat("x", i%7) + time.Duration(i).String() + " 1 0 8 1 0 0 0 0 0 1 1\n"})
		r := reading{at: time.Now(), things: &th}
		r.begin()
		s.read(&r)
		r.end()
	}
	if len(s.known) > maxGoneDisks+1 {
		t.Errorf("%d disks are remembered", len(s.known))
	}
}

func FuzzParseDisk(f *testing.F) {
	f.Add(" 254       0 vda 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17", "254 0 vda 1 2 3 4 5 6 7 8 9 10 4294967295 0 0 0 0 0 0")
	f.Add("8 1 sda1 1 2 3 4", "")
	f.Fuzz(func(t *testing.T, before, now string) {
		_, _, a, ok1 := parseDisk([]byte(before))
		_, name, b, ok2 := parseDisk([]byte(now))
		if !ok1 || !ok2 {
			return
		}
		if len(name) == 0 || b.fields != 11 && b.fields != 15 && b.fields != 17 || b.inFlight >= 1<<31 {
			t.Errorf("%q: %q %+v", now, name, b)
		}
		for _, words32 := range []bool{false, true} {
			d := b.since(&a, words32)
			if b.reads.sectors >= a.reads.sectors && d.reads.sectors != b.reads.sectors-a.reads.sectors ||
				!words32 && d.writes.sectors > b.writes.sectors {
				t.Errorf("%+v since %+v is %+v", b, a, d)
			}
			th := things{}
			th.init(nil)
			r := reading{things: &th}
			r.diskRates(&d, time.Second)
			for _, m := range r.metrics {
				if m.Value < 0 {
					t.Errorf("%s is %v", m.Name, m.Value)
				}
			}
		}
	})
}
