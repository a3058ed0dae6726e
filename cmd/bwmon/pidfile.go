package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// pidFile holds the number of this process. As long as that lives a second file beside
// it is locked, so that one whose process lives is told from one that was left behind;
// it stays, and nobody else may open it: who may could lock it, too.
type pidFile struct {
	path string
	file *os.File
	lock *os.File
}

// openPIDFile makes the file, or takes over one that was left behind; it refuses while
// the bwmon it names lives.
func openPIDFile(path string, pid int) (*pidFile, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, fmt.Errorf("--pid-file: %w", err)
	}
	number, err := pidIn(path)
	if err != nil {
		return nil, fmt.Errorf("--pid-file: %w", err)
	}
	lock, err := holdPID(path, number)
	if err != nil {
		return nil, fmt.Errorf("--pid-file: %w", err)
	}
	f := &pidFile{path: path, lock: lock}
	if f.file, err = openPlain(path, os.O_RDWR|os.O_CREATE, 0o644); err != nil {
		return nil, errors.Join(fmt.Errorf("--pid-file: %w", err), lock.Close())
	}
	if err := f.write(pid); err != nil {
		return nil, errors.Join(fmt.Errorf("--pid-file: %w", err), f.file.Close(), lock.Close())
	}
	return f, nil
}

// openPlain opens a file that is one, and no link.
func openPlain(path string, flags int, mode os.FileMode) (*os.File, error) {
	file, err := os.OpenFile(path, flags|unix.O_NONBLOCK|unix.O_NOFOLLOW|unix.O_NOCTTY, mode)
	if err != nil {
		return nil, err
	}
	st, err := file.Stat()
	if err == nil && !st.Mode().IsRegular() {
		err = fmt.Errorf("%s is there and is no regular file: remove it, or choose another path", quoted(path))
	}
	if err != nil {
		file.Close()
		return nil, err
	}
	return file, nil
}

// pidIn reads which process a file is of; 0: none, or there is no file.
func pidIn(path string) (int, error) {
	file, err := openPlain(path, os.O_RDONLY, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, 64))
	if err != nil {
		return 0, err
	}
	word := strings.TrimSpace(string(text))
	if word == "" {
		return 0, nil
	}
	number, err := strconv.Atoi(word)
	if err != nil || number <= 0 {
		return 0, fmt.Errorf("%s is there and holds no number of a process: remove it, or choose another path", quoted(path))
	}
	return number, nil
}

// holdPID locks the file beside that of a path, which names a process (0: none).
func holdPID(path string, number int) (*os.File, error) {
	lock, err := openPlain(path+".lock", os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	var st unix.Stat_t
	err = unix.Fstat(int(lock.Fd()), &st)
	if err == nil && (int(st.Uid) != os.Geteuid() || st.Mode&0o077 != 0) {
		err = fmt.Errorf("%s may be opened, and so locked, by other users: remove it", quoted(path+".lock"))
	}
	if err == nil {
		if err = unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
			err = fmt.Errorf("lock %s: %w", quoted(path+".lock"), err)
		}
	}
	switch {
	case err == nil:
		return lock, nil
	case errors.Is(err, unix.EWOULDBLOCK) && number > 0:
		err = fmt.Errorf("another bwmon runs, process %d, and holds %s: end that one first, or give this one another --pid-file", number, quoted(path))
	case errors.Is(err, unix.EWOULDBLOCK):
		err = fmt.Errorf("another bwmon holds %s: end that one first, or give this one another --pid-file", quoted(path))
	}
	return nil, errors.Join(err, lock.Close())
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
	return errors.Join(err, f.file.Close(), f.lock.Close())
}
