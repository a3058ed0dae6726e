package receive

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"bwmon/fleet"
	"bwmon/traffic"
)

// one is a batch of a host that carried a little.
func one(t testing.TB, host string) *fleet.Batch {
	t.Helper()
	s := newStation(host, 1)
	s.work(epoch)
	return s.queue[0]
}

func encoded(t testing.TB, batches ...*fleet.Batch) []byte {
	t.Helper()
	text, err := fleet.Encode(nil, batches...)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// byHeader says that callers are who they say in X-Am.
func byHeader(q *http.Request) (string, bool, error) {
	switch host := q.Header.Get("X-Am"); host {
	case "":
		return "", false, errors.New("show a certificate")
	case "revoked":
		return "", false, fmt.Errorf("%w: its certificate is revoked", ErrForbidden)
	case "anybody":
		return "", true, nil
	default:
		return host, false, nil
	}
}

// TestRefused: what is wrong is said with the status that tells a host what to do.
func TestRefused(t *testing.T) {
	good := encoded(t, one(t, "gw"))
	zeros := packer.EncodeAll(make([]byte, fleet.MaxEncoded+1), nil)
	cut := packer.EncodeAll(good, nil)
	cut = cut[:len(cut)/2]
	half := packer.EncodeAll(make([]byte, fleet.MaxEncoded/2+1), nil)
	wrongRun := one(t, "gw")
	wrongRun.Changes = &traffic.Snapshot{Schema: 1, Run: "another"}
	for _, test := range []struct {
		name   string
		am     string
		header http.Header
		body   []byte
		status int
		detail string
	}{
		{"good", "gw", nil, good, 200, ""},
		{"of anybody", "anybody", nil, good, 200, ""},
		{"nobody", "", nil, good, 401, "certificate"},
		{"revoked", "revoked", nil, good, 403, "revoked"},
		{"another's name", "db", nil, good, 403, `"gw", and you are "db"`},
		{"another's name in the header", "gw", http.Header{fleet.HeaderHost: {"db"}}, nil, 403, `"db", and you are "gw"`},
		{"another name in the batch", "anybody", http.Header{fleet.HeaderHost: {"db"}}, good, 403, `"gw" is sent as "db"`},
		{"two hosts at a time", "anybody", nil, encoded(t, one(t, "gw"), one(t, "db")), 403, `"db" is sent as "gw"`},
		{"nobody's", "anybody", nil, nil, 400, fleet.HeaderHost},
		{"a name with dots", "anybody", http.Header{fleet.HeaderHost: {"../../etc"}}, nil, 400, "name of a host"},
		{"a hostile name in the batch", "anybody", nil, encoded(t, one(t, "../etc")), 400, "name of a host"},
		{"a hostile name in the certificate", "a\tb", nil, good, 403, "name of a host"},
		{"another kind", "gw", http.Header{"Content-Type": {"text/plain"}}, good, 415, "text/plain"},
		{"another encoding", "gw", http.Header{"Content-Encoding": {"gzip"}}, good, 415, "gzip"},
		{"two encodings", "gw", http.Header{"Content-Encoding": {"zstd", "zstd"}}, good, 415, "zstd"},
		{"not compressed", "gw", http.Header{"Content-Encoding": {"zstd"}}, good, 400, "unpack"},
		{"half", "gw", http.Header{"Content-Encoding": {"zstd"}}, cut, 400, "unpack"},
		{"a bomb", "gw", http.Header{"Content-Encoding": {"zstd"}}, zeros, 413, "unpacked"},
		{"a bomb of two frames", "gw", http.Header{"Content-Encoding": {"zstd"}}, bytes.Repeat(half, 2), 413, "unpacked"},
		{"a frame that claims 2^60 bytes", "gw", http.Header{"Content-Encoding": {"zstd"}}, []byte("\x28\xb5\x2f\xfd\xe0\x00\x00\x00\x00\x00\x00\x00\x10\x01\x00\x00"), 413, "unpacked"},
		{"too much", "gw", nil, make([]byte, DefaultRequest+1), 413, "at once"},
		{"no batch", "gw", nil, []byte("{}\n{}\n"), 400, "schema"},
		{"no JSON", "gw", nil, []byte("\x00\xff"), 400, ""},
		{"rows of another run", "gw", nil, encoded(t, wrongRun), 400, "another"},
		{"from a page", "gw", http.Header{"Origin": {"https://evil.example"}}, good, 403, "another site"},
		{"from a page elsewhere", "gw", http.Header{"Sec-Fetch-Site": {"cross-site"}}, good, 403, "another site"},
		{"no clock", "gw", http.Header{fleet.HeaderClock: {"noon"}}, good, 400, "noon"},
		{"no number", "gw", http.Header{fleet.HeaderWaiting: {"-1"}}, good, 400, "-1"},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := newSite(t, Options{Who: byHeader, Limits: generous, Now: (&testClock{at: epoch}).now}, newLedger())
			q, err := http.NewRequest(http.MethodPost, s.url+fleet.PathPublish, bytes.NewReader(test.body))
			if err != nil {
				t.Fatal(err)
			}
			q.Header = http.Header{"Content-Type": {fleet.ContentType}, "X-Am": {test.am}}
			for name, values := range test.header {
				q.Header[name] = values
			}
			got := s.do(t, q)
			if got.status != test.status || !strings.Contains(got.problem.Detail, test.detail) {
				t.Errorf("%d %s, want %d with %q", got.status, got.body, test.status, test.detail)
			}
			if strings.ContainsFunc(got.problem.Detail, func(r rune) bool { return r < ' ' }) {
				t.Errorf("the detail is not clean: %q", got.problem.Detail)
			}
			if test.status != 200 && got.header.Get("Retry-After") != "" {
				t.Error("the host is to send it again, which is of no use")
			}
			for _, m := range s.Hosts() { // what a host that is known sends is told beside it
				if refused := test.status != 200; refused != (m.State == traffic.MemberRefused) || refused && !strings.Contains(m.Detail, test.detail) {
					t.Errorf("%+v", m)
				}
			}
			if n := len(s.Hosts()); test.status >= 400 && test.am == "anybody" && n > 0 {
				t.Errorf("there are %d hosts", n)
			}
		})
	}
}

