package history

import (
	"bufio"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// fleetEnv is the path of the fleet's history that the test binary writes as a child.
const fleetEnv = "BWMON_HISTORY_TEST_FLEET"

// fleetMain plays the scenes beside the history, from where that is.
func fleetMain(path string) int {
	time.AfterFunc(time.Minute, func() { os.Exit(3) })
	err := func() error {
		document, err := os.ReadFile(path + ".scenes")
		if err != nil {
			return err
		}
		scenes, err := readScenes(document)
		if err != nil {
			return err
		}
		zone, err := time.LoadLocation("Europe/Berlin")
		if err != nil {
			return err
		}
		f, err := OpenFleet(fleetOptions(path, zone))
		if err != nil {
			return err
		}
		fmt.Println("opened")
		return play(f, scenes, func(n int) { fmt.Println("flushed", n) })
	}()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// TestFleetKill: a process that is killed at any moment, again and again, and goes on
// from what was kept, leaves in the end what one has that was never killed.
func TestFleetKill(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	berlin := place(t, "Europe/Berlin")
	p := newPlot(11, 4)
	p.act(400, berlin)
	path := filepath.Join(t.TempDir(), "fleet.db")
	document, err := json.Marshal(p.scenes)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path+".scenes", document, 0o600); err != nil {
		t.Fatal(err)
	}
	random := rand.New(rand.NewPCG(3, 4))
	kills, flushes := 0, 0
	for done := false; !done; {
		child := exec.Command(self)
		child.Env = append(os.Environ(), fleetEnv+"="+path)
		child.Stderr = os.Stderr
		out, err := child.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := child.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		for left := 1 + random.IntN(16); left > 0 && lines.Scan(); left-- {
			flushes++
		}
		time.Sleep(time.Duration(random.IntN(8000)) * time.Microsecond) // into the midst of anything
		if err := child.Process.Signal(syscall.SIGKILL); err == nil {
			kills++
		}
		for lines.Scan() {
			flushes++
		}
		child.Wait()
		if code := child.ProcessState.ExitCode(); code > 0 {
			t.Fatalf("the child ended with %d", code)
		}
		done = child.ProcessState.Success()
	}
	if kills < 5 {
		t.Errorf("it was killed %d times only", kills)
	}
	t.Logf("killed %d times, %d lines", kills, flushes)
	inspect(t, path)
	p.compare(t, openFleet(t, fleetOptions(path, berlin.place)))
}
