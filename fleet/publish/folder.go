package publish

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// The files of a queue: NUMBER.batch, each a batch, so that damage to one costs one.
const (
	batchSuffix   = ".batch"
	partSuffix    = ".part"    // not complete yet
	damagedSuffix = ".damaged" // set aside
	lockName      = "lock"
	refusedName   = "refused" // the folder of what no receiver takes
	// maxDamaged bounds the damaged files that are kept for somebody to look at, maxRefused
	// the refused ones, and maxRefusedSize their bytes.
	maxDamaged     = 100
	maxRefused     = 1000
	maxRefusedSize = 16 << 20
)

// errInUse is a directory that another process has.
var errInUse = errors.New("is in use by another bwmon: give each its own, or stop the other")

// folder is the directory of a queue.
type folder struct {
	dir  string
	lock *os.File
}

// openFolder makes the directory, if need be, and takes it for this process until close.
// It can be had, too, where it can only be read: what is in it can be sent.
func openFolder(dir string) (*folder, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	path := filepath.Join(dir, lockName)
	lock, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		var again error
		if lock, again = os.Open(path); again != nil {
			return nil, err
		}
	}
	if err := unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		lock.Close()
		if errors.Is(err, unix.EWOULDBLOCK) {
			return nil, fmt.Errorf("%s %w", dir, errInUse)
		}
		return nil, fmt.Errorf("lock %s: %w", dir, err)
	}
	return &folder{dir: dir, lock: lock}, nil
}

func (f *folder) close() error { return f.lock.Close() }

// leftover is what a folder holds when it is opened.
type leftover struct {
	entries []*entry // oldest first
	damaged []string // paths of files that were set aside now
	next    uint64   // the first number that is free
}

// load reads what an earlier process left. Files that cannot be read are set aside; those
// that were never complete are removed: they never counted.
func (f *folder) load() (leftover, error) {
	left := leftover{next: 1}
	files, err := os.ReadDir(f.dir)
	if err != nil {
		return left, fmt.Errorf("read the queue: %w", err)
	}
	var aside []string
	for _, file := range files { // by name, which is by number
		name := file.Name()
		number, known := fileNumber(name)
		if known {
			left.next = max(left.next, number+1)
		}
		switch {
		case strings.HasSuffix(name, partSuffix):
			f.remove(name)
		case strings.HasSuffix(name, damagedSuffix):
			aside = append(aside, name)
		case !known || name != batchFile(number) || !file.Type().IsRegular():
		default:
			e, err := f.readEntry(number)
			if errors.Is(err, errDamaged) {
				left.damaged = append(left.damaged, f.setAside(name))
				continue
			}
			if err != nil {
				return left, fmt.Errorf("read the queue: %w", err)
			}
			left.entries = append(left.entries, e)
		}
	}
	f.bound(aside, maxDamaged-len(left.damaged))
	return left, nil
}

// bound removes the first of files so that at most n stay.
func (f *folder) bound(files []string, n int) {
	slices.Sort(files)
	for _, name := range files[:max(0, len(files)-max(n, 0))] {
		f.remove(name)
	}
}

func (f *folder) readEntry(number uint64) (*entry, error) {
	file, err := f.read(number)
	if err != nil {
		return nil, err
	}
	h, _, err := parse(file)
	return &entry{head: h, number: number, size: int64(len(file))}, err
}

// fileNumber is the number in the name of a file.
func fileNumber(name string) (uint64, bool) {
	digits, _, _ := strings.Cut(name, ".")
	n, err := strconv.ParseUint(digits, 10, 63)
	return n, err == nil
}

func batchFile(number uint64) string { return fmt.Sprintf("%020d%s", number, batchSuffix) }

// read returns what a file holds. One that is not there is damaged: somebody took it.
func (f *folder) read(number uint64) ([]byte, error) {
	path := filepath.Join(f.dir, batchFile(number))
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) || err == nil && info.Size() > maxFile {
		return nil, errDamaged
	}
	if err != nil {
		return nil, err
	}
	file, err := os.ReadFile(path)
	if errors.Is(err, unix.EIO) {
		return nil, errDamaged
	}
	return file, err
}

// write makes a file that outlives a power failure, or none.
func (f *folder) write(number uint64, sealed []byte) error {
	path := filepath.Join(f.dir, batchFile(number))
	part := path + partSuffix
	err := writeSynced(part, sealed)
	if err == nil {
		err = os.Rename(part, path)
	}
	if err == nil {
		err = f.sync()
	}
	if err != nil {
		os.Remove(part) // make room: the disk may be full
		return fmt.Errorf("write the queue: %w", err)
	}
	return nil
}

func writeSynced(path string, data []byte) (err error) {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	if _, err := file.Write(data); err != nil {
		return err
	}
	return file.Sync()
}

// sync has the disk know which files there are.
func (f *folder) sync() error {
	dir, err := os.Open(f.dir)
	if err != nil {
		return err
	}
	defer dir.Close()
	return dir.Sync()
}

// remove removes a file. One that stays is sent once more some day, which changes nothing.
func (f *folder) remove(name string) { os.Remove(filepath.Join(f.dir, name)) }

// setAside renames a file that cannot be read, and returns its path.
func (f *folder) setAside(name string) string {
	path := filepath.Join(f.dir, name)
	if os.Rename(path, path+damagedSuffix) != nil {
		return path
	}
	return path + damagedSuffix
}

// refuse moves a batch that no receiver takes to where somebody can look at it: the file
// or, where there is none yet, what it would hold. Moved back it is sent again.
func (f *folder) refuse(e *entry) (path string, err error) {
	dir := filepath.Join(f.dir, refusedName)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", err
	}
	path = filepath.Join(dir, batchFile(e.number))
	if e.sealed != nil {
		err = writeSynced(path, e.sealed)
	} else {
		err = os.Rename(filepath.Join(f.dir, batchFile(e.number)), path)
	}
	return path, errors.Join(err, f.boundRefused(dir))
}

// boundRefused removes the oldest of the refused batches where there are too many.
func (f *folder) boundRefused(dir string) error {
	files, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	size, n := int64(0), 0
	for _, file := range slices.Backward(files) {
		if info, err := file.Info(); err == nil {
			size += info.Size()
		}
		if n++; n > maxRefused || size > maxRefusedSize {
			f.remove(filepath.Join(refusedName, file.Name()))
		}
	}
	return nil
}
