package notify

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// An alert that finds the disk full is kept in memory, delivered all the same,
// and stored as soon as there is room.
func TestOutboxOnFullDisk(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root, to mount a small file system")
	}
	dir := t.TempDir()
	if err := syscall.Mount("bwmon-test", dir, "tmpfs", 0, "size=128k"); err != nil {
		t.Skipf("mount a small file system: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, 0); err != nil {
			t.Errorf("unmount: %v", err)
		}
	})
	ballast := filepath.Join(dir, "ballast")
	if err := os.WriteFile(ballast, make([]byte, 1<<20), 0o600); !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("the disk does not fill up: %v", err)
	}
	r := &recorder{fail: errors.New("no network")}
	box, err := OpenOutbox(r, OutboxOptions{Name: "ops", Dir: filepath.Join(dir)})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 10 {
		box.Put(Event{Alert: testAlert(fmt.Sprint(i), StateFiring)})
	}
	if s := box.Stats(); s.Queued != 10 || s.Unstored != 10 || s.LastError == "" {
		t.Errorf("on a full disk: %+v", s)
	}
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	box.Put(Event{Alert: testAlert("10", StateFiring)})
	if s := box.Stats(); s.Queued != 11 || s.Unstored != 0 {
		t.Errorf("when there is room again: %+v", s)
	}
	box.Close()
	again := runOutbox(t, &recorder{}, OutboxOptions{Name: "ops", Dir: dir})
	eventually(t, "all 11", func() bool { return again.Stats().Delivered == 11 })
	again.stop()
}

// A disk that does not answer must not stop the ledger.
func TestOutboxPutDoesNotWaitForAHangingDisk(t *testing.T) {
	r := &recorder{}
	box := runOutbox(t, r, OutboxOptions{Name: "ops", Dir: t.TempDir()})
	eventually(t, "Run", func() bool {
		box.mu.Lock()
		defer box.mu.Unlock()
		return box.keeping
	})
	box.disk.Lock() // as a write that hangs does
	began := time.Now()
	for i := range 50 {
		box.Put(Event{Alert: testAlert(fmt.Sprint(i), StateFiring)})
	}
	if took := time.Since(began); took > 5*putPatience {
		t.Errorf("50 alerts took %v", took)
	}
	eventually(t, "deliveries in the meantime", func() bool { return box.Stats().Delivered == 50 })
	box.disk.Unlock()
}
