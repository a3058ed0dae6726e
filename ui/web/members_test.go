package web

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"

	"bwmon/traffic"
)

// openFleet serves a fleet of n, at tick 1.
func openFleet(t *testing.T, n int, m Members, a Access) (*site, *crew) {
	t.Helper()
	now := fleet(1, n)
	c := newCrew(now, 1)
	m.Snapshot = c.newest
	s := open(t, Options{Members: &m}, a)
	s.Publish(now)
	return s, c
}

func at(host, path string) string { return "/hosts/" + url.PathEscape(host) + path }

func TestMemberIsShownAsAHost(t *testing.T) {
	var asked []string
	s, crew := openFleet(t, 3, Members{Options: func(host string) Options {
		asked = append(asked, host)
		return Options{
			History: func(_ context.Context, q traffic.Query) (*traffic.Report, error) {
				return &traffic.Report{Schema: 1, Host: host, By: q.By}, nil
			},
			Control: func(context.Context, string, string) error { return errors.New("never") },
		}
	}}, Access{})
	first, second := memberName(0), memberName(1)
	got := decode(t, s.get(at(first, "/api/v1/snapshot")).want(t, 200).body)
	want := memberAt(first, 1)
	want.Hosts = fleet(1, 3).Hosts[:1]
	if diff := cmp.Diff(want, got, same); diff != "" {
		t.Errorf("its snapshot (-want +got):\n%s", diff)
	}
	if a := s.get(at(first, "/api/v1/history?by=app")).want(t, 200); !strings.Contains(a.body, `"host":"`+first) {
		t.Errorf("its history: %s", a.body)
	}
	if len(asked) != 1 {
		t.Errorf("asked how to ask for %q", asked)
	}
	for _, path := range []string{"/api/v1/series", "/api/v1/alerts", "/api/v1/monitors"} {
		s.get(at(first, path)).want(t, 200)
	}
	problemIn(t, s.get(at(first, "/api/v1/trend?series=cpu")).want(t, 501))
	problemIn(t, s.ask("POST", at(first, "/api/v1/monitors/socket/stop"), "").want(t, 404))
	page := s.get(at(first, "/")).want(t, 200)
	for _, want := range []string{"<title>" + first, `src="../../assets/main.js"`, `data-part="member"`, "restic"} {
		if !strings.Contains(page.body, want) {
			t.Errorf("no %q on its page", want)
		}
	}
	if page.Header.Get("Content-Security-Policy") != pagePolicy {
		t.Error("its page has another policy")
	}
	// Who has never said anything is there all the same.
	s.get(at(second, "/api/v1/snapshot")).want(t, 503)
	if a := s.get(at(second, "/")).want(t, 200); !strings.Contains(a.body, "Nothing has been measured yet") || !strings.Contains(a.body, second) {
		t.Errorf("before its first report:\n%s", a.body)
	}
	problemIn(t, s.get(at("web-0009", "/api/v1/snapshot")).want(t, 404))
	problemIn(t, s.get(at("web-0009", "/")).want(t, 404))
	crew.report(second, memberAt(second, 1))
	s.Publish(fleet(2, 3))
	if got := decode(t, s.get(at(second, "/api/v1/snapshot")).want(t, 200).body); got.Hosts[0].State != traffic.MemberSilent {
		t.Errorf("it is %+v", got.Hosts)
	}
	if text := s.get("/").want(t, 200).body; !strings.Contains(text, `data-part="fleet"`) || !strings.Contains(text, "silent for 12m34s") {
		t.Errorf("the fleet's page:\n%s", text)
	}
}

// TestMemberThatIsAReceiver: one may be, and its members are not those of this fleet.
func TestMemberThatIsAReceiver(t *testing.T) {
	s, crew := openFleet(t, 3, Members{}, Access{})
	inner := fleet(1, 5)
	crew.report("hall", inner)
	if got := decode(t, s.get("/hosts/hall/api/v1/snapshot").want(t, 200).body); len(got.Hosts) != 0 {
		t.Errorf("it has %d members here", len(got.Hosts))
	}
	if len(inner.Hosts) != 5 {
		t.Error("what was published has been changed")
	}
}

// TestHistoryByHost: of a fleet, and what each used of one app.
func TestHistoryByHost(t *testing.T) {
	var asked traffic.Query
	s := open(t, Options{History: func(_ context.Context, q traffic.Query) (*traffic.Report, error) {
		asked = q
		return &traffic.Report{Schema: 1, By: q.By}, nil
	}}, Access{})
	s.get("/api/v1/history?by=host&app=video&step=hour").want(t, 200)
	if asked.By != traffic.ByHost || asked.App != "video" {
		t.Errorf("asked %+v", asked)
	}
	s.get("/api/v1/history?by=user&app=video").want(t, 400)
	s.get("/api/v1/history?by=host&of=disk").want(t, 400)
}

