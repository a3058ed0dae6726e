package history

import (
	"os"
	"path/filepath"
)

// realPath is a path without symbolic links in it, since SQLite keeps what belongs to
// a file beside the file itself. Of a file that is not there yet it is that of its
// directory, which may not be there either.
func realPath(path string) string {
	if real, err := filepath.EvalSymlinks(path); err == nil {
		return real
	}
	if to, err := os.Readlink(path); err == nil { // it leads to what is not there yet
		if !filepath.IsAbs(to) {
			to = filepath.Join(filepath.Dir(path), to)
		}
		path = to
	}
	if dir, err := filepath.EvalSymlinks(filepath.Dir(path)); err == nil {
		return filepath.Join(dir, filepath.Base(path))
	}
	return path
}
