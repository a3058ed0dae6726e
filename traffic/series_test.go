package traffic

import (
	"encoding/json"
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestMetricsKeepTheirOrder(t *testing.T) {
	m := Metrics{{"z_ms", 1.5}, {"a", math.NaN()}, {"read_bytes", 1 << 60}, {"b \"<", -2}, {"inf", math.Inf(1)}}
	text, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	if want := `{"z_ms":1.5,"read_bytes":1152921504606846976,"b \"\u003c":-2}`; string(text) != want {
		t.Errorf("got %s, want %s", text, want)
	}
	var back Metrics
	if err := json.Unmarshal(text, &back); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(Metrics{{"z_ms", 1.5}, {"read_bytes", 1 << 60}, {"b \"<", -2}}, back); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	for _, bad := range []string{`[]`, `{"a":"b"}`, `{"a":{}}`, `{"a":1e999}`, `7`} {
		if err := json.Unmarshal([]byte(bad), &back); err == nil {
			t.Errorf("%s is read as %v", bad, back)
		}
	}
	if err := json.Unmarshal([]byte(`{"a":null,"b":1}`), &back); err != nil || len(back) != 1 {
		t.Errorf("a missing figure is %v, %v", back, err)
	}
	if err := json.Unmarshal([]byte(`null`), &back); err != nil || back != nil {
		t.Errorf("null is %v, %v", back, err)
	}
}

func TestUnitOf(t *testing.T) {
	for name, want := range map[string]Unit{
		"await_ms": UnitMilliseconds, "read_bytes_per_s": UnitBytesPerSecond, "reads_per_s": UnitPerSecond,
		"read_bytes": UnitBytes, "bytes": UnitBytes, "used_percent": UnitPercent, "rx_errors_total": UnitNone,
		"stalled_ms_total": UnitMilliseconds, "uptime_s": UnitSeconds, "temperature_celsius": UnitCelsius, "load1": UnitNone,
		"status": UnitNone, "columns": UnitNone,
	} {
		if got := UnitOf(name); got != want {
			t.Errorf("%s is in %q, want %q", name, got, want)
		}
	}
}
