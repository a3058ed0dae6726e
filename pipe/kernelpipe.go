package pipe

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// kernelPipe is where bytes of a relay are while they are neither here nor there.
type kernelPipe struct {
	r, w int
}

// relayPipe is what such a pipe shall hold. Larger ones push what they hold out of
// the processor's caches.
const relayPipe = 256 << 10

// maxSpare is how many empty pipes a pool keeps.
const maxSpare = 64

// pool is pipes that are empty, and a buffer. It belongs to one goroutine.
type pool struct {
	spare []*kernelPipe
	page  [pageSize]byte // for what is not worth a pipe
}

// pageSize is from where on it is cheaper to splice than to copy.
const pageSize = 4096

// get takes an empty pipe out, or makes one.
func (p *pool) get() (*kernelPipe, error) {
	if n := len(p.spare); n > 0 {
		k := p.spare[n-1]
		p.spare = p.spare[:n-1]
		return k, nil
	}
	var fds [2]int
	if err := unix.Pipe2(fds[:], unix.O_NONBLOCK|unix.O_CLOEXEC); err != nil {
		return nil, fmt.Errorf("make a pipe: %w", err)
	}
	// A wish: unprivileged users may have run out of pages.
	_, _ = unix.FcntlInt(uintptr(fds[1]), unix.F_SETPIPE_SZ, relayPipe)
	return &kernelPipe{fds[0], fds[1]}, nil
}

// put gives an empty pipe back.
func (p *pool) put(k *kernelPipe) {
	if len(p.spare) < maxSpare {
		p.spare = append(p.spare, k)
		return
	}
	k.close()
}

func (p *pool) close() {
	for _, k := range p.spare {
		k.close()
	}
	p.spare = nil
}

func (k *kernelPipe) close() {
	unix.Close(k.r)
	unix.Close(k.w)
}
