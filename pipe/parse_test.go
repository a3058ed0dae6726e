package pipe

import (
	"encoding/json"
	"net/netip"
	"reflect"
	"runtime"
	"strings"
	"testing"
)

func whole() Report {
	r := Report{Life: 1 << 63, Kind: KindForward, Done: make([]uint64, MaxReported)}
	args := make([]string, maxArgs)
	for i := range args {
		args[i] = `a"\,[{`
	}
	for i := range MaxReported {
		r.Flows = append(r.Flows, ReportedFlow{
			ID: uint64(i), Proto: 6, Label: "x", Final: true,
			Local: netip.MustParseAddrPort("[fd00::1]:80"), Remote: netip.MustParseAddrPort("198.18.0.1:80"),
			Owner: &ReportedOwner{PID: 1, Start: 2, UID: 3, Comm: "c", Command: "c d", Args: args},
		})
	}
	return r
}

func TestParseReport(t *testing.T) {
	largest := whole()
	text, err := json.Marshal(largest)
	if err != nil {
		t.Fatal(err)
	}
	got, err := ParseReport(text)
	if err != nil || !reflect.DeepEqual(*got, largest) {
		t.Errorf("the largest report: %v", err)
	}
	for _, bad := range []string{
		"", "{", `{"flows":[` + strings.Repeat("{},", 1_000_000) + "{}]}", `{"done":[` + strings.Repeat("0,", 1_000_000) + "0]}",
		strings.Repeat("[", 1_000_000), `{"kind":"`, `{"kind":"\`, `{"life":-1}`, `{"flows":{}}`, `{"flows":[{"local":"x"}]}`,
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := ParseReport([]byte(bad))
		runtime.ReadMemStats(&after)
		if err == nil {
			t.Errorf("%.20s…: no error", bad)
		}
		if n := after.TotalAlloc - before.TotalAlloc; n > 20<<20 {
			t.Errorf("%.20s…: it took %d MiB", bad, n>>20)
		}
	}
}

func FuzzParseReport(f *testing.F) {
	small := whole()
	small.Flows, small.Done = small.Flows[:2], small.Done[:2]
	text, _ := json.Marshal(small)
	f.Add(text)
	f.Add([]byte(`{"flows":[{"id":1,"local":"[fe80::1%x]:1","total":{"rx":1}}]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := ParseReport(b)
		if err != nil {
			return
		}
		d := NewDesk(DeskOptions{})
		_ = d.Take(me(), r) // it may be refused, and must not panic
	})
}
