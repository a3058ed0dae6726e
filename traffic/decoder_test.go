package traffic

import (
	"encoding/json"
	"fmt"
	"reflect"
	"testing"
	"time"
)

// busy is a snapshot of many apps, as a daemon writes it once a second.
func busy(t testing.TB, apps, tick int) []byte {
	s := whole("curl")
	s.At, s.Apps = time.Unix(int64(tick), 5).UTC(), nil
	for i := range apps {
		k := uint64(i + tick)
		u := Usage{RxBytes: 1000 * k, TxBytes: 500 * k, RxRate: float64(k*104_729) / 7, TxRate: float64(k) / 3}
		r := Resources{DiskReadBytes: k, DiskWriteBytes: k, DiskReadRate: u.RxRate, CacheReadBytes: k, CPUPercent: u.TxRate, MemoryBytes: k}
		a := App{Name: fmt.Sprintf("service-%d", i), Usage: u, Resources: r, Processes: 2, Connections: 7}
		for j := range 2 {
			a.Commands = append(a.Commands, Command{
				Command: fmt.Sprintf("/usr/lib/service-%d/bin/worker --listen 127.0.0.1:%d", i, 10_000+j), User: "service",
				Unit: fmt.Sprintf("service-%d.service", i), PIDs: []int{i, i + j + 1}, Usage: u, Resources: r, Processes: 1, Connections: 3,
			})
		}
		s.Apps = append(s.Apps, a)
	}
	for i := range 12 {
		each := Series{Kind: SeriesDisk, Name: fmt.Sprint("sd", i)}
		for j := range 17 {
			each.Metrics = each.Metrics.With(fmt.Sprint("metric_", j), float64(i*j+tick)/7)
		}
		s.Series = append(s.Series, each)
	}
	document, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	return document
}

// TestQuick: what bwmon writes is read the quick way, with what a decoder knows of
// other snapshots and without.
func TestQuick(t *testing.T) {
	s := whole("curl")
	f := &s.Apps[0].Commands[0].Flows[0]
	f.PID, f.Ended = 7, true
	s.Apps = append(s.Apps, App{}, App{Name: `with "quotes" \ and é`, Commands: []Command{{}, {PIDs: []int{1, 2}}}})
	s.Series = []Series{{Kind: "disk", Name: "sda", Detail: "slow", Metrics: Metrics{{"read_bytes", 5}, {"await_ms", 1e-9}}}, {Kind: "memory"}}
	first, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	var d Decoder
	for i, document := range [][]byte{first, busy(t, 3, 1), busy(t, 3, 2), busy(t, 5, 3), []byte(`{"schema":1,"apps":[],"series":null}`), first, first} {
		got, ok := d.quick(document)
		if !ok {
			t.Fatalf("document %d is not read the quick way: %s", i, document)
		}
		equal(t, document, got)
	}
}

// equal compares what was read the quick way with what encoding/json reads.
func equal(t *testing.T, document []byte, got *Snapshot) {
	t.Helper()
	var want Snapshot
	if err := json.Unmarshal(document, &want); err != nil {
		t.Fatalf("%q was taken: %v", document, err)
	}
	if !reflect.DeepEqual(&want, got) {
		t.Fatalf("%q:\nwant %+v\ngot  %+v", document, &want, got)
	}
}

// FuzzQuick: a document that is read the quick way is what encoding/json reads, even
// after another one.
func FuzzQuick(f *testing.F) {
	curl, err := json.Marshal(whole("curl"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(curl, busy(f, 1, 1))
	f.Add(busy(f, 2, 1), busy(f, 2, 2))
	for _, hostile := range []string{
		`{"apps":[{"app":"\u0061\\","rx_bytes":18446744073709551616}]}`, `{"apps":[],"apps":[{}]}`, `{"apps":null,"APPS":[{}]}`, `{"app\u0073":[{}]}`,
		`{"apps":[{"commands":[{"pids":[1]}],"commands":null}]}`, `{"apps":[{"app":null,"rx_rate":1e999}]}`, `{"apps":[{"rx_bytes":01}]}`, `{"apps":[{"rx_rate":-0.0}]}`,
		`{"series":[{"metrics":{"a":null}}]}`, `{"series":[{"metrics":{"a":1,"a":2}}],"x":"]}"}`, `{"x":[},"apps":[]}`, `{"apps":[{"app":"a\\"},{"app":"a\"}]}`,
		"{\"apps\":[{\"app\":\"\xff\"}],\"appſ\":[]}", `{"apps":[{"commands":[{"flows":[{"local":"","remote":"[::1%x]:5","ended":true}],"closed":{}}]}]} `, `{"apps":[]}{}`,
	} {
		f.Add([]byte(hostile), curl)
		f.Add(curl, []byte(hostile))
	}
	f.Fuzz(func(t *testing.T, before, document []byte) {
		var d Decoder
		d.quick(before)
		if got, ok := d.quick(document); ok {
			equal(t, document, got)
		}
	})
}

func BenchmarkDecode(b *testing.B) {
	documents := [][]byte{busy(b, 200, 1), busy(b, 200, 2)}
	b.Run("stream", func(b *testing.B) {
		var d Decoder
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			if _, err := d.Snapshot(documents[i%2]); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("json", func(b *testing.B) {
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			if err := json.Unmarshal(documents[i%2], new(Snapshot)); err != nil {
				b.Fatal(err)
			}
		}
	})
}
