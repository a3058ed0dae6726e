package notify

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// QuotaFile is a QuotaStore in a file of JSON.
type QuotaFile struct {
	Path string // its directory is made where there is none
}

// quotaDocument is what the file holds.
type quotaDocument struct {
	Schema int     `json:"schema"`
	Usage  []Usage `json:"usage"`
}

const quotaSchema = 1

// ErrUnread is returned by a QuotaStore that holds something which could not be
// read now: nothing is saved over it.
var ErrUnread = errors.New("it cannot be read")

// Load reads the file; where there is none, nothing was used. A file that cannot
// be understood is put aside under the name with ".bad" at its end.
func (f QuotaFile) Load() ([]Usage, error) {
	text, err := os.ReadFile(f.Path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnread, err)
	}
	usage, err := parseUsage(text)
	if err != nil {
		aside := f.Path + ".bad"
		if moved := os.Rename(f.Path, aside); moved != nil {
			return nil, fmt.Errorf("%s: %w", f.Path, errors.Join(err, moved))
		}
		return nil, fmt.Errorf("%s is now %s: %w", f.Path, aside, err)
	}
	return usage, nil
}

func parseUsage(text []byte) ([]Usage, error) {
	var d quotaDocument
	if err := json.Unmarshal(text, &d); err != nil {
		return nil, err
	}
	if d.Schema != quotaSchema {
		return nil, fmt.Errorf("want schema %d, got %d", quotaSchema, d.Schema)
	}
	return d.Usage, nil
}

// Save replaces the file: whoever reads it, even after a crash, sees all of the
// former or all of the new.
func (f QuotaFile) Save(usage []Usage) (err error) {
	text, err := json.Marshal(quotaDocument{Schema: quotaSchema, Usage: usage})
	if err != nil {
		return err
	}
	dir := filepath.Dir(f.Path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	file, err := os.CreateTemp(dir, filepath.Base(f.Path)+".new-*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(file.Name()))
		}
	}()
	_, err = file.Write(text)
	if err == nil {
		err = file.Sync()
	}
	if closed := file.Close(); err == nil {
		err = closed
	}
	if err != nil {
		return err
	}
	return os.Rename(file.Name(), f.Path)
}
