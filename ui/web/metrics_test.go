package web

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"bwmon/traffic"
)

// parsed is a scrape in the text format.
type parsed map[string]*dto.MetricFamily

func (s *site) scraped() parsed {
	s.t.Helper()
	a := s.get("/metrics").want(s.t, 200)
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(a.body))
	if err != nil {
		s.t.Fatalf("%v in:\n%s", err, a.body)
	}
	return families
}

// value finds one, whose labels are "name=value".
func (p parsed) value(t *testing.T, name string, labels ...string) float64 {
	t.Helper()
	f := p[name]
	if f == nil {
		t.Fatalf("there is no %s", name)
	}
	for _, m := range f.Metric {
		have := make(map[string]bool)
		for _, l := range m.Label {
			have[l.GetName()+"="+l.GetValue()] = true
		}
		all := true
		for _, l := range labels {
			all = all && have[l]
		}
		if all {
			if f.GetType() == dto.MetricType_COUNTER {
				return m.GetCounter().GetValue()
			}
			return m.GetGauge().GetValue()
		}
	}
	t.Fatalf("%s has no %q: %v", name, labels, f)
	return 0
}

func TestMetrics(t *testing.T) {
	s := open(t, Options{Version: "v1.2.3"}, Access{})
	if p := s.scraped(); p["bwmon_app_receive_bytes_total"] != nil || p.value(t, "bwmon_build_info", "version=v1.2.3") != 1 {
		t.Error("figures before the first tick")
	}
	s.Publish(typical(1))
	s.stream("/api/v1/stream").next()
	p := s.scraped()
	for _, c := range []struct {
		name   string
		labels []string
		want   float64
	}{
		{"bwmon_app_receive_bytes_total", []string{"app=restic"}, 2000},
		{"bwmon_app_transmit_bytes_total", []string{"app=restic"}, 1000},
		{"bwmon_app_receive_bytes_total", []string{"app=" + traffic.AppUnattributed}, 4000},
		{"bwmon_app_connections", []string{"app=restic"}, 1},
		{"bwmon_app_processes", []string{"app=restic"}, 1},
		{"bwmon_lan_host_receive_bytes_total", []string{"host=192.0.2.7"}, 1000},
		{"bwmon_lan_host_receive_bytes_total", []string{"host=(other)"}, 5},
		{"bwmon_interface_transmit_bytes_total", []string{"interface=eth0"}, 10_000},
		{"bwmon_pipe_receive_bytes_total", []string{"pipe=backup"}, 1000},
		{"bwmon_app_disk_read_bytes_total", []string{"app=restic"}, 3000},
		{"bwmon_app_disk_written_bytes_total", []string{"app=restic"}, 5000},
		{"bwmon_app_cpu_ratio", []string{"app=restic"}, 0.1},
		{"bwmon_app_memory_bytes", []string{"app=restic"}, 1_024_000},
		{"bwmon_disk_read_bytes_total", []string{"device=sda"}, 8192},
		{"bwmon_disk_written_bytes_total", []string{"device=sda"}, 1024},
		{"bwmon_disk_utilization_ratio", []string{"device=sda"}, 0.4},
		{"bwmon_disk_utilization_ratio", []string{"device=sdb"}, 0.01},
		{"bwmon_disk_queue_requests", []string{"device=sda"}, 1.25},
		{"bwmon_disk_read_await_seconds", []string{"device=sda"}, 0.0025},
		{"bwmon_disk_write_await_seconds", []string{"device=sda"}, 0.0005},
		{"bwmon_series_value", []string{"series=mount:/var", "metric=used_percent"}, 71},
		{"bwmon_series_value", []string{"series=cpu", "metric=processors"}, 4},
		{"bwmon_series_value", []string{"series=probe:web", "metric=up"}, 0},
		{"bwmon_metrics_series_dropped", []string{"by=series"}, 0},
		{"bwmon_balance_receive_bytes", []string{"book=interface"}, 20_000},
		{"bwmon_balance_receive_bytes", []string{"book=residual"}, -1000},
		{"bwmon_monitor_up", []string{"monitor=socket", "kind=socket"}, 1},
		{"bwmon_monitor_up", []string{"monitor=conntrack"}, 0},
		{"bwmon_monitor_lost_total", []string{"monitor=socket"}, 3},
		{"bwmon_alerts_firing", []string{"rule=backup cap"}, 1},
		{"bwmon_alerts_pending", []string{"rule=backup cap"}, 0},
		{"bwmon_snapshot_timestamp_seconds", nil, float64(typical(1).At.Unix())},
		{"bwmon_metrics_series_dropped", []string{"by=app"}, 0},
		{"bwmon_metrics_series_limit", []string{"by=app"}, 200},
		{"bwmon_http_streams", nil, 1},
	} {
		if got := p.value(t, c.name, c.labels...); got != c.want {
			t.Errorf("%s%q is %v, want %v", c.name, c.labels, got, c.want)
		}
	}
	if n := len(p["bwmon_app_cpu_ratio"].Metric); n != 3 {
		t.Errorf("%d apps have figures of processors, want those of which something is known", n)
	}
	if n := len(p["bwmon_disk_queue_requests"].Metric); n != 1 {
		t.Errorf("%d disks have a queue, want the one of which it is known", n)
	}
	if p["process_cpu_seconds_total"] == nil || p["go_goroutines"] == nil {
		t.Error("nothing of the process itself")
	}
}

