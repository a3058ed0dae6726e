package thread

import (
	"runtime"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestCPUTime(t *testing.T) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	before := CPUTime()
	for CPUTime() < before+2*time.Millisecond {
	}
	worked := CPUTime()
	time.Sleep(50 * time.Millisecond)
	if slept := CPUTime() - worked; slept > 25*time.Millisecond {
		t.Errorf("50 ms of sleep count as %v of work", slept)
	}
}

// hurried runs prepare on a thread that ends with it, and returns the thread's
// scheduling before, within and after Hurry.
func hurried(t *testing.T, prepare func() error) (before, within, after *unix.SchedAttr) {
	t.Helper()
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // for good: the thread ends with the goroutine
		done <- func() (err error) {
			if err := prepare(); err != nil {
				return err
			}
			if before, err = unix.SchedGetAttr(0, 0); err != nil {
				return err
			}
			restore := Hurry()
			if within, err = unix.SchedGetAttr(0, 0); err != nil {
				return err
			}
			restore()
			after, err = unix.SchedGetAttr(0, 0)
			return err
		}()
	}()
	if err := <-done; err != nil {
		t.Skipf("the scheduler does not let us: %v", err)
	}
	return before, within, after
}

func TestHurry(t *testing.T) {
	before, within, after := hurried(t, func() error { return nil })
	if within.Nice == before.Nice {
		t.Skip("not allowed here: needs CAP_SYS_NICE")
	}
	if within.Nice != urgentNice || *after != *before {
		t.Errorf("before %+v, within %+v, after %+v", before, within, after)
	}
}

// TestHurryLeavesAChosenPolicyAlone: neither a real-time thread nor a batch
// one is moved.
func TestHurryLeavesAChosenPolicyAlone(t *testing.T) {
	before, within, after := hurried(t, func() error {
		return unix.SchedSetAttr(0, &unix.SchedAttr{Size: unix.SizeofSchedAttr, Policy: unix.SCHED_BATCH, Nice: 5}, 0)
	})
	if *within != *before || *after != *before {
		t.Errorf("before %+v, within %+v, after %+v", before, within, after)
	}
}

// TestHurryKeepsWhatIsBetter: a thread that runs before others by more stays so.
func TestHurryKeepsWhatIsBetter(t *testing.T) {
	_, within, _ := hurried(t, func() error {
		return unix.SchedSetAttr(0, &unix.SchedAttr{Size: unix.SizeofSchedAttr, Policy: unix.SCHED_NORMAL, Nice: -15}, 0)
	})
	if within.Nice != -15 {
		t.Errorf("nice %d, want -15", within.Nice)
	}
}
