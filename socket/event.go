package socket

import "unsafe"

// eventOf is the event in a record, in place.
func eventOf(b []byte) (*bpfEvent, bool) {
	if len(b) < int(unsafe.Sizeof(bpfEvent{})) {
		return nil, false
	}
	return (*bpfEvent)(unsafe.Pointer(unsafe.SliceData(b))), true
}

// handed is what an event tells that is not about a flow.
type handed struct {
	cookie uint64
	who    bpfWho
	netns  uint32
}

// handed reads the event as one of those.
func (e *bpfEvent) handed() *handed { return (*handed)(unsafe.Pointer(&e.Flow)) }
