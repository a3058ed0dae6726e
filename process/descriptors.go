package process

import (
	"bytes"
	"encoding/binary"
	"strconv"
	"unsafe"

	"golang.org/x/sys/unix"
)

// descriptors reads what the descriptors of processes are, without allocating
// for each: a host has 50,000 of them. It belongs to one goroutine.
type descriptors struct {
	name [24]byte // a descriptor's number, NUL-terminated
	link [64]byte // what it links to
	read uint64   // descriptors read so far
}

var socketPrefix = []byte("socket:[")

// socketAt is the inode of the socket that the directory entry name (which
// must end in NUL) of an open /proc/PID/fd links to. ok is false for anything
// else, also when the descriptor or the process is gone.
func (d *descriptors) socketAt(dir int, name *byte) (inode uint32, ok bool) {
	d.read++
	// unix.Readlinkat copies the name into a new slice each time.
	n, _, errno := unix.Syscall6(unix.SYS_READLINKAT, uintptr(dir), uintptr(unsafe.Pointer(name)),
		uintptr(unsafe.Pointer(&d.link[0])), uintptr(len(d.link)), 0, 0)
	if errno != 0 {
		return 0, false
	}
	return parseSocketLink(d.link[:n])
}

// socketAtFD is socketAt for descriptor fd.
func (d *descriptors) socketAtFD(dir int, fd int32) (inode uint32, ok bool) {
	b := strconv.AppendInt(d.name[:0], int64(fd), 10)
	d.name[len(b)] = 0
	return d.socketAt(dir, &d.name[0])
}

// parseSocketLink reads "socket:[123]".
func parseSocketLink(b []byte) (uint32, bool) {
	b, ok := bytes.CutPrefix(b, socketPrefix)
	if !ok || len(b) == 0 || b[len(b)-1] != ']' {
		return 0, false
	}
	n, ok := parseUint(b[:len(b)-1], 10, 0xffffffff)
	return uint32(n), ok && n != 0
}

// numberedEntries calls visit with each entry of the open directory dir whose
// name is a number; name points into buf and ends in NUL. It begins at the
// directory's beginning and stops early when visit returns false.
func numberedEntries(dir int, buf []byte, visit func(number int32, name *byte) bool) error {
	if _, err := unix.Seek(dir, 0, 0); err != nil {
		return err
	}
	for {
		n, err := unix.Getdents(dir, buf)
		if err != nil {
			return err
		}
		if n <= 0 {
			return nil
		}
		if !eachDirent(buf[:n], visit) {
			return nil
		}
	}
}

// Offsets in struct linux_dirent64 (getdents(2)).
const (
	direntReclen = 16
	direntName   = 19
)

// eachDirent walks one buffer of getdents64.
func eachDirent(b []byte, visit func(number int32, name *byte) bool) bool {
	for len(b) > direntName {
		length := int(binary.NativeEndian.Uint16(b[direntReclen:]))
		if length <= direntName || length > len(b) {
			return true
		}
		name := b[direntName:length]
		if end := bytes.IndexByte(name, 0); end > 0 {
			if n, ok := parseUint(name[:end], 10, 1<<31-1); ok && !visit(int32(n), &name[0]) {
				return false
			}
		}
		b = b[length:]
	}
	return true
}
