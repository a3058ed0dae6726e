package socket

import (
	"fmt"
	"testing"
	"time"

	"bwmon/lab"
	"bwmon/traffic"
)

func TestEveryByte(t *testing.T) {
	for _, proto := range []string{"tcp", "udp"} {
		for _, target := range []string{"198.18.0.2:0", "[fd00::2]:0"} {
			t.Run(proto+" "+target, func(t *testing.T) {
				ours, peer, cgroup := pair(t)
				server := peer.Serve(lab.Server{Proto: proto, Listen: ap(target)})
				b := watch(t, Options{Cgroup: cgroup})
				before := ours.Counters("eth0")
				ours.Start(lab.Client{
					Args: []string{"client", "--now"}, Proto: proto, Target: server.Addr,
					Connections: 20, Parallel: 5, Send: 50_000, Receive: 70_000,
				}).Wait()
				time.Sleep(100 * time.Millisecond)
				b.stop()
				carried := ours.Counters("eth0").Sub(before).Layer3(14)
				got, flows := b.sum(scoped(traffic.ScopeLocal))
				named, _ := b.sum(func(s traffic.Sample) bool {
					return s.Owner != nil && s.Owner.Command == "client --now" && s.Flow.Remote == server.Addr
				})
				t.Logf("%d flows: %+v, the interface %+v", flows, got, carried)
				if named != got || flows != 20 {
					t.Errorf("booked %+v on %d flows, of which the client's are %+v", got, flows, named)
				}
				if off := carried.RxBytes + carried.TxBytes - got.Bytes(); off > 1000 {
					t.Errorf("booked %+v; the interface carried %+v", got, carried)
				}
			})
		}
	}
}

func TestShortLives(t *testing.T) {
	ours, peer, cgroup := pair(t)
	server := peer.Serve(lab.Server{Proto: "tcp", Listen: ap("198.18.0.2:0")})
	b := watch(t, Options{Cgroup: cgroup})
	for i := range 50 {
		ours.Start(lab.Client{
			Args: []string{"short", fmt.Sprint(i)}, Proto: "tcp", Target: server.Addr, Send: 10_000, Receive: 90_000,
		}).Wait()
	}
	time.Sleep(100 * time.Millisecond)
	b.stop()
	for i := range 50 {
		got, n := b.sum(func(s traffic.Sample) bool { return s.Owner != nil && s.Owner.Command == fmt.Sprint("short ", i) })
		if n != 1 || got.TxBytes < 10_000 || got.RxBytes < 90_000 {
			t.Errorf("process %d: %d flows, %+v", i, n, got)
		}
	}
}
