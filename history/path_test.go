package history

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// TestSymbolicLink: what belongs to the file is beside the file, not beside the link
// that leads to it.
func TestSymbolicLink(t *testing.T) {
	dir := t.TempDir()
	disk := filepath.Join(dir, "disk")
	if err := os.Mkdir(disk, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, there := range []bool{false, true} {
		link := filepath.Join(dir, fmt.Sprint("link", there))
		target := filepath.Join(disk, fmt.Sprint("history", there, ".db"))
		if there {
			if err := os.WriteFile(target, nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.Symlink(target, link); err != nil {
			t.Fatal(err)
		}
		s, err := Open(Options{Path: link})
		if err != nil {
			t.Fatal(err)
		}
		if s.opts.Path != target {
			t.Errorf("opened as %s, want %s", s.opts.Path, target)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		if _, err := Inspect(t.Context(), link); err != nil {
			t.Error(err)
		}
	}
}
