package web

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestPrometheusScrapes: a real one, with the token, asked what it has.
func TestPrometheusScrapes(t *testing.T) {
	if testing.Short() {
		t.Skip("it starts a Prometheus")
	}
	binary := tool(t, "prometheus")
	s := open(t, Options{Version: "v1"}, Access{Token: testToken})
	s.Publish(hostile(1))
	dir := t.TempDir()
	config := fmt.Sprintf(`
global: {scrape_interval: 1s, scrape_timeout: 1s}
scrape_configs:
- job_name: bwmon
  authorization: {credentials: %s}
  static_configs: [{targets: [%q]}]
- job_name: stranger
  static_configs: [{targets: [%q]}]
`, testToken, strings.TrimPrefix(s.url, "http://"), strings.TrimPrefix(s.url, "http://"))
	if err := os.WriteFile(filepath.Join(dir, "prometheus.yml"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	l.Close()
	start(t, binary, "--config.file="+filepath.Join(dir, "prometheus.yml"), "--storage.tsdb.path="+filepath.Join(dir, "data"),
		"--web.listen-address="+address, "--log.level=warn")

	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: patience}
	query := func(expression string) (value string, ok bool) {
		resp, err := client.Get("http://" + address + "/api/v1/query?query=" + url.QueryEscape(expression))
		if err != nil {
			return "", false // it is starting
		}
		defer resp.Body.Close()
		var a struct {
			Data struct {
				Result []struct{ Value [2]any }
			}
		}
		if json.NewDecoder(resp.Body).Decode(&a) != nil || len(a.Data.Result) != 1 {
			return "", false
		}
		value, ok = a.Data.Result[0].Value[1].(string)
		return value, ok
	}
	tick := 1
	for _, c := range []struct{ expression, want string }{
		{`up{job="bwmon"}`, "1"},
		{`up{job="stranger"}`, "0"},
		{`bwmon_build_info{version="v1"}`, "1"},
		{`bwmon_app_receive_bytes_total{app="<script>alert(1)</script>"} > bool 0`, "1"},
		{`bwmon_app_receive_bytes_total{app="quote \" back \\ slash"} > bool 0`, "1"},
		{`increase(bwmon_app_receive_bytes_total{app="<script>alert(1)</script>"}[20s]) > bool 500`, "1"},
		{`resets(bwmon_app_receive_bytes_total{app="<script>alert(1)</script>"}[1m])`, "0"},
		{`count(bwmon_app_receive_bytes_total) > bool 15`, "1"},
		{`scrape_samples_scraped{job="bwmon"} > bool 100`, "1"},
	} {
		eventually(t, c.expression+" is "+c.want, func() bool {
			tick++
			s.Publish(hostile(tick))
			time.Sleep(100 * time.Millisecond)
			got, ok := query(c.expression)
			return ok && got == c.want
		})
	}
}

// start runs a program until the test ends, and shows what it says if that failed.
func start(t *testing.T, name string, args ...string) {
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
	read := make(chan struct{})
	go func() {
		defer close(read)
		for in := bufio.NewScanner(said); in.Scan(); {
			lines = append(lines, in.Text())
		}
	}()
	t.Cleanup(func() {
		stop()
		<-read
		_ = p.Wait() // ended by a signal
		if t.Failed() {
			t.Logf("%s said:\n%s", name, strings.Join(lines, "\n"))
		}
	})
}
