package receive

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"testing"
	"time"

	"bwmon/fleet"
	"bwmon/traffic"

	"github.com/klauspost/compress/zstd"
)

// station is a host that publishes: its books, which grow and move, and its queue.
type station struct {
	name     string
	rand     *rand.Rand
	recorder *fleet.Recorder
	runs     int
	now      *traffic.Snapshot
	over     map[string]traffic.Counts // what former runs carried, by app
	queue    []*fleet.Batch            // what is not kept, oldest first
	have     fleet.Position
	apps     int
	nobody   string // the app that stands for what nobody owns
}

func newStation(name string, seed uint64) *station {
	return &station{
		name: name, rand: rand.New(rand.NewPCG(seed, 7)), recorder: fleet.NewRecorder(name, fleet.Position{}),
		over: make(map[string]traffic.Counts), apps: 8,
	}
}

var epoch = time.Date(2027, 3, 4, 5, 6, 7, 0, time.UTC)

// restart begins another run: all totals begin anew.
func (s *station) restart(at time.Time) {
	if s.now != nil {
		s.over = s.truth()
	}
	s.runs++
	s.now = &traffic.Snapshot{Schema: traffic.SchemaVersion, Host: s.name, Run: fmt.Sprint(s.name, "-", s.runs), At: at, Interval: 10}
}

// work lets the host carry something, and puts it into the queue.
func (s *station) work(at time.Time) {
	if s.now == nil {
		s.restart(at)
	}
	next := *s.now
	next.At, next.Elapsed = at, next.Elapsed+1
	next.Apps = slices.Clone(next.Apps)
	for i := range s.apps {
		if s.rand.IntN(3) > 0 {
			continue
		}
		name := fmt.Sprint("app", i)
		at := slices.IndexFunc(next.Apps, func(a traffic.App) bool { return a.Name == name })
		if at < 0 {
			next.Apps = append(next.Apps, traffic.App{Name: name})
			at = len(next.Apps) - 1
		}
		a := &next.Apps[at]
		a.RxBytes += s.rand.Uint64N(1 << 20)
		a.TxBytes += s.rand.Uint64N(1 << 10)
		a.DiskReadBytes += s.rand.Uint64N(3) * 4096
		a.RxRate, a.Connections = float64(s.rand.IntN(1000)), s.rand.IntN(5)
	}
	if n := len(next.Apps); n > 1 && s.rand.IntN(4) == 0 { // the ledger moves bytes, or folds a row
		from, to := &next.Apps[0], &next.Apps[n-1]
		part := from.RxBytes / uint64(1+s.rand.IntN(2))
		from.RxBytes, to.RxBytes = from.RxBytes-part, to.RxBytes+part
		if from.RxBytes == 0 {
			to.TxBytes, to.DiskReadBytes = to.TxBytes+from.TxBytes, to.DiskReadBytes+from.DiskReadBytes
			next.Apps = next.Apps[1:]
		}
	}
	if s.nobody == "" && len(next.Apps) > 0 {
		s.nobody = next.Apps[0].Name
	}
	var sum, nobodys traffic.Counts
	for i := range next.Apps {
		a := &next.Apps[i]
		if a.Name == s.nobody {
			nobodys = countsOf(a)
		}
		a.Commands = []traffic.Command{{Command: a.Name + " --serve", User: "root", Usage: a.Usage, Resources: a.Resources}}
		sum = sum.Add(countsOf(a))
	}
	next.Balance = traffic.Balance{
		InterfaceRx: sum.RxBytes + 10, InterfaceTx: sum.TxBytes, LocalRx: sum.RxBytes - nobodys.RxBytes, LocalTx: sum.TxBytes - nobodys.TxBytes,
		UnattributedRx: nobodys.RxBytes, UnattributedTx: nobodys.TxBytes, ResidualRx: 10,
	}
	next.Interfaces = []traffic.Interface{{Name: "eth0", Balanced: true, Usage: traffic.Usage{RxBytes: sum.RxBytes + 10, TxBytes: sum.TxBytes, RxRate: 5}}}
	s.now = &next
	if b := s.recorder.Next(&next); b != nil {
		s.queue = append(s.queue, b)
	}
}

// truth is what the apps of all runs carried.
func (s *station) truth() map[string]traffic.Counts {
	all := make(map[string]traffic.Counts)
	for name, c := range s.over {
		all[name] = c
	}
	for i := range s.now.Apps {
		a := &s.now.Apps[i]
		if c := all[a.Name].Add(countsOf(a)); !c.IsZero() {
			all[a.Name] = c
		}
	}
	return all
}

// hear takes an answer: what is kept is forgotten.
func (s *station) hear(a fleet.Answer) {
	s.have = a.Have
	for i, b := range s.queue {
		if b.Position() == a.Kept {
			s.queue = s.queue[i+1:]
			return
		}
	}
}

// unsent is what follows what the receiver has.
func (s *station) unsent() []*fleet.Batch {
	for i, b := range s.queue {
		if b.Position() == s.have {
			return s.queue[i+1:]
		}
	}
	return s.queue
}

// door is a receiver as hosts see it.
type door struct {
	url    string
	header http.Header // with each request
}

// reply is an answer to a request.
type reply struct {
	status  int
	header  http.Header
	body    []byte
	answer  fleet.Answer
	problem details
}

func (d door) post(t testing.TB, path, kind, encoding string, body []byte) reply {
	t.Helper()
	q, err := http.NewRequest(http.MethodPost, d.url+path, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for name, values := range d.header {
		q.Header[name] = values
	}
	q.Header.Set("Content-Type", kind)
	if encoding != "" {
		q.Header.Set("Content-Encoding", encoding)
	}
	return d.do(t, q)
}

func (d door) do(t testing.TB, q *http.Request) reply {
	t.Helper()
	got, err := http.DefaultClient.Do(q)
	if err != nil {
		t.Fatal(err)
	}
	defer got.Body.Close()
	text, err := io.ReadAll(got.Body)
	if err != nil {
		t.Fatal(err)
	}
	r := reply{status: got.StatusCode, header: got.Header, body: text}
	switch got.Header.Get("Content-Type") {
	case "application/problem+json":
		err = json.Unmarshal(text, &r.problem)
		if err == nil && (r.problem.Status != r.status || r.problem.Detail == "" || r.problem.Title == "" || r.problem.Type == "") {
			err = fmt.Errorf("%d: %s", r.status, text)
		}
	case "application/json":
		if r.status < 300 || r.status == http.StatusConflict {
			err = json.Unmarshal(text, &r.answer)
		}
	default:
		err = fmt.Errorf("an answer of type %q", got.Header.Get("Content-Type"))
	}
	if err != nil {
		t.Fatal(err)
	}
	return r
}

var packer = func() *zstd.Encoder {
	e, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1))
	if err != nil {
		panic(err)
	}
	return e
}()

// publish sends batches, compressed.
func (d door) publish(t testing.TB, host string, waiting int, batches ...*fleet.Batch) reply {
	t.Helper()
	text, err := fleet.Encode(nil, batches...)
	if err != nil {
		t.Fatal(err)
	}
	d.header = d.header.Clone()
	if d.header == nil {
		d.header = make(http.Header)
	}
	d.header.Set(fleet.HeaderHost, host)
	d.header.Set(fleet.HeaderWaiting, strconv.Itoa(waiting))
	if len(text) == 0 {
		return d.post(t, fleet.PathPublish, fleet.ContentType, "", nil)
	}
	return d.post(t, fleet.PathPublish, fleet.ContentType, "zstd", packer.EncodeAll(text, nil))
}
