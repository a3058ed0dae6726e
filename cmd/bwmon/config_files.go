package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// dropIns is the directory beside a configuration whose *.toml are read after it.
const dropIns = "conf.d"

// maxConfigFiles bounds how many are read of a directory.
const maxConfigFiles = 1000

// loadConfig reads the files and directories named, one after the other, or the
// first that exists of others, or returns the defaults when there is none. A named
// file must exist. The first file is followed by those in conf.d beside it.
func loadConfig(named []string, others []string) (config, error) {
	sources, err := configSources(named, others)
	if err != nil {
		return config{}, err
	}
	if len(sources) == 0 {
		c, raw := defaultConfig(), defaultRaw()
		c.Raw = &raw
		return c, nil
	}
	return parseConfigs(sources)
}

func configSources(named, others []string) ([]source, error) {
	if len(named) == 0 {
		for _, path := range others {
			list, err := withDropIns(path, trusted)
			if !errors.Is(err, fs.ErrNotExist) {
				return list, err
			}
		}
		return nil, nil
	}
	var all []source
	for i, path := range named {
		var list []source
		var err error
		st, unknown := os.Stat(path)
		switch {
		case errors.Is(unknown, fs.ErrNotExist):
			return nil, fmt.Errorf("configuration %q does not exist: "+
				"give an existing file to -c, or leave -c out for the built-in defaults", path)
		case unknown == nil && st.IsDir():
			if list, err = readDropIns(path); err == nil && len(list) == 0 {
				err = fmt.Errorf("configuration %q is a directory without *.toml in it: name a file, or a directory that has some", path)
			}
		case i == 0:
			list, err = withDropIns(path, nil)
		default:
			list, err = readSource(path)
		}
		if err != nil {
			return nil, err
		}
		all = append(all, list...)
	}
	return all, nil
}

// withDropIns reads a file, if trust (which may be nil) has nothing against it, and
// those in conf.d beside it.
func withDropIns(path string, trust func(string) error) ([]source, error) {
	list, err := readSource(path)
	if err == nil && trust != nil {
		err = trust(path)
	}
	if err != nil {
		return nil, err
	}
	more, err := readDropIns(filepath.Join(filepath.Dir(path), dropIns))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	return append(list, more...), nil
}

// readDropIns reads all *.toml in a directory, by name, less hidden ones. Nobody
// named them one by one, so the directory and they have to be trusted.
func readDropIns(dir string) ([]source, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("read configuration: %w", err)
	}
	var all []source
	for _, e := range entries { // by name
		if !strings.HasSuffix(e.Name(), ".toml") || strings.HasPrefix(e.Name(), ".") {
			continue
		}
		if len(all) == maxConfigFiles {
			return nil, fmt.Errorf("configuration %q holds more than %d files: is it the right directory?", dir, maxConfigFiles)
		}
		path := filepath.Join(dir, e.Name())
		list, err := readSource(path)
		if err == nil {
			err = errors.Join(trusted(dir), trusted(path))
		}
		if err != nil {
			return nil, err
		}
		all = append(all, list...)
	}
	return all, nil
}

func readSource(path string) ([]source, error) {
	text, err := readConfig(path)
	if err != nil {
		return nil, err
	}
	return []source{{path, text}}, nil
}
