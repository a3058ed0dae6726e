package receive

import (
	"bytes"
	"encoding/json"
	"math"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"bwmon/fleet"
	"bwmon/traffic"
)

// FuzzBatches: whatever comes, it is answered as the protocol says, and what is taken
// makes no snapshot that cannot be.
func FuzzBatches(f *testing.F) {
	h := newStation("gw", 1)
	for range 3 {
		h.work(epoch)
	}
	h.restart(epoch)
	h.work(epoch)
	text := encoded(f, h.queue...)
	f.Add(text, "", "gw", "2027-03-04T05:06:07Z")
	f.Add(packer.EncodeAll(text, nil), "zstd", "", "2028-03-04T05:06:07Z")
	f.Add(encoded(f, h.queue[1]), "", "gw", "")
	f.Add([]byte("{}\n{}\n"), "identity", "../x", "x")
	f.Add(bytes.ReplaceAll(text, []byte(`"rx_bytes":`), []byte(`"rx_bytes":9223372036854775808,"x":`)), "", "gw", "")
	f.Add(bytes.ReplaceAll(text, []byte(`"rx_bytes":`), []byte(`"rx_bytes":72057594037927936,"x":`)), "", "gw", "")
	f.Add(bytes.ReplaceAll(text, []byte(`"rx_rate":`), []byte(`"rx_rate":1e308,"x":`)), "", "gw", "")
	f.Add(bytes.ReplaceAll(text, []byte(`"at":"2027`), []byte(`"at":"9999`)), "", "gw", "9999-01-01T00:00:00Z")
	f.Fuzz(func(t *testing.T, body []byte, encoding, host, clock string) {
		now := epoch
		books := newLedger()
		r, err := New(Options{Books: books, Perf: newTrends(), Limits: generous, Now: func() time.Time { return now }})
		if err != nil {
			t.Fatal(err)
		}
		handler := r.Handler()
		for range 2 { // the second time it is there already
			q := httptest.NewRequest(http.MethodPost, fleet.PathPublish, bytes.NewReader(body))
			q.Header = http.Header{"Content-Type": {fleet.ContentType}}
			for name, value := range map[string]string{"Content-Encoding": encoding, fleet.HeaderHost: host, fleet.HeaderClock: clock} {
				if value != "" {
					q.Header[name] = []string{value}
				}
			}
			w := httptest.NewRecorder()
			handler.ServeHTTP(w, q)
			checkAnswer(t, w)
			checkShown(t, r, now)
			now = now.Add(10 * time.Second)
		}
		if err := r.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		if again, err := New(Options{Books: books.crash()}); err != nil || len(again.Hosts()) != len(books.flushed) {
			t.Fatalf("what was kept cannot be read again: %v", err)
		}
	})
}

func checkAnswer(t *testing.T, w *httptest.ResponseRecorder) {
	t.Helper()
	switch w.Code {
	case http.StatusOK, http.StatusConflict:
		var a fleet.Answer
		if err := json.Unmarshal(w.Body.Bytes(), &a); err != nil || !a.Kept.IsZero() {
			t.Fatalf("%d %s: %v", w.Code, w.Body, err)
		}
	case 400, 403, 413, 415, 422:
		var p details
		if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil || p.Status != w.Code || p.Detail == "" || p.Detail != traffic.CleanText(p.Detail, 2000) {
			t.Fatalf("%d %s: %v", w.Code, w.Body, err)
		}
	default:
		t.Fatalf("%d %s", w.Code, w.Body)
	}
}

// checkShown asks for all there is to see.
func checkShown(t *testing.T, r *Receiver, now time.Time) {
	t.Helper()
	s := r.snapshot(now)
	list := []*traffic.Snapshot{s}
	for _, m := range s.Hosts {
		if fleet.CheckName(m.Host) != nil {
			t.Fatalf("there is a host %q", m.Host)
		}
		if own, _ := r.HostSnapshot(m.Host); own != nil {
			list = append(list, own, hushed(own))
		}
	}
	for _, s := range list {
		if s.At.After(now) {
			t.Fatalf("it is of %v, and now is %v", s.At, now)
		}
		text, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := traffic.DecodeSnapshot(text); err != nil {
			t.Fatal(err)
		}
		for i := range s.Apps {
			var rx uint64
			for j := range s.Apps[i].Commands {
				rx += s.Apps[i].Commands[j].RxBytes
			}
			if s == list[0] && rx != s.Apps[i].RxBytes {
				t.Fatalf("%+v has %d in its commands", s.Apps[i], rx)
			}
		}
	}
}

// FuzzFigures: what is read of any document can be kept and told.
func FuzzFigures(f *testing.F) {
	for _, text := range []string{`{"mem": 41.5, "cpu": {"user": 3, "idle": null}}`, `{"a":1e999}`, `{"\u202e":-0}`, `[{}]`, `{"a":{"a":{"a":1}}}`, `{"a":1,"a":2}`} {
		f.Add([]byte(text), "1803618367")
	}
	f.Fuzz(func(t *testing.T, document []byte, when string) {
		if at, err := parseEpoch(when, epoch, DefaultAhead); err == nil && (at.After(epoch) || epoch.Sub(at) > oldest) {
			t.Fatalf("%q is %v", when, at)
		}
		list, err := parseFigures(document)
		if err != nil {
			if list != nil || !strings.HasPrefix(err.Error(), "want a JSON object") {
				t.Fatalf("%v: %v", list, err)
			}
			return
		}
		had := make(map[string]bool)
		for _, f := range list {
			if f.name == "" || len(f.name) > traffic.MaxWord || f.name != traffic.CleanText(f.name, traffic.MaxWord) || had[f.name] {
				t.Fatalf("a figure is called %q", f.name)
			}
			if math.IsNaN(f.value) || math.IsInf(f.value, 0) {
				t.Fatalf("%q is %v", f.name, f.value)
			}
			had[f.name] = true
		}
		if len(list) > maxCount {
			t.Fatalf("%d figures", len(list))
		}
	})
}
