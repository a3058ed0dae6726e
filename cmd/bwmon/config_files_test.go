package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

// tree writes files below a directory of its own and returns a function that names
// one of them.
func tree(t *testing.T, files map[string]string) func(name string) string {
	t.Helper()
	dir := t.TempDir()
	path := func(name string) string { return filepath.Join(dir, name) }
	for name, text := range files {
		if err := os.MkdirAll(filepath.Dir(path(name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path(name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return path
}

// TestMergeConfigs: what a later file says of a key holds; tables of arrays come one
// behind the other.
func TestMergeConfigs(t *testing.T) {
	path := tree(t, map[string]string{
		"bwmon.toml": "interval = \"2s\"\n[http]\nlisten = \"127.0.0.1:1\"\nhosts = [\"a\", \"b\"]\n[ui.keys]\nquit = [\"f10\"]\nhelp = [\"f11\"]\n" +
			"[[app]]\nname = \"main\"\nmatch = [\"m\"]\n[[notify]]\nname = \"say\"\ntype = \"log\"\n",
		"conf.d/10-web.toml": "[http]\nhosts = [\"c\"]\n[[app]]\nname = \"ten\"\nmatch = [\"t\"]\n",
		"conf.d/20-keys.toml": "interval = \"3s\"\nui.keys.quit = [\"f12\"]\n" +
			"[[rule]]\nname = \"r\"\napp = \"ten\"\ntx_above = \"1 MiB/s\"\nnotify = [\"say\"]\n[[app]]\nname = \"twenty\"\nunit = \"u\"\n",
		"conf.d/.hidden.toml": "nonsense", "conf.d/30.toml~": "nonsense", "conf.d/README": "nonsense",
		"more.toml":    "interval = \"4s\"\n",
		"dir/b.toml":   "app = [{name = \"b\", match = [\"b\"]}]\n",
		"dir/a.toml":   "[[app]]\nname = \"a\"\nmatch = [\"a\"]\n",
		"dir/conf.d/x": "nonsense",
	})
	for _, tt := range []struct {
		name          string
		named, others []string
		interval      time.Duration
		files, apps   []string
	}{
		{"the file and its directory", []string{"bwmon.toml"}, nil, 3 * time.Second,
			[]string{"bwmon.toml", "conf.d/10-web.toml", "conf.d/20-keys.toml"}, []string{"main", "ten", "twenty"}},
		{"where nobody named it", nil, []string{"none.toml", "bwmon.toml"}, 3 * time.Second,
			[]string{"bwmon.toml", "conf.d/10-web.toml", "conf.d/20-keys.toml"}, []string{"main", "ten", "twenty"}},
		{"one more and a directory", []string{"bwmon.toml", "more.toml", "dir"}, nil, 4 * time.Second,
			[]string{"bwmon.toml", "conf.d/10-web.toml", "conf.d/20-keys.toml", "more.toml", "dir/a.toml", "dir/b.toml"},
			[]string{"main", "ten", "twenty", "a", "b"}},
		{"a directory alone", []string{"dir"}, nil, time.Second, []string{"dir/a.toml", "dir/b.toml"}, []string{"a", "b"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			all := func(names []string) (paths []string) {
				for _, n := range names {
					paths = append(paths, path(n))
				}
				return paths
			}
			c, err := loadConfig(all(tt.named), all(tt.others))
			if err != nil {
				t.Fatal(err)
			}
			var apps []string
			for _, a := range c.Apps {
				apps = append(apps, a.Name)
			}
			if diff := cmp.Diff(all(tt.files), c.Files); diff != "" {
				t.Errorf("files (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tt.apps, apps); diff != "" {
				t.Errorf("apps (-want +got):\n%s", diff)
			}
			if c.Interval != tt.interval || c.Path != c.Files[0] {
				t.Errorf("interval %v, path %q", c.Interval, c.Path)
			}
			if tt.files[0] != "bwmon.toml" {
				return
			}
			keys := fmt.Sprintln(c.UI.Keys["quit"], c.UI.Keys["help"], c.HTTP.Hosts, c.HTTP.Listen, len(c.Rules), len(c.Deliveries))
			if keys != "[f12] [f11] [c] 127.0.0.1:1 1 1\n" {
				t.Errorf("merged: %s", keys)
			}
		})
	}
}

// TestMergedProblems: each problem names the file and the line it is in, and where
// two files are at odds both.
func TestMergedProblems(t *testing.T) {
	rule := "[[rule]]\nname = \"%s\"\napp = \"x\"\ntx_above = \"1 MiB/s\"\n"
	app := "[[app]]\nname = \"%s\"\nmatch = [\"%s\"]\n"
	for _, tt := range []struct {
		name    string
		sources []source
		want    []string
	}{
		{"two rules of a name", []source{{"b", fmt.Sprintf(rule, "r")}, {"a", fmt.Sprintf(rule+rule, "s", "r")}}, []string{
			`a:6: [[rule]] 2 ("r"): name is taken already by [[rule]] 1 (b:1): choose another one`,
		}},
		{"two apps of a name, and a regex", []source{{"b", "\n" + fmt.Sprintf(app, "video", "(")}, {"a", fmt.Sprintf(app, "video", "x")}}, []string{
			`b:4: [[app]] 1 ("video"): match: regex "(": missing closing ): ` + "`(`",
			`a:2: [[app]] 1 ("video"): name is taken already by [[app]] 1 (b:2): put both into one, or choose another name`,
		}},
		{"monitors", []source{{"b", "[[monitor]]\ntype=\"machine\"\n"}, {"a", "monitor = [{type = \"machine\"}]\n"}}, []string{
			`a:1: [[monitor]] 1 ("machine"): is listed already, as [[monitor]] 1 (b:1): leave one of them out`,
		}},
		{"relays", []source{
			{"b", "[[monitor]]\ntype=\"forward\"\nlisten=\":1\"\ntarget=\"a:1\"\n"}, {"a", "[[monitor]]\ntype=\"forward\"\nlisten=\":1\"\ntarget=\"a:1\"\n"},
		}, []string{`a:3: [[monitor]] 1 ("forward"): [[monitor]] 1 (b:1) listens there already: choose another address`}},
		{"a type that is overridden", []source{{"b", "interval = 5\nintervall = 1"}, {"a", "interval = \"2s\""}}, []string{
			`b:1: interval: want a time like "1s", "500ms" or "1m", got the number 5`,
			`b:2: unknown key "intervall" (did you mean "interval"?)`,
		}},
		{"a value that overrides", []source{{"b", "[http]\nmax_streams = 1"}, {"a", "\n\n[http]\nmax_streams = 0"}}, []string{
			"a:4: http.max_streams: want a number from 1 to 100000, got 0",
		}},
		{"no tables", []source{{"b", fmt.Sprintf(app, "a", "b")}, {"a", "app = [1]"}}, []string{
			`a:1: [[app]] 1: match is missing: add match = ["^/usr/bin/rsync"], or user, container or unit`,
			`a:1: [[app]] 1: name is missing: add name = "Backup"`,
			`a:1: [[app]] 1: want a table, got the number 1`,
		}},
		{"neither is TOML", []source{{"b", "a ="}, {"a", "\n["}, {"c", "x = 1"}}, []string{"b:1: ", "a:2: "}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := parseConfigs(tt.sources)
			if err == nil {
				t.Fatal("no error")
			}
			got := strings.Split(err.Error(), "\n")
			for i := range got {
				if i < len(tt.want) && strings.HasSuffix(tt.want[i], ": ") && strings.HasPrefix(got[i], tt.want[i]) {
					got[i] = tt.want[i]
				}
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestUntrustedDropIns: what nobody named one by one is not taken from just anybody.
func TestUntrustedDropIns(t *testing.T) {
	path := tree(t, map[string]string{"bwmon.toml": "", "conf.d/a.toml": "", "empty/bwmon.toml": "", "empty/conf.d/x": ""})
	load := func(want, name string) {
		t.Helper()
		_, err := loadConfig([]string{path(name)}, nil)
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: %v, want %q", name, err, want)
		}
	}
	chmod := func(name string, mode os.FileMode) {
		t.Helper()
		if err := os.Chmod(path(name), mode); err != nil {
			t.Fatal(err)
		}
	}
	load("", "bwmon.toml")
	chmod("conf.d/a.toml", 0o666)
	load("a.toml\" can be written by other users", "bwmon.toml")
	load("a.toml\" can be written by other users", "conf.d")
	load("", "conf.d/a.toml")
	chmod("conf.d/a.toml", 0o644)
	chmod("conf.d", 0o777)
	load("conf.d\" can be written by other users", "bwmon.toml")
	chmod("empty/conf.d", 0o777) // nothing is read there
	load("", "empty/bwmon.toml")
}

// TestGroupsDropIns: what a group of others may write to is theirs as well.
func TestGroupsDropIns(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root to give a file to a group")
	}
	path := tree(t, map[string]string{"bwmon.toml": "", "conf.d/a.toml": ""})
	for _, tt := range []struct {
		name    string
		group   int
		refused bool
	}{
		{"conf.d/a.toml", 54321, true}, {"conf.d/a.toml", 0, false}, {"conf.d", 54321, true}, {"conf.d", os.Getegid(), false},
	} {
		st, err := os.Stat(path(tt.name))
		if err == nil {
			err = errors.Join(os.Chown(path(tt.name), -1, tt.group), os.Chmod(path(tt.name), st.Mode()|0o020))
		}
		if err != nil {
			t.Fatal(err)
		}
		if _, err := loadConfig([]string{path("bwmon.toml")}, nil); (err != nil) != tt.refused {
			t.Errorf("%s of the group %d: %v", tt.name, tt.group, err)
		}
	}
}

// TestFIFOForAConfig: where nobody named a file nobody waits for what it holds, and a
// directory that others may write to is judged before any file in it is opened.
func TestFIFOForAConfig(t *testing.T) {
	for _, tt := range []struct{ name, want string }{
		{"bwmon.toml", "bwmon.toml\" is no regular file"}, {"conf.d", "conf.d\" is no directory"},
		{"conf.d/a.toml", "a.toml\" is no regular file"}, {"open/a.toml", "conf.d\" can be written by other users"},
	} {
		path := tree(t, map[string]string{"bwmon.toml": ""})
		at := tt.name
		if dir := filepath.Dir(at); dir != "." {
			at = filepath.Join(dropIns, filepath.Base(at))
			if err := os.Mkdir(path(dropIns), 0o755); err != nil {
				t.Fatal(err)
			}
			if dir == "open" {
				if err := os.Chmod(path(dropIns), 0o777); err != nil {
					t.Fatal(err)
				}
			}
		}
		os.Remove(path(at))
		if err := unix.Mkfifo(path(at), 0o644); err != nil {
			t.Fatal(err)
		}
		done := make(chan error, 1)
		go func() { _, err := loadConfig(nil, []string{path("bwmon.toml")}); done <- err }()
		select {
		case err := <-done:
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%s: %v, want %s", tt.name, err, tt.want)
			}
		case <-time.After(patience):
			t.Errorf("%s: it waits for somebody to write to it", tt.name)
			if f, err := os.OpenFile(path(at), os.O_RDWR, 0); err == nil { // lets it go
				f.Close()
			}
		}
	}
}

// TestPipeForAConfig: who names a pipe means it.
func TestPipeForAConfig(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	go func() { fmt.Fprintln(w, `interval = "7s"`); w.Close() }()
	c, err := loadConfig([]string{fmt.Sprintf("/dev/fd/%d", r.Fd())}, nil)
	if err != nil || c.Interval != 7*time.Second {
		t.Errorf("%v, %v", c.Interval, err)
	}
}