// TestScrapesAreBounded: beyond so many at a time they are refused as all else is.
func TestScrapesAreBounded(t *testing.T) {
	gate := make(chan struct{})
	s := open(t, Options{Now: func() time.Time { <-gate; return began }}, Access{})
	const more = 3
	answers := make(chan answer, maxScrapes+more)
	var wg sync.WaitGroup
	defer wg.Wait()
	release := sync.OnceFunc(func() { close(gate) })
	defer release()
	for range maxScrapes + more {
		wg.Go(func() { answers <- s.get("/metrics") })
	}
	for range more {
		problemIn(t, (<-answers).want(t, 503))
	}
	s.get("/healthz").want(t, 200)
	release()
	for range maxScrapes {
		(<-answers).want(t, 200)
	}
	s.get("/metrics").want(t, 200)
}

// TestMetricsAreCapped: whatever names there are, so many series there are, and it
// can be seen that there are not more.
func TestMetricsAreCapped(t *testing.T) {
	s := open(t, Options{MaxSeries: 10}, Access{})
	publish := func(tick int) (total float64) {
		many := typical(tick)
		for i := range 500 {
			u := usage(uint64((i + 1) * tick))
			many.Apps = append(many.Apps, traffic.App{Name: fmt.Sprintf("app %d of tick %d", i, tick), Usage: u, Connections: 1})
		}
		for _, a := range many.Apps {
			total += float64(a.RxBytes)
		}
		s.Publish(many)
		return total
	}
	before := make(map[string]float64)
	for tick := 1; tick < 5; tick++ {
		booked := publish(tick)
		p := s.scraped()
		sum := 0.0
		for _, m := range p["bwmon_app_receive_bytes_total"].Metric {
			name := m.Label[0].GetValue()
			if m.GetCounter().GetValue() < before[name] {
				t.Errorf("tick %d: %s fell", tick, name)
			}
			before[name] = m.GetCounter().GetValue()
			sum += before[name]
		}
		if n := len(p["bwmon_app_receive_bytes_total"].Metric); n != 11 {
			t.Errorf("tick %d: %d series, want 10 and (other)", tick, n)
		}
		if got := p.value(t, "bwmon_metrics_series_dropped", "by=app"); got != 504-10 && tick == 1 || got < 494 {
			t.Errorf("tick %d: %v dropped", tick, got)
		}
		if tick == 1 && sum != booked {
			t.Errorf("the series are %v, the books %v", sum, booked)
		}
		if p.value(t, "bwmon_app_connections", "app=(other)") < 490 {
			t.Errorf("tick %d: the connections of others are not summed", tick)
		}
	}
}

