package probe

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// Of include/uapi/linux/unix_diag.h.
const (
	sizeofUnixDiagReq = 24 // struct unix_diag_req
	sizeofUnixDiagMsg = 16 // struct unix_diag_msg
	attrUnixName      = 0  // UNIX_DIAG_NAME
	attrUnixVFS       = 1  // UNIX_DIAG_VFS
	showUnixName      = 1  // UDIAG_SHOW_NAME
	showUnixVFS       = 2  // UDIAG_SHOW_VFS
)

// unixSocket is what of a socket says where it listens.
type unixSocket struct {
	// name is what was bound to, which may be relative to a directory nobody knows
	// any more; abstract ones begin with @. Zero bytes are @, too, as in
	// /proc/net/unix.
	name string
	file unixFile
}

// unixFile is a socket's file as the kernel tells it: the device as the kernel itself
// has it, of the inode 32 bits. It is zero of abstract ones.
type unixFile struct{ inode, device uint32 }

// pathError says why nobody can reach a socket at a path.
type pathError struct{ why string }

func (e *pathError) Error() string { return e.why }

// countUnix counts the sockets that listen, or take datagrams, at a path.
func countUnix(at location, timeout time.Duration) (count int, err error) {
	body := make([]byte, sizeofUnixDiagReq)
	body[0] = unix.AF_UNIX
	// A datagram socket somebody has connected to is established in the eyes of newer
	// kernels (unix_dgram_connect sets the state of both).
	binary.NativeEndian.PutUint32(body[4:], 1<<stateListen|1<<stateClose|1<<stateEstablished)
	binary.NativeEndian.PutUint32(body[12:], showUnixName|showUnixVFS)
	err = dumpSockets(body, timeout, func(message []byte) error {
		s, ok, err := parseUnixSocket(message)
		if err == nil && ok && at.is(s) {
			count++
		}
		return err
	})
	return count, err
}

// location tells the socket at a path from others.
type location struct {
	path string
	file unixFile // zero where there is none to look at
	// loose: the file system may show other numbers than the kernel has inside.
	loose bool
}

// locate looks at the file of a path. Where that may not be looked at the name has to
// do. A *pathError: there can be no socket. It blocks for as long as the file system does.
func locate(path string) (location, error) {
	at := location{path: path}
	if path[0] == '@' {
		return at, nil
	}
	var st unix.Stat_t
	switch err := unix.Stat(path, &st); {
	case errors.Is(err, fs.ErrPermission):
		return at, nil
	case errors.Is(err, fs.ErrNotExist):
		return at, &pathError{"there is no such file"}
	case err != nil:
		return at, &pathError{fmt.Sprintf("look at the path: %v", err)}
	case st.Mode&unix.S_IFMT != unix.S_IFSOCK:
		return at, &pathError{"what is there is no socket"}
	}
	// MKDEV of include/linux/kdev_t.h
	at.file = unixFile{uint32(st.Ino), unix.Major(uint64(st.Dev))<<20 | unix.Minor(uint64(st.Dev))}
	var sys unix.Statfs_t
	if err := unix.Statfs(path, &sys); err != nil {
		return at, &pathError{fmt.Sprintf("look at the file system: %v", err)}
	}
	// A subvolume of btrfs has a device number of its own, an overlay has inodes of
	// the file systems below it.
	kind := uint32(sys.Type) // whose type differs by architecture, as that of st.Dev
	at.loose = kind == unix.BTRFS_SUPER_MAGIC || kind == unix.OVERLAYFS_SUPER_MAGIC
	return at, nil
}

// is reports whether s is the socket at l. Only the file is sure: s may be called by
// another path, and the file of that name may be another's by now.
func (l location) is(s unixSocket) bool {
	switch {
	case l.file == unixFile{}:
		return s.name == l.path
	case s.file == l.file:
		return true
	case l.loose:
		return s.name == l.path || s.file.inode == l.file.inode && filepath.Base(s.name) == filepath.Base(l.path)
	}
	return false
}

// parseUnixSocket reads one struct unix_diag_msg and its attributes. ok: it has a
// name, and listens or takes datagrams.
func parseUnixSocket(b []byte) (s unixSocket, ok bool, err error) {
	if len(b) < sizeofUnixDiagMsg || b[0] != unix.AF_UNIX {
		return s, false, errMalformed
	}
	if typ, state := b[1], b[2]; state != stateListen && typ != unix.SOCK_DGRAM {
		return s, false, nil
	}
	err = attributes(b[sizeofUnixDiagMsg:], func(typ uint16, value []byte) {
		switch {
		case typ == attrUnixName:
			s.name = unixName(value)
		case typ == attrUnixVFS && len(value) >= 8: // struct unix_diag_vfs
			s.file = unixFile{binary.NativeEndian.Uint32(value), binary.NativeEndian.Uint32(value[4:])}
		}
	})
	return s, s.name != "", err
}

// unixName is a sun_path in text. Programs that bind all of sun_path have zero bytes
// at its end.
func unixName(b []byte) string {
	b = bytes.TrimRight(b, "\x00")
	return string(bytes.ReplaceAll(b, []byte{0}, []byte("@")))
}
