package conntrack

import (
	"encoding/binary"
	"net/netip"
	"testing"

	"bwmon/lab"
)

// A connection is found from its own end, a listener is not taken for one,
// and what is between other ends is nobody's.
func TestDiagSocket(t *testing.T) {
	_, ours, peer := pair4(t)
	server := ours.Serve(lab.Server{Proto: "tcp", Listen: ap("198.18.0.1:0")})
	client := peer.Start(lab.Client{Proto: "tcp", Target: server.Addr, KeepOpen: true})
	far := client.Wait().Conns[0].Local
	// A socket for IPv6 that has a connection over IPv4.
	both := ours.Serve(lab.Server{Proto: "tcp", Listen: ap("[::]:0")})
	at := netip.AddrPortFrom(server.Addr.Addr(), both.Addr.Port())
	second := peer.Start(lab.Client{Proto: "tcp", Target: at, KeepOpen: true})
	second.Wait()
	err := ours.Do(func() error {
		d, err := openDiag()
		if err != nil {
			return err
		}
		defer d.close()
		for _, tc := range []struct {
			local, remote string
			want          bool
		}{
			{server.Addr.String(), far.String(), true},
			{far.String(), server.Addr.String(), false}, // that is the peer's socket
			{server.Addr.String(), "198.18.0.2:1", false},
			{"[fd00::1]:1", "[fd00::2]:1", false},
			{at.String(), second.Wait().Conns[0].Local.String(), true},
		} {
			if got := d.has(ap(tc.local), ap(tc.remote)); got != tc.want {
				t.Errorf("a socket between %s and %s: %v, want %v", tc.local, tc.remote, got, tc.want)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	client.Stop()
	second.Stop()
}

// Whatever the kernel answers, there is an end to reading it.
func FuzzDiagEnds(f *testing.F) {
	answer := make([]byte, nlmsgHeader+diagAnswer)
	binary.NativeEndian.PutUint32(answer, uint32(len(answer)))
	binary.NativeEndian.PutUint16(answer[4:], sockDiagByFamily)
	f.Add(answer)
	f.Add(answer[:nlmsgHeader])
	f.Fuzz(func(t *testing.T, b []byte) {
		if local, remote, ok := diagEnds(b); ok != (local.IsValid() && remote.IsValid()) {
			t.Errorf("%v, %v, %v", local, remote, ok)
		}
	})
}
