package notify

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
)

// The journal's two files: alerts go to the newer one, and when that holds half
// of what is to be kept it takes the place of the older one.
const (
	journalFile = "alerts.jsonl"
	journalOld  = "alerts.old.jsonl"
	// maxJournalLine bounds one alert.
	maxJournalLine = 64 << 10
)

// Journal is the history of alerts: a directory with a line of JSON for each, of
// which it keeps between half of and all it is allowed. It is safe for concurrent
// use by one process; ReadJournal reads from any.
//
// An alert is in the file when Append returns, and outlives the process. It is
// left to the kernel when it reaches the disk: this is a history, and what is
// still to be delivered is in the outboxes.
type Journal struct {
	dir  string
	half int
	lock *os.File

	mu    sync.Mutex // protects the fields below
	file  *os.File
	size  int64
	lines int
}

// OpenJournal opens the journal in dir, which is made if it is not there. It
// keeps at most max alerts; 0: 10,000.
func OpenJournal(dir string, max int) (*Journal, error) {
	if max <= 0 {
		max = 10000
	}
	lock, err := lockDir(dir)
	if err != nil {
		return nil, err
	}
	j := &Journal{dir: dir, half: (max + 1) / 2, lock: lock}
	if err := j.open(); err != nil {
		lock.Close()
		return nil, fmt.Errorf("open alert history: %w", err)
	}
	return j, nil
}

// open opens the newer file and counts what it holds.
func (j *Journal) open() error {
	f, err := os.OpenFile(filepath.Join(j.dir, journalFile), os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	lines, size, last := 0, int64(0), byte('\n')
	buf := make([]byte, 64<<10)
	for {
		n, err := f.Read(buf)
		if n > 0 {
			lines += bytes.Count(buf[:n], []byte("\n"))
			size += int64(n)
			last = buf[n-1]
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			f.Close()
			return err
		}
	}
	if last != '\n' { // its writer was killed; the next line must not be lost with it
		if _, err := f.WriteString("\n"); err != nil {
			f.Close()
			return err
		}
		lines, size = lines+1, size+1
	}
	j.file, j.lines, j.size = f, lines, size
	return nil
}

// Append adds alerts to the history.
func (j *Journal) Append(alerts ...Alert) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, a := range alerts {
		if err := j.append(a); err != nil {
			return fmt.Errorf("write alert history: %w", err)
		}
	}
	return nil
}

func (j *Journal) append(a Alert) error {
	line, err := encodeJSON(a)
	if err != nil {
		return err
	}
	if len(line) >= maxJournalLine && a.Metrics != nil { // rather all but these than nothing
		a.Metrics = nil
		return j.append(a)
	}
	if len(line) >= maxJournalLine {
		return fmt.Errorf("an alert of %d bytes", len(line))
	}
	if j.file == nil {
		if err := j.open(); err != nil {
			return err
		}
	}
	if j.lines >= j.half {
		if err := j.rotate(); err != nil {
			return err
		}
	}
	n, err := j.file.Write(append(line, '\n'))
	if err != nil {
		if n > 0 { // the disk is full: no half lines
			j.file.Truncate(j.size)
		}
		return err
	}
	j.size += int64(n)
	j.lines++
	return nil
}

// rotate makes the newer file the older one, whose alerts are forgotten.
func (j *Journal) rotate() error {
	if err := os.Rename(filepath.Join(j.dir, journalFile), filepath.Join(j.dir, journalOld)); err != nil {
		return err
	}
	j.file.Close() // nothing is lost by an error: it is not synced anyway
	j.file = nil
	return j.open()
}

// Send implements Sender, so that an Outbox can keep the disk off the caller's path.
func (j *Journal) Send(_ context.Context, events []Event) error {
	for _, e := range events {
		if e.Test {
			continue
		}
		if err := j.Append(e.Alert); err != nil {
			return err
		}
	}
	return nil
}

// Read returns the newest alerts of those that keep accepts, newest first; at most
// limit, 0: all. A nil keep accepts all.
func (j *Journal) Read(keep func(Alert) bool, limit int) ([]Alert, error) {
	return ReadJournal(j.dir, keep, limit)
}

// Close gives the directory up.
func (j *Journal) Close() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	var err error
	if j.file != nil {
		err = j.file.Close()
	}
	if err := errors.Join(err, j.lock.Close()); err != nil {
		return fmt.Errorf("close alert history: %w", err)
	}
	return nil
}

// ReadJournal is Journal.Read for a process that does not own the journal. Lines
// that are not alerts are skipped. Where there is no journal there are no alerts.
func ReadJournal(dir string, keep func(Alert) bool, limit int) ([]Alert, error) {
	// The newer one is opened first: should they be rotated in between it is both.
	newer, err := openIfThere(filepath.Join(dir, journalFile))
	if err != nil {
		return nil, fmt.Errorf("read alert history: %w", err)
	}
	defer newer.Close()
	older, err := openIfThere(filepath.Join(dir, journalOld))
	if err != nil {
		return nil, fmt.Errorf("read alert history: %w", err)
	}
	defer older.Close()
	var all []Alert
	for _, f := range []*os.File{older, newer} {
		if f == nil || f == older && sameFile(older, newer) {
			continue
		}
		if all, err = appendAlerts(all, f, keep); err != nil {
			return nil, fmt.Errorf("read alert history: %w", err)
		}
	}
	slices.Reverse(all)
	if limit > 0 && len(all) > limit {
		all = all[:limit]
	}
	return all, nil
}

// appendAlerts reads lines of JSON. What a killed writer left is no alert.
func appendAlerts(all []Alert, r io.Reader, keep func(Alert) bool) ([]Alert, error) {
	in := bufio.NewReaderSize(r, maxJournalLine)
	for {
		line, err := in.ReadSlice('\n')
		long := false
		for errors.Is(err, bufio.ErrBufferFull) { // no line of ours
			long = true
			_, err = in.ReadSlice('\n')
		}
		var a Alert
		if !long && json.Unmarshal(line, &a) == nil && a.ID != "" && (keep == nil || keep(a)) {
			all = append(all, a)
		}
		if errors.Is(err, io.EOF) {
			return all, nil
		}
		if err != nil {
			return all, err
		}
	}
}

// openIfThere returns nil, which may be closed, for a file that is not there.
func openIfThere(path string) (*os.File, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return f, err
}

func sameFile(a, b *os.File) bool {
	if a == nil || b == nil {
		return false
	}
	ai, err := a.Stat()
	if err != nil {
		return false
	}
	bi, err := b.Stat()
	return err == nil && os.SameFile(ai, bi)
}
