package pipe

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// listen opens what the address stands for: for no host that is both loopback
// addresses, of which a kernel may have one only.
func listen(ctx context.Context, a Address) ([]net.Listener, error) {
	if a.Path != "" {
		l, err := listenUnix(ctx, a.Path)
		if err != nil {
			return nil, fmt.Errorf("listen on %s: %w", a, err)
		}
		return []net.Listener{l}, nil
	}
	hosts := []string{a.Host}
	if a.Host == "" {
		hosts = []string{"127.0.0.1", "::1"}
	}
	var list []net.Listener
	for _, host := range hosts {
		address := net.JoinHostPort(host, strconv.Itoa(int(a.Port)))
		l, err := listenConfig(nil).Listen(ctx, "tcp", address)
		switch {
		case err == nil:
			list = append(list, l)
		case len(list) > 0 && (errors.Is(err, unix.EADDRNOTAVAIL) || errors.Is(err, unix.EAFNOSUPPORT)):
			// There is no IPv6 here.
		default:
			closeAll(list)
			return nil, fmt.Errorf("listen on %s: %w", address, listenCure(err, a.Port))
		}
	}
	return list, nil
}

func closeAll(list []net.Listener) {
	for _, l := range list {
		l.Close()
	}
}

// listenConfig leaves Multipath TCP alone: such sockets do not splice. Dead peers
// are found out by idle timeouts, and slower by the kernel's probes.
func listenConfig(control func(network, address string, c syscall.RawConn) error) *net.ListenConfig {
	lc := &net.ListenConfig{Control: control, KeepAliveConfig: keepAlive()}
	lc.SetMultipathTCP(false)
	return lc
}

// listenCure tells what to do about an error of listening.
func listenCure(err error, port uint16) error {
	var call *os.SyscallError
	if errors.As(err, &call) {
		err = call.Err // without the address once more
	}
	switch {
	case errors.Is(err, unix.EADDRINUSE):
		return fmt.Errorf(`%w: "ss -ltnp sport = :%d" shows by whom; end that, or choose another port`, err, port)
	case errors.Is(err, unix.EACCES):
		return fmt.Errorf("%w: ports below 1024 take root; choose a higher one", err)
	case errors.Is(err, unix.EADDRNOTAVAIL):
		return fmt.Errorf(`%w: no interface of this host has it; "ip addr" lists those there are`, err)
	}
	return err
}

// socketMode is that of a unix socket: relays are for who starts them, as the
// loopback address is for this host.
const socketMode = 0o600

// listenUnix takes the place of a socket that nobody answers at any more.
func listenUnix(ctx context.Context, path string) (net.Listener, error) {
	if path[0] != '@' {
		if err := removeStale(path); err != nil {
			return nil, err
		}
	}
	l, err := listenConfig(func(_, _ string, c syscall.RawConn) error {
		var err error
		// Before it is bound, the socket's mode is what its file will have.
		if cerr := c.Control(func(fd uintptr) { err = unix.Fchmod(int(fd), socketMode) }); cerr != nil {
			return cerr
		}
		return err
	}).Listen(ctx, "unix", path)
	if err == nil {
		return l, nil
	}
	var call *os.SyscallError
	if errors.As(err, &call) {
		err = call.Err
	}
	if errors.Is(err, unix.EADDRINUSE) {
		err = fmt.Errorf(`%w: "ss -lxp" shows by whom; end that, or choose another path`, err)
	}
	return nil, err
}

func removeStale(path string) error {
	info, err := os.Lstat(path)
	if err != nil {
		return nil // binding will tell
	}
	if info.Mode()&os.ModeSocket == 0 {
		return errors.New("there is a file of that name that is no socket: choose another path")
	}
	conn, err := net.Dial("unix", path)
	if err == nil {
		conn.Close()
		return nil // binding will tell that it is in use
	}
	if errors.Is(err, unix.ECONNREFUSED) {
		return os.Remove(path)
	}
	return nil
}