// TestBomb: what is small and unpacked large takes little memory before it is refused.
func TestBomb(t *testing.T) {
	const size = 256 << 20
	bomb := packer.EncodeAll(make([]byte, size), nil)
	r, err := New(Options{Books: newLedger()})
	if err != nil {
		t.Fatal(err)
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, err = r.unpack([]string{"zstd"}, bomb)
	runtime.ReadMemStats(&after)
	if took := after.TotalAlloc - before.TotalAlloc; err == nil || took > 4*fleet.MaxEncoded {
		t.Errorf("%d bytes took %d to refuse: %v", len(bomb), took, err)
	}
}

// TestRefusedThenTaken: a host is shown as refused until something of it is taken, or for
// a while.
func TestRefusedThenTaken(t *testing.T) {
	clock := &testClock{at: epoch}
	s := newSite(t, Options{Limits: generous, Now: clock.now}, newLedger())
	h := newStation("gw", 1)
	h.work(epoch)
	h.hear(s.publish(t, "gw", 1, h.queue...).answer)
	h.work(epoch)
	bad := *h.queue[len(h.queue)-1]
	changes := *bad.Changes
	changes.Apps = nil
	for i := range fleet.DefaultRows + 1 {
		changes.Apps = append(changes.Apps, traffic.App{Name: fmt.Sprint(i)})
	}
	bad.Changes = &changes
	state := func(want string, silent bool) {
		t.Helper()
		m := s.Hosts()[0]
		if m.State != want || (m.Silent > 0) != silent {
			t.Errorf("%+v, want %s", m, want)
		}
	}
	state(traffic.MemberReporting, false)
	if got := s.publish(t, "gw", 1, &bad); got.status != 400 || !strings.Contains(got.problem.Detail, "5001 apps") {
		t.Fatalf("%d %s", got.status, got.body)
	}
	state(traffic.MemberRefused, false)
	clock.pass(time.Minute)
	state(traffic.MemberRefused, true)
	if got := s.publish(t, "gw", 0); got.status != 200 {
		t.Fatalf("%d %s", got.status, got.body)
	}
	state(traffic.MemberReporting, false)
}

// TestSuperseded: two machines under one name are told so, and their bytes are not mixed.
func TestSuperseded(t *testing.T) {
	s := newSite(t, Options{Limits: generous, Now: (&testClock{at: epoch}).now}, newLedger())
	a, b := newStation("gw", 1), newStation("gw", 2)
	a.work(epoch)
	s.publish(t, "gw", 0, a.queue...)
	b.runs = 10
	b.work(epoch)
	s.publish(t, "gw", 0, b.queue...)
	a.work(epoch)
	got := s.publish(t, "gw", 0, a.queue[1:]...)
	if got.status != http.StatusUnprocessableEntity || !strings.Contains(got.problem.Detail, "two machines") {
		t.Errorf("%d %s", got.status, got.body)
	}
}

// TestMaxHosts: hosts beyond the bound are told to come again, and those that are known
// are not hurt.
func TestMaxHosts(t *testing.T) {
	s := newSite(t, Options{Limits: generous, Now: (&testClock{at: epoch}).now, MaxHosts: 2}, newLedger())
	for i, want := range []int{200, 200, 503, 503} {
		if got := s.publish(t, fmt.Sprint("h", i), 0, one(t, fmt.Sprint("h", i))); got.status != want || (want == 503) != (got.header.Get("Retry-After") != "") {
			t.Errorf("%d: %d %s", i, got.status, got.body)
		}
	}
	if err := s.Forget("h0"); err != nil {
		t.Fatal(err)
	}
	if got := s.publish(t, "h3", 0, one(t, "h3")); got.status != 200 {
		t.Errorf("%d %s", got.status, got.body)
	}
	if got := s.publish(t, "h1", 0); got.status != 200 || got.answer.Have.IsZero() {
		t.Errorf("%d %s", got.status, got.body)
	}
}

// TestUnknownRoute: what there is not is a problem, too.
func TestUnknownRoute(t *testing.T) {
	s := newSite(t, Options{Limits: generous}, newLedger())
	for _, at := range []string{"/", "/api/perf/gw", fleet.PathPublish} { // there are no figures, and batches are posted
		q, err := http.NewRequest(http.MethodGet, s.url+at, nil)
		if err != nil {
			t.Fatal(err)
		}
		if got := s.do(t, q); got.status != http.StatusNotFound {
			t.Errorf("%s: %d %s", at, got.status, got.body)
		}
	}
}

// TestRoom: bodies that do not come take no room from others for long, and of one host
// there are few.
func TestRoom(t *testing.T) {
	s := newSite(t, Options{Who: byHeader, Limits: generous, Now: (&testClock{at: epoch}).now}, newLedger())
	open := func(host string, length int) *bufio.Reader {
		c, err := net.Dial("tcp", s.server.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		fmt.Fprintf(c, "POST %s HTTP/1.1\r\nHost: gw\r\nX-Am: %s\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n{", fleet.PathPublish, host, fleet.ContentType, length)
		return bufio.NewReader(c)
	}
	sending := func(host string) int {
		h := s.find(host)
		if h == nil {
			return 0
		}
		h.mu.Lock()
		defer h.mu.Unlock()
		return h.sending
	}
	for range maxSending {
		open("hog", DefaultRequest)
	}
	for deadline := time.Now().Add(10 * time.Second); sending("hog") < maxSending; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d requests are read", sending("hog"))
		}
	}
	got, err := http.ReadResponse(open("hog", 1), nil)
	if err != nil {
		t.Fatal(err)
	}
	got.Body.Close()
	if got.StatusCode != http.StatusTooManyRequests {
		t.Errorf("one more of that host: %v", got.Status)
	}
	s.header = http.Header{"X-Am": {"gw"}}
	if got := s.publish(t, "gw", 0, one(t, "gw")); got.status != http.StatusOK {
		t.Errorf("another host: %d %s", got.status, got.body)
	}
	var held int64
	if err := s.documents.enter(t.Context(), documentRoom, &held); err != nil {
		t.Errorf("%v: what was taken still has room", err)
	}
	ctx, stop := context.WithCancel(t.Context())
	stop()
	if err := s.documents.enter(ctx, 1, &held); err == nil || held != documentRoom {
		t.Errorf("there is more room than there is: %d", held)
	}
}

// TestSlowBody: who sends a byte now and then is not waited for, and in nobody's way.
func TestSlowBody(t *testing.T) {
	s := newSite(t, Options{Limits: generous, Now: (&testClock{at: epoch}).now}, newLedger())
	s.bodyTime = 50 * time.Millisecond
	c, err := net.Dial("tcp", s.server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	fmt.Fprintf(c, "POST %s HTTP/1.1\r\nHost: gw\r\nContent-Type: %s\r\nContent-Length: 1000\r\n\r\n{", fleet.PathPublish, fleet.ContentType)
	for range 3 { // the others go on
		if got := s.publish(t, "gw", 0, one(t, "gw")); got.status != http.StatusOK {
			t.Fatalf("%d %s", got.status, got.body)
		}
	}
	if err := c.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	got, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer got.Body.Close()
	if got.StatusCode != http.StatusRequestTimeout || got.Header.Get("Retry-After") == "" {
		t.Errorf("%v", got)
	}
}
