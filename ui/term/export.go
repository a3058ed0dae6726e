package term

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// exportCell is one value of an exported table: as it was measured, not as it
// is written on the screen.
type exportCell struct {
	sort exportSort
	text string
	n    uint64
	rate float64
}

type exportSort uint8

const (
	exportNothing exportSort = iota // not known, or there is none
	exportText
	exportWhole  // bytes, packets, how many
	exportRate   // bytes per second
	exportNumber // of whatever unit, to the last digit
)

func textCell(s string) exportCell { return exportCell{sort: exportText, text: s} }

func wholeCell(n uint64) exportCell { return exportCell{sort: exportWhole, n: n} }

// rateCell is a rate; one that is not finite is not known.
func rateCell(v float64) exportCell {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return exportCell{}
	}
	return exportCell{sort: exportRate, rate: v}
}

// numberCell is a figure of whatever unit; one that is not finite is not known.
func numberCell(v float64) exportCell {
	c := rateCell(v)
	if c.sort == exportRate {
		c.sort = exportNumber
	}
	return c
}

// csv is the cell as a field. A spreadsheet does not run it as a formula: a
// text that begins like one gets a leading apostrophe.
func (c exportCell) csv() string {
	switch c.sort {
	case exportText:
		if c.text != "" && strings.IndexByte("=+-@\t\r", c.text[0]) >= 0 {
			return "'" + c.text
		}
		return c.text
	case exportWhole:
		return strconv.FormatUint(c.n, 10)
	case exportRate:
		return strconv.FormatFloat(c.rate, 'f', 1, 64)
	case exportNumber:
		return strconv.FormatFloat(c.rate, 'f', -1, 64)
	}
	return ""
}

// json is the cell as a value; what is not known is null.
func (c exportCell) json() string {
	switch c.sort {
	case exportText:
		return quoteJSON(c.text)
	case exportWhole:
		return strconv.FormatUint(c.n, 10)
	case exportRate, exportNumber:
		return strconv.FormatFloat(c.rate, 'f', -1, 64)
	}
	return "null"
}

func quoteJSON(s string) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.Encode(s) // a string always can be
	return strings.TrimSuffix(b.String(), "\n")
}

// writeCSV writes a table as RFC 4180 has it: a header, and lines that end in
// CR LF.
func writeCSV(w io.Writer, header []string, rows [][]exportCell) error {
	out := csv.NewWriter(w)
	out.UseCRLF = true
	record := make([]string, len(header))
	for i, title := range header {
		record[i] = textCell(title).csv()
	}
	out.Write(record)
	for _, row := range rows {
		record = record[:0]
		for _, c := range row {
			record = append(record, c.csv())
		}
		out.Write(record)
	}
	out.Flush()
	if err := out.Error(); err != nil {
		return fmt.Errorf("write CSV: %w", err)
	}
	return nil
}

// writeJSON writes a table as an array of objects, a line each, whose names
// are the header's.
func writeJSON(w io.Writer, header []string, rows [][]exportCell) error {
	names := make([]string, len(header))
	for i, title := range header {
		names[i] = quoteJSON(title)
	}
	out := bufio.NewWriter(w)
	out.WriteString("[")
	for i, row := range rows {
		if i > 0 {
			out.WriteString(",")
		}
		out.WriteString("\n{")
		for j, c := range row[:min(len(row), len(names))] {
			if j > 0 {
				out.WriteString(",")
			}
			out.WriteString(names[j] + ":" + c.json())
		}
		out.WriteString("}")
	}
	out.WriteString("\n]\n")
	if err := out.Flush(); err != nil {
		return fmt.Errorf("write JSON: %w", err)
	}
	return nil
}

// exportTable writes a table of the view to a new file in dir ("" is the
// current directory), as "csv" or "json", and returns its path. at is its
// time, in the zone of the user. Only the user may read the file; it belongs
// to whom getenv, as os.Getenv, says called sudo. Nothing is left behind when
// it fails.
func exportTable(dir, view, format string, at time.Time, header []string, rows [][]exportCell, getenv func(string) string) (path string, err error) {
	write := writeCSV
	switch format {
	case "csv":
	case "json":
		write = writeJSON
	default:
		return "", fmt.Errorf("no format %q: csv or json", format)
	}
	if dir, err = filepath.Abs(dir); err != nil {
		return "", fmt.Errorf("export: find the current directory: %w", err)
	}
	f, err := createExport(filepath.Join(dir, "bwmon-"+fileWord(view)+"-"+at.Format("2006-01-02T150405")), "."+format)
	if err != nil {
		return "", exportProblem(dir, err)
	}
	err = write(f, header, rows)
	if err == nil {
		err = giveToCaller(f, getenv)
	}
	if closed := f.Close(); err == nil {
		err = closed
	}
	if err != nil {
		os.Remove(f.Name())
		return "", exportProblem(dir, err)
	}
	return f.Name(), nil
}

// createExport makes a file that is not there yet: a second one of the same
// second has a number.
func createExport(stem, ending string) (*os.File, error) {
	const most = 100 // of one second
	for i := 1; ; i++ {
		name := stem + ending
		if i > 1 {
			name = stem + "-" + strconv.Itoa(i) + ending
		}
		f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
		if !errors.Is(err, fs.ErrExist) || i == most {
			return f, err
		}
	}
}

// giveToCaller makes the file that of the user who called sudo.
func giveToCaller(f *os.File, getenv func(string) string) error {
	uid, err := strconv.ParseUint(getenv("SUDO_UID"), 10, 31)
	gid, err2 := strconv.ParseUint(getenv("SUDO_GID"), 10, 31)
	if err != nil || err2 != nil || os.Geteuid() != 0 {
		return nil
	}
	if err := f.Chown(int(uid), int(gid)); err != nil {
		return fmt.Errorf("give the file to user %d: %w", uid, err)
	}
	return nil
}

// exportProblem says why a table could not be written, and what to do.
func exportProblem(dir string, err error) error {
	var at *fs.PathError
	if errors.As(err, &at) {
		err = at.Err // the path is in the message already
	}
	cure := ""
	switch {
	case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EROFS), errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ENOTDIR):
		cure = ": choose a directory you may write to"
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		cure = ": make room, or choose another directory"
	}
	return fmt.Errorf("export to %s: %w%s", clean(dir), err, cure)
}

// fileWord is the name of a view as a part of a file's name.
func fileWord(view string) string {
	const most = 40
	var b strings.Builder
	for _, r := range strings.ToLower(view) {
		switch {
		case b.Len() >= most:
		case 'a' <= r && r <= 'z' || '0' <= r && r <= '9':
			b.WriteRune(r)
		case b.Len() > 0 && !strings.HasSuffix(b.String(), "-"):
			b.WriteByte('-')
		}
	}
	if word := strings.Trim(b.String(), "-"); word != "" {
		return word
	}
	return "table"
}
