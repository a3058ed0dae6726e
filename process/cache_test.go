package process

import (
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"bwmon/traffic"
)

func flow(proto traffic.Proto, local, remote string) traffic.Flow {
	return traffic.Flow{Proto: proto, Local: netip.MustParseAddrPort(local), Remote: netip.MustParseAddrPort(remote)}
}

func owner(command string) *traffic.Owner { return &traffic.Owner{PID: 1, Command: command} }

func TestCacheMatchesSockets(t *testing.T) {
	const udp, tcp, ospf = traffic.UDP, traffic.TCP, traffic.Proto(89)
	c := newCache()
	for name, s := range map[string]socket{
		"connected":  {key: testKey(udp, "198.18.0.1:1000", "198.18.0.2:53")},
		"bound":      {key: testKey(udp, "198.18.0.1:1000", "")},
		"wildcard4":  {key: testKey(udp, "0.0.0.0:1000", "")},
		"wildcard6":  {key: testKey(udp, "[::]:1000", "")},
		"dual":       {key: testKey(udp, "[::]:2000", "")},
		"deaf":       {key: testKey(udp, "[::]:3000", ""), only6: true},
		"member":     {key: testKey(udp, "198.18.0.1:5353", "")},
		"listener":   {key: testKey(tcp, "[::]:80", ""), state: stateListen},
		"ping":       {key: testKey(traffic.ICMP, "0.0.0.0:77", "")},
		"raw":        {key: testKey(ospf, "0.0.0.0:0", ""), raw: true},
		"raw, bound": {key: testKey(ospf, "198.18.0.9:0", ""), raw: true},
		"linklocal":  {key: testKey(tcp, "[fe80::1]:4000", "[fe80::2]:22")},
	} {
		c.record(&s, owner(name), 100)
	}
	for _, q := range []struct {
		flow traffic.Flow
		want string
	}{
		{flow(udp, "198.18.0.1:1000", "198.18.0.2:53"), "connected"},
		{flow(udp, "198.18.0.1:1000", "198.18.0.2:54"), "bound"},
		{flow(udp, "198.18.0.5:1000", "198.18.0.2:53"), "wildcard4"},
		{flow(udp, "[fd00::1]:1000", "[fd00::2]:53"), "wildcard6"},
		{flow(udp, "198.18.0.5:2000", "198.18.0.2:53"), "dual"},
		{flow(udp, "[::ffff:198.18.0.5]:2000", "198.18.0.2:53"), "dual"},
		{flow(udp, "[fd00::1]:3000", "[fd00::2]:53"), "deaf"},
		{flow(udp, "198.18.0.1:3000", "198.18.0.2:53"), ""},
		{flow(udp, "224.0.0.251:5353", "198.18.0.2:5353"), "member"},
		{flow(udp, "255.255.255.255:5353", "198.18.0.2:5353"), "member"},
		{flow(udp, "198.18.0.7:5353", "198.18.0.2:5353"), ""},
		{flow(tcp, "198.18.0.1:80", "198.18.0.2:4"), "listener"},
		{flow(tcp, "[fd00::1]:80", "[fd00::2]:4"), "listener"},
		{flow(udp, "198.18.0.1:80", "198.18.0.2:4"), ""},
		{flow(traffic.ICMP, "198.18.0.1:77", "198.18.0.2:77"), "ping"},
		{flow(traffic.ICMP, "198.18.0.1:78", "198.18.0.2:78"), ""},
		{flow(ospf, "198.18.0.1:0", "198.18.0.2:0"), "raw"},
		{flow(ospf, "198.18.0.9:0", "198.18.0.2:0"), "raw, bound"},
		{flow(tcp, "[fe80::1%eth0]:4000", "[fe80::2%eth0]:22"), "linklocal"},
	} {
		got := ""
		if o := c.find(keyOf(q.flow), 100); o != nil {
			got = o.Command
		}
		if got != q.want {
			t.Errorf("%v %v %v: owner %q, want %q", q.flow.Proto, q.flow.Local, q.flow.Remote, got, q.want)
		}
		if o := c.find(keyOf(q.flow), 101); o != nil {
			t.Errorf("%v: owner %q, though it was last seen before", q.flow, o.Command)
		}
	}
}

func TestSole(t *testing.T) {
	a, b := owner("a"), owner("b")
	again := owner("a")
	c := newCache()
	k := key{proto: 47}
	find := func(since int64) string {
		s, _ := c.soles.get(k)
		if o := s.owner(since); o != nil {
			return o.Command
		}
		return ""
	}
	if got := find(0); got != "" {
		t.Errorf("nobody was seen, got %q", got)
	}
	c.witness(k, a, 10)
	c.witness(k, again, 20)
	if got := find(10); got != "a" {
		t.Errorf("two processes of one command: got %q", got)
	}
	c.witness(k, b, 30)
	if got := find(20); got != "" {
		t.Errorf("two commands: got %q", got)
	}
	if got := find(21); got != "b" {
		t.Errorf("the other was last seen before: got %q", got)
	}
	c.witness(k, a, 40)
	if got := find(30); got != "" {
		t.Errorf("two commands, the first again: got %q", got)
	}
	if got := find(31); got != "a" {
		t.Errorf("got %q, want a", got)
	}
	if got := find(41); got != "" {
		t.Errorf("nobody since: got %q", got)
	}
}

