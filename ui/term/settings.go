package term

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"bwmon/traffic"
)

// settings is what the surface remembers from one run to the next.
type settings struct {
	View    string // by its name
	Group   string // likewise what the apps are summed by
	Units   string // iec, si or bits
	Amounts string // both, rates or totals
	Window  time.Duration

	HideIdle   bool
	Machine    bool
	ReverseDNS bool
	Details    string // auto, on or off

	Tables map[string]tableSettings // by the kind of row
}

// tableSettings is what is remembered of the tables of one kind of row.
// Columns go by their titles.
type tableSettings struct {
	Sort      string   `json:"sort,omitempty"`
	Ascending bool     `json:"ascending,omitempty"`
	Hidden    []string `json:"hidden,omitempty"` // though shown by itself
	Shown     []string `json:"shown,omitempty"`  // though hidden by itself
}

// settingsFile is the document. What is empty is not said.
type settingsFile struct {
	View       string                   `json:"view,omitempty"`
	Group      string                   `json:"group,omitempty"`
	Units      string                   `json:"units,omitempty"`
	Amounts    string                   `json:"amounts,omitempty"`
	Window     string                   `json:"window,omitempty"`
	HideIdle   bool                     `json:"hide_idle"`
	Machine    bool                     `json:"machine"`
	ReverseDNS bool                     `json:"reverse_dns"`
	Details    string                   `json:"details,omitempty"`
	Tables     map[string]tableSettings `json:"tables,omitempty"`
}

const (
	maxSettings        = 64 << 10 // bytes of the file
	maxSettingsTables  = 32
	maxSettingsColumns = 64 // in each list
)

// SettingsPath is the file in which is remembered what this user changes; "" where
// there is no place for it.
func SettingsPath() string {
	return settingsPath(os.Getenv, os.Geteuid(), func(uid int) (string, error) {
		u, err := user.LookupId(strconv.Itoa(uid))
		if err != nil {
			return "", err
		}
		return u.HomeDir, nil
	})
}

// settingsPath is where the user's settings are kept, in the state directory
// of the XDG Base Directory Specification; "" where there is none. getenv is
// as os.Getenv; homeOf says the home directory of a user. Under sudo it is
// root's: what root made in the home of another would lock him out of it.
func settingsPath(getenv func(string) string, euid int, homeOf func(uid int) (string, error)) string {
	state, home := getenv("XDG_STATE_HOME"), getenv("HOME")
	if caller := getenv("SUDO_UID"); euid == 0 && caller != "" && caller != "0" || !filepath.IsAbs(home) {
		var err error
		if home, err = homeOf(euid); err != nil {
			home = ""
		}
		if euid == 0 {
			state = ""
		}
	}
	if !filepath.IsAbs(state) {
		if !filepath.IsAbs(home) {
			return ""
		}
		state = filepath.Join(home, ".local", "state")
	}
	return filepath.Join(state, "bwmon", "ui.json")
}

// loadSettings reads what saveSettings wrote. What the file does not say, or
// says what cannot be, is as in base. The settings can be used whatever the
// error is, which is for telling the user; a file that is not there is none.
func loadSettings(path string, base settings) (settings, error) {
	text, err := readSettings(path)
	if errors.Is(err, fs.ErrNotExist) {
		return base, nil
	}
	var file map[string]json.RawMessage
	if err == nil {
		err = json.Unmarshal(text, &file)
	}
	if err != nil {
		return base, fmt.Errorf("settings in %s are left aside: %w", clean(path), err)
	}
	s, wrong := base.with(file)
	if len(wrong) > 0 {
		err = fmt.Errorf("settings in %s: %s cannot be what is said there", clean(path), strings.Join(wrong, ", "))
	}
	return s, err
}

func readSettings(path string) ([]byte, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0) // a FIFO in its place holds nobody up
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if st, err := f.Stat(); err != nil {
		return nil, err
	} else if !st.Mode().IsRegular() {
		return nil, errors.New("not a regular file")
	}
	text, err := io.ReadAll(io.LimitReader(f, maxSettings+1))
	if err == nil && len(text) > maxSettings {
		err = fmt.Errorf("more than %d KiB", maxSettings>>10)
	}
	return text, err
}

// with is s with what the file says, and the names of what cannot be.
func (s settings) with(file map[string]json.RawMessage) (_ settings, wrong []string) {
	take := func(name string, dst any, possible func() bool) bool {
		text, ok := file[name]
		if !ok || string(text) == "null" {
			return false
		}
		if json.Unmarshal(text, dst) != nil || possible != nil && !possible() {
			wrong = append(wrong, name)
			return false
		}
		return true
	}
	word := func(name string, dst *string, known []string) {
		var v string
		if take(name, &v, func() bool { return known == nil && settingsWord(v) || slices.Contains(known, v) }) {
			*dst = v
		}
	}
	flag := func(name string, dst *bool) {
		var v bool
		if take(name, &v, nil) {
			*dst = v
		}
	}
	word("view", &s.View, nil)
	word("group", &s.Group, nil)
	word("units", &s.Units, unitNames[:])
	word("amounts", &s.Amounts, amountNames[:])
	var window string
	take("window", &window, func() bool {
		d, err := time.ParseDuration(window)
		if err != nil || !slices.Contains(windows[:], d) {
			return false
		}
		s.Window = d
		return true
	})
	flag("hide_idle", &s.HideIdle)
	flag("machine", &s.Machine)
	flag("reverse_dns", &s.ReverseDNS)
	word("details", &s.Details, detailsNames[:])
	var tables map[string]tableSettings
	if take("tables", &tables, nil) {
		s.Tables = boundedTables(tables)
	}
	return s, wrong
}

// boundedTables keeps what may be names, and not too many of them.
func boundedTables(tables map[string]tableSettings) map[string]tableSettings {
	out := make(map[string]tableSettings)
	for name, t := range tables {
		if !settingsWord(name) || len(out) == maxSettingsTables {
			continue
		}
		if !settingsWord(t.Sort) {
			t.Sort = ""
		}
		t.Hidden, t.Shown = settingsWords(t.Hidden), settingsWords(t.Shown)
		out[name] = t
	}
	return out
}

// settingsWord reports whether s may be a name: short, and nothing hidden in it.
func settingsWord(s string) bool {
	return len(s) <= traffic.MaxWord && traffic.CleanText(s, traffic.MaxWord) == s
}

func settingsWords(list []string) []string {
	var out []string
	for _, s := range list {
		if settingsWord(s) && len(out) < maxSettingsColumns {
			out = append(out, s)
		}
	}
	return out
}

// saveSettings writes the settings, readable by the user only. A reader sees
// the file as it was or as it is then, never in between.
func saveSettings(path string, s settings) (err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("remember the settings: %w", err)
		}
	}()
	window := ""
	if s.Window != 0 {
		window = s.Window.String()
	}
	text, err := json.MarshalIndent(settingsFile{
		s.View, s.Group, s.Units, s.Amounts, window, s.HideIdle, s.Machine, s.ReverseDNS, s.Details, s.Tables,
	}, "", "  ")
	if err != nil {
		return err
	}
	if len(text) >= maxSettings {
		return errors.New("more than " + strconv.Itoa(maxSettings>>10) + " KiB")
	}
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(dir, ".ui-*.json") // of mode 0600
	if err != nil {
		return err
	}
	_, err = f.Write(append(text, '\n'))
	if err == nil {
		err = f.Sync()
	}
	if closed := f.Close(); err == nil {
		err = closed
	}
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		os.Remove(f.Name())
	}
	return err
}
