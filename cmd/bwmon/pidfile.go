package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// pidFile holds the number of this process. As long as it is open it is locked, so
// that one whose process lives is told from one that was left behind.
type pidFile struct {
	path string
	file *os.File
}

// openPIDFile makes the file, or takes over one that was left behind; it refuses while
// the process it names lives.
func openPIDFile(path string, pid int) (*pidFile, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, fmt.Errorf("--pid-file: %w", err)
	}
	// Who ends removes it, perhaps between our opening and locking it.
	for range 100 {
		file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|unix.O_NONBLOCK|unix.O_NOFOLLOW, 0o644)
		if err != nil {
			return nil, fmt.Errorf("--pid-file: %w", err)
		}
		f := &pidFile{path: path, file: file}
		if err := f.lock(); err != nil {
			return nil, errors.Join(err, file.Close())
		}
		if !f.inPlace() {
			file.Close()
			continue
		}
		if err := f.write(pid); err != nil {
			return nil, errors.Join(fmt.Errorf("--pid-file: %w", err), file.Close())
		}
		return f, nil
	}
	return nil, fmt.Errorf("--pid-file: somebody removes %s again and again", quoted(path))
}

// lock locks the file, if it is one of ours.
func (f *pidFile) lock() error {
	text, err := io.ReadAll(io.LimitReader(f.file, 64))
	if err != nil {
		return fmt.Errorf("--pid-file: %w", err)
	}
	word := strings.TrimSpace(string(text))
	number, err := strconv.Atoi(word)
	if word != "" && (err != nil || number <= 0) {
		return fmt.Errorf("--pid-file: %s is there and holds no number of a process: remove it, or choose another path", quoted(f.path))
	}
	switch err := unix.Flock(int(f.file.Fd()), unix.LOCK_EX|unix.LOCK_NB); {
	case err == nil:
		return nil
	case errors.Is(err, unix.EWOULDBLOCK) && number > 0:
		return fmt.Errorf("another bwmon runs, process %d, and holds %s: end that one first, or give this one another --pid-file", number, quoted(f.path))
	case errors.Is(err, unix.EWOULDBLOCK):
		return fmt.Errorf("another bwmon holds %s: end that one first, or give this one another --pid-file", quoted(f.path))
	default:
		return fmt.Errorf("--pid-file: lock %s: %w", quoted(f.path), err)
	}
}

// inPlace reports whether the file is still the one of that path.
func (f *pidFile) inPlace() bool {
	var ours, there unix.Stat_t
	return unix.Fstat(int(f.file.Fd()), &ours) == nil && unix.Lstat(f.path, &there) == nil &&
		ours.Ino == there.Ino && ours.Dev == there.Dev
}

func (f *pidFile) write(pid int) error {
	if err := f.file.Truncate(0); err != nil {
		return err
	}
	_, err := f.file.WriteAt([]byte(strconv.Itoa(pid)+"\n"), 0)
	return err
}

// Close removes the file, if it is still ours.
func (f *pidFile) Close() error {
	var err error
	if f.inPlace() {
		err = os.Remove(f.path)
	}
	return errors.Join(err, f.file.Close())
}
