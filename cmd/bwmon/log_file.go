package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// rotatingFile is a log file that does not grow without bound: when it would grow
// beyond maxSize it becomes path.1, that path.2, and so on. It never keeps its writer
// from going on: what cannot be written, as where the disk is full, is counted, and
// the count is written when lines can be again. Any goroutine may write.
type rotatingFile struct {
	trouble func(error)    // is told when lines begin to get lost
	opened  func(*os.File) // is given each file that is written to; may be nil

	mu sync.Mutex
	// mu protects the fields below.
	path     string
	maxSize  int64
	maxFiles int
	file     *os.File // nil where it cannot be opened
	size     int64
	lost     int // lines since the last one that was written
}

func openRotatingFile(c logConfig, trouble func(error), opened func(*os.File)) (*rotatingFile, error) {
	f := &rotatingFile{trouble: trouble, opened: opened}
	if err := f.Reopen(c); err != nil {
		return nil, err
	}
	return f, nil
}

// openLogFile opens a file to append to. It may be a symbolic link only where nobody
// but root and this user can have made that.
func openLogFile(path string) (*os.File, int64, error) {
	fd, err := openToAppend(path)
	if err != nil {
		return nil, 0, fmt.Errorf("log.file: %w", err)
	}
	file := os.NewFile(uintptr(fd), path)
	st, err := file.Stat()
	if err == nil && !st.Mode().IsRegular() {
		err = fmt.Errorf("%s is no file: choose another path", quoted(path))
	}
	if err != nil {
		return nil, 0, errors.Join(fmt.Errorf("log.file: %w", err), file.Close())
	}
	return file, st.Size(), nil
}

func openToAppend(path string) (int, error) {
	dir, err := unix.Open(filepath.Dir(path), unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return 0, fmt.Errorf("open %s: %w", filepath.Dir(path), err)
	}
	defer unix.Close(dir)
	var st unix.Stat_t
	if err := unix.Fstat(dir, &st); err != nil {
		return 0, fmt.Errorf("look at %s: %w", filepath.Dir(path), err)
	}
	// A FIFO would have us wait for a reader.
	flags := unix.O_WRONLY | unix.O_APPEND | unix.O_CREAT | unix.O_NONBLOCK | unix.O_NOCTTY | unix.O_CLOEXEC
	if st.Uid != 0 && int(st.Uid) != os.Geteuid() || st.Mode&0o022 != 0 {
		flags |= unix.O_NOFOLLOW
	}
	for {
		fd, err := unix.Openat(dir, filepath.Base(path), flags, 0o640)
		switch {
		case err == nil:
			return fd, nil
		case err == unix.EINTR:
		case err == unix.ELOOP && flags&unix.O_NOFOLLOW != 0:
			return 0, fmt.Errorf("%s is a symbolic link in a directory that other users can write to: choose another path", quoted(path))
		default:
			return 0, fmt.Errorf("open %s: %w", path, err)
		}
	}
}

// take makes a file the one that is written to. Who is given them has the new one
// before the old one is closed.
func (f *rotatingFile) take(file *os.File, size int64) {
	if f.opened != nil {
		f.opened(file)
	}
	if f.file != nil {
		f.file.Close()
	}
	f.file, f.size = file, size
}

// Reopen closes the file and opens, or makes, the one that is called as configured by
// now: another one where somebody has moved it away. On an error the one before goes on.
func (f *rotatingFile) Reopen(c logConfig) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := os.MkdirAll(filepath.Dir(c.File), 0o755); err != nil {
		return fmt.Errorf("log.file: %w", err)
	}
	file, size, err := openLogFile(c.File)
	if err != nil {
		return err
	}
	f.path, f.maxSize, f.maxFiles = c.File, int64(c.MaxSize), c.MaxFiles
	f.take(file, size)
	return nil
}

// Write implements io.Writer; p is a line.
func (f *rotatingFile) Write(p []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var err error
	switch {
	case f.file == nil:
		err = f.open()
	case f.size > 0 && f.size+int64(len(p)) > f.maxSize:
		err = f.rotate()
	}
	if f.file == nil {
		return 0, f.lose(err)
	}
	if f.lost > 0 {
		note := fmt.Sprintf("time=%s level=WARN msg=\"lines of this log were lost\" lines=%d\n", time.Now().Format(time.RFC3339), f.lost)
		n, err := f.file.WriteString(note)
		if f.size += int64(n); err != nil {
			return 0, f.lose(err)
		}
		f.lost = 0
	}
	n, err := f.file.Write(p)
	if f.size += int64(n); err != nil {
		return n, f.lose(err)
	}
	return n, nil
}

func (f *rotatingFile) open() error {
	file, size, err := openLogFile(f.path)
	if err == nil {
		f.take(file, size)
	}
	return err
}

// lose counts a line that was not written, and tells of the first.
func (f *rotatingFile) lose(err error) error {
	if f.lost++; f.lost == 1 {
		f.trouble(fmt.Errorf("write the log: %w", err))
	}
	return err
}

// rotate moves the files on and begins a new one. Where they cannot be moved the same
// one goes on, and it is tried again after another maxSize.
func (f *rotatingFile) rotate() error {
	older := func(n int) string { return fmt.Sprintf("%s.%d", f.path, n) }
	var err error
	for n := f.maxFiles - 1; n > 0 && err == nil; n-- {
		from := f.path
		if n > 1 {
			from = older(n - 1)
		}
		if err = os.Rename(from, older(n)); errors.Is(err, fs.ErrNotExist) {
			err = nil
		}
	}
	if err == nil && f.maxFiles == 1 { // not what the path has become by now
		err = f.file.Truncate(0)
	}
	if err != nil {
		f.size = 0
		f.trouble(fmt.Errorf("rotate the log: %w", err))
		return nil
	}
	if err = f.open(); err != nil { // what is written now would go to what was moved
		f.file.Close()
		f.file = nil
	}
	return err
}

// Close closes the file. What is written afterwards is lost.
func (f *rotatingFile) Close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.file == nil {
		return nil
	}
	err := f.file.Close()
	f.file = nil
	return err
}