// TestTrafficComesFirst: rows that only use the machine have series as far as there is
// room, and make some for those with traffic.
func TestTrafficComesFirst(t *testing.T) {
	s := open(t, Options{MaxSeries: 4}, Access{})
	publish := func(tick int, busy ...string) parsed {
		now := empty(tick)
		for i := range 6 {
			now.Apps = append(now.Apps, traffic.App{Name: fmt.Sprint("disk ", i), Resources: resources(uint64(tick * (i + 1)))})
		}
		for _, name := range busy {
			now.Apps = append(now.Apps, traffic.App{Name: name, Usage: usage(uint64(tick * 100)), Resources: resources(1)})
		}
		s.Publish(now)
		return s.scraped()
	}
	want := func(p parsed, want map[string]float64) {
		t.Helper()
		got := make(map[string]float64)
		for _, m := range p["bwmon_app_disk_read_bytes_total"].Metric {
			got[m.Label[0].GetValue()] = m.GetCounter().GetValue()
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("read from disks (-want +got):\n%s", diff)
		}
	}
	p := publish(1, "curl")
	want(p, map[string]float64{"curl": 3, "disk 5": 18, "disk 4": 15, "disk 3": 12, otherSeries: 18})
	p = publish(2, "curl", "git")
	want(p, map[string]float64{"curl": 3, "disk 5": 36, "disk 4": 30, "git": 3, otherSeries: 6 + 12 + 18})
	if got := p.value(t, "bwmon_app_receive_bytes_total", "app=git"); got != 200 {
		t.Errorf("git has received %v", got)
	}
	// What a series of its own had is not counted twice.
	p = publish(3, "curl", "git", "ssh", "apt", "late")
	want(p, map[string]float64{"curl": 3, "git": 3, "apt": 3, "late": 3, otherSeries: 9 + 18 + 27 + (36 - 24) + 3})
}

// TestSeriesAreCapped: of what is measured of the machine, too.
func TestSeriesAreCapped(t *testing.T) {
	s := open(t, Options{MaxSeries: 3}, Access{})
	now := empty(1)
	for i := range 5 {
		each := traffic.Series{Kind: traffic.SeriesProbe, Name: fmt.Sprint(i)}
		for j := range 2 * maxFigures {
			each.Metrics = append(each.Metrics, traffic.Metric{Name: fmt.Sprint("field ", j)})
		}
		now.Series = append(now.Series, each)
	}
	s.Publish(now)
	p := s.scraped()
	if n := len(p["bwmon_series_value"].Metric); n != 3*maxFigures || p.value(t, "bwmon_metrics_series_dropped", "by=series") != 2 {
		t.Errorf("%d figures", n)
	}
}

// TestHostileLabels: no name breaks the format, and each is one series.
func TestHostileLabels(t *testing.T) {
	s := open(t, Options{}, Access{})
	for tick := 1; tick < 3; tick++ {
		s.Publish(hostile(tick))
		p := s.scraped()
		seen := make(map[string]bool)
		for _, m := range p["bwmon_app_receive_bytes_total"].Metric {
			name := m.Label[0].GetValue()
			if seen[name] || len(name) > maxLabel+1 {
				t.Errorf("%q is there twice, or too long", name)
			}
			seen[name] = true
		}
		for _, want := range []string{`<script>alert(1)</script>`, `quote " back \ slash`, `two\nlines\x0d\nand\ttabs`, "(other) ", "(other)"} {
			if !seen[want] {
				t.Errorf("there is no %q", want)
			}
		}
	}
	a := s.get("/metrics", "Accept: application/openmetrics-text; version=1.0.0; charset=utf-8").want(t, 200)
	if !strings.HasPrefix(a.Header.Get("Content-Type"), "application/openmetrics-text; version=1.0.0") || !strings.HasSuffix(a.body, "# EOF\n") {
		t.Errorf("OpenMetrics is %s, and ends with %q", a.Header.Get("Content-Type"), a.body[len(a.body)-20:])
	}
}

// tool finds a program of the Debian package prometheus.
func tool(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err == nil {
		return path
	}
	if os.Getenv("CI") != "" {
		t.Fatalf("%v: install the package prometheus", err)
	}
	t.Skipf("%v: install the package prometheus", err)
	return ""
}

func TestPromtoolCheck(t *testing.T) {
	promtool := tool(t, "promtool")
	s := open(t, Options{MaxSeries: 3}, Access{})
	for _, snapshot := range []*traffic.Snapshot{nil, typical(1), hostile(1)} {
		if snapshot != nil {
			s.Publish(snapshot)
		}
		check := exec.CommandContext(t.Context(), promtool, "check", "metrics")
		check.Stdin = strings.NewReader(s.get("/metrics").want(t, 200).body)
		if out, err := check.CombinedOutput(); err != nil || len(out) > 0 {
			t.Errorf("promtool: %v:\n%s", err, out)
		}
	}
}
