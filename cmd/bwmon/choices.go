package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"sync"

	"bwmon/traffic"
)

// choices are what was switched by hand and is to stay so when bwmon starts again, by
// the IDs of things. They go before the configuration. Any goroutine may use them.
type choices struct {
	path string

	mu sync.Mutex
	// mu protects the field below.
	on map[string]bool
}

// The bounds of the file: there are not so many things, and readSmall reads no more.
const (
	maxChoices      = 10000
	maxChoicesBytes = 1 << 20
)

type choicesFile struct {
	Schema int             `json:"schema"`
	Things map[string]bool `json:"things"` // whether each is active
}

// openChoices reads what was kept below a state directory. There may be nothing.
func openChoices(stateDir string) (*choices, error) {
	c := &choices{path: filepath.Join(stateDir, "things.json"), on: make(map[string]bool)}
	text, err := readSmall(c.path)
	if errors.Is(err, fs.ErrNotExist) {
		return c, nil
	}
	var kept choicesFile
	if err == nil {
		err = json.Unmarshal([]byte(text), &kept)
	}
	if err == nil && kept.Schema != traffic.SchemaVersion {
		err = fmt.Errorf("its schema is %d, this bwmon knows %d", kept.Schema, traffic.SchemaVersion)
	}
	if err != nil {
		return nil, fmt.Errorf("read what was started and stopped by hand: %s: %w: remove the file to forget it", quoted(c.path), err)
	}
	for id, on := range kept.Things {
		if len(c.on) < maxChoices {
			c.on[id] = on
		}
	}
	return c, nil
}

// active is whether a thing is to be, where nobody chose as the configuration says.
func (c *choices) active(id string, configured bool) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if on, chosen := c.on[id]; chosen {
		return on
	}
	return configured
}

// keep writes choices down; they are in the file when it returns nil.
func (c *choices) keep(ids []string, on bool) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	chosen := maps.Clone(c.on)
	for _, id := range ids {
		chosen[id] = on
	}
	text, err := json.Marshal(choicesFile{traffic.SchemaVersion, chosen})
	if err == nil && (len(chosen) > maxChoices || len(text) >= maxChoicesBytes) {
		err = fmt.Errorf("%s is full of things that are gone: remove it to begin anew", quoted(c.path))
	}
	if err == nil {
		err = os.MkdirAll(filepath.Dir(c.path), 0o700)
	}
	if err == nil {
		err = replaceFile(c.path, append(text, '\n'))
	}
	if err != nil {
		return fmt.Errorf("keep what was started and stopped by hand: %w", err)
	}
	c.on = chosen
	return nil
}

// replaceFile puts a file in the place of another, or leaves that as it is.
func replaceFile(path string, text []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-*")
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	if err == nil {
		err = f.Sync()
	}
	err = errors.Join(err, f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		os.Remove(f.Name())
	}
	return err
}
