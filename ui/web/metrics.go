package web

import (
	"fmt"
	"log/slog"
	"net/http"
	"runtime"
	"slices"
	"sync"

	"bwmon/traffic"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// kind is one family of rows with how it is called in the metrics.
type kind struct {
	by     string // value of the label "by" of the metrics on series
	rows   func(*traffic.Snapshot, map[string]row)
	shows  []exported
	family *family
}

// exported is one metric of each row. value says whether the row has it.
type exported struct {
	desc  *prometheus.Desc
	kind  prometheus.ValueType
	value func(*series) (float64, bool)
}

// scrape is the metrics of one Server. Series are kept from one scrape to the next:
// what is asked for more often is not another figure.
type scrape struct {
	server *Server
	kinds  []*kind
	fixed  fixedMetrics

	mu sync.Mutex // held while collecting: it protects the families
}

// maxScrapes is how many may be under way at a time.
const maxScrapes = 4

func newScrape(s *Server) http.Handler {
	c := &scrape{server: s, fixed: newFixedMetrics()}
	for _, k := range []struct {
		by, prefix, label, of string
		rows                  func(*traffic.Snapshot, map[string]row)
		shows                 []figureOf
		names                 []string
	}{
		{"app", "bwmon_app", "app", "an application", appRows, slices.Concat(carried, opened, running, used), []string{traffic.AppUnattributed, traffic.AppKernel}},
		{"lan_host", "bwmon_lan_host", "host", "a LAN host", hostRows, slices.Concat(carried, opened), nil},
		{"interface", "bwmon_interface", "interface", "an interface", interfaceRows, carried, nil},
		{"pipe", "bwmon_pipe", "pipe", "a named pipe or relay", pipeRows, slices.Concat(carried, opened), nil},
		{"member", "bwmon_member", "host", "a host of the fleet", memberRows, slices.Concat(carried, opened, reported), nil},
		{"disk", "bwmon_disk", "device", "a disk", diskRows, disked, nil},
	} {
		next := &kind{by: k.by, rows: k.rows, family: newFamily(s.opts.MaxSeries, k.names...)}
		for _, f := range k.shows {
			next.shows = append(next.shows, exported{
				desc: prometheus.NewDesc(k.prefix+f.name, fmt.Sprintf(f.help, k.of), []string{k.label}, nil), kind: f.kind, value: f.value,
			})
		}
		c.kinds = append(c.kinds, next)
	}
	registry := prometheus.NewRegistry()
	registry.MustRegister(c, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return fewAtATime(promhttp.HandlerFor(registry, promhttp.HandlerOpts{
		EnableOpenMetrics: true, ErrorLog: slog.NewLogLogger(s.opts.Log.Handler(), slog.LevelError),
	}))
}

// fewAtATime refuses scrapes beyond maxScrapes, and those that cannot be read.
func fewAtATime(scrape http.Handler) http.Handler {
	room := make(chan struct{}, maxScrapes)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := readParameters(r); err != nil {
			SayProblem(w, http.StatusBadRequest, err)
			return
		}
		select {
		case room <- struct{}{}:
			defer func() { <-room }()
			scrape.ServeHTTP(w, r)
		default:
			SayProblem(w, http.StatusServiceUnavailable, fmt.Errorf("the metrics are asked for %d times at once: ask again later", maxScrapes))
		}
	})
}

// Describe implements prometheus.Collector.
func (c *scrape) Describe(ch chan<- *prometheus.Desc) {
	for _, k := range c.kinds {
		for _, e := range k.shows {
			ch <- e.desc
		}
	}
	c.fixed.describe(ch)
}

