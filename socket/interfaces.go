package socket

import (
	"errors"
	"slices"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
)

// Interfaces knows the network interfaces that make up the host's traffic. Any
// goroutine may ask it at any time.
type Interfaces interface {
	// Balanced returns their indices, ascending, in a list that nobody writes
	// to.
	Balanced() []int
}

// taps are the programs on interfaces that count what packet sockets send.
type taps struct {
	program *ebpf.Program
	on      map[int]link.Link // by the interface's index
	last    []int
	refused error // why there are none; the kernel has them from Linux 6.6 on
}

// put sees to it that there is a tap on each of the interfaces, and on no other.
func (t *taps) put(indices []int) {
	if t.refused != nil || slices.Equal(indices, t.last) {
		return
	}
	t.last = indices
	gone := t.on
	t.on = make(map[int]link.Link, len(indices))
	for _, index := range indices {
		if l, ok := gone[index]; ok {
			t.on[index] = l
			delete(gone, index)
			continue
		}
		l, err := link.AttachTCX(link.TCXOptions{Interface: index, Program: t.program, Attach: ebpf.AttachTCXEgress})
		switch {
		case err == nil:
			t.on[index] = l
		case errors.Is(err, link.ErrNotSupported):
			t.refused = err
			return
		default:
			t.last = nil // it has gone in the meantime, or it is tried again
		}
	}
	for _, l := range gone {
		l.Close() // with the interface, or its place in the balance, it has gone
	}
}

func (t *taps) close() error {
	var errs []error
	for _, l := range t.on {
		errs = append(errs, l.Close())
	}
	return errors.Join(errs...)
}
