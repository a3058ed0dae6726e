package tasks

import (
	"bytes"
	"fmt"
	"math"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

const (
	// pidstatSeconds is the interval in which both measure; fio runs in a part of it.
	pidstatSeconds = 3
	fioTime        = 1500 * time.Millisecond
)

// TestPidstat: what fio reads and writes is what pidstat -d says of the same interval,
// within 1 % or one request. fio is stopped while that begins and ends.
func TestPidstat(t *testing.T) {
	if testing.Short() {
		t.Skip("an interval under load takes its time, and tells of no races")
	}
	for _, tool := range []string{"fio", "pidstat"} {
		if _, err := exec.LookPath(tool); err != nil {
			if os.Getenv("CI") != "" {
				t.Fatalf("%v: scripts/setup-tests installs it", err)
			}
			t.Skipf("%v: apt-get install fio sysstat", err)
		}
	}
	needKernel(t)
	for name, options := range map[string][]string{
		"direct":   {"--direct=1"},
		"buffered": {"--direct=0", "--invalidate=1", "--end_fsync=1"},
	} {
		t.Run(name, func(t *testing.T) { besidePidstat(t, options) })
	}
}

func besidePidstat(t *testing.T, options []string) {
	const most = 64 << 10 // bytes of one request
	args := append([]string{"--name=job", "--filename=" + diskFile(t), "--rw=randrw", "--bsrange=4k-64k", "--ioengine=psync",
		"--size=32m", "--time_based", "--runtime=60"}, options...)
	fio := exec.Command("fio", args...)
	fio.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := fio.Start(); err != nil {
		t.Fatal(err)
	}
	job := 0 // in a session of its own
	defer func() {
		if job != 0 {
			_ = syscall.Kill(job, syscall.SIGKILL)
		}
		_ = syscall.Kill(-fio.Process.Pid, syscall.SIGKILL)
		_ = fio.Wait()
	}()
	b, stop := watch(t, Options{Interval: 50 * time.Millisecond})
	await(t, "fio's job", func() bool { job = jobOf(b, fio.Process.Pid); return job != 0 })
	signal(t, job, syscall.SIGSTOP)
	await(t, "fio to stop", func() bool { return stateOf(job) == "T" })
	settled := func() (read, write uint64) {
		n := b.batches()
		await(t, "two batches", func() bool { return b.batches() > n+2 })
		return b.used(job)
	}
	read, write := settled()
	theirs := pidstat(t, job, func() {
		signal(t, job, syscall.SIGCONT)
		time.Sleep(fioTime)
		signal(t, job, syscall.SIGSTOP)
	})
	readAfter, writeAfter := settled()
	stop()
	for _, c := range []struct {
		what   string
		ours   uint64
		theirs float64
	}{{"read", readAfter - read, theirs.Read}, {"written", writeAfter - write, theirs.Written}} {
		want := c.theirs * 1024 * theirs.over.Seconds()
		t.Logf("%-8s pidstat -d %11.0f bytes, bwmon %11d bytes (%+.2f %%)", c.what, want, c.ours, 100*(float64(c.ours)-want)/want)
		if math.Abs(float64(c.ours)-want) > max(want/100, most) || c.ours == 0 {
			t.Errorf("%s: pidstat has %.0f bytes, we have %d", c.what, want, c.ours)
		}
	}
}

// jobOf is the process that fio has made for its job, when it writes.
func jobOf(b *book, fio int) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	for id, p := range b.known {
		if id.pid != fio && strings.HasPrefix(p.Owner.Command, "fio ") && p.DiskWrite > 0 {
			if text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", id.pid)); err == nil {
				if st, err := parseStat(text); err == nil && st.parent == fio {
					return id.pid
				}
			}
		}
	}
	return 0
}

func (b *book) used(pid int) (read, write uint64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for id, p := range b.known {
		if id.pid == pid {
			return p.DiskRead, p.DiskWrite
		}
	}
	return 0, 0
}

func signal(t *testing.T, pid int, s syscall.Signal) {
	t.Helper()
	if err := syscall.Kill(pid, s); err != nil {
		t.Fatal(err)
	}
}

func stateOf(pid int) string {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return ""
	}
	st, _ := parseStat(text)
	return string(st.state)
}

// rates are pidstat's, in KiB a second, over an interval that it does not tell: on a busy
// machine it is longer than it was asked for.
type rates struct {
	Read, Written float64
	over          time.Duration
}

// pidstat runs Debian's pidstat for one interval, and meanwhile the load.
func pidstat(t *testing.T, pid int, load func()) rates {
	t.Helper()
	cmd := exec.Command("pidstat", "-d", "-h", "-p", fmt.Sprint(pid), fmt.Sprint(pidstatSeconds), "1")
	cmd.Env = append(os.Environ(), "LC_ALL=C", "S_TIME_FORMAT=ISO")
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	await(t, "pidstat to sleep", func() bool { return stateOf(cmd.Process.Pid) == "S" })
	began := time.Now()
	load()
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	over := max(time.Since(began), pidstatSeconds*time.Second)
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	names, values := strings.Fields(strings.TrimPrefix(lines[len(lines)-2], "#")), strings.Fields(lines[len(lines)-1])
	var r rates
	for i, name := range names {
		switch name {
		case "kB_rd/s":
			fmt.Sscan(values[i], &r.Read)
		case "kB_wr/s":
			fmt.Sscan(values[i], &r.Written)
		}
	}
	if r.over = over; r.Read+r.Written == 0 {
		t.Fatalf("pidstat says nothing of %d: %s", pid, out.String())
	}
	return r
}
