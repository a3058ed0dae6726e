package term

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"bwmon/traffic"
)

// addrNumber is one of many addresses.
func addrNumber(i int) netip.Addr {
	return netip.AddrFrom4([4]byte{192, 0, byte(i >> 8), byte(i)})
}

// startNames runs a finder with a resolver of the test's until it ends.
func startNames(t *testing.T, lookup func(context.Context, netip.Addr) (string, error)) *names {
	t.Helper()
	n := newNames()
	n.lookup = lookup
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		n.run(ctx)
		close(done)
	}()
	t.Cleanup(func() {
		cancel()
		<-done
	})
	return n
}

// wantName fails unless the name of an address is known and is want.
func (n *names) wantName(t *testing.T, addr netip.Addr, want string) {
	t.Helper()
	if got, known := n.get(addr); !known || got != want {
		t.Errorf("the name of %s: %q, known %t; want %q", addr, got, known, want)
	}
}

func TestNamesAreFound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var asked atomic.Int32
		n := startNames(t, func(_ context.Context, a netip.Addr) (string, error) {
			asked.Add(1)
			if a == addrNumber(2) {
				return "", nil
			}
			return "host-" + a.String() + ".example.", nil
		})
		for range 3 {
			if _, known := n.get(addrNumber(1)); known {
				t.Fatal("known before anybody was asked")
			}
			n.get(addrNumber(2))
		}
		synctest.Wait()
		select {
		case <-n.changed:
		default:
			t.Error("nothing said that there are new names")
		}
		select {
		case <-n.changed:
			t.Error("said twice that there are new names")
		default:
		}
		n.wantName(t, addrNumber(1), "host-192.0.0.1.example")
		n.wantName(t, netip.MustParseAddr("::ffff:192.0.0.1"), "host-192.0.0.1.example")
		n.wantName(t, addrNumber(2), "")
		if got := asked.Load(); got != 2 {
			t.Errorf("asked %d times for two addresses", got)
		}

		// A name's absence is believed for a shorter time.
		time.Sleep(noNameFresh)
		n.wantName(t, addrNumber(1), "host-192.0.0.1.example")
		n.wantName(t, addrNumber(2), "") // still, but asked for again
		synctest.Wait()
		if got := asked.Load(); got != 3 {
			t.Errorf("asked %d times after %v, want 3", got, noNameFresh)
		}
		time.Sleep(nameFresh)
		n.wantName(t, addrNumber(1), "host-192.0.0.1.example")
		synctest.Wait()
		if got := asked.Load(); got != 4 {
			t.Errorf("asked %d times after %v, want 4", got, nameFresh)
		}
	})
}

// TestNamesThatEnd: a name the DNS has no more is forgotten; one it does not
// answer about is not.
func TestNamesThatEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		answer, fault := "first.example.", error(nil)
		var mu sync.Mutex
		n := startNames(t, func(context.Context, netip.Addr) (string, error) {
			mu.Lock()
			defer mu.Unlock()
			return answer, fault
		})
		again := func(name string, err error) {
			mu.Lock()
			answer, fault = name, err
			mu.Unlock()
			time.Sleep(nameFresh)
			n.get(addrNumber(1))
			synctest.Wait()
		}
		again("first.example.", nil)
		n.wantName(t, addrNumber(1), "first.example")
		again("", errors.New("server is busy"))
		n.wantName(t, addrNumber(1), "first.example")
		again("second.example", nil)
		n.wantName(t, addrNumber(1), "second.example")
		again("", nil)
		n.wantName(t, addrNumber(1), "")
	})
}

// TestNamesNeverBlock: a resolver that hangs holds nobody up, is given up on
// after a while, and ends with run.
func TestNamesNeverBlock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var under, most atomic.Int32
		n := startNames(t, func(ctx context.Context, _ netip.Addr) (string, error) {
			most.Store(max(most.Load(), under.Add(1)))
			defer under.Add(-1)
			<-ctx.Done()
			return "", ctx.Err()
		})
		start := time.Now()
		for i := range 100 {
			n.get(addrNumber(i))
		}
		if d := time.Since(start); d != 0 {
			t.Errorf("asking took %v", d)
		}
		time.Sleep(nameTimeout)
		synctest.Wait()
		n.wantName(t, addrNumber(0), "")
		if _, known := n.get(addrNumber(99)); known {
			t.Error("all hundred are known at once")
		}
		time.Sleep(100 / nameWorkers * nameTimeout)
		n.wantName(t, addrNumber(99), "")
		if got := most.Load(); got != nameWorkers {
			t.Errorf("%d look-ups at a time, want %d", got, nameWorkers)
		}
		for i := range 50 { // those under way end with run
			n.get(addrNumber(1000 + i))
		}
	})
}

func TestNamesAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNames() // nobody answers yet
		for range 2 {
			for i := range maxAsked + 40 {
				n.get(addrNumber(i))
			}
		}
		if len(n.queue) != maxAsked || len(n.pending) != maxAsked || n.drops() != 2*40 {
			t.Errorf("%d queued, %d pending, %d dropped", len(n.queue), len(n.pending), n.drops())
		}

		n = startNames(t, func(_ context.Context, a netip.Addr) (string, error) { return "n" + a.String(), nil })
		for i := range maxNames + 100 {
			n.get(addrNumber(0)) // in use all the time
			n.get(addrNumber(i))
			if i%100 == 0 {
				synctest.Wait()
			}
		}
		synctest.Wait()
		if len(n.cache) != maxNames || n.recent.Len() != maxNames || len(n.pending) != 0 {
			t.Errorf("%d names kept, %d in order, %d pending; want %d, all in order", len(n.cache), n.recent.Len(), len(n.pending), maxNames)
		}
		n.wantName(t, addrNumber(0), "n192.0.0.0")
		n.wantName(t, addrNumber(maxNames+99), "n"+addrNumber(maxNames+99).String())
		if _, known := n.get(addrNumber(1)); known {
			t.Error("what nobody asked for longest is still there")
		}
	})
}

func TestNamesSwitchedOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gate := make(chan struct{})
		var asked atomic.Int32
		n := startNames(t, func(_ context.Context, a netip.Addr) (string, error) {
			asked.Add(1)
			<-gate
			return "n" + a.String(), nil
		})
		for i := range 50 {
			n.get(addrNumber(i))
		}
		synctest.Wait()
		n.enable(false)
		close(gate)
		synctest.Wait()
		if got := asked.Load(); got != nameWorkers {
			t.Errorf("%d were asked for, want the %d under way", got, nameWorkers)
		}
		for i := range 50 {
			if name, known := n.get(addrNumber(i)); known || name != "" {
				t.Fatalf("%s has the name %q though switched off", addrNumber(i), name)
			}
		}
		if len(n.queue) != 0 || len(n.pending) != 0 {
			t.Errorf("%d queued and %d pending though switched off", len(n.queue), len(n.pending))
		}
		n.enable(true)
		n.get(addrNumber(7))
		synctest.Wait()
		n.wantName(t, addrNumber(7), "n192.0.0.7")
		n.enable(false)
		if _, known := n.get(addrNumber(7)); known {
			t.Error("a name is shown though switched off")
		}
		n.enable(true)
		n.wantName(t, addrNumber(7), "n192.0.0.7") // it was not forgotten
	})
}

func TestNamesOfNobody(t *testing.T) {
	n := newNames()
	for _, a := range []netip.Addr{{}, netip.IPv4Unspecified(), netip.IPv6Unspecified(), netip.MustParseAddr("224.0.0.251"), netip.MustParseAddr("ff02::1")} {
		n.wantName(t, a, "")
	}
	if len(n.queue) != 0 {
		t.Errorf("%d were asked for", len(n.queue))
	}
}

func TestHostileNames(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := startNames(t, func(_ context.Context, a netip.Addr) (string, error) {
			i := int(a.As4()[3])
			if i < len(nasty) {
				return nasty[i], nil
			}
			return strings.Repeat("long.", 1<<16), nil
		})
		for i := range len(nasty) + 1 {
			n.get(addrNumber(i))
		}
		synctest.Wait()
		for i := range len(nasty) + 1 {
			name, known := n.get(addrNumber(i))
			if !known || len(name) > traffic.MaxWord || name != traffic.CleanText(name, traffic.MaxWord) {
				t.Errorf("name %d: %q", i, name)
			}
		}
	})
}

// TestNamesManyAtOnce is for the race detector.
func TestNamesManyAtOnce(t *testing.T) {
	n := startNames(t, func(_ context.Context, a netip.Addr) (string, error) { return a.String(), nil })
	var all sync.WaitGroup
	for g := range 4 {
		all.Go(func() {
			for i := range 2000 {
				n.get(addrNumber(i * (g + 1)))
				if i%100 == 0 {
					n.enable(g != 0 || i%200 == 0)
					n.drops()
				}
			}
		})
	}
	all.Wait()
}

