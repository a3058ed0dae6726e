package conntrack

import (
	"errors"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/vishvananda/netlink"

	"bwmon/lab"
	"bwmon/traffic"
)

// What is sent to all of a network is one flow of its sender's, and comes in
// once at everybody else's.
func TestBroadcast(t *testing.T) {
	for _, target := range []string{"198.18.0.255:9000", "255.255.255.255:9000", "224.0.0.251:9000"} {
		t.Run(target, func(t *testing.T) {
			_, ours, peer := pair4(t)
			for _, h := range []*lab.Host{ours, peer} { // the latter two have to go somewhere
				if err := h.Do(func() error {
					link, err := netlink.LinkByName("eth0")
					if err != nil {
						return err
					}
					return netlink.RouteAdd(&netlink.Route{
						LinkIndex: link.Attrs().Index, Scope: netlink.SCOPE_LINK,
						Dst: &net.IPNet{IP: net.IPv4zero.To4(), Mask: net.CIDRMask(0, 32)},
					})
				}); err != nil {
					t.Fatal(err)
				}
			}
			to := net.UDPAddrFromAddrPort(ap(target))
			if to.IP.IsMulticast() { // only what is listened to comes in
				if err := ours.Do(func() error {
					conn, err := net.ListenMulticastUDP("udp4", nil, to)
					if err == nil {
						t.Cleanup(func() { conn.Close() })
					}
					return err
				}); err != nil {
					t.Fatal(err)
				}
				time.Sleep(1500 * time.Millisecond) // membership reports are not tracked
			}
			b := watch(t, ours, Options{})
			before := ours.Counters("eth0")
			send := func(from *lab.Host) {
				from.Start(lab.Client{
					Args: []string{"sender"}, Proto: "udp", Target: ap(target), Send: 1000, Chunk: 100, Unconnected: true,
				}).Wait()
			}
			send(ours)
			send(peer)
			time.Sleep(100 * time.Millisecond)
			b.stop()
			carried := ours.Counters("eth0").Sub(before).Layer3(14)
			got, n := b.sum(scoped(traffic.ScopeLocal))
			if n != 2 || got.TxBytes != 1280 || got.RxBytes != 1280 || got.TxBytes != carried.TxBytes || got.RxBytes != carried.RxBytes {
				t.Errorf("%d local flows with %+v, want 2 with 1280 each way; the interface carried %+v", n, got, carried)
			}
			if other, n := b.sum(func(s traffic.Sample) bool { return s.Scope != traffic.ScopeLocal }); n > 0 {
				t.Errorf("%d other flows with %+v", n, other)
			}
		})
	}
}

// Addresses that come and go while they are listed do not fail the monitor.
func TestLookWhileAddressesChange(t *testing.T) {
	_, ours, _ := pair4(t)
	var link netlink.Link
	if err := ours.Do(func() (err error) {
		if link, err = netlink.LinkByName("eth0"); err != nil {
			return err
		}
		for i := range 1000 { // more than one message of the list holds
			if err := netlink.AddrAdd(link, numbered(1, i)); err != nil {
				return err
			}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	stop := make(chan struct{})
	wait := ours.Go(func() error {
		for i := 0; ; i = (i + 1) % 1000 {
			select {
			case <-stop:
				return nil
			default:
			}
			if err := errors.Join(netlink.AddrAdd(link, numbered(2, i)), netlink.AddrDel(link, numbered(2, i))); err != nil {
				return err
			}
		}
	})
	interrupted := 0
	err := ours.Do(func() error {
		l, err := openLookout("/proc")
		if err != nil {
			return err
		}
		defer l.close()
		for end := time.Now().Add(10 * time.Second); interrupted == 0 && time.Now().Before(end); {
			s, err := l.look(time.Now())
			if err != nil {
				return err
			}
			if !s.isOwn(netip.MustParseAddr("198.18.0.1")) {
				t.Error("an address of ours is missing")
			}
			if l.at.IsZero() {
				interrupted++
				if !l.stale(time.Now()) {
					t.Error("an interrupted look counts as a good one")
				}
			}
		}
		return nil
	})
	close(stop)
	if err := errors.Join(err, wait()); err != nil {
		t.Fatal(err)
	}
	if interrupted == 0 {
		t.Error("no list of addresses was interrupted in 10 s")
	}
}

func numbered(block byte, i int) *netlink.Addr {
	a, err := netlink.ParseAddr(netip.AddrFrom4([4]byte{198, 18, 100 + 10*block + byte(i>>8), byte(i)}).String() + "/32")
	if err != nil {
		panic(err)
	}
	return a
}
