package lab_test

import (
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"

	"bwmon/lab"
)

func TestExchange(t *testing.T) {
	l := lab.New(t)
	a, b := l.Host("a"), l.Host("b")
	l.Link(
		lab.End{Host: a, Name: "eth0", Addrs: []string{"198.18.0.1/24", "fd00::1/64"}, Plain: true},
		lab.End{Host: b, Name: "eth0", Addrs: []string{"198.18.0.2/24", "fd00::2/64"}, Plain: true})

	for _, tc := range []struct {
		name   string
		listen string
		client lab.Client
	}{
		{"tcp4", "198.18.0.2:0", lab.Client{Proto: "tcp", Connections: 3, Send: 100_000, Receive: 50_001}},
		{"tcp6", "[fd00::2]:0", lab.Client{Proto: "tcp", Connections: 4, Parallel: 4, Send: 1000}},
		{"udp4", "198.18.0.2:0", lab.Client{Proto: "udp", Connections: 2, Send: 10_007, Receive: 33_333}},
		{"udp6", "[fd00::2]:0", lab.Client{Proto: "udp", Send: 8000, Receive: 16_000}},
		{"udp4 unconnected", "198.18.0.2:0", lab.Client{Proto: "udp", Send: 5000, Receive: 5000, Unconnected: true}},
		{"udp6 unconnected", "[fd00::2]:0", lab.Client{Proto: "udp", Send: 5000, Unconnected: true}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			server := b.Serve(lab.Server{Proto: tc.client.Proto, Listen: netip.MustParseAddrPort(tc.listen)})
			c := tc.client
			c.Target = server.Addr
			got := a.Start(c).Wait()
			n := uint64(max(c.Connections, 1))
			if want := [2]uint64{n * c.Send, n * c.Receive}; want != [2]uint64{got.Sent, got.Received} {
				t.Errorf("client sent %d, received %d, want %v", got.Sent, got.Received, want)
			}
			far := server.Stop()
			if diff := cmp.Diff([2]uint64{got.Received, got.Sent}, [2]uint64{far.Sent, far.Received}); diff != "" {
				t.Errorf("client and server disagree (-client +server):\n%s", diff)
			}
			if len(got.Conns) != int(n) || len(far.Conns) != int(n) {
				t.Errorf("%d connections at the client, %d at the server, want %d", len(got.Conns), len(far.Conns), n)
			}
		})
	}
}
