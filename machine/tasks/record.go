package tasks

import (
	"bytes"
	"encoding/binary"
	"errors"
	"time"

	"golang.org/x/sys/unix"
)

// record is what the kernel says of a thread that exits (struct taskstats,
// include/uapi/linux/taskstats.h).
type record struct {
	thread, parent int
	process        int // 0 where the kernel does not say, before 6.0
	uid            uint32
	comm           string // as the kernel has it, not cleaned
	usage          usage  // of this thread, its bytes cut to whole KiB (xacct_add_tsk, kernel/tsacct.c)
	forked         bool   // it never executed a program
	held           bool   // it has waited for its process to be told
	last           bool   // it is known to be the last one of its process
}

// Offsets in struct taskstats of what is wanted, of versions 9 to 14 and from 16 on.
// Version 15 (Linux 6.14 to 6.16) had put two times for each kind of delay in between,
// three kinds of which come before all that is wanted, and three more before the
// process's number.
const (
	offVersion    = 0
	offFlag       = 8
	offVirtual    = 72
	offComm       = 80
	offUID        = 120
	offPID        = 128
	offPPID       = 132
	offUser       = 152
	offSystem     = 160
	offCacheRead  = 216
	offCacheWrite = 224
	offRead       = 248
	offWrite      = 256
	offEnd        = 264 // where a version that we can use may end
	offTGID       = 368 // since version 12

	oddVersion   = 15
	oddShift     = 48 // of all from offVirtual on
	oddShiftTGID = 96

	commLength = 32 // TS_COMM_LEN
)

// Flags of a record (include/uapi/linux/acct.h).
const (
	flagForked = 0x01 // AFORK
	flagGroup  = 0x20 // AGROUP: the last thread of its process
)

var (
	errRecord  = errors.New("a record of accounting is malformed")
	errMessage = errors.New("a message from the kernel is malformed")
)

// eachMessage calls f for each netlink message in b, with its type and what follows its
// header.
func eachMessage(b []byte, f func(kind uint16, body []byte) error) error {
	for len(b) >= unix.SizeofNlMsghdr {
		size := uint64(binary.NativeEndian.Uint32(b))
		if size < unix.SizeofNlMsghdr || size > uint64(len(b)) {
			return errMessage
		}
		if err := f(binary.NativeEndian.Uint16(b[4:]), b[unix.SizeofNlMsghdr:size]); err != nil {
			return err
		}
		b = b[min((size+3)&^3, uint64(len(b))):]
	}
	return nil
}

// attributeType is NLA_TYPE_MASK: the other bits are flags.
const attributeType = 0x3fff

// eachAttribute calls f for each netlink attribute in b.
func eachAttribute(b []byte, f func(kind uint16, value []byte) error) error {
	for len(b) >= unix.SizeofNlAttr {
		size := int(binary.NativeEndian.Uint16(b))
		if size < unix.SizeofNlAttr || size > len(b) {
			return errMessage
		}
		kind := binary.NativeEndian.Uint16(b[2:]) & attributeType
		if err := f(kind, b[unix.SizeofNlAttr:size]); err != nil {
			return err
		}
		b = b[min((size+3)&^3, len(b)):]
	}
	return nil
}

// parseRecord reads the body of a TASKSTATS_CMD_NEW message: what a thread used, and,
// with the last one of several, sums of delays, of which only that they are there is
// used. ok is false where it is about something else.
func parseRecord(b []byte) (r record, ok bool, err error) {
	const header = 4 // struct genlmsghdr
	if len(b) < header {
		return record{}, false, errRecord
	}
	if b[0] != unix.TASKSTATS_CMD_NEW {
		return record{}, false, nil
	}
	last := false
	err = eachAttribute(b[header:], func(kind uint16, value []byte) error {
		switch kind {
		case unix.TASKSTATS_TYPE_AGGR_PID:
			r, err = parseThread(value)
			ok = err == nil
			return err
		case unix.TASKSTATS_TYPE_AGGR_TGID:
			last = true
		}
		return nil
	})
	r.last = r.last || last
	return r, ok, err
}

// parseThread reads a thread's number and its struct taskstats.
func parseThread(b []byte) (record, error) {
	var pid uint32
	var stats []byte
	err := eachAttribute(b, func(kind uint16, value []byte) error {
		switch {
		case kind == unix.TASKSTATS_TYPE_PID && len(value) >= 4:
			pid = binary.NativeEndian.Uint32(value)
		case kind == unix.TASKSTATS_TYPE_STATS:
			stats = value
		}
		return nil
	})
	if err != nil {
		return record{}, err
	}
	return parseStats(pid, stats)
}

// parseStats reads struct taskstats by offsets, which the version decides. That the
// thread's number is where it should be shows that they are right.
func parseStats(pid uint32, b []byte) (record, error) {
	shift, tgid := 0, offTGID
	if len(b) >= 2 && binary.NativeEndian.Uint16(b[offVersion:]) == oddVersion {
		shift, tgid = oddShift, offTGID+oddShiftTGID
	}
	if len(b) < offEnd+shift || binary.NativeEndian.Uint32(b[offPID+shift:]) != pid || pid > maxPID {
		return record{}, errRecord
	}
	whole := func(at int) uint64 { return binary.NativeEndian.Uint64(b[at+shift:]) }
	half := func(at int) uint32 { return binary.NativeEndian.Uint32(b[at+shift:]) }
	comm, _, _ := bytes.Cut(b[offComm+shift:][:commLength], []byte{0})
	r := record{
		thread: int(pid), parent: int(min(half(offPPID), maxPID)), uid: half(offUID), comm: string(comm),
		usage: usage{
			read: whole(offRead), write: whole(offWrite),
			cacheRead: whole(offCacheRead), cacheWrite: whole(offCacheWrite),
			cpu: time.Duration(whole(offVirtual) & (1<<63 - 1)),
		},
		forked: b[offFlag]&flagForked != 0,
		last:   b[offFlag]&flagGroup != 0,
	}
	if r.usage.cpu == 0 { // a kernel without CONFIG_TASK_DELAY_ACCT
		const most = 1 << 52 // µs
		r.usage.cpu = time.Duration(min(whole(offUser), most)+min(whole(offSystem), most)) * time.Microsecond
	}
	if len(b) >= tgid+4 {
		r.process = int(min(binary.NativeEndian.Uint32(b[tgid:]), maxPID))
	}
	return r, nil
}

// maxPID is more than any process number (PID_MAX_LIMIT is 2^22).
const maxPID = 1 << 30
