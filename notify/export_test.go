package notify

import (
	"bytes"
	"compress/gzip"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"
)

func newExport(t *testing.T, o ExportOptions) *Export {
	t.Helper()
	x, err := NewExport(o)
	if err != nil {
		t.Fatal(err)
	}
	return x
}

func dirNames(t *testing.T, dir string) []string {
	t.Helper()
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, f := range files {
		names = append(names, f.Name())
	}
	return names
}

func TestExportWritesFiles(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "b")
	for _, how := range []string{CompressNone, CompressGzip, CompressZstd} {
		x := newExport(t, ExportOptions{Dir: dir, JSON: true, CSV: true, Compress: how})
		e := Event{Alert: testAlert("a", StateFiring), Snapshot: testSnapshot()}
		for range 2 { // the second replaces the first
			if err := x.Send(t.Context(), []Event{e, {Alert: testAlert("a", StateResolved)}}); err != nil {
				t.Fatal(err)
			}
		}
		names := dirNames(t, dir)
		if len(names) != 2 {
			t.Fatalf("%s: files %v", how, names)
		}
		table := unpack(t, filepath.Join(dir, names[0]), how)
		records, err := csv.NewReader(bytes.NewReader(table)).ReadAll()
		if err != nil || len(records) != 3 || records[2][8] != "'=cmd|' /C calc'!A0" || records[1][5] != "tx_above" {
			t.Errorf("%s: %v, %v", how, records, err)
		}
		var got exportDocument
		if err := json.Unmarshal(unpack(t, filepath.Join(dir, names[1]), how), &got); err != nil {
			t.Fatal(err)
		}
		want := exportDocument{Schema: 1, Alert: e.Alert, Snapshot: e.Snapshot}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: -want +got\n%s", how, diff)
		}
		for _, n := range names {
			os.Remove(filepath.Join(dir, n))
		}
	}
}

func unpack(t *testing.T, path, how string) []byte {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var r io.Reader = f
	switch how {
	case CompressGzip:
		r, err = gzip.NewReader(f)
	case CompressZstd:
		var z *zstd.Decoder
		if z, err = zstd.NewReader(f); err == nil {
			defer z.Close()
		}
		r = z
	}
	if err != nil {
		t.Fatal(err)
	}
	data, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestExportKeepsItsBounds(t *testing.T) {
	dir := t.TempDir()
	foreign := filepath.Join(dir, "bwmon-notes.json")
	os.WriteFile(foreign, make([]byte, 1<<20), 0o600)
	os.WriteFile(filepath.Join(dir, ".bwmon-12345.part"), []byte("half"), 0o600)
	x := newExport(t, ExportOptions{Dir: dir, MaxFiles: 5})
	put := func(x *Export, i int) {
		a := testAlert(fmt.Sprint(i), StateFiring)
		a.At = a.At.Add(time.Duration(i) * time.Second)
		if err := x.Send(t.Context(), []Event{{Alert: a, Snapshot: testSnapshot()}}); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 12 {
		put(x, i)
	}
	names := dirNames(t, dir)
	if len(names) != 6 || !strings.Contains(names[0], "T030412") || !strings.Contains(names[4], "T030416") {
		t.Errorf("files %v", names)
	}
	put(newExport(t, ExportOptions{Dir: dir, MaxBytes: 1}), 12)
	if names := dirNames(t, dir); len(names) != 2 || !strings.Contains(names[0], "T030417") {
		t.Errorf("files %v", names)
	}
	if _, err := os.Stat(foreign); err != nil {
		t.Errorf("a file that is not ours: %v", err)
	}
}

func TestExportHostileNames(t *testing.T) {
	parent := t.TempDir()
	dir := filepath.Join(parent, "out")
	x := newExport(t, ExportOptions{Dir: dir, JSON: true, CSV: true})
	for _, a := range append(hostileAlerts(), hostileAlert()) {
		s := testSnapshot()
		s.Apps[0].Name = a.App
		if err := x.Send(t.Context(), []Event{{Alert: a, Snapshot: s}}); err != nil {
			t.Fatalf("%.40q: %v", a.Rule, err)
		}
	}
	if names := dirNames(t, parent); len(names) != 1 {
		t.Errorf("a name led out of the directory: %v", names)
	}
	for _, name := range dirNames(t, dir) {
		data := readFile(t, dir, name)
		if strings.HasSuffix(name, ".json") {
			if !json.Valid([]byte(data)) {
				t.Errorf("%s is not JSON", name)
			}
			continue
		}
		records, err := csv.NewReader(strings.NewReader(data)).ReadAll()
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		for _, r := range records {
			for _, cell := range r {
				if cell != "" && strings.ContainsRune("=+-@", rune(cell[0])) {
					t.Errorf("%s: a cell is a formula: %.40q", name, cell)
				}
			}
		}
	}
}

func TestNewExportFindsFaults(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	os.WriteFile(file, nil, 0o600)
	for _, o := range []ExportOptions{{}, {Dir: t.TempDir(), Compress: "rar"}, {Dir: file}} {
		if _, err := NewExport(o); err == nil {
			t.Errorf("%+v: no error", o)
		}
	}
}
