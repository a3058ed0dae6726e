package main

import (
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"bwmon/lab"
	"bwmon/traffic"
)

// startEngine runs an engine on a host, at 127.0.0.1:9090 there.
func startEngine(t *testing.T, host *lab.Host, name string) {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Skipf("%s is not installed: scripts/setup-tests does that as root on Debian", name)
	}
	dir := t.TempDir()
	args := []string{"-storageDataPath=" + dir, "-httpListenAddr=127.0.0.1:9090", "-memory.allowedBytes=256MB", "-loggerLevel=ERROR"}
	if name == "prometheus" {
		config := filepath.Join(dir, "prometheus.yml")
		if err := os.WriteFile(config, []byte("storage: {tsdb: {out_of_order_time_window: 1h}}\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		args = []string{"--config.file=" + config, "--storage.tsdb.path=" + filepath.Join(dir, "data"), "--web.listen-address=127.0.0.1:9090",
			"--web.enable-remote-write-receiver", "--log.level=error"}
	}
	cmd := exec.CommandContext(t.Context(), path, args...)
	var errs lines
	cmd.Stderr = &errs
	if err := host.Do(cmd.Start); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("%s: %s", name, &errs)
		}
	})
}

// onEngine is the configuration of a receiver there.
const onEngine = "engine = \"http://127.0.0.1:9090\"\nengine_write = \"http://127.0.0.1:9090/api/v1/write\"\n"

// TestFleetOnEngine: a receiver that writes to an engine keeps nothing itself. It is killed
// while the host counts, and its successor, that knows nothing, answers with all that the
// host has carried; so does another receiver.
func TestFleetOnEngine(t *testing.T) {
	long(t)
	for _, name := range []string{"prometheus", "victoria-metrics"} {
		t.Run(name, func(t *testing.T) {
			here, there := cable(t, true)
			const receiver, host, app = "198.18.1.2", "web-1", "payload"
			startEngine(t, there, name)
			r := startFleet(t, there, receiver, onEngine)
			server := there.Serve(lab.Server{Proto: "tcp", Listen: netip.MustParseAddrPort(receiver + ":7000")})
			dir := t.TempDir()
			r.join(here, host, dir)
			d := startDaemon(t, here, r.published(host, dir), "--cgroup", here.Cgroup(), "--monitor", kindSocket, "--monitor", kindMachine)
			load := func() {
				here.Start(lab.Client{Args: []string{app}, Proto: "tcp", Target: server.Addr, Connections: 3, Send: 30_000, Receive: 200_000}).Wait()
			}
			published := func(what string, want octets) {
				t.Helper()
				for _, of := range []struct{ host, by, name, app string }{
					{host, traffic.ByApp, app, ""}, {"", traffic.ByApp, app, ""}, {"", traffic.ByHost, host, app},
				} {
					poll(t, what+": the engine has the host's total by "+of.by, func() bool {
						return r.used(of.host, of.by, of.name, of.app) == want
					})
				}
			}

			load()
			total := d.settled(app, 600_000)
			published("at first", total)
			r.kill()
			load()
			total = d.settled(app, 1_200_000)
			r.start()
			published("after the receiver was killed", total)

			// Another run of the host: its counters begin at zero.
			d.stop()
			d.start()
			load()
			total = total.add(d.settled(app, 600_000))
			published("after the host was restarted", total)
			poll(t, "the page has the host and its app", func() bool {
				var s traffic.Snapshot
				return r.member(host).State == traffic.MemberReporting && r.get("/hosts/"+host+"/api/v1/snapshot", &s) && payloadOf(&s, app).rx >= 600_000
			})
		})
	}
}

// TestPublishToEngine: a host may write to an engine by itself; a receiver on that engine,
// which it has never spoken to, knows all of it.
func TestPublishToEngine(t *testing.T) {
	long(t)
	here, there := cable(t, true)
	const host, app = "web-1", "payload"
	startEngine(t, here, "victoria-metrics")
	r := startFleet(t, here, "198.18.1.1", onEngine)
	publish := fmt.Sprintf("[publish]\nengine = \"http://127.0.0.1:9090/api/v1/write\"\nthis_host = %q\ninterval = \"1s\"\nqueue = %q\n", host, t.TempDir())
	d := startDaemon(t, here, publish, "--cgroup", here.Cgroup(), "--monitor", kindSocket, "--monitor", kindMachine)
	server := there.Serve(lab.Server{Proto: "tcp", Listen: netip.MustParseAddrPort("198.18.1.2:7000")})
	here.Start(lab.Client{Args: []string{app}, Proto: "tcp", Target: server.Addr, Connections: 3, Send: 30_000, Receive: 200_000}).Wait()
	want := d.settled(app, 600_000)
	poll(t, "the receiver has what the host wrote", func() bool { return r.used(host, traffic.ByApp, app, "") == want })
	poll(t, "the receiver lists the host", func() bool { return r.member(host).State == traffic.MemberReporting })
}
