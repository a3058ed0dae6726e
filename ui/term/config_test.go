package term

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"bwmon/traffic"
)

func TestConfig(t *testing.T) {
	s := newStage(t, 120, 29)
	s.ui = mustNew(t, Options{Location: time.UTC, Config: Config{
		View: "commands", Units: "bits", Window: 10 * time.Second, Amounts: "rates", HideIdle: true, Details: "on",
		Columns: map[string][]string{"commands": {"tx_rate", "user"}},
		Sort:    map[string]string{"commands": "user asc", "apps": "tx_rate"},
		Keys:    map[string][]string{"pause": {"F9"}},
		Theme:   Theme{Name: "dark", Colors: map[string]string{"alarm": "red"}},
	}})
	s.take(typical(100))
	s.has("all of it", "COMMAND", "TX/s", "USER▲", "Mbit/s", "mean of 10 s", "idle hidden", "since start")
	s.lacks("all of it", "RX/s")
	s.press("1")
	s.has("the order of another view", "▼TX/s")
	s = newStage(t, 80, 24)
	s.ui = mustNew(t, Options{Config: Config{Group: "user"}})
	s.take(typical(100))
	s.has("grouped", "Apps by user")
}

func TestConfigErrors(t *testing.T) {
	for _, tt := range []struct {
		c    Config
		want string
	}{
		{Config{View: "comands"}, `view: there is no "comands" (did you mean "commands"?): want apps, commands, `},
		{Config{Group: "x"}, "group: there is no"},
		{Config{Units: "x"}, "want iec, si, bits"},
		{Config{Amounts: "x"}, "want both, rates, totals"},
		{Config{Details: "x"}, "want auto, on, off"},
		{Config{Window: 5 * time.Second}, "window: want 1s, 10s, 1m, got 5s"},
		{Config{Theme: Theme{Name: "x"}}, "theme"},
		{Config{Columns: map[string][]string{"x": nil}}, "columns: view: there is no"},
		{Config{Columns: map[string][]string{"apps": {"x"}}}, `columns of apps: there is no column "x"`},
		{Config{Sort: map[string]string{"apps": ""}}, "sort of apps: want a column"},
		{Config{Sort: map[string]string{"apps": "app up"}}, "want asc, desc"},
		{Config{Sort: map[string]string{"y": "app"}}, "sort: view"},
		{Config{Keys: map[string][]string{"nosuch": {"x"}}}, "keys: nothing is called"},
	} {
		if err := tt.c.Check(); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%+v: error %v, want %q", tt.c, err, tt.want)
		}
	}
	if err := (Config{}).Check(); err != nil {
		t.Errorf("defaults: %v", err)
	}
}

// TestKeyTable: the manual's list is that of the surface, and can be written
// into a configuration as it is.
func TestKeyTable(t *testing.T) {
	keys := map[string][]string{}
	for _, k := range KeyTable() {
		if k.Name == "" || k.Help == "" || k.Section == "" {
			t.Errorf("%+v lacks something", k)
		}
		keys[k.Name] = k.Keys
	}
	if diff := cmp.Diff([]string{"q", "ctrl-c"}, keys["quit"]); diff != "" {
		t.Errorf("quit (-want +got):\n%s", diff)
	}
	if err := (Config{Keys: keys}).Check(); err != nil {
		t.Error(err)
	}
}

// TestRemembered: what was changed is there at the next start, over what the
// configuration says, until it is reset.
func TestRemembered(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state", "ui.json")
	opts := Options{Location: time.UTC, SettingsPath: path, Config: Config{Units: "si", View: "interfaces"}}
	begin := func() *stage {
		s := newStage(t, 120, 29)
		s.ui = mustNew(t, opts)
		s.take(typical(100)).frame()
		return s
	}
	end := func(s *stage) {
		if err := s.ui.remember(); err != nil {
			t.Fatal(err)
		}
	}
	end(begin())
	if _, err := os.Stat(path); err == nil {
		t.Error("a file was written though nothing was changed")
	}
	s := begin()
	s.press("uwti1gu", ":columns -processes", "<Enter>", ":sort tx desc", "<Enter>", "2:columns user rx_rate", "<Enter>")
	end(s)
	s = begin()
	s.has("remembered", "COMMAND", "USER", "mean of 10 s", "idle hidden", "Mbit/s")
	s.lacks("remembered", "TX/s")
	s.press("1")
	s.has("remembered of another view", "Apps by user", "▼TX/s")
	s.lacks("remembered of another view", "PROCS")
	s.press(":reset", "<Enter>")
	s.has("reset", "MB/s", "INTERFACE")
	s.lacks("reset", "mean of")
	end(s)
	begin().has("as configured", "INTERFACE", "MB/s")

	if err := os.WriteFile(path, []byte("not JSON"), 0o600); err != nil {
		t.Fatal(err)
	}
	begin().has("a damaged file is told of", "settings in "+path, "INTERFACE")
}

// TestRunRemembers: settings are written when the surface ends.
func TestRunRemembers(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ui.json")
	ch := make(chan *traffic.Snapshot, 1)
	p := play(t, Options{Snapshots: ch, SettingsPath: path})
	ch <- typical(10)
	p.until("firefox")
	p.screen.InjectKey(256, '6', 0)
	p.until("INTERFACE")
	p.screen.InjectKey(256, 'q', 0)
	if err := p.end(); err != nil {
		t.Fatal(err)
	}
	if s, err := loadSettings(path, settings{}); err != nil || s.View != "interfaces" {
		t.Errorf("remembered %+v, %v", s, err)
	}
}

// TestErrandsEnd: what takes long ends with the surface; and what panics there
// does so after the terminal was restored.
func TestErrandsEnd(t *testing.T) {
	for _, panics := range []bool{false, true} {
		ch := make(chan *traffic.Snapshot, 1)
		started := make(chan struct{}, 10)
		p := play(t, Options{Snapshots: ch, Config: Config{Details: "on"}, History: func(ctx context.Context, _ traffic.Query) (*traffic.Report, error) {
			started <- struct{}{}
			if panics {
				panic("the history panics")
			}
			<-ctx.Done()
			return nil, ctx.Err()
		}})
		ch <- typical(10)
		<-started
		if !panics {
			p.until("asking…")
			p.cancel()
		}
		err := p.end()
		if !panics && err != nil {
			t.Error(err)
		}
		if panics && (err == nil || !strings.Contains(err.Error(), "the history panics") || !strings.Contains(err.Error(), "usedSince")) {
			t.Errorf("got %v, want the panic and its stack", err)
		}
	}
}
