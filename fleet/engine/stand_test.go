package engine

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"bwmon/lab"
)

// patience is how long an engine may take for anything.
const patience = 60 * time.Second

// stand is a real engine.
type stand struct {
	name       string
	write, ask string // URLs
	client     *http.Client
	begin      func() (kill func()) // starts it, with the data that are there
	kill       func()
	health     string
}

// onEngines runs a test on each engine that is installed, begun for it with no data.
func onEngines(t *testing.T, test func(t *testing.T, e *stand)) {
	t.Helper()
	for _, name := range []string{"prometheus", "victoria-metrics"} {
		t.Run(name, func(t *testing.T) { test(t, begin(t, name, "90d")) })
	}
}

// begin starts an engine. window is how late samples may come to Prometheus; "0s": not at all.
func begin(t *testing.T, name, window string) *stand {
	t.Helper()
	if testing.Short() {
		t.Skip("it starts an engine")
	}
	binary, err := exec.LookPath(name)
	if err != nil {
		if os.Getenv("CI") != "" {
			t.Fatalf("%s is not installed, and CI has to have it", name)
		}
		t.Skipf("%s is not installed: scripts/setup-tests does that as root on Debian", name)
	}
	lab.Record(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	l.Close()
	dir := t.TempDir()
	transport := &http.Transport{}
	e := &stand{name: name, ask: "http://" + address, write: "http://" + address + "/api/v1/write", client: &http.Client{Transport: transport}}
	t.Cleanup(transport.CloseIdleConnections)
	health := "/health"
	if name == "prometheus" {
		health = "/-/ready"
		config := filepath.Join(dir, "prometheus.yml")
		text := fmt.Sprintf("storage: {tsdb: {out_of_order_time_window: %s}}\n", window)
		if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		e.begin = func() func() {
			return start(t, binary, "--config.file="+config, "--storage.tsdb.path="+filepath.Join(dir, "data"), "--storage.tsdb.retention.time=10y",
				"--web.listen-address="+address, "--web.enable-remote-write-receiver", "--log.level=warn")
		}
	} else {
		e.begin = func() func() {
			return start(t, binary, "-storageDataPath="+filepath.Join(dir, "data"), "-httpListenAddr="+address, "-retentionPeriod=10y",
				"-memory.allowedBytes=256MB", "-loggerLevel=ERROR")
		}
	}
	e.health = health
	e.revive(t)
	return e
}

// revive starts an engine, also one that was killed.
func (e *stand) revive(t *testing.T) {
	t.Helper()
	e.kill = e.begin()
	eventually(t, e.name+" is ready", func() bool { return e.get(e.health) == http.StatusOK })
}

// get asks for something and returns the status, 0 if nobody is there.
func (e *stand) get(path string) int {
	r, err := e.client.Get(e.ask + path)
	if err != nil {
		return 0
	}
	defer r.Body.Close()
	_, _ = io.Copy(io.Discard, r.Body)
	return r.StatusCode
}

// settle has what was written be seen: VictoriaMetrics shows it a second later else.
func (e *stand) settle() { e.get("/internal/force_flush") }

func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !is(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not within %v: %s", patience, what)
		}
	}
}

// start runs a program until the test ends, or it is killed, and shows what it says if
// the test failed.
func start(t *testing.T, name string, args ...string) (kill func()) {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	p := exec.CommandContext(ctx, name, args...)
	p.Cancel = func() error { return p.Process.Signal(unix.SIGTERM) }
	p.WaitDelay = 10 * time.Second
	p.SysProcAttr = &unix.SysProcAttr{Pdeathsig: unix.SIGKILL}
	said, err := p.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	var lines []string
	heard := make(chan struct{})
	go func() {
		defer close(heard)
		for in := bufio.NewScanner(said); in.Scan(); {
			lines = append(lines, in.Text())
		}
	}()
	ended := sync.OnceFunc(func() {
		<-heard
		_ = p.Wait() // by a signal
	})
	t.Cleanup(func() {
		stop()
		ended()
		if t.Failed() {
			t.Logf("%s said:\n%s", name, strings.Join(lines[max(0, len(lines)-20):], "\n"))
		}
	})
	return func() {
		if err := p.Process.Kill(); err != nil {
			t.Error(err)
		}
		ended()
	}
}
