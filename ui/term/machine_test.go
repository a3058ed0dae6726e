package term

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"bwmon/traffic"
)

// TestRowsWithoutTraffic: they are there only while the machine is asked about, and
// all counts follow.
func TestRowsWithoutTraffic(t *testing.T) {
	s := newStage(t, 120, 28)
	s.take(working(100))
	s.has("traffic", "9 rows", "curl")
	s.lacks("traffic", "postgres", "READ/s", "CPU %")
	s.press("m")
	s.has("m", "12 rows", "postgres", "READ/s", "WRITE/s", "CPU %", "MEM")
	s.press("m")
	s.has("m again", "9 rows")
	s.lacks("m again", "postgres")

	s.press("/", "cpu>30", "<Enter>")
	s.has("filtered", "4 of 12", "postgres", "dd", "firefox", "Backup")
	s.lacks("filtered", "READ/s")
	s.press("<Esc>")
	s.has("cleared", "9 rows")

	s.press(":sort cpu desc", "<Enter>")
	s.has("sorted by what is not shown", "12 rows", "by CPU %")
	if diff := cmp.Diff([]string{"›firefox", "dd", "Backup", "postgres", "curl", "serve.py", "ssh"}, s.names()[:7]); diff != "" {
		t.Errorf("by CPU (-want +got):\n%s", diff)
	}
	s.press("m", "m")
	s.has("and back to the usual order", "▼RX/s", "9 rows")

	s.press(":columns +memory_bytes", "<Enter>")
	s.has("one column", "12 rows", "MEM")
	s.lacks("one column", "CPU %")
	s.press("m")
	s.has("m hides it", "9 rows")
	s.lacks("m hides it", "MEM")
	s.press("m0", ":columns +await_ms", "<Enter>", "1")
	s.has("columns of disks are others", "CPU %")
	s.press("0m")
	s.has("said where it cannot be seen", "their traffic only")
	s.press("m1")
	quiet := working(101)
	quiet.Apps = quiet.Apps[len(quiet.Apps)-3:]
	s.press("m").take(quiet)
	s.has("nothing but that", "no traffic yet", "m or :machine shows 3 rows")
	s.take(working(102)).press("m", ":columns app rx_rate", "<Enter>")
	s.has("these columns", "9 rows")
	s.lacks("these columns", "CPU %", "TX/s")
}

