package dist

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// bwmonEnv says where the bwmon is that the tests ask.
const bwmonEnv = "BWMON_DIST_TEST"

// TestMain builds it.
func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "bwmon-dist-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	status := 1
	build := exec.Command("go", "build", "-o", dir, "./cmd/bwmon")
	build.Dir, build.Env = "..", append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "build bwmon: %v\n%s", err, out)
	} else {
		os.Setenv(bwmonEnv, filepath.Join(dir, "bwmon"))
		status = m.Run()
	}
	os.RemoveAll(dir)
	os.Exit(status)
}

// bwmon runs it and returns what it printed.
func bwmon(t *testing.T, env []string, args ...string) string {
	t.Helper()
	cmd := exec.Command(os.Getenv(bwmonEnv), args...)
	cmd.Env = append(os.Environ(), env...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Errorf("bwmon %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// knowsArgs fails where bwmon would not take the arguments of a container: a command
// and its flags.
func knowsArgs(t *testing.T, args []string) {
	t.Helper()
	if len(args) == 0 {
		t.Error("it runs bwmon without a command")
		return
	}
	help := bwmon(t, nil, args[0], "--help")
	for _, arg := range args[1:] {
		flag, _, _ := strings.Cut(arg, "=")
		if strings.HasPrefix(flag, "-") && !strings.Contains(help, " "+flag+" ") && !strings.Contains(help, " "+flag+",") {
			t.Errorf("bwmon %s has no %s", args[0], flag)
		}
	}
}

// configFiles are those that the arguments name.
func configFiles(args []string) []string {
	var files []string
	for i, arg := range args {
		if arg == "-c" && i+1 < len(args) {
			files = append(files, args[i+1])
		}
	}
	return files
}
