package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"time"

	"bwmon/pipe"
	"bwmon/traffic"

	"golang.org/x/sys/unix"
)

// control is a daemon's side of the control socket: HTTP, for programs on this
// host. Who may connect is decided by the socket's mode and group.
type control struct {
	listener *net.UnixListener
	path     string
	inode    uint64 // of the socket, to know it again
	desk     *pipe.Desk
	newest   atomic.Pointer[traffic.Snapshot]
}

// maxReportBytes bounds a report.
const maxReportBytes = 16 << 20

// openControl makes the socket. It is in its place only once nobody else may
// connect to it than is meant to.
func openControl(c controlConfig, desk *pipe.Desk) (*control, error) {
	if other, err := net.DialTimeout("unix", c.Socket, time.Second); err == nil {
		other.Close()
		return nil, fmt.Errorf("another bwmon answers at %s: end that one first, or give this one another control.socket", quoted(c.Socket))
	}
	if err := os.MkdirAll(filepath.Dir(c.Socket), 0o755); err != nil {
		return nil, fmt.Errorf("make the directory of the control socket: %w", err)
	}
	if st, err := os.Lstat(c.Socket); err == nil && st.Mode().Type() != fs.ModeSocket {
		return nil, fmt.Errorf("control.socket: %s is there and is no socket: remove it, or choose another path", quoted(c.Socket))
	}
	making := fmt.Sprintf("%s.%d", c.Socket, os.Getpid())
	old := unix.Umask(0o177)
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: making, Net: "unix"})
	unix.Umask(old)
	if err != nil {
		return nil, fmt.Errorf("make the control socket: %w", err)
	}
	l.SetUnlinkOnClose(false)
	s := &control{listener: l, path: c.Socket, desk: desk}
	if err = s.place(making, c.Group); err != nil {
		os.Remove(making)
		return nil, errors.Join(err, l.Close())
	}
	return s, nil
}

// place lets the group in and puts the socket where it is looked for.
func (s *control) place(making, group string) error {
	if g, err := user.LookupGroup(group); err == nil {
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

// run serves until ctx is cancelled, and takes the socket away.
func (s *control) run(ctx context.Context) error {
	server := &http.Server{
		Handler:           s.handler(),
		ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 30 * time.Second, IdleTimeout: 2 * time.Minute,
		MaxHeaderBytes: 16 << 10,
		ConnContext: func(ctx context.Context, c net.Conn) context.Context {
			return context.WithValue(ctx, peerKey{}, peerOf(c))
		},
	}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(s.listener) }()
	var err error
	select {
	case err = <-ended:
	case <-ctx.Done():
		last, stop := context.WithTimeout(context.Background(), time.Second)
		defer stop()
		if server.Shutdown(last) != nil {
			server.Close()
		}
		err = <-ended
	}
	var st unix.Stat_t
	if unix.Lstat(s.path, &st) == nil && st.Ino == s.inode { // else another bwmon's
		os.Remove(s.path)
	}
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return fmt.Errorf("control socket: %w", err)
}

type peerKey struct{}

// peerOf asks the kernel who is at the other end; nil where it does not say.
func peerOf(c net.Conn) *pipe.Peer {
	raw, err := c.(*net.UnixConn).SyscallConn()
	if err != nil {
		return nil
	}
	var cred *unix.Ucred
	if e := raw.Control(func(fd uintptr) {
		cred, err = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED)
	}); e != nil || err != nil {
		return nil
	}
	return &pipe.Peer{PID: int(cred.Pid), UID: cred.Uid}
}

func (s *control) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /api/v1/reports", s.takeReport)
	mux.HandleFunc("GET /api/v1/snapshot", func(w http.ResponseWriter, _ *http.Request) {
		snapshot := s.newest.Load()
		if snapshot == nil {
			sayProblem(w, http.StatusServiceUnavailable, errors.New("nothing has been measured yet: ask again in a second"))
			return
		}
		w.Header().Set("Content-Type", "application/json")
		e := json.NewEncoder(w)
		e.SetEscapeHTML(false)
		_ = e.Encode(snapshot) // who asked may have gone
	})
	return mux
}

// takeReport answers 204 once a report is booked.
func (s *control) takeReport(w http.ResponseWriter, r *http.Request) {
	peer, _ := r.Context().Value(peerKey{}).(*pipe.Peer)
	if peer == nil {
		sayProblem(w, http.StatusForbidden, errors.New("the kernel does not say who reports"))
		return
	}
	var report pipe.Report
	d := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxReportBytes))
	if err := d.Decode(&report); err != nil {
		sayProblem(w, http.StatusBadRequest, fmt.Errorf("read the report: %w", err))
		return
	}
	if _, err := io.Copy(io.Discard, d.Buffered()); err != nil {
		return
	}
	if err := s.desk.Take(*peer, &report); err != nil {
		sayProblem(w, http.StatusUnprocessableEntity, err)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// problemDetails is an error as HTTP APIs tell it (RFC 9457).
type problemDetails struct {
	Title  string `json:"title"`
	Status int    `json:"status"`
	Detail string `json:"detail"`
}

func sayProblem(w http.ResponseWriter, status int, err error) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(problemDetails{
		Title: http.StatusText(status), Status: status, Detail: traffic.CleanText(err.Error(), 1000),
	})
}
