package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/snappy"

	"bwmon/fleet"
	"bwmon/traffic"
)

// query asks an engine by itself, without a Reader.
func (e *stand) query(t *testing.T, expression string) (labels []map[string]string, values []string) {
	t.Helper()
	r, err := e.client.Get(e.ask + "/api/v1/query?nocache=1&query=" + url.QueryEscape(expression))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	var a struct {
		Error string
		Data  struct {
			Result []struct {
				Metric map[string]string
				Value  [2]any
			}
		}
	}
	if err := json.NewDecoder(r.Body).Decode(&a); err != nil || a.Error != "" {
		t.Fatalf("%s: %v: %s", expression, err, a.Error)
	}
	for _, s := range a.Data.Result {
		labels, values = append(labels, s.Metric), append(values, s.Value[1].(string))
	}
	return labels, values
}

// documented is the query of the manual.
func documented(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../../docs/manual/engine.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), "```promql\n")
	query, _, found := strings.Cut(rest, "```")
	if !found {
		t.Fatal("the manual has no query")
	}
	return query
}

// TestCountersAreExact: the query of the manual gives integers, without a Reader.
func TestCountersAreExact(t *testing.T) {
	onEngines(t, func(t *testing.T, e *stand) {
		r := rand.New(rand.NewPCG(1, 2))
		h := newModelHost(r, "a", time.Now().Add(-200*time.Hour).Truncate(time.Second), 300)
		tell(t, e, r, h)
		want := make(map[string]uint64)
		for i, m := range h.list {
			if i+1 == len(h.list) || h.list[i+1].Run != m.Run { // the last of its run
				for k, v := range m.totals {
					if k.Kind == fleet.KindApp {
						want[cut(k.Name)] += v[received]
					}
				}
			}
		}
		labels, values := e.query(t, documented(t))
		got := make(map[string]uint64)
		for i, l := range labels {
			n, err := strconv.ParseFloat(values[i], 64)
			if err != nil {
				t.Fatal(err)
			}
			if n > 0 || want[l["app"]] > 0 {
				got[l["app"]] = uint64(n)
			}
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("bytes of apps (-want +got):\n%s", d)
		}
	})
}

// TestFirstBytesAreCounted: increase() on VictoriaMetrics is exact for a row that is
// new; on Prometheus it is not, but it is not without the first bytes.
func TestFirstBytesAreCounted(t *testing.T) {
	onEngines(t, func(t *testing.T, e *stand) {
		w := e.writer(t, Options{})
		begin := time.Now().Add(-10 * time.Minute).Truncate(time.Second)
		for i, total := range []uint64{1000, 1500, 4000} {
			b := &fleet.Batch{Host: "a", Run: "r", Seq: uint64(i) + 1, Since: uint64(i), From: begin.Add(time.Duration(i) * 10 * time.Second)}
			b.At = b.From.Add(10 * time.Second)
			b.Changes = &traffic.Snapshot{Apps: []traffic.App{{Name: "x", Usage: traffic.Usage{RxBytes: total}}}}
			if err := w.Write(context.Background(), []*fleet.Batch{b}); err != nil {
				t.Fatal(err)
			}
		}
		e.settle()
		_, values := e.query(t, "increase(bwmon_fleet_app_receive_bytes_total[20m])")
		if len(values) != 1 {
			t.Fatalf("got %q", values)
		}
		got, err := strconv.ParseFloat(values[0], 64)
		if err != nil || got < 4000 || got > 5000 || e.name == "victoria-metrics" && got != 4000 {
			t.Errorf("increase is %q: %v", values[0], err)
		}
	})
}

