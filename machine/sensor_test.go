package machine

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"bwmon/traffic"
)

// TestSensors reads copies of /sys/class/hwmon and /sys/class/thermal, since virtual
// machines have neither.
func TestSensors(t *testing.T) {
	proc := t.TempDir()
	write(t, proc, map[string]string{
		"class/hwmon/hwmon0/name":                       "coretemp\n",
		"class/hwmon/hwmon0/temp1_input":                "45000\n",
		"class/hwmon/hwmon0/temp1_label":                "Package id 0\n",
		"class/hwmon/hwmon0/temp1_crit":                 "100000\n",
		"class/hwmon/hwmon0/temp10_input":               "41500\n",
		"class/hwmon/hwmon0/fan1_input":                 "900\n",
		"class/hwmon/hwmon1/name":                       "nvme\n",
		"class/hwmon/hwmon1/temp1_input":                "38850\n",
		"class/hwmon/hwmon1/temp1_label":                "Composite\n",
		"class/hwmon/hwmon2/name":                       "nvme\n", // a second disk
		"class/hwmon/hwmon2/temp1_input":                "-5000\n",
		"class/hwmon/hwmon2/temp1_label":                "Composite\n",
		"class/hwmon/hwmon10/name":                      "bad\x1b[2J\n",
		"class/hwmon/hwmon10/temp1_input":               "garbage\n",
		"class/hwmon/hwmon11/name":                      "acpi_z\n",
		"class/thermal/thermal_zone0/type":              "acpi-z\n", // hwmon has it
		"class/thermal/thermal_zone0/temp":              "1000\n",
		"class/thermal/thermal_zone1/type":              "cpu-thermal\n",
		"class/thermal/thermal_zone1/temp":              "51234\n",
		"class/thermal/thermal_zone1/trip_point_0_type": "passive\n",
		"class/thermal/thermal_zone1/trip_point_0_temp": "80000\n",
		"class/thermal/thermal_zone1/trip_point_1_type": "critical\n",
		"class/thermal/thermal_zone1/trip_point_1_temp": "95000\n",
		"class/thermal/cooling_device0/type":            "Fan\n",
	})
	b := newBench(t, VitalsOptions{Proc: proc, Sys: proc, Active: func(id string) bool { return strings.HasPrefix(id, "sensor:") }})
	read := func(later time.Duration) map[string]map[string]float64 {
		got := make(map[string]map[string]float64)
		for id, s := range b.read(later) {
			got[strings.TrimPrefix(id, "sensor:")] = figures(s)
			if bad := strings.HasPrefix(s.Name, "bad"); bad != (s.Detail != "") {
				t.Errorf("%s: detail %q", id, s.Detail)
			}
		}
		return got
	}
	want := map[string]map[string]float64{
		"coretemp/Package id 0": {"temperature_celsius": 45, "critical_celsius": 100},
		"coretemp/temp10":       {"temperature_celsius": 41.5},
		"nvme/Composite":        {"temperature_celsius": 38.85},
		"nvme/Composite#2":      {"temperature_celsius": -5},
		"cpu-thermal":           {"temperature_celsius": 51.234, "critical_celsius": 95},
		`bad\x1b[2J/temp1`:      {},
	}
	if diff := cmp.Diff(want, read(0)); diff != "" {
		t.Errorf("sensors (-want +got):\n%s", diff)
	}
	// A figure may be some seconds old; then it is read again, and chips that went or
	// came are noticed.
	write(t, proc, map[string]string{
		"class/hwmon/hwmon1/temp1_input": "40000\n",
		"class/hwmon/hwmon3/name":        "drivetemp\n",
		"class/hwmon/hwmon3/temp1_input": "30000\n",
	})
	if err := os.RemoveAll(filepath.Join(proc, "class/hwmon/hwmon0")); err != nil {
		t.Fatal(err)
	}
	if got := read(time.Second)["nvme/Composite"]["temperature_celsius"]; got != 38.85 {
		t.Errorf("after a second it is %v", got)
	}
	if got := read(sensorAge)["nvme/Composite"]["temperature_celsius"]; got != 40 {
		t.Errorf("after %v it is %v", sensorAge, got)
	}
	got := read(sensorHunt)
	if _, ok := got["coretemp/temp10"]; ok || got["drivetemp/temp1"]["temperature_celsius"] != 30 {
		t.Errorf("after %v there are %v", sensorHunt, got)
	}
	if len(got) != len(want)-1 {
		t.Errorf("there are %v", got)
	}
}

