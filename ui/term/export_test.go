package term

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"math"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func noEnv(string) string { return "" }

var exportHeader = []string{"app", "rx_bytes", "rx_rate", "user"}

func exportRows() [][]exportCell {
	return [][]exportCell{
		{textCell("curl"), wholeCell(math.MaxUint64), rateCell(1234.5678), textCell("alice")},
		{textCell(`a "b", c`), wholeCell(0), rateCell(0), {}},
		{textCell("=cmd|' /C calc'!A0"), wholeCell(1), rateCell(math.NaN()), textCell("+1")},
		{textCell("-x"), wholeCell(2), rateCell(math.Inf(1)), textCell("@y")},
	}
}

func TestWriteCSV(t *testing.T) {
	var b bytes.Buffer
	if err := writeCSV(&b, exportHeader, exportRows()); err != nil {
		t.Fatal(err)
	}
	want := strings.Join([]string{
		"app,rx_bytes,rx_rate,user",
		"curl,18446744073709551615,1234.6,alice",
		`"a ""b"", c",0,0.0,`,
		"'=cmd|' /C calc'!A0,1,,'+1",
		"'-x,2,,'@y",
		"",
	}, "\r\n")
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestWriteJSON(t *testing.T) {
	var b bytes.Buffer
	if err := writeJSON(&b, exportHeader, exportRows()); err != nil {
		t.Fatal(err)
	}
	want := `[
{"app":"curl","rx_bytes":18446744073709551615,"rx_rate":1234.5678,"user":"alice"},
{"app":"a \"b\", c","rx_bytes":0,"rx_rate":0,"user":null},
{"app":"=cmd|' /C calc'!A0","rx_bytes":1,"rx_rate":null,"user":"+1"},
{"app":"-x","rx_bytes":2,"rx_rate":null,"user":"@y"}
]
`
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	b.Reset()
	if err := writeJSON(&b, exportHeader, nil); err != nil || b.String() != "[\n]\n" {
		t.Errorf("no rows: %q, %v", b.String(), err)
	}
}

// TestExportHostileText: whatever is in the names, both formats are read back
// as what was written, and no field is a formula.
func TestExportHostileText(t *testing.T) {
	var rows [][]exportCell
	texts := append([]string{"=1+1", "\t=1", "\r=1", "a\r\nb", `",=1`, "<script>&amp;", "\u2028"}, nasty...)
	for _, s := range texts {
		rows = append(rows, []exportCell{textCell(s), textCell(s)})
	}
	var c, j bytes.Buffer
	if err := errors.Join(writeCSV(&c, []string{"=x", "y"}, rows), writeJSON(&j, []string{`"x`, "y"}, rows)); err != nil {
		t.Fatal(err)
	}
	records, err := csv.NewReader(&c).ReadAll()
	if err != nil || len(records) != len(rows)+1 {
		t.Fatalf("%d records of CSV: %v", len(records), err)
	}
	for _, r := range records {
		for _, field := range r {
			if field != "" && strings.ContainsRune("=+-@\t\r", rune(field[0])) {
				t.Errorf("a field is a formula: %q", field)
			}
		}
	}
	var objects []map[string]string
	if err := json.Unmarshal(j.Bytes(), &objects); err != nil || len(objects) != len(rows) {
		t.Fatalf("%d objects of JSON: %v", len(objects), err)
	}
	for i, o := range objects {
		if want := string([]rune(texts[i])); o[`"x`] != want || o["y"] != want { // bytes that are not UTF-8 are U+FFFD
			t.Errorf("%q came back as %q", texts[i], o[`"x`])
		}
	}
}

func TestExportTable(t *testing.T) {
	dir := t.TempDir()
	at := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	for _, tt := range []struct{ view, format, want string }{
		{"Apps", "csv", "bwmon-apps-2026-03-04T050607.csv"},
		{"Apps", "csv", "bwmon-apps-2026-03-04T050607-2.csv"},
		{"LAN hosts › 10.0.0.1", "json", "bwmon-lan-hosts-10-0-0-1-2026-03-04T050607.json"},
		{"../../etc/passwd\x00", "csv", "bwmon-etc-passwd-2026-03-04T050607.csv"},
		{"", "json", "bwmon-table-2026-03-04T050607.json"},
		{strings.Repeat("x", 1000), "csv", "bwmon-" + strings.Repeat("x", 40) + "-2026-03-04T050607.csv"},
	} {
		path, err := exportTable(dir, tt.view, tt.format, at, exportHeader, exportRows(), noEnv)
		if err != nil {
			t.Fatal(err)
		}
		if want := filepath.Join(dir, tt.want); path != want {
			t.Errorf("%q is written to %s, want %s", tt.view, path, want)
		}
		st, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if st.Mode().Perm() != 0o600 || st.Size() < 100 {
			t.Errorf("%s: mode %v, %d bytes", path, st.Mode(), st.Size())
		}
	}
}

func TestExportToTheCurrentDirectory(t *testing.T) {
	t.Chdir(t.TempDir())
	path, err := exportTable("", "Apps", "csv", time.Now(), exportHeader, nil, noEnv)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Base(path)); err != nil || !filepath.IsAbs(path) {
		t.Errorf("written to %s: %v", path, err)
	}
}

