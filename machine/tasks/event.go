package tasks

import (
	"encoding/binary"
	"errors"
	"time"

	"golang.org/x/sys/unix"
)

// Kinds of events of the proc connector (include/uapi/linux/cn_proc.h).
const (
	eventAnswer = 0x00000000 // PROC_EVENT_NONE: what came of a request
	eventFork   = 0x00000001
	eventExec   = 0x00000002
	eventUID    = 0x00000004
	eventComm   = 0x00000200
	eventExit   = 0x80000000
)

// event is something that happened to a process or thread.
type event struct {
	kind    uint32
	at      time.Duration // CLOCK_MONOTONIC
	thread  int           // whom it happened to; of a fork, who began
	process int           // which that is part of
	parent  int           // the process that forked
	failure unix.Errno    // of an answer
}

var errEvent = errors.New("an event of a process is malformed")

// connectorIndex is CN_IDX_PROC and CN_VAL_PROC (include/uapi/linux/connector.h), and
// the multicast group of these events.
const connectorIndex = 1

// Where an event's parts are, in the body of its netlink message: struct cn_msg, then
// struct proc_event.
const (
	eventIndex  = 0 // the connector's index and value
	eventStart  = 20
	eventTime   = eventStart + 8
	eventData   = eventStart + 16
	eventLength = 16 // the least that follows eventStart: kind, processor, time
)

// parseEvent reads the body of a message of the connector. ok is false where it is of
// somebody else's, or of a kind that nobody wants.
func parseEvent(b []byte) (e event, ok bool, err error) {
	if len(b) < eventStart+eventLength {
		return event{}, false, errEvent
	}
	if binary.NativeEndian.Uint32(b[eventIndex:]) != connectorIndex {
		return event{}, false, nil
	}
	e = event{
		kind: binary.NativeEndian.Uint32(b[eventStart:]),
		at:   time.Duration(binary.NativeEndian.Uint64(b[eventTime:]) & (1<<63 - 1)),
	}
	words := 2
	switch e.kind {
	case eventAnswer:
		words = 1
	case eventFork:
		words = 4
	case eventExec, eventUID, eventComm, eventExit:
	default:
		return event{}, false, nil
	}
	data := b[eventData:]
	if len(data) < 4*words {
		return event{}, false, errEvent
	}
	word := func(i int) int { return int(min(binary.NativeEndian.Uint32(data[4*i:]), maxPID)) }
	switch e.kind {
	case eventAnswer:
		e.failure = unix.Errno(word(0))
	case eventFork:
		e.parent, e.thread, e.process = word(1), word(2), word(3)
	default:
		e.thread, e.process = word(0), word(1)
	}
	return e, true, nil
}
