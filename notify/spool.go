package notify

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

// The files of a spool: NUMBER.alert, and NUMBER.snapshot where alerts of one
// moment share one.
const (
	alertSuffix    = ".alert"
	snapshotSuffix = ".snapshot"
	partSuffix     = ".part"    // not complete yet
	damagedSuffix  = ".damaged" // set aside
	lockName       = "lock"
	// maxDamaged bounds the damaged files that are kept for somebody to look at.
	maxDamaged = 100
)

// spool is the directory in which an outbox keeps its alerts, a file for each.
// So that damage to one costs one, and nothing has to be compacted.
type spool struct {
	dir  string
	lock *os.File
}

// openSpool makes the directory, if need be, and locks it for this process.
func openSpool(dir string) (*spool, error) {
	lock, err := lockDir(dir)
	if err != nil {
		return nil, err
	}
	return &spool{dir: dir, lock: lock}, nil
}

// lockDir makes dir, if need be, and takes it for this process alone until the
// file it returns is closed. Only its owner can read it: command lines may tell
// secrets.
func lockDir(dir string) (*os.File, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("open state directory: %w", err)
	}
	lock, err := os.OpenFile(filepath.Join(dir, lockName), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open state directory: %w", err)
	}
	if err := unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		lock.Close()
		if errors.Is(err, unix.EWOULDBLOCK) {
			return nil, fmt.Errorf("open state directory: %s is in use by another bwmon", dir)
		}
		return nil, fmt.Errorf("open state directory: lock %s: %w", dir, err)
	}
	return lock, nil
}

func (s *spool) close() error { return s.lock.Close() }

// leftover is what a spool holds when it is opened.
type leftover struct {
	entries   []storedEntry // oldest first
	snapshots map[string]int64
	damaged   []string // files that were set aside now
	next      uint64   // the first number that is free
}

type storedEntry struct {
	number uint64
	size   int64
	entry
}

// load reads what an earlier process left. Files that cannot be read are set
// aside; those that were never complete and snapshots without alerts are removed.
func (s *spool) load() (leftover, error) {
	left := leftover{snapshots: make(map[string]int64), next: 1}
	files, err := os.ReadDir(s.dir)
	if err != nil {
		return left, fmt.Errorf("read state directory: %w", err)
	}
	var aside []string
	for _, f := range files {
		name := f.Name()
		number, known := fileNumber(name)
		if known {
			left.next = max(left.next, number+1)
		}
		switch {
		case strings.HasSuffix(name, partSuffix):
			s.remove(name)
		case strings.HasSuffix(name, damagedSuffix):
			aside = append(aside, name)
		case !known || !f.Type().IsRegular():
		case strings.HasSuffix(name, snapshotSuffix):
			left.snapshots[name] = 0
		case strings.HasSuffix(name, alertSuffix):
			e, err := s.readEntry(name, number)
			if errors.Is(err, errDamaged) {
				left.damaged = append(left.damaged, s.setAside(name))
				continue
			}
			if err != nil {
				return left, fmt.Errorf("read state directory: %w", err)
			}
			left.entries = append(left.entries, e)
		}
	}
	slices.Sort(aside)
	for len(aside)+len(left.damaged) > maxDamaged && len(aside) > 0 {
		s.remove(aside[0])
		aside = aside[1:]
	}
	slices.SortFunc(left.entries, func(a, b storedEntry) int { return int(int64(a.number - b.number)) })
	s.matchSnapshots(&left)
	return left, nil
}

// matchSnapshots finds the sizes of those that alerts refer to and removes the
// others.
func (s *spool) matchSnapshots(left *leftover) {
	used := make(map[string]bool)
	for _, e := range left.entries {
		used[e.Snapshot] = true
	}
	for name := range left.snapshots {
		info, err := os.Stat(filepath.Join(s.dir, name))
		if !used[name] || err != nil {
			delete(left.snapshots, name)
			s.remove(name)
			continue
		}
		left.snapshots[name] = info.Size()
	}
}

func (s *spool) readEntry(name string, number uint64) (storedEntry, error) {
	payload, err := s.read(name)
	if err != nil {
		return storedEntry{}, err
	}
	e, err := parseEntry(payload)
	return storedEntry{number: number, size: int64(len(payload)), entry: e}, err
}

// fileNumber is the number in the name of a spool's file.
func fileNumber(name string) (uint64, bool) {
	digits, _, _ := strings.Cut(name, ".")
	n, err := strconv.ParseUint(digits, 10, 63)
	return n, err == nil
}

func alertFile(number uint64) string    { return fmt.Sprintf("%020d%s", number, alertSuffix) }
func snapshotFile(number uint64) string { return fmt.Sprintf("%020d%s", number, snapshotSuffix) }

// read returns the payload of a file.
func (s *spool) read(name string) ([]byte, error) {
	path := filepath.Join(s.dir, name)
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.Size() > maxFrame {
		return nil, fmt.Errorf("%s: %w", name, errDamaged)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	return parseFrame(data)
}

// write makes a file that is either there as a whole or not at all. It is not
// synced: see sync.
func (s *spool) write(name string, payload []byte) error {
	path := filepath.Join(s.dir, name)
	part := path + partSuffix
	err := os.WriteFile(part, appendFrame(nil, payload), 0o600)
	if err == nil {
		err = os.Rename(part, path)
	}
	if err != nil {
		os.Remove(part) // make room: the disk may be full
		return fmt.Errorf("store alert: %w", err)
	}
	return nil
}

func (s *spool) remove(name string) error {
	err := os.Remove(filepath.Join(s.dir, name))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove delivered alert: %w", err)
	}
	return nil
}

// setAside renames a file that cannot be read, and returns its new path.
func (s *spool) setAside(name string) string {
	path := filepath.Join(s.dir, name)
	if os.Rename(path, path+damagedSuffix) != nil {
		return path
	}
	return path + damagedSuffix
}

// sync makes files outlive a power failure. Those that are gone were delivered.
func (s *spool) sync(names []string) error {
	var first error
	for _, name := range names {
		err := syncPath(filepath.Join(s.dir, name))
		if first == nil && !errors.Is(err, fs.ErrNotExist) {
			first = err
		}
	}
	if err := syncPath(s.dir); first == nil {
		first = err
	}
	if first != nil {
		return fmt.Errorf("store alert: %w", first)
	}
	return nil
}

// syncPath writes a file or a directory out to the disk.
func syncPath(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	return f.Sync()
}
