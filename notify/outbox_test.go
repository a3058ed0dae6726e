package notify

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestOutboxDelivers(t *testing.T) {
	for _, dir := range []string{"", t.TempDir()} {
		r := &recorder{}
		box := runOutbox(t, r, OutboxOptions{Name: "ops", Dir: dir})
		box.Put(Event{Alert: testAlert("a", StateFiring)}, Event{Alert: testAlert("b", StateFiring)})
		box.Put(Event{Alert: testAlert("a", StateResolved)})
		eventually(t, "three deliveries", func() bool { return box.Stats().Delivered == 3 })
		if diff := cmp.Diff([]string{"a firing", "b firing", "a resolved"}, r.ids()); diff != "" {
			t.Errorf("dir %q: -want +got\n%s", dir, diff)
		}
		box.stop()
		if dir != "" && len(spoolFiles(t, dir)) != 0 {
			t.Errorf("left behind: %v", spoolFiles(t, dir))
		}
	}
}

// spoolFiles lists what is in a spool, but for the lock.
func spoolFiles(t *testing.T, dir string) []string {
	t.Helper()
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, f := range files {
		if f.Name() != lockName {
			names = append(names, f.Name())
		}
	}
	return names
}

func TestOutboxBacksOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &recorder{fail: errors.New("no network")}
		box := runOutbox(t, r, OutboxOptions{Name: "ops", Dir: t.TempDir(), MaxAge: 2 * time.Hour})
		began := time.Now()
		box.Put(Event{Alert: testAlert("a", StateFiring)})
		time.Sleep(time.Hour)
		synctest.Wait()
		if len(r.attempts()) < 15 || len(r.attempts()) > 30 {
			t.Errorf("%d attempts in an hour", len(r.attempts()))
		}
		for i, at := range r.attempts()[1:] {
			full := min(time.Second<<min(i, 20), 5*time.Minute)
			pause := at.Sub(r.attempts()[i])
			if pause < full*3/4 || pause > full {
				t.Errorf("pause %d is %v, want about %v", i+1, pause, full)
			}
		}
		if r.attempts()[0].Sub(began) > time.Second {
			t.Error("the first attempt waited")
		}
		r.setFail(nil)
		time.Sleep(5 * time.Minute)
		synctest.Wait()
		if s := box.Stats(); s.Delivered != 1 || s.Queued != 0 || s.LastError != "no network" {
			t.Errorf("after an hour without network: %+v", s)
		}
	})
}

func TestOutboxGivesUpWithAge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		r := &recorder{fail: errors.New("no network")}
		box := runOutbox(t, r, OutboxOptions{Name: "ops", Dir: dir, MaxAge: time.Hour})
		box.Put(Event{Alert: testAlert("a", StateFiring)})
		time.Sleep(59 * time.Minute)
		box.Put(Event{Alert: testAlert("b", StateFiring)})
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		if s := box.Stats(); s.GivenUp != 1 || s.Queued != 1 {
			t.Errorf("after an hour: %+v", s)
		}
		box.stop()
		if n := len(spoolFiles(t, dir)); n != 1 {
			t.Errorf("%d files, want the one that is younger", n)
		}
	})
}

func TestOutboxPermanentErrorIsNotRetried(t *testing.T) {
	r := &recorder{hook: func(_ context.Context, e []Event) error {
		if e[0].Alert.ID == "bad" {
			return fmt.Errorf("send: %w", Permanent(errors.New("no such channel\x1b[2J")))
		}
		return nil
	}}
	box := runOutbox(t, r, OutboxOptions{Name: "ops"})
	box.Put(Event{Alert: testAlert("bad", StateFiring)}, Event{Alert: testAlert("good", StateFiring)})
	eventually(t, "the other one", func() bool { return box.Stats().Delivered == 1 })
	s := box.Stats()
	if s.GivenUp != 1 || s.Failed != 1 || s.LastError != `send: no such channel\x1b[2J` {
		t.Errorf("stats %+v", s)
	}
}

// One alert that its receiver never takes must not keep the others waiting.
func TestOutboxPassesOneThatAlwaysFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &recorder{hook: func(_ context.Context, e []Event) error {
			if e[0].Alert.ID == "bad" {
				return errors.New("500")
			}
			return nil
		}}
		box := runOutbox(t, r, OutboxOptions{Name: "ops"})
		box.Put(Event{Alert: testAlert("bad", StateFiring)}, Event{Alert: testAlert("bad", StateResolved)})
		for i := range 10 {
			box.Put(Event{Alert: testAlert(fmt.Sprint(i), StateFiring)})
		}
		time.Sleep(10 * time.Second)
		synctest.Wait()
		if s := box.Stats(); s.Delivered != 10 || s.Queued != 2 {
			t.Errorf("stats %+v", s)
		}
	})
}

