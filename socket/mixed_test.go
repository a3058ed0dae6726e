package socket

import (
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"bwmon/lab"
	"bwmon/traffic"
)

// kind is one kind of traffic of TestMixedRun. Each has a peer and a cable of
// its own, whose counters say what is right.
type kind struct {
	name    string
	command string // whose row it is; set by begin, if not before
	lacks   string // why it cannot run here
	inner   bool   // in a network namespace of its own, as a container

	begin func(k *kind)               // before the monitor is there
	run   func(k *kind) (wait func()) // with it; wait returns when all is carried

	t          testing.TB
	ours, peer *lab.Host
	iface      string // at ours
	cgroup     string // ours
	here, far  string // addresses of IPv4
	far6       string
	before     lab.Counters
	child      *child
	client     *lab.Child
}

func (k *kind) addr(port int) string  { return fmt.Sprintf("%s:%d", k.far, port) }
func (k *kind) addr6(port int) string { return fmt.Sprintf("[%s]:%d", k.far6, port) }

// start runs one of our trades and notes the row that is its.
func (k *kind) start(trade string, args ...string) *child {
	k.command = strings.Join(append([]string{trade}, args...), " ")
	return startChild(k.t, k.ours, k.cgroup, trade, args...)
}

// transfer is a client of a server at the peer.
func (k *kind) transfer(c lab.Client) (wait func()) {
	c.Args = strings.Fields(k.command)
	return ended(k.ours.Start(c))
}

// ended waits for a client's end.
func ended(c *lab.Child) func() { return func() { c.Wait() } }

// listen has the peer take datagrams, so that it complains of none.
func (k *kind) listen(proto int, addr string) {
	if err := k.peer.Do(func() error {
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, proto)
		if err != nil {
			return err
		}
		k.t.Cleanup(func() { unix.Close(fd) })
		a := ap(addr)
		return unix.Bind(fd, &unix.SockaddrInet4{Port: int(a.Port()), Addr: a.Addr().As4()})
	}); err != nil {
		k.t.Fatal(err)
	}
}

// sent runs a trade that sends to a server at the peer.
func sent(trade string) func(*kind) func() {
	return func(k *kind) func() {
		sink := k.peer.Serve(lab.Server{Proto: "tcp", Listen: ap(k.addr(0))})
		return k.start(trade, sink.Addr.String(), "1000000").wait
	}
}

// kinds is all of it, those that need no more than lab.Client first.
func kinds() []*kind {
	client := func(name, proto string, addr func(*kind, int) string, c lab.Client) *kind {
		return &kind{name: name, command: name, run: func(k *kind) func() {
			c.Proto = proto
			c.Target = k.peer.Serve(lab.Server{Proto: proto, Listen: ap(addr(k, 0))}).Addr
			return k.transfer(c)
		}}
	}
	container := client("container", "tcp", (*kind).addr, lab.Client{Connections: 10, Send: 100_000, Receive: 100_000})
	container.inner = true
	return []*kind{
		client("bulk", "tcp", (*kind).addr, lab.Client{Send: 4_000_000, Receive: 4_000_000}),
		client("bulk6", "tcp", (*kind).addr6, lab.Client{Connections: 5, Parallel: 5, Send: 400_000, Receive: 400_000}),
		client("tiny", "udp", (*kind).addr, lab.Client{Send: 200_000, Receive: 200_000, Chunk: 20, Life: time.Second, Spread: true}),
		client("tiny6", "udp", (*kind).addr6, lab.Client{Send: 200_000, Receive: 200_000, Chunk: 20, Life: time.Second, Spread: true}),
		container,
		client("many", "tcp", (*kind).addr, lab.Client{Connections: 200, Parallel: 4, Send: 3000, Receive: 3000}),
		{name: "workers", run: func(k *kind) func() {
			server := startChild(k.t, k.ours, k.cgroup, "prefork", k.here+":0")
			addr := server.line()
			k.command = "worker --of " + k.here + ":0"
			return ended(k.peer.Start(lab.Client{
				Args: []string{"client"}, Proto: "tcp", Target: ap(addr), Connections: 5, Send: 300_000, Receive: 300_000,
			}))
		}},
		{name: "sendfile", run: sent("sendfile")},
		{name: "splice", run: sent("splice")},
		{name: "io_uring", run: sent("uring"), lacks: without(func() error {
			r, err := newRing()
			if err == nil {
				err = unix.Close(r.fd)
			}
			return err
		})},
		{name: "udplite", run: func(k *kind) func() {
			k.listen(unix.IPPROTO_UDPLITE, k.addr(9))
			return k.start("udplite", k.addr(9), "1000").wait
		}, lacks: without(func() error {
			return try(unix.AF_INET, unix.SOCK_DGRAM, unix.IPPROTO_UDPLITE)
		})},
		{name: "sctp", lacks: without(func() error {
			return try(unix.AF_INET, unix.SOCK_STREAM, unix.IPPROTO_SCTP)
		})},
		{name: "icmp", run: func(k *kind) func() { return k.start("ping", k.far, "500", "1400").wait }},
		{name: "packet", run: func(k *kind) func() { return k.start("frames", k.iface, k.here+":7", k.addr(9), "1000").wait }},
		{name: "multipath", run: func(k *kind) func() {
			group := k.peer.Cgroup()
			server := startChild(k.t, k.peer, group, "multipath", "serve", k.addr(0))
			c := k.start("multipath", "connect", server.line(), "500000")
			if is := c.line(); is != "true" {
				k.t.Errorf("the connection is not of Multipath TCP: %q", is)
			}
			return c.wait
		}, lacks: without(func() error { return try(unix.AF_INET, unix.SOCK_STREAM, unix.IPPROTO_MPTCP) })},
		{name: "older", begin: func(k *kind) {
			sink := k.peer.Serve(lab.Server{Proto: "tcp", Listen: ap(k.addr(0))})
			k.command = "older"
			k.client = k.ours.Start(lab.Client{
				Args: []string{"older"}, Proto: "tcp", Target: sink.Addr, Hold: true, Send: 500_000, Receive: 500_000,
			})
		}, run: func(k *kind) func() {
			k.client.Begin()
			return ended(k.client)
		}},
		{name: "older and mute", begin: func(k *kind) {
			k.child = startChild(k.t, k.peer, k.peer.Cgroup(), "later", k.addr(0), "1000000")
			k.start("mute", k.child.line()).line()
			k.child.line()
		}, run: func(k *kind) func() {
			k.child.stdin.Write([]byte("x"))
			return func() { k.child.line() }
		}},
	}
}

