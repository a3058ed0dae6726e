package conntrack

import (
	"fmt"
	"runtime"

	"golang.org/x/sys/unix"
)

// Survey is what a monitor would find if it began now.
type Survey struct {
	Tracked   bool  // some rule makes the kernel track connections
	Tables    error // why nftables cannot be used for set-up; nil: it can
	Users     []int // processes that rely on our nftables table now
	Left      int   // rules in it that a crash left
	Flows     int
	Uncounted int // flows without counters: accounting is off, or was when they began
	Offloaded int // flows that a flowtable forwards
}

// Look surveys the calling goroutine's network namespace; proc is where procfs
// is mounted. It reads the whole table once, and finds out what is tracked by
// sending one byte to itself over loopback; it leaves nothing behind.
func Look(proc string) (Survey, error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var (
		v   Survey
		err error
	)
	if v.Tracked, err = tracks(); err != nil {
		return v, privilege(err)
	}
	s := setup{proc: proc}
	users, err := s.users()
	v.Tables = err
	for _, u := range users {
		if s.lives(u.user) {
			v.Users = append(v.Users, u.pid)
		} else {
			v.Left++
		}
	}
	dump, err := openDump()
	if err != nil {
		return v, privilege(err)
	}
	defer dump.close()
	t := newTable()
	t.beginDump()
	if err := dump.request(); err != nil {
		return v, privilege(err)
	}
	for done := false; !done; {
		buf, err := dump.receive()
		if err != nil {
			return v, privilege(err)
		}
		if done, err = t.take(buf, true, func(uint32) {}); err != nil {
			return v, privilege(err)
		}
	}
	v.Flows, v.Uncounted, v.Offloaded = t.live, t.uncounted, t.offloaded
	return v, nil
}

// EventBuffer is how many bytes of events the kernel would hold for a monitor
// that began now, and how many it asks for. Nothing is subscribed to.
func EventBuffer() (got, wanted int, err error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_ROUTE)
	if err != nil {
		return 0, 0, fmt.Errorf("open netlink socket: %w", err)
	}
	defer unix.Close(fd)
	enlarge(fd)
	if got, err = unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF); err != nil {
		return 0, 0, fmt.Errorf("read size of receive buffer: %w", err)
	}
	return got / 2, eventSocketBuffer, nil // the kernel doubles it for its own bookkeeping, socket(7)
}
