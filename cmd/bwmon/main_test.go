package main

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"

	"bwmon/lab"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestMain makes the test binary the command too: started as "bwmon" it is
// bwmon, with signals and exit codes.
func TestMain(m *testing.M) {
	if os.Getenv("BWMON_LAB_CHILD") != "" {
		os.Exit(lab.Main(m))
	}
	// Under the race detector every command would take a second to exit.
	os.Setenv("GORACE", "atexit_sleep_ms=0")
	testscript.Main(inLab{m}, map[string]func(){"bwmon": main, "fleetgate": fleetGate})
}

// inLab runs the tests under the lab's watch for what they leave behind.
type inLab struct{ m *testing.M }

func (l inLab) Run() int { return lab.Main(l.m) }

func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		Setup: func(env *testscript.Env) error {
			env.Setenv("GORACE", os.Getenv("GORACE"))
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"exits": exits},
	})
}

// exits runs a command and wants that very exit code, and nothing on stdout:
// exits CODE COMMAND [ARG…]
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE COMMAND [ARG…]")
	}
	err := ts.Exec(args[1], args[2:]...)
	got := 0
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		got = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if strconv.Itoa(got) != args[0] {
		ts.Fatalf("exit code %d, want %s", got, args[0])
	}
	if out := ts.ReadFile("stdout"); out != "" {
		ts.Fatalf("unexpected stdout: %s", out)
	}
}

// command is bwmon as a process of its own.
func command(t *testing.T, ctx context.Context, args ...string) *exec.Cmd {
	t.Helper()
	path, err := exec.LookPath("bwmon")
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Dir = t.TempDir() // with no bwmon.toml in it
	return cmd
}

// openDir is a directory that every user may enter, with the command in it.
func openDir(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for _, d := range []string{dir, filepath.Dir(dir)} {
		if err := os.Chmod(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}