// Collect implements prometheus.Collector.
func (c *scrape) Collect(ch chan<- prometheus.Metric) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.server.opts.Now()
	c.fixed.server(ch, c.server)
	d := c.server.now.Load().document
	if d == nil {
		return
	}
	c.fixed.snapshot(ch, d.snapshot)
	c.fixed.machine(ch, d.snapshot.Series, c.server.opts.MaxSeries)
	for _, k := range c.kinds {
		rows := make(map[string]row)
		k.rows(d.snapshot, rows)
		k.family.update(rows, now)
		k.collect(ch)
		c.fixed.cap(ch, k.by, len(k.family.others), k.family.most)
	}
}

func (k *kind) collect(ch chan<- prometheus.Metric) {
	emit := func(s *series, name string) {
		for _, e := range k.shows {
			if v, ok := e.value(s); ok {
				ch <- prometheus.MustNewConstMetric(e.desc, e.kind, v, name)
			}
		}
	}
	for name, s := range k.family.held {
		emit(s, name)
	}
	if k.family.other.shown != (figures{}) || len(k.family.others) > 0 {
		emit(&k.family.other, otherSeries)
	}
}

func counter(ch chan<- prometheus.Metric, d *prometheus.Desc, v int64, labels ...string) {
	ch <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(v), labels...)
}

func gauge(ch chan<- prometheus.Metric, d *prometheus.Desc, v float64, labels ...string) {
	ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
}

// fixedMetrics are those of which there are not more or less.
type fixedMetrics struct {
	build, at, balanceRx, balanceTx             *prometheus.Desc
	up, lost, firing, pending                   *prometheus.Desc
	figure                                      *prometheus.Desc
	dropped, limit                              *prometheus.Desc
	streams, connections, refused, skipped, cut *prometheus.Desc
}

func newFixedMetrics() fixedMetrics {
	desc := prometheus.NewDesc
	return fixedMetrics{
		build:     desc("bwmon_build_info", "1, with the version of bwmon and of Go.", []string{"version", "goversion"}, nil),
		at:        desc("bwmon_snapshot_timestamp_seconds", "When the figures were taken, since the epoch.", nil, nil),
		balanceRx: desc("bwmon_balance_receive_bytes", "Bytes received since the start, by the book they stand in: interface = local + forwarded + unattributed + residual.", []string{"book"}, nil),
		balanceTx: desc("bwmon_balance_transmit_bytes", "Bytes sent since the start, by the book they stand in: interface = local + forwarded + unattributed + residual.", []string{"book"}, nil),
		up:        desc("bwmon_monitor_up", "1 while the monitor runs, 0 while it starts, is stopped or has failed.", []string{"monitor", "kind"}, nil),
		lost:      desc("bwmon_monitor_lost_total", "What the monitor knows it missed, in its own unit.", []string{"monitor", "kind"}, nil),
		firing:    desc("bwmon_alerts_firing", "Subjects for which the rule fires.", []string{"rule"}, nil),
		pending:   desc("bwmon_alerts_pending", "Subjects for which the rule is about to fire.", []string{"rule"}, nil),
		figure:    desc("bwmon_series_value", "A figure of what is measured of the machine, in the unit that the end of its name says.", []string{"series", "metric"}, nil),
		dropped:   desc("bwmon_metrics_series_dropped", "Names without series of their own: they are summed as (other), but those by series are left out.", []string{"by"}, nil),
		limit:     desc("bwmon_metrics_series_limit", "Names that may have series of their own.", []string{"by"}, nil),

		streams:     desc("bwmon_http_streams", "Streams that are open.", nil, nil),
		connections: desc("bwmon_http_connections", "Connections that are open.", nil, nil),
		refused:     desc("bwmon_http_refused_total", "Connections and streams turned away for want of room.", nil, nil),
		skipped:     desc("bwmon_http_stream_snapshots_skipped_total", "Snapshots that streams did not take in time.", nil, nil),
		cut:         desc("bwmon_http_streams_cut_total", "Streams closed because their reader was too slow.", nil, nil),
	}
}

func (f *fixedMetrics) describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{
		f.build, f.at, f.balanceRx, f.balanceTx, f.up, f.lost, f.firing, f.pending, f.figure, f.dropped, f.limit,
		f.streams, f.connections, f.refused, f.skipped, f.cut,
	} {
		ch <- d
	}
}