func TestAging(t *testing.T) {
	a := newAging[int, string](4)
	a.put(1, "a")
	a.turn()
	a.put(1, "b")
	if v, ok := a.get(1); !ok || v != "b" {
		t.Errorf("got %q, %v; want the newer value", v, ok)
	}
	a.put(2, "c")
	a.turn()
	a.turn()
	if a.len() != 0 {
		t.Errorf("%d entries after two turns", a.len())
	}
	for i := range 100 {
		a.put(i, "x")
		if a.len() > 4 {
			t.Fatalf("%d entries, want at most 4", a.len())
		}
	}
	if _, ok := a.get(99); !ok {
		t.Error("the newest entry is gone")
	}
	a.drop(99)
	if _, ok := a.get(99); ok {
		t.Error("a dropped entry is there")
	}
}

// A resolver that is not running answers from what was recorded; clock is its
// time.
func resting(opts Options) (r *Resolver, clock *time.Time) {
	now := time.Unix(1_000_000, 0)
	opts.Now = func() time.Time { return now }
	return New(opts), &now
}

func TestMissesAskLessAndLess(t *testing.T) {
	r, clock := resting(Options{Interval: time.Second})
	f := flow(traffic.TCP, "198.18.0.1:40000", "198.18.0.2:443")
	since := *clock
	var asked []int
	for second := range 100 {
		r.Owner(f, since)
		if r.asked {
			asked = append(asked, second)
		}
		r.asked = false
		*clock = clock.Add(time.Second)
	}
	want := []int{0, 1, 3, 7, 15, 31, 63, 95}
	if diff := cmp.Diff(want, asked); diff != "" {
		t.Errorf("seconds in which a look was asked for (-want +got):\n%s", diff)
	}
	r.Owner(f, *clock)
	if !r.asked {
		t.Error("no look was asked for the tuple's next life")
	}
}

func TestWantsThatDoNotFitAreCounted(t *testing.T) {
	r, _ := resting(Options{})
	f := flow(traffic.TCP, "198.18.0.1:40000", "198.18.0.2:443")
	for range maxWants + 5 {
		r.Want(f)
	}
	if s := r.Stats(); s.Dropped != 5 || !r.asked {
		t.Errorf("%d dropped, a look asked for: %v; want 5, true", s.Dropped, r.asked)
	}
}

func TestBudget(t *testing.T) {
	start := time.Unix(1000, 0)
	b := &budget{share: 0.05, burst: burstTime, saved: burstTime, wall: start}
	b.book(start.Add(time.Hour), 0)
	if b.saved != burstTime || b.wait() != 0 {
		t.Errorf("saved %v after an idle hour, want %v", b.saved, burstTime)
	}
	b.book(start.Add(time.Hour), burstTime+50*time.Millisecond)
	if want := time.Second + time.Millisecond; b.wait() != want {
		t.Errorf("wait %v after overspending 50 ms at 5 %%, want %v", b.wait(), want)
	}
	b.book(start.Add(time.Hour+2*time.Second), burstTime+50*time.Millisecond)
	if b.wait() != 0 || b.spent != burstTime+50*time.Millisecond {
		t.Errorf("wait %v, spent %v after paying back", b.wait(), b.spent)
	}
}

func TestRetries(t *testing.T) {
	var q retryQueue
	a, b := key{lport: 1}, key{lport: 2}
	q.add(a, 0)
	q.add(b, 10)
	ms := int64(time.Millisecond)
	var got [][]key
	for _, now := range []int64{0, 5 * ms, 5*ms + 10, 60 * ms, time.Second.Nanoseconds()} {
		got = append(got, q.due(nil, now))
	}
	want := [][]key{nil, {a}, {b}, {a, b}, {a, b}}
	if diff := cmp.Diff(want, got, compareKeys); diff != "" {
		t.Errorf("due (-want +got):\n%s", diff)
	}
	if _, ok := q.next(); ok {
		t.Error("something is left")
	}
}

func BenchmarkOwnerHit(b *testing.B) {
	r, clock := resting(Options{})
	f := flow(traffic.TCP, "198.18.0.1:40000", "198.18.0.2:443")
	r.cache.record(&socket{key: keyOf(f)}, owner("curl"), clock.UnixNano())
	since := *clock
	b.ReportAllocs()
	for b.Loop() {
		if r.Owner(f, since) == nil {
			b.Fatal("no owner")
		}
	}
}

func BenchmarkOwnerMiss(b *testing.B) {
	r, clock := resting(Options{})
	f := flow(traffic.TCP, "198.18.0.1:40000", "198.18.0.2:443")
	since := *clock
	b.ReportAllocs()
	for b.Loop() {
		if r.Owner(f, since) != nil {
			b.Fatal("an owner")
		}
	}
}
