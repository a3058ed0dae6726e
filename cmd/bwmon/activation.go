package main

import (
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// passedSockets are those that the service manager has made and passed to this
// process (sd_listen_fds(3)). A nil one was not.
type passedSockets struct {
	control *net.UnixListener
	http    *net.TCPListener
}

// firstPassed is the first descriptor that a manager passes: SD_LISTEN_FDS_START of
// sd-daemon.h.
const firstPassed = 3

// maxPassed is far more than there are uses for.
const maxPassed = 64

// The names of passed sockets.
const (
	passedControl = "control"
	passedHTTP    = "http"
)

// takePassed takes over the sockets that were passed to this process. What it cannot
// use is an error: somebody meant something by it.
func takePassed(m manager, pid int) (s passedSockets, err error) {
	if m.listenPID != strconv.Itoa(pid) || m.listenFDs == "" { // meant for nobody, or another
		return s, nil
	}
	n, err := strconv.Atoi(m.listenFDs)
	if err != nil || n < 0 || n > maxPassed {
		return s, fmt.Errorf("LISTEN_FDS: want the number of sockets that were passed, got %s", quoted(m.listenFDs))
	}
	names := make([]string, n)
	if m.listenNames != "" {
		if names = strings.Split(m.listenNames, ":"); len(names) != n {
			return s, fmt.Errorf("LISTEN_FDNAMES has %d names for %d sockets", len(names), n)
		}
	}
	for i, name := range names {
		file := os.NewFile(uintptr(firstPassed+i), "socket "+name)
		unix.CloseOnExec(firstPassed + i)
		err = errors.Join(err, s.take(file, name))
		file.Close() // the listener has one of its own
	}
	if err != nil {
		return passedSockets{}, errors.Join(err, s.close())
	}
	return s, nil
}

// take makes a listener of a passed socket.
func (s *passedSockets) take(file *os.File, name string) error {
	what := fmt.Sprintf("the socket passed as descriptor %d", file.Fd())
	if name != "" {
		what += " (" + quoted(name) + ")"
	}
	unnamed := name == "" || name == "unknown" || name == "stored" || strings.HasSuffix(name, ".socket")
	if !unnamed && name != passedControl && name != passedHTTP {
		return fmt.Errorf(`%s has a name nobody here knows: write FileDescriptorName=%s or %s, or leave it out`, what, passedHTTP, passedControl)
	}
	if on, err := unix.GetsockoptInt(int(file.Fd()), unix.SOL_SOCKET, unix.SO_ACCEPTCONN); err != nil || on == 0 {
		return fmt.Errorf("%s does not listen for connections: write ListenStream= for it, and Accept=no", what)
	}
	l, err := net.FileListener(file)
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	twice := false
	switch l := l.(type) {
	case *net.UnixListener:
		if twice = s.control != nil; !twice && name != passedHTTP {
			s.control = l
			return nil
		}
	case *net.TCPListener:
		if twice = s.http != nil; !twice && name != passedControl {
			s.http = l
			return nil
		}
	}
	l.Close()
	if twice {
		return fmt.Errorf("%s is the second one of its kind: pass one unix socket, for control, and one TCP socket, for the page", what)
	}
	return fmt.Errorf("%s is not of its kind: %s wants a unix socket, %s a TCP socket", what, passedControl, passedHTTP)
}

// check finds out whether the sockets are what the configuration allows. A page that
// others can reach wants the same care whoever opened it.
func (s passedSockets) check(c config) error {
	if s.control != nil && c.Control.Socket == "" {
		return errors.New(`a control socket was passed, and control.socket = "" wants none: write its path there`)
	}
	if s.http == nil {
		return nil
	}
	if c.HTTP.Listen == "" {
		return errors.New(`a socket for the page was passed, and http.listen = "" wants none: write its address there`)
	}
	at := s.http.Addr().String()
	host, _, err := net.SplitHostPort(at)
	if err != nil {
		return fmt.Errorf("the socket passed for the page: %w", err)
	}
	switch {
	case isLoopback(host):
	case c.HTTP.TLSCert == "" && !c.HTTP.Insecure:
		return fmt.Errorf("the socket passed for the page, %s, can be reached from elsewhere: "+
			"write http.tls_cert and http.tls_key, or http.insecure = true if something in front of it encrypts", at)
	case c.HTTP.Token.IsZero() && c.HTTP.ClientCA == "":
		return fmt.Errorf(`the socket passed for the page, %s, can be reached from elsewhere: write http.token = "file:/etc/bwmon/token", or http.client_ca`, at)
	}
	return nil
}

// close closes what nobody serves, or nobody does any more.
func (s passedSockets) close() error {
	var errs []error
	if s.control != nil {
		errs = append(errs, s.control.Close())
	}
	if s.http != nil {
		errs = append(errs, s.http.Close())
	}
	return errors.Join(slices.DeleteFunc(errs, func(err error) bool { return errors.Is(err, net.ErrClosed) })...)
}