func TestOutboxHonoursRetryAfter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &recorder{fail: &laterError{errors.New("429"), 10 * time.Minute}}
		box := runOutbox(t, r, OutboxOptions{Name: "ops"})
		box.Put(Event{Alert: testAlert("a", StateFiring)}, Event{Alert: testAlert("b", StateFiring)})
		time.Sleep(9 * time.Minute)
		synctest.Wait()
		if len(r.attempts()) != 1 {
			t.Errorf("%d attempts in a pause that was asked for", len(r.attempts()))
		}
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		if len(r.attempts()) != 2 {
			t.Errorf("%d attempts after it, want 2", len(r.attempts()))
		}
	})
}

func TestOutboxGathers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &recorder{pace: Pace{Batch: 3, Gather: 5 * time.Minute}}
		box := runOutbox(t, r, OutboxOptions{Name: "mail", Dir: t.TempDir()})
		for i := range 4 {
			box.Put(Event{Alert: testAlert(fmt.Sprint(i), StateFiring)})
			time.Sleep(time.Minute)
		}
		synctest.Wait()
		if len(r.sent()) != 0 {
			t.Fatalf("sent after %v", r.sent())
		}
		time.Sleep(65 * time.Second)
		synctest.Wait()
		if len(r.sent()) != 1 || len(r.sent()[0]) != 3 {
			t.Fatalf("after five minutes: %v", r.ids())
		}
		box.Put(Event{Alert: testAlert("try", StateFiring), Test: true})
		synctest.Wait()
		if len(r.sent()) != 2 || len(r.sent()[1]) != 2 {
			t.Errorf("a test waited: %v", r.ids())
		}
	})
}

func TestOutboxOverflowDropsOldest(t *testing.T) {
	dir := t.TempDir()
	r := &recorder{fail: errors.New("no network")}
	box, err := OpenOutbox(r, OutboxOptions{Name: "ops", Dir: dir, MaxItems: 10})
	if err != nil {
		t.Fatal(err)
	}
	var events []Event
	for i := range 25 {
		events = append(events, Event{Alert: testAlert(fmt.Sprint(i), StateFiring)})
	}
	box.Put(events[:5]...)
	box.Put(events[5:]...)
	if s := box.Stats(); s.Queued != 10 || s.Dropped != 15 || s.Unstored != 0 {
		t.Errorf("stats %+v", s)
	}
	box.Close()
	if n := len(spoolFiles(t, dir)); n != 10 {
		t.Errorf("%d files", n)
	}
	again := runOutbox(t, &recorder{}, OutboxOptions{Name: "ops", Dir: dir, MaxItems: 10, MaxBytes: 3000})
	if s := again.Stats(); s.Dropped == 0 {
		t.Errorf("the bound in bytes: %+v", s)
	}
	eventually(t, "the rest", func() bool { return again.Stats().Queued == 0 })
	ids := again.sender.(*recorder).ids()
	if len(ids) == 0 || ids[len(ids)-1] != "24 firing" {
		t.Errorf("delivered %v", ids)
	}
}

