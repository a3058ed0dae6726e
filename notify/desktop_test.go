package notify

import (
	"bufio"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/godbus/dbus/v5"
)

// startBus starts a session bus of our own.
func startBus(t *testing.T) string {
	t.Helper()
	path, err := exec.LookPath("dbus-daemon")
	if err != nil {
		t.Skip("needs dbus-daemon (Debian: apt install dbus-daemon)")
	}
	cmd := exec.Command(path, "--session", "--nofork", "--print-address",
		"--address=unix:path="+filepath.Join(t.TempDir(), "bus"))
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Skipf("dbus-daemon does not start: %v", err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Skipf("dbus-daemon does not start: %v", err)
	}
	return strings.TrimSpace(line)
}

// desktopServer is what shows notifications in a session.
type desktopServer struct {
	can []string

	mu    sync.Mutex
	shown []shownNote
}

type shownNote struct {
	replaces    uint32
	title, body string
}

func (s *desktopServer) GetCapabilities() ([]string, *dbus.Error) { return s.can, nil }

func (s *desktopServer) Notify(_ string, replaces uint32, _, title, body string, _ []string,
	_ map[string]dbus.Variant, _ int32) (uint32, *dbus.Error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.shown = append(s.shown, shownNote{replaces, title, body})
	return uint32(40 + len(s.shown)), nil
}

func (s *desktopServer) notes() []shownNote {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.shown)
}

func serveDesktop(t *testing.T, address string, can ...string) *desktopServer {
	t.Helper()
	conn, err := dbus.Connect(address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	s := &desktopServer{can: can}
	if err := conn.Export(s, desktopPath, desktopName); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.RequestName(desktopName, dbus.NameFlagDoNotQueue); err != nil {
		t.Fatal(err)
	}
	return s
}

func TestDesktopShowsNotifications(t *testing.T) {
	address := startBus(t)
	d := NewDesktop(DesktopOptions{Address: address})
	if err := d.Send(t.Context(), []Event{{Alert: testAlert("a", StateFiring)}}); err == nil || IsPermanent(err) {
		t.Errorf("a session without a desktop yet: %v", err)
	}
	s := serveDesktop(t, address, "body", "body-markup")
	firing, resolved := testAlert("a", StateFiring), testAlert("a", StateResolved)
	firing.Subject = "<b>&"
	if err := d.Send(t.Context(), []Event{{Alert: firing}}); err != nil {
		t.Fatal(err)
	}
	if err := d.Send(t.Context(), []Event{{Alert: resolved, Test: true}}); err != nil {
		t.Fatal(err)
	}
	want := "&lt;b&gt;&amp;\ntx 6 MiB/s, above 5 MiB/s over 1m0s\nrestic backup /home"
	if len(s.notes()) != 2 || s.notes()[0].body != want || s.notes()[0].title != "backup cap: firing" {
		t.Errorf("shown %+v", s.notes())
	}
	if s.notes()[0].replaces != 0 || s.notes()[1].replaces != 41 || s.notes()[1].title != "(test) backup cap: resolved" {
		t.Errorf("shown %+v", s.notes())
	}
	for _, a := range hostileAlerts() {
		if err := d.Send(t.Context(), []Event{{Alert: a}}); err != nil {
			t.Errorf("%.40q: %v", a.Rule, err)
		}
	}
	for _, n := range s.notes() {
		if strings.ContainsAny(n.body, "<>") || strings.ContainsAny(n.body+n.title, "\x00\x1b\u202e") || len(n.body) > 5000 {
			t.Errorf("shown %.300q: %.300q", n.title, n.body)
		}
	}
}

func TestDesktopWithoutMarkup(t *testing.T) {
	address := startBus(t)
	s := serveDesktop(t, address, "body")
	a := testAlert("a", StateFiring)
	a.Subject = "<b>&"
	if err := NewDesktop(DesktopOptions{Address: address}).Send(t.Context(), []Event{{Alert: a}}); err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(s.notes()[0].body, "<b>&\n") {
		t.Errorf("shown %+v", s.notes())
	}
}

func TestDesktopWithoutSession(t *testing.T) {
	t.Setenv("DBUS_SESSION_BUS_ADDRESS", "")
	t.Setenv("XDG_RUNTIME_DIR", t.TempDir())
	err := NewDesktop(DesktopOptions{}).Send(t.Context(), []Event{{Alert: testAlert("a", StateFiring)}})
	if !IsPermanent(err) || !strings.Contains(err.Error(), "there is no session bus here") {
		t.Errorf("got %v (permanent: %v)", err, IsPermanent(err))
	}
}
