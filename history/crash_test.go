package history

import (
	"bufio"
	"context"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"bwmon/traffic"
)

// crashEnv is the path of the history that the test binary writes as a child.
const crashEnv = "BWMON_HISTORY_TEST_CRASH"

// crashEvery is how often the child flushes.
const crashEvery = 5 * time.Millisecond

// crashMain books a snapshot each millisecond, of one byte more for each of 300
// commands, and says after each flush what had been booked when it began.
func crashMain(path string) int {
	time.AfterFunc(time.Minute, func() { os.Exit(3) })
	s, err := Open(Options{Path: path, Location: time.UTC, FlushEvery: crashEvery})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	snapshots := make(chan *traffic.Snapshot)
	go func() {
		m := newMachine(time.Now())
		for n := 1; ; n++ {
			for i := range 300 {
				m.carry("app", "command "+strconv.Itoa(i), 1, 2)
				m.rows.Apps[0].Commands[i].Resources = worked(total{uint64(n), uint64(3 * n)})
			}
			m.rows.Series = []traffic.Series{{Kind: traffic.SeriesLoad, Metrics: traffic.Metrics{{Name: "load1", Value: float64(n % 2)}}}}
			snapshots <- m.after(time.Millisecond).snapshot()
			// It was taken: when the last flush before it ended is known now.
			fmt.Printf("%d %d\n", n, s.Status().LastFlush.UnixNano())
			time.Sleep(time.Millisecond)
		}
	}()
	if err := s.Run(context.Background(), snapshots); err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	return 1
}

// TestKill: a process that is killed in the midst of writing leaves a whole file in
// which all levels agree, and which lacks no more than what came after the last flush.
func TestKill(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for n := range 6 {
		path := filepath.Join(t.TempDir(), "history.db")
		child := exec.Command(self)
		child.Env = append(os.Environ(), crashEnv+"="+path)
		child.Stderr = os.Stderr
		out, err := child.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := child.Start(); err != nil {
			t.Fatal(err)
		}
		// What was booked before a flush began that is known to have ended. A flush
		// is known of from the next snapshot on, which was taken after it.
		var booked, sure, flushed int64
		lines := bufio.NewScanner(out)
		for lines.Scan() {
			taken, at, _ := strings.Cut(lines.Text(), " ")
			last, err := strconv.ParseInt(at, 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			if last != flushed {
				flushed, sure = last, booked
			}
			if booked, err = strconv.ParseInt(taken, 10, 64); err != nil {
				t.Fatal(err)
			}
			if booked > int64(40+37*n) && sure > 0 {
				break
			}
		}
		if err := child.Process.Signal(syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		rest := booked
		for lines.Scan() { // what it said before it was gone
			taken, _, _ := strings.Cut(lines.Text(), " ")
			if v, err := strconv.ParseInt(taken, 10, 64); err == nil {
				rest = v
			}
		}
		child.Wait()
		if sure == 0 {
			t.Fatalf("it never flushed: %v", child.ProcessState)
		}
		inspect(t, path)
		s := openStore(t, Options{Path: path})
		load := trendOf(t, s, traffic.TrendQuery{To: time.Now().Add(time.Hour)})
		if len(load.Rows) != 1 || load.Rows[0].Min != 0 || load.Rows[0].Max != 1 || math.Abs(load.Rows[0].Mean-0.5) > 0.05 {
			t.Errorf("trends: %+v", load.Rows)
		}
		for _, l := range []level{minute, hour, day, month} {
			sums := byKind(levelSums(t, s, l))
			got := sums[kindApp]
			if got.rx%300 != 0 || got.rx/300 < sure-1 || got.rx/300 > rest+1 || got.tx != 2*got.rx {
				t.Errorf("by %s: %v, of snapshots %d to %d", l, got, sure, rest)
			}
			if sums[kindCommand] != got || sums[kindUser] != got {
				t.Errorf("by %s: commands %v, users %v, apps %v", l, sums[kindCommand], sums[kindUser], got)
			}
			if disk := sums[kindDiskApp]; disk.rx != got.rx || disk.tx != 3*got.rx || sums[kindDiskCommand] != disk {
				t.Errorf("by %s: of disks %v, of commands %v, of traffic %v", l, disk, sums[kindDiskCommand], got)
			}
		}
	}
}
