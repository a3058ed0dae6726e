package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
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
			list, err := withDropIns(path, openUnnamed)
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
			list, err = withDropIns(path, openConfig)
		default:
			list, err = readSource(path, openConfig)
		}
		if err != nil {
			return nil, err
		}
		all = append(all, list...)
	}
	return all, nil
}

// openUnnamed opens a file that was looked for.
func openUnnamed(path string) (*os.File, error) { return openTrusted(unix.AT_FDCWD, path, path) }

// withDropIns reads a file, and those in conf.d beside it.
func withDropIns(path string, open func(path string) (*os.File, error)) ([]source, error) {
	list, err := readSource(path, open)
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
func readDropIns(path string) ([]source, error) {
	dir, st, err := openToJudge(unix.AT_FDCWD, path, path)
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	if st.Mode&unix.S_IFMT != unix.S_IFDIR {
		return nil, fmt.Errorf("configuration %q is no directory: make it one, or remove it", path)
	}
	names, err := dropInNames(dir)
	if err != nil || len(names) == 0 {
		return nil, err
	}
	if err := trusted(st, path); err != nil {
		return nil, err
	}
	var all []source
	for _, name := range names {
		open := func(path string) (*os.File, error) { return openTrusted(int(dir.Fd()), name, path) }
		list, err := readSource(filepath.Join(path, name), open)
		if err != nil {
			return nil, err
		}
		all = append(all, list...)
	}
	return all, nil
}

// dropInNames are the names of what is to be read in a directory, in that order.
func dropInNames(dir *os.File) ([]string, error) {
	all, err := dir.Readdirnames(-1)
	if err != nil {
		return nil, fmt.Errorf("read configuration: %w", err)
	}
	names := slices.DeleteFunc(all, func(name string) bool {
		return !strings.HasSuffix(name, ".toml") || strings.HasPrefix(name, ".")
	})
	if len(names) > maxConfigFiles {
		return nil, fmt.Errorf("configuration %q holds more than %d files: is it the right directory?", dir.Name(), maxConfigFiles)
	}
	slices.Sort(names)
	return names, nil
}

func readSource(path string, open func(path string) (*os.File, error)) ([]source, error) {
	f, err := open(path)
	if err != nil {
		return nil, err
	}
	text, err := readConfig(f)
	if err != nil {
		return nil, err
	}
	return []source{{path, text}}, nil
}
