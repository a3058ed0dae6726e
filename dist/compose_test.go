package dist

import (
	"context"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/compose-spec/compose-go/v2/loader"
	"github.com/compose-spec/compose-go/v2/types"
)

// project reads compose files as docker compose does, one over the other.
func project(ctx context.Context, env map[string]string, files ...types.ConfigFile) (*types.Project, error) {
	dir, err := filepath.Abs("container")
	if err != nil {
		return nil, err
	}
	return loader.LoadWithContext(ctx, types.ConfigDetails{WorkingDir: dir, ConfigFiles: files, Environment: env})
}

func composeFiles(names ...string) []types.ConfigFile {
	var files []types.ConfigFile
	for _, name := range names {
		files = append(files, types.ConfigFile{Filename: filepath.Join("container", name)})
	}
	return files
}

// TestCompose: the project is understood with either engine; the receiver takes what it is
// given; the engine listens where it is asked, and starts with its flags.
func TestCompose(t *testing.T) {
	env := map[string]string{"BWMON_PAGE_TOKEN": "x"}
	for _, variant := range []struct {
		name, program string
		files         []string
	}{
		{"victoria", "victoria-metrics", []string{"compose.yaml"}},
		{"prometheus", "prometheus", []string{"compose.yaml", "compose.prometheus.yaml"}},
	} {
		t.Run(variant.name, func(t *testing.T) {
			p, err := project(t.Context(), env, composeFiles(variant.files...)...)
			if err != nil {
				t.Fatal(err)
			}
			receiver, engine := p.Services["receiver"], p.Services["engine"]
			if len(p.Services) != 2 || engine.NetworkMode != "service:receiver" || !receiver.ReadOnly || engine.Ports != nil {
				t.Errorf("services: %+v", p.Services)
			}
			if _, err := os.Stat(filepath.Join(receiver.Build.Context, receiver.Build.Dockerfile)); err != nil {
				t.Error(err)
			}
			knowsArgs(t, receiver.Command)
			var check []string
			for _, file := range configFiles(receiver.Command) {
				check = append(check, "-c", sourceOf(t, receiver, file))
			}
			said := bwmon(t, []string{"BWMON_PAGE_TOKEN=x"}, append([]string{"check"}, check...)...)
			if len(check) != 4 || !strings.Contains(said, "page      0.0.0.0:8000, for those with the token") {
				t.Errorf("checked %v: %s", check, said)
			}
			text, err := os.ReadFile(check[3])
			if err != nil {
				t.Fatal(err)
			}
			asked := regexp.MustCompile(`127\.0\.0\.1:\d+`).FindAllString(string(text), -1)
			listens := regexp.MustCompile(`127\.0\.0\.1:\d+`).FindString(strings.Join(engine.Command, " "))
			if len(asked) != 2 || asked[0] != listens || asked[1] != listens {
				t.Errorf("the engine listens at %s, and is asked at %v", listens, asked)
			}
			startsWith(t, variant.program, engine, listens)
		})
	}
}

// sourceOf is the file that a service sees at a path.
func sourceOf(t *testing.T, s types.ServiceConfig, target string) string {
	t.Helper()
	for _, v := range s.Volumes {
		if v.Target == target && v.Type == types.VolumeTypeBind {
			return v.Source
		}
	}
	t.Errorf("%s: nothing is mounted at %s", s.Name, target)
	return os.DevNull
}

// startsWith starts the engine as it is installed here with what the service gives it, but
// for folders and the port, and waits until it is healthy.
func startsWith(t *testing.T, program string, s types.ServiceConfig, listens string) {
	t.Helper()
	path, err := exec.LookPath(program)
	if err != nil {
		t.Skipf("%s is not installed: scripts/setup-tests does that", program)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	at := l.Addr().String()
	l.Close()
	var args []string
	for _, arg := range s.Command {
		arg = strings.ReplaceAll(arg, listens, at)
		for _, v := range s.Volumes {
			switch flag, value, _ := strings.Cut(arg, "="); {
			case value == v.Target && v.Type == types.VolumeTypeVolume:
				arg = flag + "=" + t.TempDir()
			case value == v.Target:
				arg = flag + "=" + v.Source
			}
		}
		args = append(args, arg)
	}
	var said strings.Builder
	cmd := exec.CommandContext(t.Context(), path, args...)
	cmd.Stdout, cmd.Stderr, cmd.WaitDelay = &said, &said, 10*time.Second
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	stop := func() {
		_ = cmd.Process.Signal(os.Interrupt)
		<-ended
	}
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(30 * time.Second); ; {
		if r, err := http.Get("http://" + at + "/-/healthy"); err == nil {
			r.Body.Close()
			if r.StatusCode == http.StatusOK {
				stop()
				return
			}
		}
		if time.Now().After(deadline) {
			stop()
			t.Fatalf("%s %v is not healthy: %s", program, args, said.String())
		}
		select {
		case err := <-ended:
			t.Fatalf("%s %v: %v: %s", program, args, err, said.String())
		case <-tick.C:
		}
	}
}

func TestComposeProblems(t *testing.T) {
	if _, err := project(t.Context(), nil, composeFiles("compose.yaml")...); err == nil || !strings.Contains(err.Error(), "choose what the page asks for") {
		t.Errorf("without a token: %v", err)
	}
	for _, text := range []string{
		"services: {a: {image: b, comand: c}}", "services: {a: {image: b, ports: {c: d}}}", "services: {a: {image: b, image: c}}", "service: {}",
		"services: {a: {image: b, network_mode: 'service:c'}}",
	} {
		_, err := project(t.Context(), nil, types.ConfigFile{Filename: "x.yaml", Content: []byte("name: x\n" + text)})
		if err == nil {
			t.Errorf("%s was taken", text)
		}
	}
}
