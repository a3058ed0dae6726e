package notify

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"bwmon/traffic"
)

// metricAlert is one of a rule about a metric.
func metricAlert(metric string, c Comparison, value, threshold float64) Alert {
	a := testAlert("m", StateFiring)
	a.App, a.Command, a.User, a.Container, a.Unit, a.Direction = "", "", "", "", "", ""
	a.Rule, a.Kind, a.Subject, a.Metric, a.Condition = "slow disk", "subject", "disk:sda", metric, string(c)
	a.Value, a.Threshold = value, threshold
	a.Metrics = traffic.Metrics{{Name: "reads_per_s", Value: 7}, {Name: metric, Value: value}}
	return a
}

func TestExportOfAMetric(t *testing.T) {
	dir := t.TempDir()
	x := newExport(t, ExportOptions{Dir: dir, JSON: true, CSV: true})
	s := testSnapshot()
	s.Series = []traffic.Series{
		{Kind: "disk", Name: "sda", Metrics: traffic.Metrics{{Name: "reads_per_s", Value: 7}, {Name: "await_ms", Value: 25.5}}},
		{Kind: "memory", Metrics: traffic.Metrics{{Name: "used_bytes", Value: 1 << 40}}},
		{Kind: "probe", Name: "=x", Metrics: traffic.Metrics{{Name: "+y", Value: -3}}},
	}
	e := Event{Alert: metricAlert("await_ms", Above, 25.5, 20), Snapshot: s}
	if err := x.Send(t.Context(), []Event{e}); err != nil {
		t.Fatal(err)
	}
	names := dirNames(t, dir)
	records, err := csv.NewReader(strings.NewReader(readFile(t, dir, names[0]))).ReadAll()
	violation := []string{"2026-01-02T03:04:05Z", "disk:sda", "await_ms", "25.5", "20", "slow disk", "above", "gw", "subject"}
	want := [][]string{
		{"timestamp", "source", "metric", "value", "threshold", "rule", "condition", "host", "kind", "series", "name", "figure"},
		append(slices.Clone(violation), "disk:sda", "reads_per_s", "7"),
		append(slices.Clone(violation), "disk:sda", "await_ms", "25.5"),
		append(slices.Clone(violation), "memory", "used_bytes", "1099511627776"),
		append(slices.Clone(violation), "probe:=x", "'+y", "-3"),
	}
	if diff := cmp.Diff(want, records); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	var got exportDocument
	if err := json.Unmarshal([]byte(readFile(t, dir, names[1])), &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(exportDocument{Schema: 1, Alert: e.Alert, Snapshot: s}, got); diff != "" {
		t.Errorf("JSON (-want +got):\n%s", diff)
	}
	bare := metricAlert("cpu_percent", Above, 95, 90)
	bare.Metrics = nil
	table, err := exportCSV(Event{Alert: bare})
	if err != nil || !strings.HasSuffix(string(table), "disk:sda,cpu_percent,95\r\n") || bytes.Count(table, []byte("\n")) != 2 {
		t.Errorf("without metrics and snapshot: %q, %v", table, err)
	}
}

func TestWordsOfMetrics(t *testing.T) {
	for _, c := range []struct {
		alert          Alert
		says, ancestor string
	}{
		{metricAlert("await_ms", Above, 25, 20), "await_ms 25 ms, above 20 ms over 1m0s",
			"disk:sda exceeding 'await_ms' limit      20.00:      25.00 ms (125.00 %)"},
		{metricAlert("write_bytes_per_s", Above, 20<<20, 10<<20), "write_bytes_per_s 20 MiB/s, above 10 MiB/s over 1m0s",
			"disk:sda exceeding 'write_bytes_per_s' limit   10240.00:   20480.00 kB/s (200.00 %)"},
		{metricAlert("free_bytes", Below, 1<<30, 2<<30), "free_bytes 1 GiB, below 2 GiB over 1m0s",
			"disk:sda below 'free_bytes' limit 2097152.00: 1048576.00 kB (50.00 %)"},
		{metricAlert("status", Equals, 500, 500), "status 500, equal to 500 over 1m0s",
			"disk:sda equal to 'status' limit     500.00:     500.00 (100.00 %)"},
		{metricAlert("temperature_celsius", Below, -6, -5), "temperature_celsius -6 °C, below -5 °C over 1m0s",
			"disk:sda below 'temperature_celsius' limit      -5.00:      -6.00 °C (120.00 %)"},
		{metricAlert("up", Equals, 0, 0), "up 0, equal to 0 over 1m0s",
			"disk:sda equal to 'up' limit       0.00:       0.00 (inf %)"},
		{metricAlert("used_percent", Above, 92.25, 90), "used_percent 92.25 %, above 90 % over 1m0s",
			"disk:sda exceeding 'used_percent' limit      90.00:      92.25 % (102.50 %)"},
	} {
		if got := comparison(c.alert); got != c.says {
			t.Errorf("got  %q\nwant %q", got, c.says)
		}
		if got := AncestorLine(c.alert); !strings.HasSuffix(got, ": "+c.ancestor) {
			t.Errorf("got  %q\nwant %q", got, c.ancestor)
		}
		mail := newDigest([]Event{{Alert: c.alert}}).text()
		if !strings.Contains(mail, "firing: slow disk: disk:sda (subject)\r\n  "+c.says+"\r\n") {
			t.Errorf("mail: %s", mail)
		}
		body, err := parseTemplate(`{"text": {{json (headline .)}}, "v": "{{value .}}/{{threshold .}}", "m": {{json .Metrics}}, "d": {{json .Direction}}}`, "application/json")
		if err != nil {
			t.Fatal(err)
		}
		content, err := execute(body, newDocument(Event{Alert: c.alert}))
		want := fmt.Sprintf(`{"text": "firing: slow disk: disk:sda %s", "v": "%s/%s", "m": {"reads_per_s":7,%q:%v}, "d": ""}`,
			c.says, MetricText(c.alert.Metric, c.alert.Value), MetricText(c.alert.Metric, c.alert.Threshold), c.alert.Metric, c.alert.Value)
		if c.alert.Value == 20<<20 || c.alert.Value == 1<<30 {
			want = strings.Replace(want, fmt.Sprint(c.alert.Value)+"}", fmt.Sprintf("%.0f}", c.alert.Value), 1)
		}
		if diff := cmp.Diff(want, string(content)); diff != "" || err != nil {
			t.Errorf("webhook: %v (-want +got):\n%s", err, diff)
		}
		var line strings.Builder
		if err := NewLog(slog.New(slog.NewTextHandler(&line, nil))).Send(context.Background(), []Event{{Alert: c.alert}}); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(line.String(), " metric="+c.alert.Metric+" ") || strings.Contains(line.String(), "direction=") ||
			!strings.Contains(line.String(), fmt.Sprintf("says=%q", c.says)) {
			t.Errorf("log: %s", line.String())
		}
	}
	for want, r := range map[string]Rule{
		"status equal to 500 over 10s, 3 times":   {Metric: "status", Condition: Equals, Threshold: 500, Window: 10e9, Consecutive: 3},
		"cpu_percent above 150 % over 1m0s":       {Metric: "cpu_percent", Condition: Above, Threshold: 150, Window: 60e9},
		"disk_write_bytes above 10 GiB over 1s":   {Metric: "disk_write_bytes", Condition: Above, Threshold: 10 << 30, Window: 1e9},
		"temperature_celsius below -5 °C over 1s": {Metric: "temperature_celsius", Condition: Below, Threshold: -5, Window: 1e9},
	} {
		if got := r.text(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestEnvironmentOfAMetric(t *testing.T) {
	env := alertEnv(Event{Alert: metricAlert("await_ms", Above, 25.5, 20)})
	for _, want := range []string{"BWMON_METRIC=await_ms", "BWMON_DIRECTION=", "BWMON_SUBJECT=disk:sda", "BWMON_KIND=subject", "BWMON_VALUE=25.5"} {
		if !slices.Contains(env, want) {
			t.Errorf("no %s in %q", want, env)
		}
	}
}

// TestAlertsOfOlderVersions: what they wrote is read, and alerts about bytes are
// written as they were.
func TestAlertsOfOlderVersions(t *testing.T) {
	const line = `{"id":"0f","host":"gw","rule":"cap","kind":"app","subject":"Backup","state":"firing","app":"Backup",` +
		`"direction":"tx","condition":"above","value":6291456,"threshold":5242880,"window_s":60,` +
		`"since":"2026-01-02T03:04:05Z","at":"2026-01-02T03:04:05Z","count":1}`
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, journalFile), []byte(line+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	j := openJournal(t, dir, 0)
	measured := metricAlert("await_ms", Above, 25, 20)
	if err := j.Append(measured); err != nil {
		t.Fatal(err)
	}
	got, err := j.Read(nil, 0)
	if err != nil || len(got) != 2 {
		t.Fatalf("%v, %v", got, err)
	}
	if diff := cmp.Diff(measured, got[0]); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if again, err := encodeJSON(got[1]); err != nil || string(again) != line {
		t.Errorf("%v\ngot  %s\nwant %s", err, again, line)
	}
	long := measured
	for range 1000 {
		long.Metrics = long.Metrics.With(strings.Repeat("m", 100), 1)
	}
	if err := j.Append(long); err != nil {
		t.Fatal(err)
	}
	if got, err := j.Read(nil, 1); err != nil || len(got) != 1 || got[0].Metrics != nil || got[0].Metric != "await_ms" {
		t.Errorf("%v, %v", got, err)
	}
}
