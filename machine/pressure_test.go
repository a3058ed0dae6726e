package machine

import (
	"os"
	"os/exec"
	"runtime"
	"testing"
	"time"

	"bwmon/traffic"
)

// TestRealPressure has more programs want to compute than there are processors.
func TestRealPressure(t *testing.T) {
	if _, err := os.ReadFile("/proc/pressure/cpu"); err != nil {
		t.Skipf("the kernel has no pressure figures: %v", err)
	}
	b := newBench(t, VitalsOptions{})
	for range runtime.NumCPU() + 1 {
		busy := exec.Command("sh", "-c", "while :; do :; done")
		if err := busy.Start(); err != nil {
			t.Fatal(err)
		}
		defer func() {
			busy.Process.Kill()
			busy.Wait()
		}()
	}
	b.v.readAt(time.Now(), time.Now)
	time.Sleep(500 * time.Millisecond)
	for _, s := range b.v.readAt(time.Now(), time.Now).Series {
		switch got := figures(s); s.ID() {
		case "pressure:cpu":
			if got["some_percent"] < 10 || got["some_percent"] > 100 {
				t.Errorf("some waited for a processor %v %% of the time", got["some_percent"])
			}
		case traffic.SeriesCPU:
			if got["used_percent"] < 50 {
				t.Errorf("the processors were used %v %%", got["used_percent"])
			}
		}
	}
}