// TestSensorHangs: a chip that does not answer holds up one reading for a moment, and no
// other chip; it is asked once, is back when it answers, and does not keep Run from its
// end.
func TestSensorHangs(t *testing.T) {
	proc := t.TempDir()
	write(t, proc, map[string]string{
		"class/hwmon/hwmon0/name":        "coretemp\n",
		"class/hwmon/hwmon0/temp1_input": "45000\n",
		"class/hwmon/hwmon1/name":        "nvme\n",
		"class/hwmon/hwmon1/temp1_input": "38850\n",
		"class/hwmon/hwmon1/temp1_crit":  "84850\n",
		"class/hwmon/hwmon1/temp2_input": "39000\n",
	})
	b := newBench(t, VitalsOptions{Proc: proc, Sys: proc, Active: func(id string) bool { return strings.HasPrefix(id, "sensor:") }})
	i := slices.IndexFunc(b.v.sources, func(v vital) bool { _, ok := v.(*sensors); return ok })
	s := b.v.sources[i].(*sensors)
	s.patience = 10 * time.Second
	release := make(chan struct{})
	var asked atomic.Int32
	var dead atomic.Bool
	s.milli = func(path string) (float64, error) {
		if dead.Load() && strings.HasSuffix(path, "hwmon1/temp1_input") {
			asked.Add(1)
			<-release
		}
		return milliFile(path)
	}
	if f := figures(b.read(0)["sensor:nvme/temp1"]); f["temperature_celsius"] != 38.85 || f["critical_celsius"] != 84.85 {
		t.Fatalf("while it answers: %v", f)
	}
	dead.Store(true)
	s.patience = 500 * time.Millisecond
	for i := range 8 { // every 5 s
		begin := time.Now()
		got := b.read(sensorAge)
		if took := time.Since(begin); i > 0 && took > s.patience {
			t.Errorf("reading %d took %v", i, took)
		}
		if f := figures(got["sensor:coretemp/temp1"]); f["temperature_celsius"] != 45 {
			t.Errorf("reading %d: the other chip has %v", i, f)
		}
		one := got["sensor:nvme/temp1"]
		_, told := figures(one)["temperature_celsius"]
		want := ""
		if i > 0 {
			want = fmt.Sprintf("has not answered for %ds", 5*i)
		}
		if told != (i == 0) || one.Detail != want || figures(one)["critical_celsius"] != 84.85 {
			t.Errorf("reading %d: %+v, want %q", i, one, want)
		}
		if two := got["sensor:nvme/temp2"]; two.Detail != want {
			t.Errorf("reading %d: the chip's other sensor is %+v", i, two)
		}
	}
	if n := asked.Load(); n != 1 {
		t.Errorf("it was asked %d times", n)
	}
	ctx, cancel := context.WithCancel(t.Context())
	begin := time.Now()
	if err := b.v.Run(ctx, func(traffic.Batch) { cancel() }); err != nil || time.Since(begin) > 5*time.Second {
		t.Errorf("Run took %v to end: %v", time.Since(begin), err)
	}
	dead.Store(false)
	close(release)
	deadline := time.Now().Add(5 * time.Second)
	for len(b.read(sensorAge)["sensor:nvme/temp1"].Metrics) < 2 || s.outstanding > 0 {
		if time.Now().After(deadline) {
			t.Fatal("it is not back")
		}
		time.Sleep(time.Millisecond)
	}
}

func FuzzMilli(f *testing.F) {
	f.Add("45000\n")
	f.Add("-1")
	f.Add("")
	f.Add("9223372036854775808")
	f.Fuzz(func(t *testing.T, text string) {
		value, err := parseMilli([]byte(text))
		if err == nil && (value > 1e16 || value < -1e16) || err != nil && (value != 0 || len(err.Error()) > 200) {
			t.Errorf("%q: %v, %v", text, value, err)
		}
	})
}
