package notify

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func openJournal(t *testing.T, dir string, max int) *Journal {
	t.Helper()
	j, err := OpenJournal(dir, max)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { j.Close() })
	return j
}

func TestJournalReadsBackNewestFirst(t *testing.T) {
	dir := t.TempDir()
	j := openJournal(t, dir, 10)
	for i := range 23 {
		if err := j.Append(testAlert(fmt.Sprintf("id%02d", i), StateFiring)); err != nil {
			t.Fatal(err)
		}
	}
	got, err := j.Read(nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	if len(got) < 5 || len(got) > 10 {
		t.Fatalf("%d alerts are kept of 10", len(got))
	}
	for i, a := range got {
		want := testAlert(fmt.Sprintf("id%02d", 22-i), StateFiring)
		if diff := cmp.Diff(want, a); diff != "" {
			t.Fatalf("alert %d: -want +got\n%s", i, diff)
		}
	}
	got, err = ReadJournal(dir, func(a Alert) bool { return a.ID != "id22" }, 2)
	if err != nil || len(got) != 2 || got[0].ID != "id21" {
		t.Errorf("filtered: %v, %v", got, err)
	}
}

func TestJournalSkipsTornLine(t *testing.T) {
	dir := t.TempDir()
	j := openJournal(t, dir, 0)
	j.Append(testAlert("a", StateFiring))
	j.Close()
	f, err := os.OpenFile(filepath.Join(dir, journalFile), os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(f, "%s\n\x00\x00\n{\"id\":\"torn\",\"ru", strings.Repeat("x", 3*maxJournalLine))
	f.Close()

	j = openJournal(t, dir, 0)
	if err := j.Append(testAlert("b", StateResolved)); err != nil {
		t.Fatal(err)
	}
	got, err := j.Read(nil, 0)
	if err != nil || len(got) != 2 || got[0].ID != "b" || got[1].ID != "a" {
		t.Errorf("got %v, %v", got, err)
	}
}

func TestJournalOutlivesKill(t *testing.T) {
	dir := t.TempDir()
	cmd, _ := startHelper(t, "journal", dir)
	cmd.Process.Kill()
	cmd.Wait()
	j := openJournal(t, dir, 0)
	got, err := j.Read(nil, 0)
	if err != nil || len(got) != 100 {
		t.Errorf("%d alerts, %v; want 100", len(got), err)
	}
	if _, err := OpenJournal(dir, 0); err == nil || !strings.Contains(err.Error(), "in use") {
		t.Errorf("opened twice: %v", err)
	}
}

func helperJournal(dir string) error {
	j, err := OpenJournal(dir, 0)
	if err != nil {
		return err
	}
	for i := range 100 {
		err = errors.Join(err, j.Append(testAlert(fmt.Sprint(i), StateFiring)))
	}
	return err
}

func TestJournalWithoutFiles(t *testing.T) {
	got, err := ReadJournal(filepath.Join(t.TempDir(), "none"), nil, 0)
	if got != nil || err != nil {
		t.Errorf("got %v, %v", got, err)
	}
}

func FuzzAppendAlerts(f *testing.F) {
	f.Add("{\"id\":\"a\"}\n{\"id\":")
	f.Add(strings.Repeat("y", maxJournalLine+5) + "\n{\"id\":\"b\"}")
	f.Fuzz(func(t *testing.T, text string) {
		if _, err := appendAlerts(nil, strings.NewReader(text), nil); err != nil {
			t.Error(err)
		}
	})
}