// TestMemberStreams: with each tick of the fleet, also where a host says nothing new, and
// so rarely as it does.
func TestMemberStreams(t *testing.T) {
	s, crew := openFleet(t, 3, Members{}, Access{})
	host := memberName(0)
	r := s.stream(at(host, "/api/v1/stream"))
	if got := decode(t, r.next().data); got.Host != host || got.Interval != 1 {
		t.Fatalf("it is %s, every %v s", got.Host, got.Interval)
	}
	s.Publish(fleet(2, 3))
	if got := decode(t, r.next().data); !got.At.Equal(memberAt(host, 1).At) || got.Hosts[0].RxBytes != fleet(2, 3).Hosts[0].RxBytes {
		t.Fatalf("with nothing new: %v, %+v", got.At, got.Hosts)
	}
	crew.report(host, memberAt(host, 11))
	s.Publish(fleet(3, 3))
	if got := decode(t, r.next().data); !got.At.Equal(memberAt(host, 11).At) || got.Interval != 10 {
		t.Fatalf("with news after 10 s: %v, every %v s", got.At, got.Interval)
	}
	// One that is no member any more has no page, and its streams end.
	crew.leave(host)
	s.Publish(fleet(4, 3))
	if e := r.next(); e.name != "end" {
		t.Errorf("when it left: %+v", e)
	}
	s.get(at(host, "/")).want(t, 404)
	if n := s.streams.present(); n != 0 {
		eventually(t, "the stream is gone", func() bool { return s.streams.present() == 0 })
	}
}

// TestMembersAreFew: hosts that nobody looks at cost nothing, and those that are looked
// at are bounded.
func TestMembersAreFew(t *testing.T) {
	now := began
	c := newCrew(fleet(1, 1000), 1)
	s := open(t, Options{Now: func() time.Time { return now }, Members: &Members{Snapshot: c.newest, Most: 5}}, Access{})
	s.Publish(fleet(1, 1000))
	held := func() int {
		s.members.mu.Lock()
		defer s.members.mu.Unlock()
		return len(s.members.held)
	}
	for i := range 100 {
		s.get(at(memberName(i), "/")).want(t, 200)
	}
	if n := held(); n != 5 {
		t.Errorf("%d are held, want 5", n)
	}
	now = now.Add(59 * time.Second)
	r := s.stream(at(memberName(99), "/api/v1/stream"))
	r.next()
	s.Publish(fleet(2, 1000))
	if n := held(); n != 5 {
		t.Errorf("%d are held before a minute has passed", n)
	}
	now = now.Add(time.Second)
	s.Publish(fleet(3, 1000))
	if n := held(); n != 1 {
		t.Errorf("%d are held when one is looked at", n)
	}
	var readers []*reading
	for i := range 4 {
		readers = append(readers, s.stream(at(memberName(2+i), "/api/v1/stream")))
		readers[i].next()
	}
	problemIn(t, s.get(at(memberName(50), "/")).want(t, 503))
	s.get(at(memberName(2), "/")).want(t, 200)
	s.Close()
	for _, r := range append(readers, r) {
		for e := r.next(); e.name != "end"; e = r.next() {
		}
	}
	if n := held(); n != 0 {
		t.Errorf("%d are held after the end", n)
	}
	s.get(at(memberName(3), "/")).want(t, 404)
}

// TestMembersAccess: what holds for the fleet holds for its members, and whether there is
// a host of a name is told to those alone who may see it.
func TestMembersAccess(t *testing.T) {
	s, _ := openFleet(t, 3, Members{}, Access{Token: testToken, Hosts: []string{"receiver.example.net"}})
	host := memberName(0)
	for _, path := range []string{"/api/v1/snapshot", "/api/v1/stream", "/api/v1/history", "/api/v1/alerts"} {
		for _, host := range []string{host, "nobody"} {
			s.get(at(host, path)).want(t, 401)
			s.get(at(host, path), "Host: evil.example.net").want(t, 403)
			s.get(at(host, path), bearer(testToken), "Sec-Fetch-Site: cross-site").want(t, 403)
		}
	}
	s.get(at(host, "/api/v1/snapshot"), bearer(testToken), "Host: receiver.example.net").want(t, 200)
	locked, none := s.get(at(host, "/")).want(t, 200), s.get(at("nobody", "/")).want(t, 200)
	if locked.body != none.body || strings.Contains(locked.body, host) || !strings.Contains(locked.body, "A token is needed") {
		t.Errorf("without the token:\n%s", locked.body)
	}
	s.get(at("nobody", "/"), bearer(testToken)).want(t, 404)
	for _, path := range []string{"/hosts/", "/hosts", "/hosts//", "/hosts/../", "/hosts/" + host + "/../", "/hosts/" + host + "/metrics", "/hosts/" + host + "/assets/page.css"} {
		s.get(path, bearer(testToken)).want(t, 404)
	}
	one := open(t, Options{}, Access{})
	one.get(at(host, "/")).want(t, 404)
}