// TestMachineFilters: figures of the machine in every table that has them.
func TestMachineFilters(t *testing.T) {
	for _, tt := range []struct {
		keys, filter string
		want         []string
	}{
		{"1", "write>1MiB/s", []string{"curl", "dd", "postgres"}},
		{"1", "written>1MiB", []string{"curl", "dd", "firefox", "postgres"}},
		{"1", "read>4GB", []string{"Backup", "dd"}},
		{"1", "read > 5", nil}, // no such filter: the one before stays, which is none
		{"1", "cpu>=97.2", []string{"dd", "firefox"}},
		{"1", "cpu>143% mem>2GiB", []string{"firefox"}},
		{"1", "memory>1GiB cpu<50", []string{"postgres"}},
		{"1", "!cpu>0 procs>0", []string{"systemd-timesyncd", "日本語アプリ"}},
		{"gu", "cpu>200", []string{"alice"}},
		{"gi", "mem=4MiB", []string{"cron.service"}},
		{"2", "read>80MiB/s user:root", []string{"/usr/bin/dd"}},
		{"0", "util>20", []string{"nvme0n1"}},
		{"0", "busy>0 await<5ms", []string{"sda"}},
		{"0", "write>1MiB/s", []string{"nvme0n1"}},
		{"0", "written>1GiB disk:nvme", []string{"nvme0n1"}},
		{"0", "state:off", []string{"sdc (off)"}},
		{"0", "disk=sdc", []string{"sdc (off)"}},
		{"0", "series=disk:sdb", []string{"sdb"}},
		{"0", "queue>1", []string{"nvme0n1"}},
		{"M", "state:down", []string{"probe:api"}},
		{"M", "state!=ok state!=off", []string{"mount:/var/lib/docker", "probe:api"}},
		{"M", "refused", []string{"probe:api"}},
		{"M", "probe:a", []string{"probe:api"}},
		{"M", "unit:docker", []string{"unit:docker.service"}},
		{"M", "mount:/var | pressure:", []string{"mount:/var/lib/docker", "pressure:io"}},
		{"M", "series:mount value>70", []string{"mount:/"}},
		{"M", "kind=memory | kind=swap", []string{"memory", "swap"}},
		{"M", "value>1MiB/s", []string{"unit:docker.service"}},
		{"0<Enter>", "value>1MiB/s", []string{"read_bytes_per_s", "write_bytes_per_s"}},
		{"0<Enter>", "metric:await", []string{"await_ms", "flush_await_ms", "read_await_ms", "write_await_ms"}},
	} {
		t.Run(tt.keys+" "+tt.filter, func(t *testing.T) {
			s := newStage(t, 120, 30)
			s.take(working(100)).things()
			keys, enter, _ := strings.Cut(tt.keys, "<")
			s.press(keys)
			if enter != "" {
				s.press("<Enter>")
			}
			s.press("/", tt.filter, "<Enter>")
			if tt.want == nil {
				s.has("wrong", "^")
				return
			}
			got := s.names()
			for i := range got {
				got[i] = strings.TrimPrefix(got[i], cursor)
			}
			slices.Sort(got)
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestMachineFilterErrors: what is no figure of the machine is said so.
func TestMachineFilterErrors(t *testing.T) {
	for text, want := range map[string]string{
		"mem>1GiB/s": "mem is no rate", "cpu>50ms": "is no number", "mem:1GiB": "mem is a figure", "util>x": "is no number",
		"disk>3": "disk is text", "wirte>1": `did you mean "write"`,
	} {
		if _, err := parseQuery(text, nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want %q", text, err, want)
		}
	}
	for _, text := range []string{"cpu>50 mem>1GiB", "await>20 | util>=80", "read>1MiB/s value<3"} {
		q, err := parseQuery(text, nil)
		if err != nil || q.String() != text {
			t.Errorf("%s became %s, %v", text, q, err)
		}
	}
}

// TestMachineSorting: by every column of the machine, what is missing last.
func TestMachineSorting(t *testing.T) {
	for _, tt := range []struct {
		keys, sort string
		want       []string
	}{
		{"1", "disk_read_rate", []string{"dd", "Backup", "postgres", "firefox"}},
		{"1", "disk_write_bytes", []string{"dd", "curl", "postgres", "firefox"}},
		{"1", "memory_bytes", []string{"firefox", "postgres", "Backup", "serve.py"}},
		{"2", "cpu", []string{"/usr/bin/firefox", "/usr/bin/dd", "/usr/bin/Backup", "/usr/bin/postgres"}},
		{"0", "read_await", []string{"nvme0n1", "sda", "sdb", "sdc (off)"}},
		{"0", "util", []string{"nvme0n1", "sda", "sdb", "sdc (off)"}},
		{"0", "read_bytes desc", []string{"nvme0n1", "sda", "sdb", "sdc (off)"}},
		{"0", "disk desc", []string{"sdc (off)", "sdb", "sda", "nvme0n1"}},
		{"M", "state", []string{"probe:api", "mount:/mnt/backup", "probe:db", "sensor:acpitz"}},
		{"M", "value desc", []string{"unit:docker.service", "mount:/", "sensor:coretemp package", "cpu"}},
	} {
		s := newStage(t, 120, 30)
		s.take(working(100)).things().press(tt.keys, ":sort "+tt.sort, "<Enter>", "<Home>")
		got := s.names()[:4]
		for i := range got {
			got[i] = strings.TrimPrefix(got[i], cursor)
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s by %s (-want +got):\n%s", tt.keys, tt.sort, diff)
		}
	}
}

// TestMachineExport: what is shown of the machine is in the file, to the last digit,
// and what is not known is empty.
func TestMachineExport(t *testing.T) {
	dir := t.TempDir()
	s := newStage(t, 80, 24)
	s.take(working(100)).things()
	lines := func(glob string) []string {
		t.Helper()
		s.settle()
		files, err := filepath.Glob(filepath.Join(dir, glob))
		if err != nil || len(files) != 1 {
			t.Fatalf("files %v, %v", files, err)
		}
		text, err := os.ReadFile(files[0])
		if err != nil {
			t.Fatal(err)
		}
		return strings.Split(strings.TrimSpace(string(text)), "\r\n")
	}
	s.press("m/", "postgres", "<Enter>", ":export csv "+dir, "<Enter>")
	want := []string{"app,rx_rate,tx_rate,rx_bytes,tx_bytes,disk_read_rate,disk_write_rate,disk_read_bytes,disk_write_bytes,cpu_percent,memory_bytes,processes,connections",
		"postgres,0.0,0.0,0,0,5500000.0,2100000.0,550000000,210000000,33,2147483648,0,0"}
	if diff := cmp.Diff(want, lines("bwmon-apps-*")); diff != "" {
		t.Errorf("apps (-want +got):\n%s", diff)
	}
	s.press("0", ":export csv "+dir, "<Enter>")
	got := lines("bwmon-disks-*")
	if want := "sdc,,,0.0,0.0,,,,,"; got[len(got)-1] != want {
		t.Errorf("what is off: %s, want %s", got[len(got)-1], want)
	}
	if want := "sdb,0,0,0.0,0.0,0.4266"; !strings.HasPrefix(got[3], want) {
		t.Errorf("%s, want %s…", got[3], want)
	}
	s.press("M", ":columns +detail +kind +metric", "<Enter>", "/", "probe:api", "<Enter>", ":export csv "+dir, "<Enter>")
	want = []string{"series,state,value,figures,detail,kind,metric",
		"probe:api,down,,connect to 127.0.0.1:8080: connection refused,connect to 127.0.0.1:8080: connection refused,probe,"}
	if diff := cmp.Diff(want, lines("bwmon-machine-*")); diff != "" {
		t.Errorf("machine (-want +got):\n%s", diff)
	}
}

// TestTotalsOfDisks: t leaves rates or totals out, of disks too.
func TestTotalsOfDisks(t *testing.T) {
	s := newStage(t, 120, 28)
	s.take(working(100)).press("0")
	s.has("both", "READ/s", "WRITE/s")
	s.lacks("both: totals are chosen", "WRITTEN")
	s.press("tt")
	s.has("totals", "READ", "WRITTEN", "2.08 GiB")
	s.lacks("totals", "READ/s")
	s.press("1m")
	s.has("totals of apps", "WRITTEN", "CPU %")
	s.lacks("totals of apps", "READ/s", "TX/s")
}

// TestMachineIsRemembered: what is asked for is there the next time.
func TestMachineIsRemembered(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ui.json")
	s := newStage(t, 120, 28)
	s.ui = mustNew(t, Options{SettingsPath: path})
	s.take(working(100)).press("m", "M")
	if err := s.ui.remember(); err != nil {
		t.Fatal(err)
	}
	s.ui = mustNew(t, Options{SettingsPath: path})
	s.take(working(100))
	s.has("remembered", "SERIES", "STATE")
	s.press("1")
	s.has("remembered", "CPU %", "12 rows")
	s.press(":reset", "<Enter>")
	s.lacks("reset", "CPU %")
	s.ui = mustNew(t, Options{Config: Config{Machine: true, View: "disks", Columns: map[string][]string{"disks": {"disk", "util"}},
		Sort: map[string]string{"machine": "value desc", "apps": "cpu_percent"}}})
	s.take(working(100))
	s.has("configured", "UTIL", "nvme0n1")
	s.lacks("configured", "READ/s", "RAWAIT")
	s.press("1")
	s.has("configured", "▼CPU %")
}

// TestZeroAndWindowOfDisks: totals since a mark and means over a window are those of
// disks, too.
func TestZeroAndWindowOfDisks(t *testing.T) {
	s := newStage(t, 120, 28)
	at := func(tick int, rate float64) {
		snap := working(tick)
		for i := range snap.Apps {
			if a := &snap.Apps[i]; a.Name == "dd" {
				a.Resources.DiskReadRate = rate
			}
		}
		s.take(snap)
	}
	for tick := range 60 {
		at(tick+100, 1<<20)
	}
	s.press("m", "/", "dd", "<Enter>", "z")
	at(160, 11<<20)
	s.has("zero", "83.9 MiB 83.9 MiB   97.2")
	s.press("w")
	s.has("mean of ten", "2.00 MiB/s")
	s.press("0")
	s.take(working(161))
	s.has("a disk", "since 03:02:39")
}

// TestRun: another run of the engine begins anew, whatever its clock says; the same
// one does not, whatever its clock says.
func TestRun(t *testing.T) {
	for _, tt := range []struct {
		before, after string
		elapsed       float64
		anew          bool
	}{
		{"a", "a", 100, false}, {"a", "b", 100, true}, {"a", "b", 1, true}, {"a", "a", 1, false},
		{"", "", 100, false}, {"", "", 1, true}, {"a", "", 100, false}, {"", "b", 1, true},
	} {
		m := newMemory(time.Second)
		for at := range 60 {
			s := seen(float64(at), usage(100, 0, uint64(at)*100, 0))
			s.Run = tt.before
			m.observe(s, true)
		}
		m.mark(start)
		s := seen(tt.elapsed, usage(100, 0, 50, 0))
		s.Run = tt.after
		m.observe(s, true)
		if anew := m.marked.IsZero(); anew != tt.anew {
			t.Errorf("run %q after %q at %v: anew %v, want %v", tt.after, tt.before, tt.elapsed, anew, tt.anew)
		}
	}
}

// TestAlertsOfMetrics: with the units of their metrics, and Enter leads to what they
// are about, also to a row that never had traffic.
func TestAlertsOfMetrics(t *testing.T) {
	s := newStage(t, 140, 28)
	s.take(working(100)).press("8")
	s.has("units", "9.20 ms", "5 ms", "24.0 GiB", "97.2 %", "await_ms", "cpu_percent")
	s.press("/", "slow", "<Enter>", "<Enter>")
	s.has("a disk", "Disks ", "›nvme0n1", "slow disk", "firing")
	s.press("8", "<Esc>", "/", "full", "<Enter>", "<Enter>")
	s.has("a mount", "Machine ", "›mount:/ ")
	s.press("8", "<Esc>", "/", "busy", "<Enter>", "<Enter>")
	s.has("an app", "Apps ", "›dd ", "CPU %")
}

// TestProbesThatAreDown: the header names them, with the key that explains it, and
// colour is not all that marks them.
func TestProbesThatAreDown(t *testing.T) {
	s := newStage(t, 120, 28)
	snap := working(100)
	s.take(snap)
	s.has("one", "! probe api is down: connect to 127.0.0.1:8080: connection refused (M Machine)", "Mach 2")
	for _, name := range []string{"a", "b", "c", "d"} {
		snap.Series = append(snap.Series, traffic.Series{Kind: traffic.SeriesProbe, Name: name, Metrics: traffic.Metrics{{Name: "listening"}}})
	}
	s.take(snap)
	s.has("more", "! 5 probes are down: api, a, b, c, … (M Machine)")
	s.press("M")
	s.has("marked", "probe:api", "down")
	s.take(typical(101))
	s.lacks("up again", "is down", "Mach 2")
}

// TestMachineDetails: totals and rates of the selected row, and all figures of a
// series with its chart.
func TestMachineDetails(t *testing.T) {
	s := newStage(t, 120, 40)
	s.work(30, 130).press("<Down>")
	s.has("an app", "disk read", "254 KiB", "disk written", "38.4 MiB", "303 KiB/s", "CPU, memory", "143.7 %", "3.00 GiB")
	s.press("0")
	s.has("a disk", "read max", "write max", "read   written", "utilization_percent", "firing")
	s.press("<Enter>")
	s.has("its figures", "Disks › nvme0n1", "METRIC", "of 21", "read max")
	s.press("<Esc>", "M")
	s.has("processors", "used max", "idle_percent")
	s.lacks("one figure only", "rx max", "write max")
	s.press("u", "u")
	s.take(working(131))
	s.lacks("no bits of memory", "bit/s of")
	s.take(func() *traffic.Snapshot { x := working(132); x.Series = nil; return x }())
	s.has("nothing", "nothing of the machine is measured")
}

// TestFigures: each in its unit, none wider than its column.
func TestFigures(t *testing.T) {
	for _, tt := range []struct {
		metric string
		v      float64
		want   string
	}{
		{"read_await_ms", 0, "0 ms"}, {"read_await_ms", 0.0001, "<0.01 ms"}, {"read_await_ms", 12.34, "12.3 ms"}, {"x_ms", 12345, "12.3 s"}, {"x_ms", 1e12, "1.00G s"},
		{"used_percent", 100, "100 %"}, {"used_percent", 99.96, "100 %"}, {"reads_per_s", 0.5, "0.50/s"}, {"reads_per_s", 1234567, "1.23M/s"},
		{"read_bytes_per_s", 0, "0 B/s"}, {"read_bytes_per_s", 1536, "1.50 KiB/s"}, {"size_bytes", 0, "0 B"}, {"size_bytes", 1 << 40, "1.00 TiB"},
		{"temperature_celsius", -12.5, "-12.5 °C"}, {"load1", 1.5, "1.50"}, {"processors", 8, "8"}, {"uptime_s", 90, "90 s"},
	} {
		got := unitsIEC.figure(traffic.UnitOf(tt.metric), tt.v)
		if got != tt.want || width(got) > figureWidth {
			t.Errorf("%s %v: %q, want %q", tt.metric, tt.v, got, tt.want)
		}
		if got := unitsBits.figure(traffic.UnitOf(tt.metric), tt.v); got != tt.want {
			t.Errorf("%s %v in bits: %q, want %q", tt.metric, tt.v, got, tt.want)
		}
	}
}
