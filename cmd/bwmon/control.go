package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"

	"bwmon/pipe"
	"bwmon/ui/web"

	"golang.org/x/sys/unix"
)

// control is a daemon's control socket: HTTP, for programs on this host. Who may
// connect is decided by the socket's mode and group.
type control struct {
	listener net.Listener
	path     string
	inode    uint64      // of the socket, to know it again; 0: it is not ours to remove
	lock     *os.File    // as long as it is open, this socket is ours
	desk     *pipe.Desk  // nil: nobody reports here
	extra    []web.Route // to be had here besides
	reading  turns       // of users, to have a report read
}

const (
	maxReportBytes = 4 << 20
	maxReading     = 4 // reports of one user at a time; they are in memory
	// How many connections there may be, and of one user but root.
	maxConnections = 1000
	maxOfOneUser   = 100
)

// openControl makes the socket, or takes the one that was passed to this process. One
// it makes is in its place only once nobody else may connect to it than is meant to.
func openControl(c controlConfig, passed *net.UnixListener, desk *pipe.Desk) (s *control, err error) {
	s = &control{path: c.Socket, desk: desk, reading: turns{most: maxReading}}
	if passed != nil {
		s.path = passed.Addr().String()
		s.listener = newGuarded(passed)
		if filepath.IsAbs(s.path) { // else it is in no directory
			s.lock, err = lockControl(s.path)
		}
		return s, err
	}
	dir := filepath.Dir(c.Socket)
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		err = os.MkdirAll(dir, 0o755)
		if err == nil {
			err = os.Chmod(dir, 0o755) // whatever the umask: the socket itself says who may
		}
		if err != nil {
			return nil, fmt.Errorf("make the directory of the control socket: %w", err)
		}
	}
	if st, err := os.Lstat(c.Socket); err == nil && st.Mode().Type() != fs.ModeSocket {
		return nil, fmt.Errorf("control.socket: %s is there and is no socket: remove it, or choose another path", quoted(c.Socket))
	}
	if s.lock, err = lockControl(c.Socket); err != nil {
		return nil, err
	}
	making := c.Socket + ".new"
	_ = os.Remove(making) // of one that was killed in the midst of this
	old := unix.Umask(0o177)
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: making, Net: "unix"})
	unix.Umask(old)
	if err != nil {
		s.lock.Close()
		return nil, fmt.Errorf("make the control socket: %w", err)
	}
	l.SetUnlinkOnClose(false)
	s.listener = newGuarded(l)
	if err = s.place(making, c.Group); err != nil {
		os.Remove(making)
		return nil, errors.Join(err, l.Close(), s.lock.Close())
	}
	return s, nil
}

// lockControl makes a socket that of this process alone, as long as the file is open.
func lockControl(path string) (*os.File, error) {
	lock, err := os.OpenFile(path+".lock", os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock the control socket: %w", err)
	}
	if err := unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		lock.Close()
		return nil, fmt.Errorf("another bwmon has the control socket %s: end that one first, or give this one another control.socket", quoted(path))
	}
	return lock, nil
}

// place lets the group in and puts the socket where it is looked for.
func (s *control) place(making, group string) error {
	g, err := user.LookupGroup(group)
	if err != nil && group != "" && group != defaultConfig().Control.Group {
		return fmt.Errorf(`control.group: there is no group %s: add it, or write "" for root alone`, quoted(group))
	}
	if err == nil {
		gid, err := strconv.Atoi(g.Gid)
		if err == nil {
			err = os.Chown(making, -1, gid)
		}
		if err == nil {
			err = os.Chmod(making, 0o660)
		}
		if err != nil {
			return fmt.Errorf("let the group %s use the control socket: %w", quoted(group), err)
		}
	}
	var st unix.Stat_t
	if err := unix.Stat(making, &st); err != nil {
		return fmt.Errorf("make the control socket: %w", err)
	}
	s.inode = st.Ino
	if err := os.Rename(making, s.path); err != nil {
		return fmt.Errorf("make the control socket: %w", err)
	}
	return nil
}

// run serves until ctx is cancelled, and takes the socket away, unless somebody else
// has made it.
func (s *control) run(ctx context.Context, server *web.Server) error {
	err := server.Serve(ctx, s.listener, web.Access{
		Local: true,
		ConnContext: func(ctx context.Context, c net.Conn) context.Context {
			return context.WithValue(ctx, peerKey{}, c.(*visitor).peer)
		},
		Extra:     s.routes(),
		MayChange: mayChange,
	}, nil)
	var st unix.Stat_t
	if unix.Lstat(s.path, &st) == nil && st.Ino == s.inode { // else another bwmon's
		os.Remove(s.path)
	}
	s.lock.Close()
	if err != nil {
		return fmt.Errorf("control socket: %w", err)
	}
	return nil
}

// routes are those that only this socket has.
func (s *control) routes() []web.Route {
	if s.desk == nil {
		return s.extra
	}
	return append(slices.Clip(s.extra), web.Route{
		Method: http.MethodPost, Path: reportsPath, Handler: http.HandlerFunc(s.takeReport), MaxBody: maxReportBytes,
	})
}

type peerKey struct{}

// reportsPath is where pipes and relays of other processes report.
const reportsPath = "/api/v1/reports"

// mayChange lets everybody report who may connect, and root, or the daemon's own
// user, do the rest.
func mayChange(r *http.Request) error {
	peer, _ := r.Context().Value(peerKey{}).(*pipe.Peer)
	if r.URL.Path == reportsPath || peer != nil && (peer.UID == 0 || int(peer.UID) == os.Geteuid()) {
		return nil
	}
	return errors.New("only root, or the user the daemon runs as, may change anything")
}

// takeReport answers 204 once a report is booked.
func (s *control) takeReport(w http.ResponseWriter, r *http.Request) {
	peer, _ := r.Context().Value(peerKey{}).(*pipe.Peer)
	if peer == nil {
		web.SayProblem(w, http.StatusForbidden, errors.New("the kernel does not say who reports"))
		return
	}
	done, ok := s.reading.take(r.Context(), peer.UID)
	if !ok { // who asked has gone
		return
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		done()
		web.SayProblem(w, http.StatusRequestEntityTooLarge, fmt.Errorf("read the report: %w", err))
		return
	}
	report, err := pipe.ParseReport(body)
	done()
	if err != nil {
		web.SayProblem(w, http.StatusBadRequest, fmt.Errorf("read the report: %w", err))
		return
	}
	switch err := s.desk.Take(*peer, report); {
	case errors.Is(err, pipe.ErrClosed):
		web.SayProblem(w, http.StatusServiceUnavailable, err)
	case err != nil:
		web.SayProblem(w, http.StatusUnprocessableEntity, err)
	default:
		w.WriteHeader(http.StatusNoContent)
	}
}
