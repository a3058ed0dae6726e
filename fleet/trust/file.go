package trust

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// maxFile bounds what is read of one file: 100,000 hosts in a register take 20 MiB.
const maxFile = 256 << 20

// readFile reads a file of ours.
func readFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err == nil && len(text) > maxFile {
		err = fmt.Errorf("%s has more than %d MiB", path, maxFile>>20)
	}
	return text, err
}

// readSecret reads a file that nobody but its owner and group may read.
func readSecret(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if open := info.Mode().Perm() & 0o007; open != 0 {
		return nil, fmt.Errorf(`%s holds a key and is open to everybody: run "chmod 600 %s"`, path, path)
	}
	return readFile(path)
}

// replaceFile puts a file in the place of another, or leaves that as it is. What it
// wrote survives a crash when it returns nil. Whoever calls it holds the lock of the
// directory: what a crash left behind is overwritten by the next. Root writes for
// whoever has the directory: a receiver may run as somebody else than the command line.
func replaceFile(path string, text []byte, mode fs.FileMode) error {
	dir, next := filepath.Dir(path), path+".new"
	if err := os.Remove(next); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	f, err := os.OpenFile(next, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	if err == nil {
		err = f.Chmod(mode)
	}
	if err == nil {
		err = giveAway(f, dir)
	}
	if err == nil {
		err = f.Sync()
	}
	err = errors.Join(err, f.Close())
	if err == nil {
		err = os.Rename(next, path)
	}
	if err != nil {
		os.Remove(next)
		return err
	}
	return syncDir(dir)
}

// giveAway makes a file belong to the owner of its directory, where root wrote it.
func giveAway(f *os.File, dir string) error {
	if os.Geteuid() != 0 {
		return nil
	}
	info, err := os.Stat(dir)
	if err != nil {
		return err
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok || st.Uid == 0 {
		return nil
	}
	return f.Chown(int(st.Uid), int(st.Gid))
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// lockPatience is how long somebody else may hold a lock: who changes something does so
// within milliseconds.
const lockPatience = 10 * time.Second

// lockDir keeps others from changing a directory, in this process and in others, until
// unlock is called. It waits for them at most lockPatience.
func lockDir(dir string) (unlock func(), err error) {
	path := filepath.Join(dir, "lock")
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	if err := giveAway(f, dir); err != nil {
		f.Close()
		return nil, err
	}
	for deadline := time.Now().Add(lockPatience); ; time.Sleep(5 * time.Millisecond) {
		err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		switch {
		case err == nil:
			return func() { f.Close() }, nil
		case errors.Is(err, unix.EINTR):
		case !errors.Is(err, unix.EWOULDBLOCK):
			f.Close()
			return nil, fmt.Errorf("lock %s: %w", path, err)
		case time.Now().After(deadline):
			f.Close()
			return nil, fmt.Errorf("lock %s: another bwmon has held it for %v: is it stopped?", path, lockPatience)
		}
	}
}

// stamp tells one state of a file from the next: who writes one makes a new file.
type stamp struct {
	inode, size uint64
	at          time.Time
}

func stampOf(path string) (s stamp, err error) {
	info, err := os.Stat(path)
	if err != nil {
		return s, err
	}
	s.size, s.at = uint64(info.Size()), info.ModTime()
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		s.inode = st.Ino
	}
	return s, nil
}
