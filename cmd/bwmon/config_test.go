package main

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"bwmon/pipe"
	"bwmon/traffic"

	"github.com/BurntSushi/toml"
	"github.com/google/go-cmp/cmp"
)

// byPattern compares regexes by what was written, and time zones by name.
func byPattern() cmp.Option {
	return cmp.Options{
		cmp.Comparer(func(a, b *regexp.Regexp) bool {
			if a == nil || b == nil {
				return a == b
			}
			return a.String() == b.String()
		}),
		cmp.Comparer(func(a, b *traffic.Mask) bool { return slices.Equal(a.Patterns(), b.Patterns()) }),
		cmp.Comparer(func(a, b *time.Location) bool { return a.String() == b.String() }),
		cmp.Comparer(func(a, b *rawConfig) bool { return true }), // it is what was written
	}
}

func TestReferenceIsTheDefaults(t *testing.T) {
	got, err := loadConfig([]string{"../../bwmon.toml"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	want := defaultConfig()
	want.Path, want.Files = "../../bwmon.toml", []string{"../../bwmon.toml"}
	if diff := cmp.Diff(want, got, byPattern()); diff != "" {
		t.Errorf("bwmon.toml and the built-in defaults differ (-want +got):\n%s", diff)
	}
}

// TestReferenceHasEveryKey uncomments the settings of bwmon.toml and compares
// its keys with those of the raw structs.
func TestReferenceHasEveryKey(t *testing.T) {
	src, err := os.ReadFile("../../bwmon.toml")
	if err != nil {
		t.Fatal(err)
	}
	all := regexp.MustCompile(`(?m)^#(\S)`).ReplaceAllString(string(src), "$1")
	got, err := parseConfig("bwmon.toml", all)
	if err != nil {
		t.Fatalf("with everything uncommented:\n%v", err)
	}
	want := append(defaultMonitors(), defaultMonitor(kindForward))
	want[3].Forward.Listen, want[3].Forward.Target = pipe.Address{Port: 8080}, pipe.Address{Host: "backend", Port: 80}
	if diff := cmp.Diff(want, got.Monitors, byPattern()); diff != "" {
		t.Errorf("the [[monitor]] tables are not the defaults (-want +got):\n%s", diff)
	}
	table := make(map[string]any)
	if _, err := toml.Decode(all, &table); err != nil {
		t.Fatal(err)
	}
	everyKeyIsThere(t, reflect.TypeFor[rawConfig](), []map[string]any{table}, "")
}

func everyKeyIsThere(t *testing.T, typ reflect.Type, tables []map[string]any, where string) {
	t.Helper()
	for i := range typ.NumField() {
		name := typ.Field(i).Tag.Get("toml")
		var inner []map[string]any
		found := false
		for _, table := range tables {
			v, ok := table[name]
			found = found || ok
			if list, ok := v.([]map[string]any); ok {
				inner = append(inner, list...)
			}
		}
		if !found {
			t.Errorf("bwmon.toml does not show %s%s", where, name)
		}
		if ft := typ.Field(i).Type; ft.Kind() == reflect.Slice && ft.Elem().Kind() == reflect.Struct {
			everyKeyIsThere(t, ft.Elem(), inner, where+name+".")
		}
	}
}

func TestParseConfig(t *testing.T) {
	re := regexp.MustCompile
	full := defaultConfig()
	full.Path, full.Files = "x.toml", []string{"x.toml"}
	full.Interval, full.AutoGroup, full.Auto = 250*time.Millisecond, false, false
	full.Monitors = []monitorConfig{
		{Kind: "machine", MaxShare: 0.10, Setup: true, MaxFlows: 1_000_000, Processes: true},
		{Kind: "socket", MaxShare: 0.10, Setup: true, Cgroup: "/sys/fs/cgroup/a", MaxFlows: 5, Processes: true},
		{
			Kind: "conntrack", Include: []*regexp.Regexp{re("a b")}, Exclude: []*regexp.Regexp{re("c")},
			IgnoreLocal: true, Lookback: true, MaxShare: 1, Setup: false, MaxFlows: 1_000_000, Processes: true,
		},
	}
	full.Apps = []appConfig{
		{Name: "Backup", Match: []*regexp.Regexp{re("^/usr/bin/(restic|borg)"), re("rsync .*backup")}},
		{Name: "Web", User: re("^www-data$"), Container: re("web"), Unit: re("nginx")},
	}
	plain := defaultConfig()
	plain.Path, plain.Files = "x.toml", []string{"x.toml"}
	tests := []struct {
		name, src string
		want      config
	}{
		{"empty", "", plain},
		{"byte order mark", "\ufeffinterval = \"1s\"\n", plain},
		{"carriage returns", "interval = \"1s\"\r\nauto_group = true\r\n", plain},
		{"everything", `
interval = "250ms"
auto_group = false
monitor = [{type = "machine"}, {type = "socket", cgroup = "/sys/fs/cgroup/a", max_flows = 5}, {type = "conntrack", include = ["a b"], exclude = ['c'],
  ignore_local = true, lookback = true, max_share = 1, setup = false}]
[[app]]
name = "Backup"
match = [
  "^/usr/bin/(restic|borg)", # a comment with ]
  'rsync .*backup',
]
[[app]]
"name" = "Web"
user = "^www-data$"
container = """web"""
unit = "nginx"
`, full},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := parseConfig("x.toml", tt.src)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got, byPattern()); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestParseConfigProblems(t *testing.T) {
	tests := []struct {
		name, src string
		want      []string
	}{
		{"unknown key", "\n\nintervall = \"1s\"\n", []string{`x:3: unknown key "intervall" (did you mean "interval"?)`}},
		{"unknown key, nothing near", "colour = 1\n", []string{`x:1: unknown key "colour" (known here: app, auto_group, control, history, http, interval, log, mask, monitor, notify, probe, publish, receive, rule, state_dir, time_zone, ui)`}},
		{"key of another table", "[[app]]\nname=\"a\"\nmatch=[\"b\"]\ninclude=[]\n", []string{`x:4: [[app]] 1 ("a"): unknown key "include" (known here: container, match, name, unit, user)`}},
		{"unknown table", "[website]\nlisten = \"x\"\n", []string{`x:1: unknown key "website" (known here: app, auto_group, control, history, http, interval, log, mask, monitor, notify, probe, publish, receive, rule, state_dir, time_zone, ui)`}},
		{
			"second app",
			"[[app]]\nname = \"a\"\nmatch = [\"x\"]\n\n[[app]]\nname = \"video\"\nmatch = [\n  \"ok\",\n  \"a(\",\n]\nmach = 1\n",
			[]string{
				`x:9: [[app]] 2 ("video"): match: regex "a(": missing closing ): ` + "`a(`",
				`x:11: [[app]] 2 ("video"): unknown key "mach" (did you mean "match"?)`,
			},
		},
		{
			"all problems at once",
			"interval = 5\nauto_group = \"yes\"\n[[monitor]]\ntype = \"contrack\"\n[[monitor]]\nmax_share = 2\n[[app]]\nmatch = [1, \"[\"]\n",
			[]string{
				`x:1: interval: want a time like "1s", "500ms" or "1m", got the number 5`,
				`x:2: auto_group: want true or false, got the string "yes"`,
				`x:4: [[monitor]] 1 ("contrack"): type: unknown monitor "contrack" (did you mean "conntrack"?)`,
				`x:5: [[monitor]] 2: type is missing: add type = "conntrack"`,
				`x:7: [[app]] 1: name is missing: add name = "Backup"`,
				`x:8: [[app]] 1: match: regex "[": missing closing ]: ` + "`[`",
				`x:8: [[app]] 1: match: want a string, got the number 1`,
			},
		},
		{"no unit", `interval = "5"`, []string{`x:1: interval: want a time like "1s", "500ms" or "1m", got "5"`}},
		{"too short", `interval = "1ms"`, []string{`x:1: interval: want a time from 100ms to 1h, got "1ms"`}},
		{"negative", `interval = "-1s"`, []string{`x:1: interval: want a time from 100ms to 1h, got "-1s"`}},
		{"rules that are none", "[[rule]]\nname = \"a\"\napp = \"(\"\ntx_above = \"5 parsecs\"\n[[rule]]\nname = \"a\"\napp = \"x\"\nuser = \"y\"\n[[rule]]\nname = \"c\"\napp = \"x\"\nquota = \"1 GB\"\nwindow = \"1s\"\nlevels = [\"x\"]\n", []string{
			`x:3: [[rule]] 1 ("a"): app: regex "(": missing closing ): ` + "`(`",
			`x:4: [[rule]] 1 ("a"): tx_above: want a rate like "5 MiB/s" or "40 Mbit/s", got "5 parsecs"`,
			`x:5: [[rule]] 2 ("a"): what was agreed is missing: add total_above = "5 MiB/s", or another of rx, tx, total with _above, _below or _equals, or quota; or metric and above, below or equals`,
			`x:6: [[rule]] 2 ("a"): name is taken already by [[rule]] 1: choose another one`,
			`x:8: [[rule]] 2 ("a"): app and user: a rule is about one of them`,
			`x:13: [[rule]] 3 ("c"): window: does nothing for a quota`,
			`x:14: [[rule]] 3 ("c"): levels: want a share like "80 %", up to 1000 %, got "x"`,
		}},
		{"rules that contradict themselves", "[[rule]]\nname = \"a\"\napp = \"x\"\ntx_above = \"5 MiB/s\"\nclear = \"6 MiB/s\"\nnotify = [\"ops\"]\n[[rule]]\nname = \"b\"\napp = \"x\"\nrx_above = \"1 MiB/s\"\nclear = \"6 MiB/s\"\n[[notify]]\nname = \"opt\"\ntype = \"log\"\n", []string{
			`x:6: [[rule]] 1 ("a"): notify: there is no [[notify]] named "ops" (did you mean "opt"?)`,
			`x:11: [[rule]] 2 ("b"): clear: want a rate up to the threshold, 1 MiB/s, got 6 MiB/s`,
		}},
		{"a rule that never clears", "[[rule]]\nname = \"a\"\napp = \"x\"\ntx_above = \"5 MiB/s\"\nclear = \"0 B/s\"\n", []string{
			`x:5: [[rule]] 1 ("a"): clear: want a rate above 0, got 0`,
		}},
		{"deliveries to nobody", "[[notify]]\nname = \"a\"\ntype = \"command\"\ncommand = \"page 'x\"\nurl = \"http://x/\"\n[[notify]]\nname = \"b\"\ntype = \"mial\"\n[[notify]]\nname = \"c\"\ntype = \"mail\"\nhost = \"x\"\nfrom = \"nobody\"\n[[notify]]\nname = \"d\"\ntype = \"command\"\ncommand = [\"/no/such/program\"]\n", []string{
			`x:4: [[notify]] 1 ("a"): command: split command: a ' is not closed`,
			`x:5: [[notify]] 1 ("a"): url: does nothing for a delivery of type command`,
			`x:8: [[notify]] 2 ("b"): type: want type = one of command, webhook, mail, export, log, desktop, got "mial"`,
		}},
		{"relay to nowhere", "[[monitor]]\ntype = \"forward\"\nlisten = \":99999\"\nmax_relays = 0\ndrain = \"x\"\n", []string{
			`x:1: [[monitor]] 1 ("forward"): target is missing: add target = "backend:80"`,
			`x:3: [[monitor]] 1 ("forward"): listen: want an address to listen on, such as :8080, 0.0.0.0:8080, [::1]:8080 or unix:/run/x.sock, got ":99999": the port is to be a number from 1 to 65535`,
			`x:4: [[monitor]] 1 ("forward"): max_relays: want a number above 0, got 0`,
			`x:5: [[monitor]] 1 ("forward"): drain: want a time like "10s" or "5m", got "x"`,
		}},
		{"two relays at one address", "[[monitor]]\ntype = \"forward\"\nlisten = \":1\"\ntarget = \"a:1\"\n[[monitor]]\ntype = \"forward\"\nlisten = \":1\"\ntarget = \"b:1\"\n", []string{
			`x:7: [[monitor]] 2 ("forward"): [[monitor]] 1 listens there already: choose another address`,
		}},
		{"a relay has no share of a core", "[[monitor]]\ntype = \"forward\"\nlisten = \":1\"\ntarget = \"a:1\"\nmax_share = 0.2\n[[monitor]]\ntype = \"socket\"\nlisten = \":2\"\n", []string{
			`x:5: [[monitor]] 1 ("forward"): max_share does nothing here: it belongs to the monitors socket and conntrack`,
			`x:8: [[monitor]] 2 ("socket"): listen does nothing here: it belongs to the forward monitor`,
		}},
		{"control socket", "[control]\nsocket = \"relative\"\nmode = 1\n", []string{
			`x:2: control.socket: want a path of at most 100 bytes that begins with /, or "" for none, got "relative"`,
			`x:3: control: unknown key "mode" (known here: group, socket)`,
		}},
		{"flows", "[[monitor]]\ntype=\"socket\"\nmax_flows=0\n", []string{`x:3: [[monitor]] 1 ("socket"): max_flows: want a number from 1 to 16000000, got 0`}},
		{"flows as a word", "[[monitor]]\ntype=\"socket\"\nmax_flows=\"many\"\n", []string{`x:3: [[monitor]] 1 ("socket"): max_flows: want a whole number, got the string "many"`}},
		{"keys of another", "[[monitor]]\ntype=\"socket\"\nsetup=true\n", []string{`x:3: [[monitor]] 1 ("socket"): setup does nothing here: it belongs to the conntrack monitor`}},
		{"monitor twice", "[[monitor]]\ntype=\"machine\"\n[[monitor]]\ntype=\"machine\"\n", []string{`x:4: [[monitor]] 2 ("machine"): is listed already, as [[monitor]] 1: leave one of them out`}},
		{"share", "[[monitor]]\ntype=\"conntrack\"\nmax_share=nan\n", []string{`x:3: [[monitor]] 1 ("conntrack"): max_share: want a share of one core above 0 and up to 1, such as 0.10, got NaN`}},
		{"keys that do nothing", "[[monitor]]\ntype=\"machine\"\nlookback=true\n", []string{`x:3: [[monitor]] 1 ("machine"): lookback does nothing here: it belongs to the conntrack monitor`}},
		{"app twice", "[[app]]\nname=\"a\"\nmatch=[\"b\"]\n[[app]]\nname=\"a\"\nmatch=[\"c\"]\n", []string{`x:5: [[app]] 2 ("a"): name is taken already by [[app]] 1: put both into one, or choose another name`}},
		{"empty match", "[[app]]\nname=\"a\"\nmatch=[]\n", []string{`x:3: [[app]] 1 ("a"): match: is empty, so nothing matches: add a regex, such as "^/usr/bin/rsync"`}},
		{"no match", "[[app]]\nname=\"a\"\n", []string{`x:1: [[app]] 1 ("a"): match is missing: add match = ["^/usr/bin/rsync"], or user, container or unit`}},
		{"empty regex", "[[app]]\nname=\"a\"\nmatch=[\"\"]\n", []string{`x:3: [[app]] 1 ("a"): match: the regex is empty and would match everything: if that is meant, write ".*"`}},
		{"reserved", "[[app]]\nname=\"(kernel)\"\nmatch=[\"b\"]\n", []string{`x:2: [[app]] 1 ("(kernel)"): name: "(kernel)" is what bwmon calls bytes of its own books: choose another name`}},
		{"hostile name", "[[app]]\nname=\"\\u001b[31m\"\nmatch=[\"b\"]\n", []string{`x:2: [[app]] 1 ("\x1b[31m"): name: want at most 256 bytes of printable text, got "\x1b[31m"`}},
		{"monitor as a string", `monitor = "conntrack"`, []string{`x:1: monitor: want tables, each headed [[monitor]], got the string "conntrack"`}},
		{"a single table", "[app]\nname=\"a\"\n", []string{`x:1: app: want tables, each headed [[app]], got a table`}},
		{"match as a string", "[[app]]\nname=\"a\"\nmatch=\"b\"\n", []string{`x:3: [[app]] 1 ("a"): match: want a list of strings, got the string "b"`}},
		{"syntax", "interval = \n", []string{`x:1: expected value but found '\n' instead`}},
		{"key twice", "interval = \"1s\"\ninterval = \"2s\"\n", []string{`x:2: Key 'interval' has already been defined.`}},
		{"invalid UTF-8", "interval = \"1s\"\n# \xff\n", []string{`x:2: invalid UTF-8 byte: 0xff`}},
		{"nested", "\na = " + strings.Repeat("[", 1000), []string{`x:2: more than 32 values are nested here`}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := parseConfig("x", tt.src)
			var got problems
			if !errors.As(err, &got) {
				t.Fatalf("error is %T %v, want problems", err, err)
			}
			if diff := cmp.Diff(tt.want, strings.Split(got.Error(), "\n")); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestLoadConfig(t *testing.T) {
	dir := t.TempDir()
	write := func(name, src string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(src), 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	two := write("two.toml", `interval = "2s"`)
	three := write("three.toml", `interval = "3s"`)
	long := write("long.toml", strings.Repeat("#", maxConfigBytes+1))
	none := filepath.Join(dir, "none.toml")

	tests := []struct {
		name    string
		named   []string
		others  []string
		want    time.Duration
		wantErr string
	}{
		{"nothing found", nil, []string{none}, time.Second, ""},
		{"the first found", nil, []string{none, two, three}, 2 * time.Second, ""},
		{"the named one", []string{three}, []string{two}, 3 * time.Second, ""},
		{"the last named one", []string{two, three}, nil, 3 * time.Second, ""},
		{"a named one that is missing", []string{none}, []string{two}, 0, "does not exist: give an existing file to -c"},
		{"one of them is missing", []string{two, none}, nil, 0, "does not exist: give an existing file to -c"},
		{"a directory", []string{t.TempDir()}, nil, 0, "is a directory without *.toml"},
		{"too long", []string{long}, nil, 0, "longer than 1 MiB"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := loadConfig(tt.named, tt.others)
			if tt.wantErr != "" {
				if err == nil || !strings.Contains(err.Error(), tt.wantErr) {
					t.Fatalf("error %v, want one that says %q", err, tt.wantErr)
				}
				return
			}
			if err != nil || got.Interval != tt.want {
				t.Errorf("interval %v, error %v; want %v", got.Interval, err, tt.want)
			}
		})
	}
}

// TestCheckDeliveries: what is wrong with deliveries beyond their text is for those
// to mend who run them, and keeps nobody else from using bwmon.
func TestCheckDeliveries(t *testing.T) {
	c, err := parseConfig("x", `
[[notify]]
name = "c"
type = "mail"
host = "x"
from = "nobody"
[[notify]]
name = "d"
type = "command"
command = ["/no/such/program"]
[[notify]]
name = "e"
type = "webhook"
url = "env:BWMON_TEST_NO_SUCH_SECRET"
`)
	if err != nil {
		t.Fatal(err)
	}
	want := `x:4: [[notify]] 1 ("c"): mail: from: "nobody" is no mail address
x:9: [[notify]] 2 ("d"): command: exec: "/no/such/program": stat /no/such/program: no such file or directory
x:13: [[notify]] 3 ("e"): webhook: read secret: environment variable BWMON_TEST_NO_SUCH_SECRET is not set`
	if err := checkDeliveries(c); err == nil || err.Error() != want {
		t.Errorf("got\n%v\nwant\n%s", err, want)
	}
}

// TestUntrustedConfig: a file that nobody named is not taken from just anybody.
func TestUntrustedConfig(t *testing.T) {
	path := filepath.Join(t.TempDir(), "bwmon.toml")
	if err := os.WriteFile(path, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := loadConfig(nil, []string{path}); err != nil {
		t.Errorf("ours: %v", err)
	}
	if err := os.Chmod(path, 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := loadConfig(nil, []string{path}); err == nil || !strings.Contains(err.Error(), "name it with -c") {
		t.Errorf("everybody's: %v", err)
	}
	if _, err := loadConfig([]string{path}, nil); err != nil {
		t.Errorf("named: %v", err)
	}
}

// TestConfigOfSurfaces: what is wrong with the page, the history and the screen is
// told by its key.
func TestConfigOfSurfaces(t *testing.T) {
	for _, tt := range []struct{ src, want string }{
		{"[http]\nlisten = \"0.0.0.0:80\"", `can be reached from elsewhere: add tls_cert and tls_key, or insecure = true`},
		{"[http]\nlisten = \"0.0.0.0:80\"\ninsecure = true", `can be reached from elsewhere: add token = "file:/etc/bwmon/token", or client_ca`},
		{"[http]\nlisten = \"80\"", `x:2: http.listen: want an address and a port such as "127.0.0.1:8000"`},
		{"[http]\ntls_cert = \"/a\"", "tls_cert and tls_key go together"},
		{"[http]\nhosts = [\"http://gw\"]", `want the name of a host, without a port, got "http://gw"`},
		{"[http]\nmax_streams = 0", "x:2: http.max_streams: want a number from 1 to 100000, got 0"},
		{"[history]\nkeep_hours = \"5\"", `x:2: history.keep_hours: want a time from 1d up such as "25h", "32d" or "5y", or "0" for ever, got "5"`},
		{"[history]\nmax_size = \"1 KiB\"", `x:2: history.max_size: want a number of bytes from "1 MiB" up`},
		{"[history]\nflush = \"1ms\"", "x:2: history.flush: want a time from 1s to 1h"},
		{"[history]\npath = \"h.db\"", "x:2: history.path: want a path that begins with /"},
		{"[mask]\npatterns = [\"(\"]", `x:2: mask.patterns[0]: regex "(": missing closing )`},
		{"[ui]\nview = \"app\"", "x:2: ui.view: "},
		{"[ui]\nunits = \"furlongs\"", "x:2: ui.units: "},
		{"[ui]\nwindow = \"7s\"", "x:2: ui.window: want 1s, 10s, 1m, got 7s"},
		{"[ui]\ntheme = \"drak\"", `x:1: ui: no theme "drak"`},
		{"[ui.colors]\nalarm = \"rde\"", "rde"},
		{"[ui.columns]\napps = [\"nonsense\"]", "x:2: ui.columns.apps: "},
		{"[ui.keys]\nquit = [\"ctrl-shift-q\"]", "ctrl-shift-q"},
		{"[ui.keys]\nquit = 5", "x:2: ui.keys.quit: want a list of strings, got the number 5"},
	} {
		_, err := parseConfig("x", tt.src+"\n")
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s:\n%v\nwant %s", tt.src, err, tt.want)
		}
	}
	c, err := parseConfig("x", "[http]\nlisten = \"[::1]:80\"\n[history]\nkeep_days = \"0\"\n[ui.keys]\nquit = \"x\"\n")
	if err != nil || c.HTTP.Listen != "[::1]:80" || !c.HTTP.Asked || c.History.KeepDays != 0 || c.UI.Keys["quit"][0] != "x" {
		t.Errorf("%+v, %v", c, err)
	}
}
