package main

import (
	"bytes"
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
	"sync"
	"sync/atomic"
	"time"

	"bwmon/pipe"
	"bwmon/traffic"

	"golang.org/x/sys/unix"
)

// control is a daemon's side of the control socket: HTTP, for programs on this
// host. Who may connect is decided by the socket's mode and group.
type control struct {
	listener net.Listener
	path     string
	inode    uint64   // of the socket, to know it again
	lock     *os.File // as long as it is open, this socket is ours
	desk     *pipe.Desk
	watch    *watch // nil: nothing was agreed
	newest   atomic.Pointer[document]
	decoding chan struct{} // holds one for each report being read
}

// document is a snapshot, and its JSON once somebody has asked for it.
type document struct {
	snapshot *traffic.Snapshot
	text     func() ([]byte, error)
}

func newDocument(s *traffic.Snapshot) *document {
	return &document{s, sync.OnceValues(func() ([]byte, error) {
		var b bytes.Buffer
		e := json.NewEncoder(&b)
		e.SetEscapeHTML(false)
		err := e.Encode(s)
		return b.Bytes(), err
	})}
}

const (
	maxReportBytes = 4 << 20
	maxDecoding    = 4 // reports at a time
	// How many connections there may be, and of one user but root.
	maxConnections = 1000
	maxOfOneUser   = 100
)

// openControl makes the socket. It is in its place only once nobody else may
// connect to it than is meant to.
func openControl(c controlConfig, desk *pipe.Desk) (s *control, err error) {
	s = &control{path: c.Socket, desk: desk, decoding: make(chan struct{}, maxDecoding)}
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
	if s.lock, err = os.OpenFile(c.Socket+".lock", os.O_CREATE|os.O_RDWR, 0o600); err != nil {
		return nil, fmt.Errorf("lock the control socket: %w", err)
	}
	if err = unix.Flock(int(s.lock.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		s.lock.Close()
		return nil, fmt.Errorf("another bwmon has the control socket %s: end that one first, or give this one another control.socket", quoted(c.Socket))
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
	s.listener = &guarded{UnixListener: l, byUser: make(map[uint32]int)}
	if err = s.place(making, c.Group); err != nil {
		os.Remove(making)
		return nil, errors.Join(err, l.Close(), s.lock.Close())
	}
	return s, nil
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

// run serves until ctx is cancelled, and takes the socket away.
func (s *control) run(ctx context.Context) error {
	server := &http.Server{
		Handler:           s.handler(),
		ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 30 * time.Second, WriteTimeout: 30 * time.Second,
		IdleTimeout:    2 * time.Minute,
		MaxHeaderBytes: 16 << 10,
		ConnContext: func(ctx context.Context, c net.Conn) context.Context {
			return context.WithValue(ctx, peerKey{}, c.(*visitor).peer)
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
	s.lock.Close()
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return fmt.Errorf("control socket: %w", err)
}

type peerKey struct{}

func (s *control) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /api/v1/reports", s.takeReport)
	mux.HandleFunc("GET /api/v1/alerts", s.listAlerts)
	mux.HandleFunc("POST /api/v1/silences", s.addSilence)
	mux.HandleFunc("GET /api/v1/snapshot", func(w http.ResponseWriter, _ *http.Request) {
		newest := s.newest.Load()
		if newest == nil {
			sayProblem(w, http.StatusServiceUnavailable, errors.New("nothing has been measured yet: ask again in a second"))
			return
		}
		text, err := newest.text()
		if err != nil {
			sayProblem(w, http.StatusInternalServerError, fmt.Errorf("write the snapshot: %w", err))
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(text) // who asked may have gone
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
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxReportBytes))
	if err != nil {
		sayProblem(w, http.StatusRequestEntityTooLarge, fmt.Errorf("read the report: %w", err))
		return
	}
	s.decoding <- struct{}{}
	report, err := pipe.ParseReport(body)
	<-s.decoding
	if err != nil {
		sayProblem(w, http.StatusBadRequest, fmt.Errorf("read the report: %w", err))
		return
	}
	switch err := s.desk.Take(*peer, report); {
	case errors.Is(err, pipe.ErrClosed):
		sayProblem(w, http.StatusServiceUnavailable, err)
	case err != nil:
		sayProblem(w, http.StatusUnprocessableEntity, err)
	default:
		w.WriteHeader(http.StatusNoContent)
	}
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