func TestOutboxOutlivesKill(t *testing.T) {
	for _, role := range []string{"put", "run"} {
		t.Run(role, func(t *testing.T) {
			dir := t.TempDir()
			cmd, _ := startHelper(t, role, dir)
			if _, err := OpenOutbox(&recorder{}, OutboxOptions{Dir: dir}); err == nil || !strings.Contains(err.Error(), "in use") {
				t.Errorf("opened twice: %v", err)
			}
			cmd.Process.Kill()
			cmd.Wait()
			r := &recorder{}
			box := runOutbox(t, r, OutboxOptions{Name: "ops", Dir: dir})
			eventually(t, "all 20", func() bool { return box.Stats().Delivered == 20 })
			want := make([]string, 20)
			for i := range want {
				want[i] = fmt.Sprintf("id%02d firing", i)
			}
			if diff := cmp.Diff(want, r.ids()); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
			if diff := cmp.Diff(testAlert("id00", StateFiring), r.sent()[0][0].Alert); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}

func TestOutboxSetsDamageAside(t *testing.T) {
	dir := t.TempDir()
	box, err := OpenOutbox(&recorder{}, OutboxOptions{Name: "ops", Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 4 {
		box.Put(Event{Alert: testAlert(fmt.Sprint(i), StateFiring)})
	}
	box.Close()
	files := spoolFiles(t, dir)
	data, err := os.ReadFile(filepath.Join(dir, files[0]))
	if err != nil {
		t.Fatal(err)
	}
	os.WriteFile(filepath.Join(dir, files[0]), data[:len(data)/2], 0o600)
	os.WriteFile(filepath.Join(dir, files[1]), make([]byte, len(data)), 0o600)
	os.WriteFile(filepath.Join(dir, "00000000000000000099.alert.part"), data, 0o600)
	os.WriteFile(filepath.Join(dir, "00000000000000000098.snapshot"), data, 0o600)

	r := &recorder{}
	again := runOutbox(t, r, OutboxOptions{Name: "ops", Dir: dir})
	eventually(t, "those that are whole", func() bool { return again.Stats().Delivered == 2 })
	if s := again.Stats(); s.Damaged != 2 {
		t.Errorf("stats %+v", s)
	}
	again.stop()
	want := []string{files[0] + damagedSuffix, files[1] + damagedSuffix}
	if diff := cmp.Diff(want, spoolFiles(t, dir)); diff != "" {
		t.Errorf("files: -want +got\n%s", diff)
	}
}

func TestOutboxKeepsSnapshots(t *testing.T) {
	dir := t.TempDir()
	box, err := OpenOutbox(&recorder{pace: Pace{Snapshots: true}}, OutboxOptions{Name: "files", Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	s := testSnapshot()
	box.Put(Event{Alert: testAlert("a", StateFiring), Snapshot: s}, Event{Alert: testAlert("b", StateFiring), Snapshot: s})
	box.Put(Event{Alert: testAlert("c", StateFiring), Snapshot: testSnapshot()})
	box.Close()
	if n := len(spoolFiles(t, dir)); n != 5 {
		t.Errorf("%d files, want 3 alerts and 2 snapshots: %v", n, spoolFiles(t, dir))
	}
	r := &recorder{pace: Pace{Snapshots: true}}
	again := runOutbox(t, r, OutboxOptions{Name: "files", Dir: dir})
	eventually(t, "three deliveries", func() bool { return again.Stats().Delivered == 3 })
	for _, e := range slices.Concat(r.sent()...) {
		if diff := cmp.Diff(s, e.Snapshot); diff != "" {
			t.Errorf("%s: -want +got\n%s", e.Alert.ID, diff)
		}
	}
	again.stop()
	if left := spoolFiles(t, dir); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
	if again.queue.bytes != 0 {
		t.Errorf("%d bytes in an empty queue", again.queue.bytes)
	}
}

func TestOutboxParallelKeepsOrderOfEachAlert(t *testing.T) {
	release := make(chan struct{})
	r := &recorder{pace: Pace{Parallel: 3}, hook: func(_ context.Context, e []Event) error {
		if e[0].Alert.State == StateFiring {
			<-release
		}
		return nil
	}}
	box := runOutbox(t, r, OutboxOptions{Name: "ops"})
	box.Put(Event{Alert: testAlert("a", StateFiring)}, Event{Alert: testAlert("a", StateResolved)},
		Event{Alert: testAlert("b", StateResolved)}, Event{Alert: testAlert("c", StateResolved)})
	eventually(t, "the others", func() bool { return box.Stats().Delivered == 2 })
	close(release)
	eventually(t, "all", func() bool { return box.Stats().Delivered == 4 })
	ids := r.ids()
	if slices.Index(ids, "a firing") > slices.Index(ids, "a resolved") {
		t.Errorf("order %v", ids)
	}
}

func TestOutboxEndsWithinGrace(t *testing.T) {
	dir := t.TempDir()
	started := make(chan struct{}, 1)
	r := &recorder{hook: func(ctx context.Context, _ []Event) error {
		started <- struct{}{}
		<-ctx.Done()
		return ctx.Err()
	}}
	box := runOutbox(t, r, OutboxOptions{Name: "ops", Dir: dir, Grace: 50 * time.Millisecond})
	box.Put(Event{Alert: testAlert("a", StateFiring)}, Event{Alert: testAlert("b", StateFiring)})
	<-started
	began := time.Now()
	box.stop()
	if took := time.Since(began); took > 2*time.Second {
		t.Errorf("took %v", took)
	}
	if n := len(spoolFiles(t, dir)); n != 2 {
		t.Errorf("%d alerts are kept, want 2", n)
	}
}

func BenchmarkOutboxPut(b *testing.B) {
	b.ReportAllocs()
	box, err := OpenOutbox(&recorder{fail: errors.New("no network")}, OutboxOptions{Name: "ops", Dir: b.TempDir()})
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- box.Run(ctx) }()
	e := Event{Alert: testAlert("a", StateFiring)}
	for b.Loop() {
		box.Put(e)
	}
	cancel()
	<-done
	box.Close()
}