// TestNamesOfRealDNS asks a server on loopback through the real resolver.
func TestNamesOfRealDNS(t *testing.T) {
	server := serveDNS(t, func(name string) (labels []string, ok bool) {
		switch name {
		case "1.2.0.192.in-addr.arpa":
			return []string{"mirror", "example", "org"}, true
		case "2.2.0.192.in-addr.arpa":
			return nil, true // no such name
		case "3.2.0.192.in-addr.arpa":
			return []string{"\x1b]0;evil\x07", "[red]", "\u202eexample"}, true
		case "4.2.0.192.in-addr.arpa":
			long := strings.Repeat("x", 63)
			return []string{long, long, long}, true
		}
		return nil, false // silence
	})
	n := startNames(t, lookupName(dialTo(server)))
	silent := netip.MustParseAddr("192.0.2.99")
	n.get(silent)
	for addr, want := range map[string]string{
		"192.0.2.1": "mirror.example.org",
		"192.0.2.2": "",
		"192.0.2.3": "", // the resolver takes no such names
		"192.0.2.4": strings.Repeat(strings.Repeat("x", 63)+".", 3)[:191],
	} {
		a := netip.MustParseAddr(addr)
		deadline := time.Now().Add(20 * time.Second)
		for _, known := n.get(a); !known; _, known = n.get(a) {
			if time.Now().After(deadline) {
				t.Fatalf("no answer about %s", addr)
			}
			time.Sleep(time.Millisecond)
		}
		n.wantName(t, a, want)
	}
}

// TestNameLookupEndsWithItsContext: though the server is silent and the
// resolver would wait for 5 s, twice.
func TestNameLookupEndsWithItsContext(t *testing.T) {
	asked := make(chan struct{}, 10)
	server := serveDNS(t, func(string) ([]string, bool) {
		asked <- struct{}{}
		return nil, false
	})
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		<-asked
		cancel()
	}()
	start := time.Now()
	if name, err := lookupName(dialTo(server))(ctx, netip.MustParseAddr("192.0.2.1")); err == nil {
		t.Errorf("a name from nobody: %q", name)
	}
	if d := time.Since(start); d > 4*time.Second {
		t.Errorf("it took %v to end", d)
	}
}

func dialTo(server string) func(context.Context, string, string) (net.Conn, error) {
	return func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "udp", server)
	}
}

// serveDNS answers questions for names on a loopback port (RFC 1035, section
// 4): with a PTR record of labels, with NXDOMAIN for none, or not at all.
func serveDNS(t *testing.T, answer func(name string) (labels []string, ok bool)) string {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	t.Cleanup(func() {
		conn.Close()
		<-done
	})
	go func() {
		defer close(done)
		buf := make([]byte, 1500)
		for {
			size, from, err := conn.ReadFrom(buf)
			if err != nil {
				return
			}
			if reply, err := dnsReply(buf[:size], answer); err == nil {
				conn.WriteTo(reply, from)
			}
		}
	}()
	return conn.LocalAddr().String()
}

func dnsReply(query []byte, answer func(string) ([]string, bool)) ([]byte, error) {
	const header = 12
	var name []string
	at := header
	for at < len(query) && query[at] != 0 {
		end := at + 1 + int(query[at])
		if end >= len(query) {
			return nil, errors.New("broken question")
		}
		name = append(name, string(query[at+1:end]))
		at = end
	}
	at += 1 + 4 // the root's label, type and class
	labels, ok := answer(strings.Join(name, "."))
	if !ok || at > len(query) {
		return nil, fmt.Errorf("no answer for %v", name)
	}
	reply := append([]byte(nil), query[:at]...)
	const response, nameError = 0x8180, 3
	flags, answers := uint16(response|nameError), uint16(0)
	if labels != nil {
		flags, answers = response, 1
		reply = append(reply, 0xc0, header)                // the name asked for
		reply = append(reply, 0, 12, 0, 1, 0, 0, 0, 60, 0) // PTR, IN, a minute
		var data []byte
		for _, l := range labels {
			data = append(append(data, byte(len(l))), l...)
		}
		data = append(data, 0)
		reply = append(append(reply, byte(len(data))), data...)
	}
	for i, v := range []uint16{flags, 1, answers, 0, 0} {
		binary.BigEndian.PutUint16(reply[2+2*i:], v)
	}
	return reply, nil
}
