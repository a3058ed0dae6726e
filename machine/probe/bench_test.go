package probe

import (
	"context"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"bwmon/traffic"
)

// BenchmarkListen is what a look costs beside a thousand sockets of others.
func BenchmarkListen(b *testing.B) {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil || limit.Max < 4096 {
		b.Skip("too few descriptors")
	}
	for range 1000 {
		open(b, unix.AF_INET, unix.SOCK_STREAM, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}})
		open(b, unix.AF_INET, unix.SOCK_DGRAM, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}})
		open(b, unix.AF_UNIX, unix.SOCK_STREAM, &unix.SockaddrUnix{})
	}
	for _, c := range []struct {
		name string
		o    string
	}{{"tcp", "tcp:1"}, {"udp", "udp:1"}, {"unix", "unix:@nobody"}} {
		p, err := New(Options{Name: "x", Listen: c.o})
		if err != nil {
			b.Fatal(err)
		}
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if s := p.probe(context.Background()); len(s.Metrics) == 0 || s.Kind != traffic.SeriesProbe {
					b.Fatal(s)
				}
			}
		})
	}
}

func BenchmarkFetch(b *testing.B) {
	addr := misbehave(b, func(p *peer) { p.send(okHead + "Content-Length: 7\r\n\r\n{\"a\":1}") })
	p, err := New(Options{Name: "x", URL: "http://" + addr, Fields: map[string]string{"a": "a"}})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if s := p.probe(context.Background()); s.Detail != "" {
			b.Fatal(s.Detail)
		}
	}
}

// A picker meets the largest document that is read.
func BenchmarkPick(b *testing.B) {
	document := []byte("[" + strings.Repeat("1,", maxBody/2-2) + "1]")
	fields := []field{{"a", path{{index: maxBody/2 - 2, isIndex: true}}}}
	b.ReportAllocs()
	b.SetBytes(int64(len(document)))
	for b.Loop() {
		if got, err := pick(document, fields); err != nil || got[0].value != 1 {
			b.Fatal(got, err)
		}
	}
}