// TestExportFollowsNoLink: a link that somebody put in its place is neither
// followed nor replaced.
func TestExportFollowsNoLink(t *testing.T) {
	dir := t.TempDir()
	victim := filepath.Join(t.TempDir(), "victim")
	at := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	link := filepath.Join(dir, "bwmon-apps-2026-03-04T050607.csv")
	if err := os.Symlink(victim, link); err != nil {
		t.Fatal(err)
	}
	path, err := exportTable(dir, "Apps", "csv", at, exportHeader, nil, noEnv)
	if err != nil || path == link {
		t.Errorf("written to %s: %v", path, err)
	}
	if _, err := os.Lstat(victim); err == nil {
		t.Error("the link was followed")
	}
}

// TestExportUnderSudo: the file is that of who called sudo.
func TestExportUnderSudo(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root gives files away")
	}
	env := map[string]string{"SUDO_UID": "1234", "SUDO_GID": "5678"}
	for _, tt := range []struct {
		uid      string
		wantUser uint32
	}{{"1234", 1234}, {"", 0}, {"-1", 0}, {"99999999999", 0}, {"root", 0}} {
		env["SUDO_UID"] = tt.uid
		path, err := exportTable(t.TempDir(), "Apps", "csv", time.Now(), exportHeader, nil, func(key string) string { return env[key] })
		if err != nil {
			t.Fatal(err)
		}
		st, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if got := st.Sys().(*syscall.Stat_t).Uid; got != tt.wantUser {
			t.Errorf("SUDO_UID=%s: the file is that of %d", tt.uid, got)
		}
	}
}

func TestExportProblems(t *testing.T) {
	full := "/dev/full/x"
	missing := filepath.Join(t.TempDir(), "nowhere")
	for _, tt := range []struct{ dir, format, want string }{
		{missing, "csv", "export to " + missing + ": no such file or directory: choose a directory you may write to"},
		{full, "csv", "export to /dev/full/x: not a directory: choose a directory you may write to"},
		{"/proc", "csv", "export to /proc: no such file or directory: choose a directory you may write to"},
		{t.TempDir(), "xml", `no format "xml": csv or json`},
	} {
		path, err := exportTable(tt.dir, "Apps", tt.format, time.Now(), exportHeader, nil, noEnv)
		if err == nil || err.Error() != tt.want {
			t.Errorf("export to %s (%s): %s, %v\nwant %s", tt.dir, tt.format, path, err, tt.want)
		}
	}
	for err, want := range map[error]string{
		syscall.EROFS:  "export to /x: read-only file system: choose a directory you may write to",
		syscall.EACCES: "export to /x: permission denied: choose a directory you may write to",
		syscall.ENOSPC: "export to /x: no space left on device: make room, or choose another directory",
		syscall.EIO:    "export to /x: input/output error",
	} {
		if got := exportProblem("/x", &os.PathError{Op: "open", Path: "/x/y", Err: err}).Error(); got != want {
			t.Errorf("%s\nwant %s", got, want)
		}
	}
	if err := errors.Join(writeCSV(failingWriter{}, exportHeader, exportRows()), writeJSON(failingWriter{}, exportHeader, exportRows())); err == nil ||
		err.Error() != "write CSV: no space left on device\nwrite JSON: no space left on device" {
		t.Errorf("a full disk: %v", err)
	}
}

type failingWriter struct{}

func (failingWriter) Write([]byte) (int, error) { return 0, syscall.ENOSPC }
