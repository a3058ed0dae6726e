package main

import (
	"fmt"
	"io"
	"net"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// streams opens n streams, and prints what they got in span.
func streams(address string, n int, span time.Duration, zipped bool) error {
	conns := make([]*net.TCPConn, 0, n)
	defer func() {
		for _, c := range conns {
			c.Close()
		}
	}()
	for range n {
		c, _, err := dial(address, "/api/v1/stream", zipped)
		if err != nil {
			return err
		}
		conns = append(conns, c)
	}
	var got atomic.Int64
	ended := make(chan struct{}, n)
	void := make([]byte, voidSize)
	for _, c := range conns {
		go func() {
			defer func() { ended <- struct{}{} }()
			for {
				size, err := discard(c, void)
				got.Add(int64(size))
				if err != nil {
					return
				}
			}
		}()
	}
	time.Sleep(2 * time.Second) // until all have begun
	before, err := figuresOf(address)
	if err != nil {
		return err
	}
	gotBefore := got.Load()
	time.Sleep(span)
	size := got.Load() - gotBefore
	after, err := figuresOf(address)
	if err != nil {
		return err
	}
	for _, c := range conns {
		c.Close()
	}
	for range conns {
		<-ended
	}
	fmt.Printf("%d streams for %v: %.0f snapshots missed, %.1f MB; the server's processors were busy for %.2f s\n",
		n, span, after.missed-before.missed, float64(size)/1e6, after.busy-before.busy)
	return nil
}

// voidSize is how much is discarded at a time.
const voidSize = 1 << 20

// discard has the kernel throw away what has come, at most len(void) bytes, which are
// not copied: a reader that costs next to nothing beside the server that is measured.
func discard(c *net.TCPConn, void []byte) (n int, err error) {
	raw, err := c.SyscallConn()
	if err != nil {
		return 0, err
	}
	var failed error
	err = raw.Read(func(fd uintptr) bool {
		n, _, failed = unix.Recvfrom(int(fd), void, unix.MSG_TRUNC|unix.MSG_DONTWAIT)
		return failed != unix.EAGAIN
	})
	if err == nil {
		err = failed
	}
	if err == nil && n == 0 {
		err = io.EOF
	}
	return max(n, 0), err
}
