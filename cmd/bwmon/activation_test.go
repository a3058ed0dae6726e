package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"bwmon/traffic"
)

// pass has a daemon started with sockets, as a service manager passes them.
func (s *served) pass(env []string, files ...*os.File) *exec.Cmd {
	s.t.Helper()
	cmd := s.command(append(env, fmt.Sprintf("LISTEN_FDS=%d", len(files))))
	cmd.Args = append([]string{"sh", "-c", `LISTEN_PID=$$ exec "$0" "$@"`, cmd.Path}, cmd.Args[1:]...)
	sh, err := exec.LookPath("sh")
	if err != nil {
		s.t.Fatal(err)
	}
	cmd.Path, cmd.ExtraFiles = sh, files
	return cmd
}

// listening returns a socket that listens, to be passed, and where it does.
func (s *served) listening(network, address string) (*os.File, net.Addr) {
	s.t.Helper()
	l, err := net.Listen(network, address)
	if err != nil {
		s.t.Fatal(err)
	}
	defer l.Close()
	if u, ok := l.(*net.UnixListener); ok {
		u.SetUnlinkOnClose(false)
	}
	f, err := l.(interface{ File() (*os.File, error) }).File()
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { f.Close() })
	return f, l.Addr()
}

// TestPassedSockets: the daemon serves what the manager passes, knows who comes, and
// leaves the sockets to the manager at its end.
func TestPassedSockets(t *testing.T) {
	for _, names := range []string{"", "LISTEN_FDNAMES=http:control", "LISTEN_FDNAMES=bwmon.socket:bwmon.socket"} {
		s := newServed(t, "[http]\nlisten = \"127.0.0.1:1\"\n")
		page, at := s.listening("tcp", "127.0.0.1:0")
		control, _ := s.listening("unix", s.socket)
		b := newBoss(t, s.path("notify"))
		s.launch(s.pass([]string{"NOTIFY_SOCKET=" + s.path("notify"), names}, page, control))
		b.until("READY=1")
		var shown traffic.Snapshot
		for _, dial := range []func(context.Context, string, string) (net.Conn, error){dialer("unix", s.socket), dialer("tcp", at.String())} {
			if err := get(dial, "/api/v1/snapshot", &shown); err != nil || len(shown.Interfaces) == 0 {
				t.Errorf("%s: %v; %d interfaces; %s", names, err, len(shown.Interfaces), s.errs)
			}
		}
		if err := tryReport(s.socket); err != nil { // which is for those whom the kernel knows
			t.Errorf("%s: %v", names, err)
		}
		s.term()
		c, err := net.Dial("unix", s.socket) // it waits for the next daemon
		if err != nil {
			t.Errorf("%s: the manager's socket was removed: %v", names, err)
			continue
		}
		c.Close()
	}
}

// tryReport posts a report that says nothing, as a pipe that runs would.
func tryReport(socket string) error {
	k := newCourier(controlConfig{Socket: socket}, "pipe")
	defer k.client.CloseIdleConnections()
	return k.post(context.Background(), k.Greeting())
}

// TestGuardOfAPassedSocket: nobody but root takes all the room there either.
func TestGuardOfAPassedSocket(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root, to be another user")
	}
	s := newServed(t, "")
	control, _ := s.listening("unix", s.socket)
	for _, path := range []string{s.dir, filepath.Dir(s.dir), s.socket} {
		if err := os.Chmod(path, 0o777); err != nil {
			t.Fatal(err)
		}
	}
	b := newBoss(t, s.path("notify"))
	s.launch(s.pass([]string{"NOTIFY_SOCKET=" + s.path("notify")}, control))
	b.until("READY=1")
	setpriv, err := exec.LookPath("setpriv")
	if err != nil {
		t.Skip(err)
	}
	curl, err := exec.LookPath("curl")
	if err != nil {
		t.Skip(err)
	}
	ask := exec.CommandContext(t.Context(), setpriv, "--reuid=65534", "--regid=65534", "--clear-groups", curl, "-s", "-o", "/dev/null", "-w", "%{http_code}",
		"--unix-socket", s.socket, "-X", "POST", "-H", "Content-Type: application/json", "-d", "{}", "http://bwmon/api/v1/monitors/machine/stop")
	out, err := ask.CombinedOutput()
	if err != nil || string(out) != "403" {
		t.Errorf("somebody may change something: %s, %v", out, err)
	}
	s.term()
}

// TestPassedSurprises: what was passed and cannot be used is an error that says what
// to do about it.
func TestPassedSurprises(t *testing.T) {
	s := newServed(t, "[http]\nlisten = \"127.0.0.1:1\"\n")
	tcp, _ := s.listening("tcp", "127.0.0.1:0")
	tcp2, _ := s.listening("tcp", "127.0.0.1:0")
	everywhere, _ := s.listening("tcp", "0.0.0.0:0")
	unixSocket, _ := s.listening("unix", s.path("other.sock"))
	null, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	for _, tt := range []struct {
		name, names string
		files       []*os.File
		more, want  string
	}{
		{"two pages", "", []*os.File{tcp, tcp2}, "", "is the second one of its kind"},
		{"a name", "web", []*os.File{tcp}, "", `socket passed as descriptor 3 ("web") has a name nobody here knows`},
		{"another kind", "control", []*os.File{tcp}, "", "is not of its kind"},
		{"a unix page", "http", []*os.File{unixSocket}, "", "is not of its kind"},
		{"no socket", "", []*os.File{null}, "", "does not listen for connections"},
		{"names", "a:b", []*os.File{tcp}, "", "LISTEN_FDNAMES has 2 names for 1 sockets"},
		{"from elsewhere", "", []*os.File{everywhere}, "", "can be reached from elsewhere: write http.tls_cert"},
		{"without a token", "", []*os.File{everywhere}, "insecure = true\n", `can be reached from elsewhere: write http.token`},
		{"no page", "", []*os.File{tcp}, "none", `http.listen = "" wants none`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newServed(t, "[http]\nlisten = \"127.0.0.1:1\"\n"+strings.TrimPrefix(tt.more, "none"))
			if tt.more == "none" {
				s = newServed(t, "")
			}
			err := s.pass([]string{"LISTEN_FDNAMES=" + tt.names}, tt.files...).Run()
			var exit *exec.ExitError
			if !errors.As(err, &exit) || exit.ExitCode() != exitUsage || !strings.Contains(s.errs.String(), tt.want) {
				t.Errorf("%v: %s\nwant %s", err, s.errs, tt.want)
			}
		})
	}
	for _, tt := range []struct{ fds, want string }{{"x", "LISTEN_FDS: want the number"}, {"-1", "LISTEN_FDS: want the number"}, {"100000", "LISTEN_FDS: want the number"}} {
		if _, err := takePassed(manager{listenPID: "7", listenFDs: tt.fds}, 7); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("LISTEN_FDS=%s: %v", tt.fds, err)
		}
	}
	if got, err := takePassed(manager{listenPID: "8", listenFDs: "2"}, 7); err != nil || got != (passedSockets{}) {
		t.Errorf("what is for another process: %+v, %v", got, err)
	}
}