// TestHostileMembers: a name may be any text.
func TestHostileMembers(t *testing.T) {
	now := fleet(1, len(nasty))
	c := newCrew(now, 1)
	for i := range nasty {
		now.Hosts[i].Host, now.Hosts[i].Detail, now.Hosts[i].State = nasty[i], nasty[i], traffic.MemberRefused
		c.report(nasty[i], memberAt(nasty[i], 1))
	}
	s := open(t, Options{Members: &Members{Snapshot: c.newest}}, Access{})
	s.Publish(now)
	harmless := open(t, Options{Members: &Members{Snapshot: c.newest}}, Access{})
	harmless.Publish(fleet(1, len(nasty)))
	if diff := cmp.Diff(skeleton(harmless.get("/").want(t, 200).body), skeleton(s.get("/").want(t, 200).body)); diff != "" {
		t.Errorf("names make tags (-harmless +hostile):\n%s", diff)
	}
	text := s.get("/metrics").want(t, 200).body
	if strings.Contains(text, "\x1b") || !strings.Contains(text, `bwmon_member_up{host="<script>alert(1)</script>"} 0`) {
		t.Errorf("metrics:\n%s", text)
	}
	for _, name := range nasty {
		if name == "" || len(name) > 4096 {
			continue // no path, and too long for a request
		}
		a := s.get(at(name, "/api/v1/snapshot")).want(t, 200)
		text, err := encode(memberAt(name, 1))
		if got, want := decode(t, a.body), decode(t, string(text)); err != nil || got.Host != want.Host {
			t.Errorf("%q: it is %q: %v", name, got.Host, err)
		}
		a = s.get(at(name, "/")).want(t, 200)
		if strings.Contains(a.body, "<script>alert") {
			t.Errorf("%q is not text on its page", name)
		}
	}
}

// TestMembersInMetrics: each has its counters, as many as there may be.
func TestMembersInMetrics(t *testing.T) {
	c := newCrew(fleet(1, 10), 1)
	s := open(t, Options{MaxSeries: 4, Members: &Members{Snapshot: c.newest}}, Access{})
	s.Publish(fleet(1, 10))
	text := s.get("/metrics").want(t, 200).body
	for _, want := range []string{
		`bwmon_member_receive_bytes_total{host="web-0000.example.net"} 10000`, `bwmon_member_up{host="web-0000.example.net"} 1`,
		`bwmon_member_up{host="web-0001.example.net"} 0`, `bwmon_member_silent_seconds{host="web-0001.example.net"} 754`,
		`bwmon_member_clock_seconds{host="web-0002.example.net"} -2`, `bwmon_member_waiting_batches{host="web-0002.example.net"} 2`,
		`bwmon_member_unbooked_bytes{host="web-0003.example.net"} 300`, `bwmon_member_apps{host="web-0003.example.net"} 6`,
		`bwmon_member_alerts_firing{host="web-0003.example.net"} 0`, `bwmon_member_connections{host="web-0003.example.net"} 3`,
		`bwmon_member_receive_bytes_total{host="(other)"} 21000`, `bwmon_metrics_series_dropped{by="member"} 6`,
	} {
		if !strings.Contains(text, want+"\n") {
			t.Errorf("no %s in:\n%s", want, strings.Join(linesWith(text, "member"), "\n"))
		}
	}
	if strings.Contains(text, `bwmon_member_up{host="(other)"`) {
		t.Error("a level is summed")
	}
}

func linesWith(text, part string) []string {
	var list []string
	for line := range strings.Lines(text) {
		if strings.Contains(line, part) {
			list = append(list, strings.TrimSpace(line))
		}
	}
	return list
}

