package notify

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/klauspost/compress/zstd"

	"bwmon/traffic"
)

// The ways to compress an export.
const (
	CompressNone = ""
	CompressGzip = "gzip"
	CompressZstd = "zstd"
)

// ExportOptions says what files to write where. Zero values stand for the
// defaults given.
type ExportOptions struct {
	Dir       string // made if it is not there
	JSON, CSV bool   // neither: JSON
	Compress  string
	MaxFiles  int   // 1000
	MaxBytes  int64 // 256 MiB; of the newest file more, if it is larger
}

// Export is a Sender that writes the snapshot of each violation to files. What is
// resolved violates nothing, and is not written. When the directory has reached
// its bounds the oldest of its own files are removed; others are not touched.
type Export struct{ o ExportOptions }

// NewExport checks o and makes the directory.
func NewExport(o ExportOptions) (*Export, error) {
	if o.Dir == "" {
		return nil, errors.New("export: the directory is missing")
	}
	if o.Compress != CompressNone && o.Compress != CompressGzip && o.Compress != CompressZstd {
		return nil, fmt.Errorf("export: compress: want gzip or zstd, got %q", o.Compress)
	}
	if !o.JSON && !o.CSV {
		o.JSON = true
	}
	if o.MaxFiles <= 0 {
		o.MaxFiles = 1000
	}
	if o.MaxBytes <= 0 {
		o.MaxBytes = 256 << 20
	}
	if err := os.MkdirAll(o.Dir, 0o750); err != nil {
		return nil, fmt.Errorf("export: %w", err)
	}
	return &Export{o}, nil
}

// Pace implements Pacer.
func (x *Export) Pace() Pace { return Pace{Snapshots: true} }

// Send implements Sender. The same event sent again replaces its files.
func (x *Export) Send(_ context.Context, events []Event) error {
	for _, e := range events {
		if e.Alert.State == StateResolved {
			continue
		}
		if err := x.write(e); err != nil {
			return fmt.Errorf("export snapshot: %w", err)
		}
	}
	return nil
}

// write makes the event's files and then room.
func (x *Export) write(e Event) error {
	if err := os.MkdirAll(x.o.Dir, 0o750); err != nil {
		return err
	}
	var written []string
	for _, form := range []struct {
		wanted bool
		suffix string
		encode func(Event) ([]byte, error)
	}{{x.o.JSON, ".json", exportJSON}, {x.o.CSV, ".csv", exportCSV}} {
		if !form.wanted {
			continue
		}
		data, err := form.encode(e)
		if err != nil {
			return Permanent(err)
		}
		name := exportName(e.Alert) + form.suffix + map[string]string{CompressGzip: ".gz", CompressZstd: ".zst"}[x.o.Compress]
		if data, err = compress(data, x.o.Compress); err != nil {
			return Permanent(err)
		}
		if err := writeWhole(x.o.Dir, name, data); err != nil {
			return err
		}
		written = append(written, name)
	}
	return x.makeRoom(written)
}

// exportName is a name that sorts by time, is safe in any file system, and is the
// same for the same event.
func exportName(a Alert) string {
	h := fnv.New32a()
	fmt.Fprintf(h, "%s\x00%s\x00%s\x00%d\x00%s", a.ID, a.Rule, a.Subject, a.Count, a.State)
	return fmt.Sprintf("bwmon-%s-%s-%s-%08x", a.At.UTC().Format("20060102T150405.000Z"),
		safeName(a.Rule), safeName(a.Subject), h.Sum32())
}

// safeName keeps letters and digits.
func safeName(s string) string {
	safe := []byte(s[:min(len(s), 40)])
	for i, c := range safe {
		if !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9') {
			safe[i] = '_'
		}
	}
	return strings.Trim(string(safe), "_")
}

func compress(data []byte, how string) ([]byte, error) {
	var b bytes.Buffer
	var w io.WriteCloser
	switch how {
	case CompressGzip:
		w = gzip.NewWriter(&b)
	case CompressZstd:
		z, err := zstd.NewWriter(&b, zstd.WithEncoderConcurrency(1))
		if err != nil {
			return nil, err
		}
		w = z
	default:
		return data, nil
	}
	_, err := w.Write(data)
	err = cmp.Or(err, w.Close())
	return b.Bytes(), err
}

// writeWhole makes a file that is there as a whole or not at all, even after a
// power failure.
func writeWhole(dir, name string, data []byte) error {
	f, err := os.CreateTemp(dir, ".bwmon-*"+partSuffix)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Chmod(0o640)
	}
	if err == nil {
		err = f.Sync()
	}
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	if err == nil {
		err = os.Rename(f.Name(), filepath.Join(dir, name))
	}
	if err != nil {
		os.Remove(f.Name())
		return err
	}
	return syncPath(dir)
}

// exported matches the names of our own files.
const exported = `^(bwmon-\d{8}T\d{6}\.\d{3}Z-\w*-\w*-[0-9a-f]{8}\.(json|csv)(\.gz|\.zst)?|\.bwmon-\d+\.part)$`

// makeRoom removes the oldest files beyond the bounds, and what a killed process
// left half written, but not those just written.
func (x *Export) makeRoom(written []string) error {
	own, err := regexp.Compile(exported)
	if err != nil {
		return err
	}
	entries, err := os.ReadDir(x.o.Dir)
	if err != nil {
		return err
	}
	var names []string
	sizes := make(map[string]int64)
	var bytes int64
	for _, e := range entries {
		if !e.Type().IsRegular() || !own.MatchString(e.Name()) {
			continue
		}
		info, err := e.Info()
		if err != nil {
			continue // somebody else removed it
		}
		names = append(names, e.Name())
		sizes[e.Name()] = info.Size()
		bytes += info.Size()
	}
	slices.Sort(names) // parts first, then by time
	left := len(names)
	for _, name := range names {
		part := strings.HasSuffix(name, partSuffix)
		if !part && left <= x.o.MaxFiles && bytes <= x.o.MaxBytes {
			break
		}
		if slices.Contains(written, name) {
			continue
		}
		if err := os.Remove(filepath.Join(x.o.Dir, name)); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
		left--
		bytes -= sizes[name]
	}
	return nil
}

// exportDocument is an export as JSON.
type exportDocument struct {
	Schema   int               `json:"schema"`
	Test     bool              `json:"test,omitempty"`
	Alert    Alert             `json:"alert"`
	Snapshot *traffic.Snapshot `json:"snapshot,omitempty"`
}

func exportJSON(e Event) ([]byte, error) {
	data, err := encodeJSON(exportDocument{traffic.SchemaVersion, e.Test, e.Alert, e.Snapshot})
	return append(data, '\n'), err
}
