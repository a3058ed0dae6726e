package process

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"

	"golang.org/x/sys/unix"
)

// Survey is where a Resolver would find sockets if it began now. The names are
// those of the protocols, with a 6 for IPv6 where it has a table of its own.
type Survey struct {
	Asked []string // the kernel is asked, also for one socket at a time (sock_diag)
	Read  []string // all of them are read from /proc/net
	Blind []string // the sockets cannot be listed
}

// Look surveys the calling goroutine's network namespace; proc is where procfs
// is mounted. It changes nothing.
func Look(proc string) Survey {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var v Survey
	net := filepath.Join(proc, "thread-self", "net")
	// Without procfs no file is there, which says nothing of the kernel.
	_, gone := os.Stat(net)
	diag, err := openDiag()
	if err == nil {
		defer diag.close()
	}
	for _, s := range listSources(net) {
		switch {
		case err == nil && s.family != 0 && s.listed(diag):
			v.Asked = append(v.Asked, s.name())
		case s.file != "" && gone == nil && readable(filepath.Join(net, s.file)):
			v.Read = append(v.Read, s.name())
		default:
			v.Blind = append(v.Blind, s.name())
		}
	}
	return v
}

// listed asks for the sockets of the table in no state at all, so that the
// answer is empty or an error.
func (s *source) listed(d *diagSocket) bool {
	return d.dump(s.family, s.proto, 0, func([]socket) {}) == nil
}

func (s *source) name() string {
	switch {
	case s.proto == procNetRaw:
		return s.file
	case s.family == unix.AF_INET6:
		return s.proto.String() + "6"
	}
	return s.proto.String()
}

// readable reports whether the table's file can be read where procfs is there.
// A family that the kernel lacks has none, and no sockets either.
func readable(path string) bool {
	_, err := os.ReadFile(path)
	return err == nil || errors.Is(err, os.ErrNotExist)
}