// TestCommandsOfOneApp: a fleet's apps times its members are too many to be sent to who
// looks at one.
func TestCommandsOfOneApp(t *testing.T) {
	s, _ := openFleet(t, 1000, Members{}, Access{})
	all := s.get("/api/v1/snapshot").want(t, 200).body
	none := s.get("/api/v1/snapshot?commands=").want(t, 200).body
	one := s.get("/api/v1/snapshot?commands=app+03").want(t, 200).body
	for _, a := range decode(t, one).Apps {
		if want := map[bool]int{true: 500}[a.Name == "app 03"]; len(a.Commands) != want || a.Connections != 500 {
			t.Errorf("%s has %d commands, want %d", a.Name, len(a.Commands), want)
		}
	}
	if len(decode(t, none).Apps[3].Commands) != 0 || len(decode(t, all).Apps[3].Commands) != 500 {
		t.Error("the commands are not those that were asked for")
	}
	t.Logf("%d bytes with all commands, %d with those of one app, %d without", len(all), len(one), len(none))
	for i := range 2 * mostNarrow {
		s.get(fmt.Sprintf("/api/v1/snapshot?commands=%d", i)).want(t, 200)
	}
	if n := len(s.now.Load().document.narrow); n != mostNarrow {
		t.Errorf("%d forms are held", n)
	}
	r := s.stream("/api/v1/stream?commands=app+03&flows=1")
	if got := decode(t, r.next().data); len(got.Apps[3].Commands) != 500 || len(got.Apps[2].Commands) != 0 {
		t.Error("the stream has other commands")
	}
	s.get("/api/v1/snapshot?commands=a&commands=b").want(t, 400)
	bare := decode(t, s.get("/api/v1/snapshot?series=0").want(t, 200).body)
	if len(bare.Series) != 0 || len(bare.Apps[3].Commands) != 500 || len(decode(t, all).Series) != 1000 {
		t.Errorf("%d series and %d commands without series", len(bare.Series), len(bare.Apps[3].Commands))
	}
	s.get("/api/v1/snapshot?series=no").want(t, 400)
}

// TestRoutesOfAReceiver: routes that authorise by themselves take what the token and
// MayChange would refuse, and large bodies of any kind; a browser elsewhere gets nowhere.
func TestRoutesOfAReceiver(t *testing.T) {
	var got []byte
	take := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer of-a-host" {
			SayProblem(w, 401, errors.New("who is it?"))
			return
		}
		z, err := zstd.NewReader(r.Body)
		if err == nil {
			defer z.Close()
			got, err = io.ReadAll(z)
		}
		if err != nil {
			SayProblem(w, 400, err)
		}
	})
	s := open(t, Options{}, Access{
		Token: testToken, MayChange: func(*http.Request) error { return errors.New("nobody may") },
		Extra: []Route{
			{Method: "POST", Path: "/api/v1/fleet/batches", Handler: take, MaxBody: 32 << 20, Authorises: true},
			{Method: "PUT", Path: "/api/v1/fleet/batches", Handler: take, Authorises: true},
			{Method: "POST", Path: "/api/v1/fleet/forget", Handler: take},
		},
	})
	want := make([]byte, 12<<20)
	for i := range want {
		want[i] = byte(rand.IntN(64))
	}
	var z bytes.Buffer
	w, _ := zstd.NewWriter(&z)
	if _, err := w.Write(want); err != nil || w.Close() != nil {
		t.Fatal(err)
	}
	const path = "/api/v1/fleet/batches"
	host := bearer("of-a-host")
	s.ask("POST", path, z.String(), host, "Content-Encoding: zstd").want(t, 200)
	if !bytes.Equal(got, want) {
		t.Errorf("%d bytes came, want %d", len(got), len(want))
	}
	s.ask("POST", path, z.String()).want(t, 401)
	s.ask("PUT", path, z.String(), host).want(t, 400) // more than it takes
	s.ask("DELETE", path, "", host).want(t, 405)
	s.ask("POST", path, z.String(), host, "Origin: http://evil.example.net").want(t, 403)
	s.ask("POST", path, z.String(), host, "Sec-Fetch-Site: cross-site").want(t, 403)
	s.ask("POST", path, z.String(), host, "Host: evil.example.net").want(t, 403)
	s.ask("POST", "/api/v1/fleet/forget", "", host).want(t, 401)
	s.ask("POST", "/api/v1/fleet/forget", "", bearer(testToken)).want(t, 403)
	// Without a token on this server, a host is still asked.
	open := open(t, Options{}, Access{Extra: []Route{{Method: "POST", Path: path, Handler: take, MaxBody: 32 << 20, Authorises: true}}})
	open.ask("POST", path, z.String(), host).want(t, 200)
	open.ask("POST", path, z.String()).want(t, 401)
}

// TestMembersCostLittle: a Server of a member is small, since what is large is shared.
func TestMembersCostLittle(t *testing.T) {
	c := newCrew(fleet(1, 1000), 1)
	s := New(Options{Members: &Members{Snapshot: c.newest, Most: 1000}})
	defer s.Close()
	s.Publish(fleet(1, 1000))
	memory := func() uint64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before, goroutines := memory(), runtime.NumGoroutine()
	for i := range 1000 {
		_, leave, err := s.members.enter(memberName(i))
		if err != nil {
			t.Fatal(err)
		}
		leave()
	}
	each := (memory() - before) / 1000
	if runtime.NumGoroutine() > goroutines || each > 20_000 {
		t.Errorf("%d bytes each, and %d goroutines together", each, runtime.NumGoroutine()-goroutines)
	}
	t.Logf("%d bytes each", each)
}
