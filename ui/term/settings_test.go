package term

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func someSettings() settings {
	return settings{
		View: "lan-hosts", Group: "user", Units: "bits", Amounts: "rates", Window: 10 * time.Second,
		HideIdle: true, ReverseDNS: false, Details: "on",
		Tables: map[string]tableSettings{
			"app":        {Sort: "RX/s", Hidden: []string{"PROCS"}},
			"connection": {Sort: "REMOTE", Ascending: true, Shown: []string{"SCOPE", "PID"}},
		},
	}
}

func TestSettingsAreRemembered(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state", "bwmon", "ui.json")
	base := settings{Units: "iec", ReverseDNS: true}
	got, err := loadSettings(path, base)
	if err != nil {
		t.Errorf("no file: %v", err)
	}
	if diff := cmp.Diff(base, got); diff != "" {
		t.Errorf("no file (-want +got):\n%s", diff)
	}
	for range 2 { // anew, and in the place of another
		if err := saveSettings(path, someSettings()); err != nil {
			t.Fatal(err)
		}
	}
	got, err = loadSettings(path, base)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(someSettings(), got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for name, want := range map[string]os.FileMode{path: 0o600, filepath.Dir(path): 0o700} {
		st, err := os.Stat(name)
		if err != nil || st.Mode().Perm() != want {
			t.Errorf("%s: mode %v, %v; want %v", name, st.Mode().Perm(), err, want)
		}
	}
	if entries, _ := os.ReadDir(filepath.Dir(path)); len(entries) != 1 {
		t.Errorf("left beside it: %v", entries)
	}
}

func TestSettingsThatAreDamaged(t *testing.T) {
	base := someSettings()
	changed := func(change func(*settings)) settings {
		s := someSettings()
		change(&s)
		return s
	}
	many := make([]string, 10*maxSettingsColumns)
	for i := range many {
		many[i] = fmt.Sprintf("%q", fmt.Sprint(i))
	}
	for _, tt := range []struct {
		name, text string
		want       settings
		err        string // its end; "" for none
	}{
		{"empty", "", base, "unexpected end of JSON input"},
		{"cut", `{"view":"apps"`, base, "unexpected end of JSON input"},
		{"binary", "\x00\x01\xff", base, `invalid character '\x00' looking for beginning of value`},
		{"huge", strings.Repeat(" ", maxSettings) + "{}", base, "more than 64 KiB"},
		{"null", "null", base, ""},
		{"a list", "[]", base, "cannot unmarshal array into Go value of type map[string]json.RawMessage"},
		{"unknown fields", `{"view":"apps","speed":5,"tables":{"app":{"sort":"TX/s","zoom":[]}}}`, changed(func(s *settings) {
			s.View, s.Tables = "apps", map[string]tableSettings{"app": {Sort: "TX/s"}}
		}), ""},
		{"wrong type", `{"view":7,"hide_idle":false,"units":"si"}`, changed(func(s *settings) { s.HideIdle, s.Units = false, "si" }),
			": view cannot be what is said there"},
		{"values that cannot be", `{"units":"miles","amounts":"none","window":"3s","view":"a\u001b[31m","group":"` + strings.Repeat("x", 300) + `","tables":{"a\u202e":{},"b":null}}`,
			changed(func(s *settings) { s.Tables = map[string]tableSettings{"b": {}} }), ": view, group, units, amounts, window cannot be what is said there"},
		{"nulls", `{"view":null,"window":null,"tables":null,"details":null}`, base, ""},
		{"tables of nonsense", `{"window":"soon","tables":{"app":7}}`, base, ": window, tables cannot be what is said there"},
		{"columns without end", `{"tables":{"app":{"sort":"\u0007","hidden":[` + strings.Join(many, ",") + `],"shown":["\n","x"]}}}`, changed(func(s *settings) {
			var kept []string
			for i := range maxSettingsColumns {
				kept = append(kept, fmt.Sprint(i))
			}
			s.Tables = map[string]tableSettings{"app": {Hidden: kept, Shown: []string{"x"}}}
		}), ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "ui.json")
			if err := os.WriteFile(path, []byte(tt.text), 0o600); err != nil {
				t.Fatal(err)
			}
			got, err := loadSettings(path, base)
			if tt.err == "" && err != nil || tt.err != "" && (err == nil || !strings.HasSuffix(err.Error(), tt.err)) {
				t.Errorf("error %v, want one that ends in %q", err, tt.err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestSettingsTablesAreBounded: as many as there may be, whichever they are.
func TestSettingsTablesAreBounded(t *testing.T) {
	s := settings{Tables: make(map[string]tableSettings)}
	for i := range 10 * maxSettingsTables {
		s.Tables[fmt.Sprint(i)] = tableSettings{Sort: "x"}
	}
	path := filepath.Join(t.TempDir(), "ui.json")
	if err := saveSettings(path, s); err != nil {
		t.Fatal(err)
	}
	got, err := loadSettings(path, settings{})
	if err != nil || len(got.Tables) != maxSettingsTables {
		t.Errorf("%d tables, %v", len(got.Tables), err)
	}
	s.View = strings.Repeat("x", maxSettings)
	if err := saveSettings(path, s); err == nil || err.Error() != "remember the settings: more than 64 KiB" {
		t.Errorf("too large to be read again: %v", err)
	}
	if again, err := loadSettings(path, settings{}); err != nil || len(again.Tables) != maxSettingsTables {
		t.Errorf("what was there is damaged: %v", err)
	}
}

// TestSettingsOfNoFile: what is in its place is not waited for.
func TestSettingsOfNoFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ui.json")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{path, filepath.Dir(path)} {
		if _, err := loadSettings(name, settings{}); err == nil || !strings.HasSuffix(err.Error(), "not a regular file") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := loadSettings("/dev/null/ui.json", settings{}); err == nil {
		t.Error("a path through a file is taken for no settings")
	}
}

func TestSettingsThatCannotBeSaved(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "ui.json")
	if err := os.MkdirAll(filepath.Join(path, "in the way"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := saveSettings(path, settings{}); err == nil || !strings.HasPrefix(err.Error(), "remember the settings: ") {
		t.Errorf("a directory in its place: %v", err)
	}
	if entries, _ := os.ReadDir(dir); len(entries) != 1 {
		t.Errorf("left beside it: %v", entries)
	}
	if err := saveSettings("/dev/null/bwmon/ui.json", settings{}); err == nil {
		t.Error("saved below a file")
	}
}

// TestSettingsAreWhole: while others write, who reads never sees a part.
func TestSettingsAreWhole(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ui.json")
	var writers sync.WaitGroup
	for i := range 4 {
		writers.Go(func() {
			s := someSettings()
			s.View = strings.Repeat("x", i*50)
			for range 20 {
				if err := saveSettings(path, s); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for range 200 {
		if _, err := loadSettings(path, settings{}); err != nil {
			t.Error(err)
		}
	}
	writers.Wait()
}

func TestSettingsPath(t *testing.T) {
	homeOf := func(uid int) (string, error) {
		if uid == 0 {
			return "/root", nil
		}
		return "", errors.New("unknown user")
	}
	for _, tt := range []struct {
		name string
		env  map[string]string
		euid int
		want string
	}{
		{"home", map[string]string{"HOME": "/home/a"}, 1000, "/home/a/.local/state/bwmon/ui.json"},
		{"state", map[string]string{"HOME": "/home/a", "XDG_STATE_HOME": "/s"}, 1000, "/s/bwmon/ui.json"},
		{"state that is relative", map[string]string{"HOME": "/home/a", "XDG_STATE_HOME": "s"}, 1000, "/home/a/.local/state/bwmon/ui.json"},
		{"nothing", nil, 1000, ""},
		{"home that is relative", map[string]string{"HOME": "."}, 1000, ""},
		{"state only", map[string]string{"XDG_STATE_HOME": "/s"}, 1000, "/s/bwmon/ui.json"},
		{"root", map[string]string{"HOME": "/root"}, 0, "/root/.local/state/bwmon/ui.json"},
		{"root without a home", nil, 0, "/root/.local/state/bwmon/ui.json"},
		{"sudo that keeps the home", map[string]string{"HOME": "/home/a", "XDG_STATE_HOME": "/home/a/s", "SUDO_UID": "1000"}, 0, "/root/.local/state/bwmon/ui.json"},
		{"sudo to another", map[string]string{"HOME": "/home/b", "SUDO_UID": "1000"}, 1001, "/home/b/.local/state/bwmon/ui.json"},
		{"sudo of root", map[string]string{"HOME": "/root", "XDG_STATE_HOME": "/s", "SUDO_UID": "0"}, 0, "/s/bwmon/ui.json"},
	} {
		if got := settingsPath(func(name string) string { return tt.env[name] }, tt.euid, homeOf); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}

func FuzzLoadSettings(f *testing.F) {
	for _, s := range []string{"", "{}", `{"view":"apps","tables":{"a":{"hidden":["x"]}}}`, `{"window":"10s","units":"si","tables":null}`, `{"tables":{"a":null}}`} {
		f.Add([]byte(s))
	}
	path := filepath.Join(f.TempDir(), "ui.json")
	f.Fuzz(func(t *testing.T, text []byte) {
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		s, _ := loadSettings(path, settings{Units: "iec", Amounts: "both", Window: time.Second})
		// What can be loaded can be saved, and is loaded as the same.
		if err := saveSettings(path, s); err != nil {
			t.Fatal(err)
		}
		again, err := loadSettings(path, settings{})
		if err != nil {
			t.Fatal(err)
		}
		if len(s.Tables) == 0 {
			s.Tables, again.Tables = nil, nil
		}
		if diff := cmp.Diff(s, again); diff != "" {
			t.Fatalf("loaded, saved and loaded again (-first +then):\n%s", diff)
		}
	})
}
