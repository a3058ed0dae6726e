package notify

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"bwmon/traffic"
)

// helperEnv makes the test binary a helper; helperDir is where it works.
const (
	helperEnv = "BWMON_NOTIFY_TEST_HELPER"
	helperDir = "BWMON_NOTIFY_TEST_DIR"
)

// startHelper starts one and waits for its first line. It is killed when the
// test ends, at the latest.
func startHelper(t *testing.T, role, dir string) (*exec.Cmd, string) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), helperEnv+"="+role, helperDir+"="+dir)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if cmd.ProcessState == nil {
			cmd.Process.Kill()
			cmd.Wait()
		}
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatalf("helper %s: %v", role, err)
	}
	return cmd, strings.TrimSpace(line)
}

// helperMain is the helper's side: it does its work and waits to be killed.
func helperMain(role string) int {
	time.AfterFunc(time.Minute, func() { os.Exit(3) })
	dir := os.Getenv(helperDir)
	var err error
	switch role {
	case "put", "run":
		err = helperPut(dir, role == "run")
	case "journal":
		err = helperJournal(dir)
	default:
		err = fmt.Errorf("no such role: %s", role)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "helper:", err)
		return 1
	}
	fmt.Println("ready")
	select {}
}

// helperPut puts 20 alerts into an outbox that cannot deliver.
func helperPut(dir string, run bool) error {
	box, err := OpenOutbox(&recorder{fail: errors.New("no network")}, OutboxOptions{Name: "ops", Dir: dir})
	if err != nil {
		return err
	}
	if run {
		go box.Run(context.Background())
	}
	for i := range 20 {
		box.Put(Event{Alert: testAlert(fmt.Sprintf("id%02d", i), StateFiring)})
	}
	return nil
}

// testAlert is an alert with everything in it.
func testAlert(id string, state State) Alert {
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	return Alert{
		ID: id, Host: "gw", Rule: "backup cap", Kind: "app", Subject: "Backup", State: state,
		App: "Backup", Command: "restic backup /home", User: "root", Container: "c1", Unit: "backup.service",
		Direction: "tx", Condition: "above", Value: 6 << 20, Threshold: 5 << 20, Window: 60,
		Since: at, At: at, Count: 1,
	}
}

// testSnapshot is a small snapshot.
func testSnapshot() *traffic.Snapshot {
	return &traffic.Snapshot{
		Schema: traffic.SchemaVersion, Host: "gw", At: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), Elapsed: 60,
		Apps: []traffic.App{
			{Name: "Backup", Usage: traffic.Usage{RxBytes: 1, TxBytes: 2 << 20, TxRate: 6 << 20}, Processes: 1, Connections: 2},
			{Name: "=cmd|' /C calc'!A0", Usage: traffic.Usage{RxBytes: 3, TxBytes: 4}},
		},
	}
}

// recorder is a Sender that keeps what it was sent.
type recorder struct {
	pace Pace
	hook func(ctx context.Context, events []Event) error // before anything else

	mu    sync.Mutex
	fail  error
	sends [][]Event
	times []time.Time
}

func (r *recorder) Pace() Pace { return r.pace }

func (r *recorder) Send(ctx context.Context, events []Event) error {
	if r.hook != nil {
		if err := r.hook(ctx, events); err != nil {
			return err
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.times = append(r.times, time.Now())
	if r.fail != nil {
		return r.fail
	}
	r.sends = append(r.sends, events)
	return nil
}

func (r *recorder) setFail(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.fail = err
}

// ids are those of what was delivered, in order.
func (r *recorder) ids() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var ids []string
	for _, events := range r.sends {
		for _, e := range events {
			ids = append(ids, e.Alert.ID+" "+string(e.Alert.State))
		}
	}
	return ids
}

func (r *recorder) attempts() []time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.times)
}

func (r *recorder) sent() [][]Event {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.sends)
}

// running is an outbox with its Run, which ends with the test.
type running struct {
	*Outbox
	stop func()
}

func runOutbox(t *testing.T, s Sender, o OutboxOptions) *running {
	t.Helper()
	box, err := OpenOutbox(s, o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- box.Run(ctx) }()
	var once sync.Once
	r := &running{Outbox: box, stop: func() {
		once.Do(func() {
			cancel()
			if err := <-done; err != nil {
				t.Errorf("Run: %v", err)
			}
			if err := box.Close(); err != nil {
				t.Errorf("Close: %v", err)
			}
		})
	}}
	t.Cleanup(r.stop)
	return r
}

// eventually polls until ok.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	for !ok() {
		if time.Now().After(deadline) {
			t.Fatalf("not in time: %s", what)
		}
		time.Sleep(5 * time.Millisecond)
	}
}
