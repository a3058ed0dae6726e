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

// readFile reads a file of ours. A link is followed (what is mounted may consist of them);
// what is no file is an error, and nobody waits for it.
func readFile(path string) ([]byte, error) { return readWith(path, nil) }

// readSecret reads a file that nobody but its owner and group may read.
func readSecret(path string) ([]byte, error) {
	return readWith(path, func(info fs.FileInfo) error {
		if open := info.Mode().Perm() & 0o007; open != 0 {
			return fmt.Errorf(`%s holds a key and is open to everybody: run "chmod 600 %s"`, path, path)
		}
		return nil
	})
}

// readWith reads a file that check, if there is one, finds nothing wrong with.
func readWith(path string, check func(fs.FileInfo) error) ([]byte, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	switch {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("%s is not a file: remove it, or restore it from a backup", path)
	case check != nil:
		if err := check(info); err != nil {
			return nil, err
		}
	}
	text, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err == nil && len(text) > maxFile {
		err = fmt.Errorf("%s has more than %d MiB", path, maxFile>>20)
	}
	return text, err
}

// replaceFile puts a file in the place of another, or leaves that as it is. What it
// wrote survives a crash when it returns nil. Whoever calls it holds the lock of the
// directory: what a crash left behind is overwritten by the next. Root writes for
// whoever has the directory: a receiver may run as somebody else than the command line.
// Nothing but a file made here changes its owner and mode, and all of it happens in one
// directory, whatever becomes of its name meanwhile.
func replaceFile(path string, text []byte, mode fs.FileMode) error {
	dir, err := os.OpenRoot(filepath.Dir(path))
	if err != nil {
		return err
	}
	defer dir.Close()
	name := filepath.Base(path)
	next := name + ".new"
	if err := dir.Remove(next); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	f, err := dir.OpenFile(next, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
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
		err = dir.Rename(next, name)
	}
	if err != nil {
		_ = dir.Remove(next) // as above, the next time
		return err
	}
	return syncDir(dir)
}

// giveAway makes a file that the caller has just made belong to the owner of its
// directory, where root wrote it.
func giveAway(f *os.File, dir *os.Root) error {
	if os.Geteuid() != 0 {
		return nil
	}
	info, err := dir.Stat(".")
	if err != nil {
		return err
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok || st.Uid == 0 {
		return nil
	}
	return f.Chown(int(st.Uid), int(st.Gid))
}

func syncDir(dir *os.Root) error {
	d, err := dir.Open(".")
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
	f, err := openLock(dir, path)
	if err != nil {
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

// openLock opens the file that is locked. Who has the directory may have put anything in
// its place, and root would follow: it is a file of its own or an error, and only one that
// is made here is given away.
func openLock(dir, path string) (*os.File, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	f, err := root.OpenFile(filepath.Base(path), os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err == nil {
		if err = giveAway(f, root); err != nil {
			f.Close()
			return nil, err
		}
		return f, nil
	}
	if !errors.Is(err, fs.ErrExist) {
		return nil, err
	}
	errOdd := fmt.Errorf("lock %s: it is not a file of its own: see who has put it there, and remove it", path)
	// os.Root would follow a link to elsewhere in the directory.
	f, err = os.OpenFile(path, os.O_RDWR|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if errors.Is(err, unix.ELOOP) {
		return nil, errOdd
	}
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil {
		if st, ok := info.Sys().(*syscall.Stat_t); !info.Mode().IsRegular() || ok && st.Nlink != 1 {
			err = errOdd
		}
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
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