// without is why something fails; "" if it does not.
func without(f func() error) string {
	if err := f(); err != nil {
		return err.Error()
	}
	return ""
}

// try opens a socket and closes it.
func try(family, kind, proto int) error {
	fd, err := unix.Socket(family, kind|unix.SOCK_CLOEXEC, proto)
	if err != nil {
		return err
	}
	return unix.Close(fd)
}

// indices is Interfaces of a test.
type indices []int

func (i indices) Balanced() []int { return i }

// TestMixedRun: all kinds of traffic at once, each of whose rows has what its
// cable carried, but for ARP and what else no socket sends.
func TestMixedRun(t *testing.T) {
	l := lab.New(t)
	ours := l.Host("ours")
	cgroup := ours.Cgroup()
	list := kinds()
	var balanced indices
	for i, k := range list {
		k.t, k.ours, k.cgroup, k.peer = t, ours, cgroup, l.Host(k.name)
		if k.inner {
			k.ours = l.Host("inner")
			k.ours.ShareCgroup(ours)
		}
		k.iface = fmt.Sprintf("eth%d", i)
		k.here, k.far, k.far6 = fmt.Sprintf("198.18.%d.1", i), fmt.Sprintf("198.18.%d.2", i), fmt.Sprintf("fd00:%d::2", i)
		l.Link(
			lab.End{Host: k.ours, Name: k.iface, Addrs: []string{k.here + "/24", fmt.Sprintf("fd00:%d::1/64", i)}, Plain: true},
			lab.End{Host: k.peer, Name: "eth0", Addrs: []string{k.far + "/24", k.far6 + "/64"}, Plain: true},
		)
		if err := k.ours.Do(func() error {
			iface, err := net.InterfaceByName(k.iface)
			if err == nil {
				balanced = append(balanced, iface.Index)
			}
			return err
		}); err != nil {
			t.Fatal(err)
		}
		if k.begin != nil && k.lacks == "" {
			k.begin(k)
		}
	}
	b := watch(t, ours, Options{Cgroup: cgroup, Interfaces: balanced})
	for _, k := range list {
		k.before = k.ours.Counters(k.iface)
	}
	var waits []func()
	for _, k := range list {
		if k.lacks == "" {
			waits = append(waits, k.run(k))
		}
	}
	for _, wait := range waits {
		wait()
	}
	time.Sleep(200 * time.Millisecond)
	b.stop()
	t.Log(b.last.Detail)
	for _, k := range list {
		if k.lacks != "" {
			t.Logf("%-16s not on this machine: %s", k.name, k.lacks)
			continue
		}
		carried := k.ours.Counters(k.iface).Sub(k.before).Layer3(14)
		whole := carried.RxBytes + carried.TxBytes
		got, flows := b.sum(byCommand(k.command))
		right := 100 * float64(got.Bytes()) / float64(whole)
		t.Logf("%-16s %9d bytes, %3d flows, %8.4f %% right", k.name, whole, flows, right)
		if right < 99.9 || right > 100.0001 || whole < 100_000 {
			all, _ := b.sum(func(s traffic.Sample) bool {
				return strings.HasPrefix(s.Flow.Remote.Addr().String(), k.far[:len(k.far)-1])
			})
			t.Errorf("%s: booked %+v of %+v; all with that peer: %+v", k.name, got, carried, all)
		}
	}
}