func (e *stand) writer(t *testing.T, o Options) *Writer {
	t.Helper()
	o.URL, o.Client = e.write, e.client
	w, err := NewWriter(o)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// TestRefusedSamplesAreLeft: a Prometheus that takes nothing late refuses what is, and
// the newest totals win.
func TestRefusedSamplesAreLeft(t *testing.T) {
	e := begin(t, "prometheus", "0s")
	w := e.writer(t, Options{})
	now := time.Now().Truncate(time.Second)
	batch := func(seq uint64, ago time.Duration, total uint64) *fleet.Batch {
		b := &fleet.Batch{Host: "a", Run: "r", Seq: seq, Since: seq - 1, From: now.Add(-ago - 10*time.Second), At: now.Add(-ago), Changes: &traffic.Snapshot{}}
		for i := range 100 {
			b.Changes.Apps = append(b.Changes.Apps, traffic.App{Name: fmt.Sprint("app", i), Usage: traffic.Usage{RxBytes: total}})
		}
		return b
	}
	send := func(list ...*fleet.Batch) Stats {
		t.Helper()
		if err := w.Write(context.Background(), list); err != nil {
			t.Fatal(err)
		}
		return w.Stats()
	}
	if s := send(batch(5, 0, 500)); s.Refused != 0 {
		t.Fatalf("refused at first: %+v", s)
	}
	before := w.Stats()
	s := send(batch(4, 20*time.Second, 400), batch(6, -10*time.Second, 600), batch(3, 3*24*time.Hour, 300))
	if want := uint64(102 + 102); s.Refused != want || s.Detail == "" {
		t.Errorf("refused are %d, want %d: %+v", s.Refused, want, s)
	}
	if n := s.Requests - before.Requests; n > 150 {
		t.Errorf("it took %d requests", n)
	}
	_, values := e.query(t, `count(max_over_time(bwmon_fleet_app_receive_bytes_total[1d] offset -1m) == 600)`)
	if len(values) != 1 || values[0] != "100" {
		t.Errorf("apps with the newest total: %q", values)
	}
}

// TestAnswers: what an engine answers decides whether something is sent again.
func TestAnswers(t *testing.T) {
	var samples [][]series
	answer := func(w http.ResponseWriter, _ []series) { w.WriteHeader(http.StatusNoContent) }
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		packed, _ := io.ReadAll(r.Body)
		plain, err := snappy.Decode(nil, packed)
		if err != nil || r.Header.Get("Content-Encoding") != "snappy" || r.Header.Get("Authorization") != "Bearer secret" || r.Header.Get("X-Scope-OrgID") != "t1" {
			t.Errorf("%v, headers %v", err, r.Header)
		}
		list := decodeRequest(t, plain)
		samples = append(samples, list)
		answer(w, list)
	}))
	defer server.Close()
	w, err := NewWriter(Options{URL: server.URL, Client: server.Client(), Token: func() (string, error) { return "secret", nil },
		Header: http.Header{"X-Scope-Orgid": {"t1"}}, Timeout: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	b := &fleet.Batch{Host: "a", Run: "r", Seq: 2, Since: 1, From: time.Unix(100, 0), At: time.Unix(110, 0), Changes: &traffic.Snapshot{Apps: []traffic.App{
		{Name: "x", Usage: traffic.Usage{RxBytes: 1, TxBytes: 2}}, {Name: "poison", Usage: traffic.Usage{RxBytes: 3}}, {Name: "z", Usage: traffic.Usage{RxBytes: 4}}}}}
	write := func() error { return w.Write(context.Background(), []*fleet.Batch{b}) }

	for _, status := range []int{500, 503, 429, 401, 404, 302} {
		answer = func(w http.ResponseWriter, _ []series) {
			w.Header().Set("Retry-After", "7")
			http.Error(w, "no\x1b[2J", status)
		}
		var e *Error
		if err := write(); !errors.As(err, &e) || e.Status != status || e.After != 7*time.Second || strings.Contains(e.Text, "\x1b") {
			t.Errorf("%d: got %v", status, err)
		}
	}
	if s := w.Stats(); s.Refused > 0 || s.Samples > 0 {
		t.Errorf("stats: %+v", s)
	}

	for _, status := range []int{400, 422, 413} {
		var taken []string
		answer = func(w http.ResponseWriter, list []series) {
			for _, s := range list {
				for _, l := range s.labels {
					if l.value == "poison" {
						http.Error(w, "poison", status)
						return
					}
				}
			}
			for _, s := range list {
				taken = append(taken, fmt.Sprint(s.labels[0].value, " ", s.labels[1].value, " ", s.value))
			}
		}
		refused := w.Stats().Refused
		if err := write(); err != nil {
			t.Fatal(err)
		}
		if n := w.Stats().Refused - refused; n != 1 {
			t.Errorf("%d: refused are %d", status, n)
		}
		want := []string{"bwmon_fleet_app_receive_bytes_total x 1", "bwmon_fleet_app_transmit_bytes_total x 2", "bwmon_fleet_app_receive_bytes_total z 4",
			"bwmon_fleet_host_seen_timestamp_seconds a 110", "bwmon_fleet_host_position a 2"}
		if d := cmp.Diff(want, taken); d != "" {
			t.Errorf("%d: taken (-want +got):\n%s", status, d)
		}
	}

	answer = func(http.ResponseWriter, []series) { time.Sleep(2 * time.Second) }
	if err := write(); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("an engine that does not answer: %v", err)
	}
}

func TestSender(t *testing.T) {
	var last []series
	down := true
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		packed, _ := io.ReadAll(r.Body)
		plain, _ := snappy.Decode(nil, packed)
		last = decodeRequest(t, plain)
		if down {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	}))
	defer server.Close()
	w, err := NewWriter(Options{URL: server.URL, Client: server.Client(), Now: func() time.Time { return time.Unix(1000, 0) }})
	if err != nil {
		t.Fatal(err)
	}
	s := NewSender(w, "a")
	b := &fleet.Batch{Host: "a", Run: "r", Seq: 3, Since: 2, From: time.Unix(900, 0), At: time.Unix(910, 0)}
	if got, err := s.Send(context.Background(), []*fleet.Batch{b}, 1); err == nil || got != (fleet.Answer{}) {
		t.Errorf("while it is down: %v, %v", got, err)
	}
	down = false
	at := b.Position()
	for _, list := range [][]*fleet.Batch{{b}, nil} {
		if got, err := s.Send(context.Background(), list, 4); err != nil || got != (fleet.Answer{Have: at, Kept: at}) {
			t.Errorf("%v, %v", got, err)
		}
	}
	if len(last) != 3 || last[0].value != 1000 || last[1].value != 3 || last[2].value != 4 {
		t.Errorf("without a batch it says %v", last)
	}
	b.Host = "b"
	if _, err := s.Send(context.Background(), []*fleet.Batch{b}, 4); err == nil {
		t.Error("another host's batch was sent")
	}
}
