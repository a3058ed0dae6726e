package machine

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
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