// server is what the server says of itself.
func (f *fixedMetrics) server(ch chan<- prometheus.Metric, s *Server) {
	gauge(ch, f.build, 1, s.opts.Version, runtime.Version())
	gauge(ch, f.streams, float64(s.streams.present()))
	gauge(ch, f.connections, float64(s.stats.connections.Load()))
	counter(ch, f.refused, s.stats.refused.Load())
	counter(ch, f.skipped, s.stats.skipped.Load())
	counter(ch, f.cut, s.stats.cut.Load())
}

func (f *fixedMetrics) snapshot(ch chan<- prometheus.Metric, s *traffic.Snapshot) {
	gauge(ch, f.at, float64(s.At.UnixMilli())/1000)
	b := &s.Balance
	for _, book := range []struct {
		name   string
		rx, tx float64
	}{
		{"interface", float64(b.InterfaceRx), float64(b.InterfaceTx)},
		{"local", float64(b.LocalRx), float64(b.LocalTx)},
		{"forwarded", float64(b.ForwardedRx), float64(b.ForwardedTx)},
		{"unattributed", float64(b.UnattributedRx), float64(b.UnattributedTx)},
		{"residual", float64(b.ResidualRx), float64(b.ResidualTx)},
	} {
		gauge(ch, f.balanceRx, book.rx, book.name)
		gauge(ch, f.balanceTx, book.tx, book.name)
	}
	f.monitors(ch, s.Monitors)
	f.alerts(ch, s)
}

// monitors tells of each name once.
func (f *fixedMetrics) monitors(ch chan<- prometheus.Metric, list []traffic.MonitorStatus) {
	told := make(map[string]bool)
	for _, m := range list {
		name := label(m.Name)
		if told[name] {
			continue
		}
		told[name] = true
		up := 0.0
		if m.State == traffic.StateRunning {
			up = 1
		}
		gauge(ch, f.up, up, name, label(m.Kind))
		counter(ch, f.lost, int64(m.Lost), name, label(m.Kind))
	}
}

// alerts tells of every rule, also of those that are kept.
func (f *fixedMetrics) alerts(ch chan<- prometheus.Metric, s *traffic.Snapshot) {
	type count struct{ firing, pending int }
	rules := make(map[string]count)
	for _, r := range s.Rules {
		rules[label(r.Name)] = count{}
	}
	for _, a := range s.Alerts {
		c := rules[label(a.Rule)]
		switch a.State {
		case "firing":
			c.firing++
		case "pending":
			c.pending++
		}
		rules[label(a.Rule)] = c
	}
	for rule, c := range rules {
		gauge(ch, f.firing, float64(c.firing), rule)
		gauge(ch, f.pending, float64(c.pending), rule)
	}
}

// machine tells all figures of the first series of the machine, each once.
func (f *fixedMetrics) machine(ch chan<- prometheus.Metric, list []traffic.Series, most int) {
	told := make(map[string]bool)
	dropped := 0
	for i := range list {
		id := label(list[i].ID())
		if told[id] {
			continue
		}
		if len(told) >= most {
			dropped++
			continue
		}
		told[id] = true
		names := make(map[string]bool)
		for _, m := range list[i].Metrics {
			if name := label(m.Name); !names[name] && len(names) < maxFigures {
				names[name] = true
				gauge(ch, f.figure, m.Value, id, name)
			}
		}
	}
	f.cap(ch, "series", dropped, most)
}

// maxFigures is how many a series has at most in the metrics: what a probe finds is up
// to who answers it.
const maxFigures = 100

// cap says how many names of a kind have no series of their own.
func (f *fixedMetrics) cap(ch chan<- prometheus.Metric, by string, dropped, most int) {
	gauge(ch, f.dropped, float64(dropped), by)
	gauge(ch, f.limit, float64(most), by)
}
