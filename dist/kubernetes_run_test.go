package dist

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	core "k8s.io/api/core/v1"
)

// TestManifestsTogether runs a host and its receiver on this machine, each with its
// configuration, arguments, user and capabilities, until the one is known to the other.
// Folders and ports are others, and there are no containers around them.
func TestManifestsTogether(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root, to count and to give up what a pod has not")
	}
	if _, err := exec.LookPath("setpriv"); err != nil {
		t.Skip("setpriv is not installed: scripts/setup-tests does that")
	}
	m := readManifests(t)
	receiver, host := m.stateful["bwmon/bwmon-receiver"].Spec.Template, m.daemons["bwmon/bwmon-host"].Spec.Template
	dir, err := os.MkdirTemp("", "bwmon-pods-") // which others than root may enter
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	at := func(name string) string { return filepath.Join(dir, name) }
	bwmon(t, nil, "fleet", "init", "--dir", at("fleet"), "--name", "127.0.0.1")
	token := bwmon(t, nil, "fleet", "token", "--dir", at("fleet"), "node-1")
	bwmon(t, nil, "fleet", "server", "--dir", at("fleet"), "--to", at("secret"), "127.0.0.1")
	register, err := os.ReadFile(at("fleet/register.json"))
	if err != nil {
		t.Fatal(err)
	}
	program, err := os.ReadFile(os.Getenv(bwmonEnv))
	if err == nil {
		err = os.WriteFile(at("bwmon"), program, 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
	group := int(*receiver.Spec.SecurityContext.FSGroup)
	const page = "the-token-of-the-page"
	for name, text := range map[string]string{"secret/register.json": string(register), "page": page, "token": token} {
		if err := os.WriteFile(at(name), []byte(text), 0o440); err != nil {
			t.Fatal(err)
		}
	}
	for name, mode := range map[string]os.FileMode{".": 0o755, "bwmon": 0o755, "secret": 0o750, "secret/ca.pem": 0o440, "secret/server.pem": 0o440, "secret/register.json": 0o440, "page": 0o440} {
		if err := os.Chmod(at(name), mode); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"secret", "secret/ca.pem", "secret/server.pem", "secret/register.json", "page"} {
		if err := os.Chown(at(name), 0, group); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(at("state"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(at("state"), int(*receiver.Spec.SecurityContext.RunAsUser), group); err != nil {
		t.Fatal(err)
	}
	publish, read, own := freePort(t), freePort(t), freePort(t)
	startPod(t, dir, "receiver", &receiver, m.configs["bwmon/bwmon-receiver"].Data["bwmon.toml"], strings.NewReplacer(
		"/etc/bwmon-fleet", at("secret"), "/etc/bwmon-page/token", at("page"), "/var/lib/bwmon", at("state"),
		"0.0.0.0:8443", publish, "0.0.0.0:8000", read))
	startPod(t, dir, "host", &host, m.configs["bwmon/bwmon-host"].Data["bwmon.toml"], strings.NewReplacer(
		"https://bwmon-receiver.bwmon.svc:8443", "https://"+publish, "/etc/bwmon-token/token", at("token"), "/etc/bwmon-ca/ca.pem", at("fleet/ca.pem"),
		"/var/lib/bwmon", at("host"), "/run/bwmon/bwmon.sock", at("control.sock"), "127.0.0.1:8000", own))
	await(t, "http://"+own+"/readyz", "", `"ready":true,"problems":[]`)
	await(t, "http://"+read+"/api/v1/snapshot", page, `"host":"node-1"`)
}

// startPod starts bwmon as a pod's container does; it ends with the test.
func startPod(t *testing.T, dir, name string, pod *core.PodTemplateSpec, config string, elsewhere *strings.Replacer) {
	t.Helper()
	path := filepath.Join(dir, name+".toml")
	if err := os.WriteFile(path, []byte(elsewhere.Replace(config)), 0o644); err != nil {
		t.Fatal(err)
	}
	c := &pod.Spec.Containers[0]
	user, keep := c.SecurityContext.RunAsUser, []string{"-all"}
	if user == nil {
		user = pod.Spec.SecurityContext.RunAsUser
	}
	for _, name := range c.SecurityContext.Capabilities.Add {
		keep = append(keep, "+"+strings.ToLower(string(name)))
	}
	id := fmt.Sprint(*user)
	args := []string{"--reuid", id, "--regid", id, "--clear-groups", "--no-new-privs", "--inh-caps=-all", "--bounding-set", strings.Join(keep, ","), filepath.Join(dir, "bwmon")}
	for _, arg := range c.Args {
		args = append(args, strings.NewReplacer("/etc/bwmon/bwmon.toml", path, "$(NODE_NAME)", "node-1").Replace(arg))
	}
	var said strings.Builder
	cmd := exec.Command("setpriv", args...)
	cmd.Stdout, cmd.Stderr, cmd.Dir = &said, &said, dir
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(os.Interrupt)
		late := time.AfterFunc(30*time.Second, func() { cmd.Process.Kill() })
		err := cmd.Wait()
		if late.Stop(); err != nil || t.Failed() {
			t.Errorf("%s: %v\n%s", name, err, said.String())
		}
	})
}

func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// await asks until an answer has a text in it.
func await(t *testing.T, url, token, want string) {
	t.Helper()
	last := ""
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); <-tick.C {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
		if err != nil {
			t.Fatal(err)
		}
		if token != "" {
			r.Header.Set("Authorization", "Bearer "+token)
		}
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			last = err.Error()
			continue
		}
		text, err := io.ReadAll(answer.Body)
		answer.Body.Close()
		if err == nil && strings.Contains(string(text), want) {
			return
		}
		last = string(text)
	}
	t.Fatalf("%s: want %s, got %.2000s", url, want, last)
}
