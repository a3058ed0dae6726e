package history

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"bwmon/traffic"

	"github.com/google/go-cmp/cmp"
)

// written makes a history of some days and returns its path and what it has.
func written(t testing.TB) (path string, m *machine, total uint64) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "history.db")
	m = newMachine(time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC))
	s := openStore(t, Options{Path: path, Now: m.now, Host: "gw", Keep: unlimited})
	host := newHost(12, 1)
	for n := range 300 {
		for i := range 100 {
			m.carry(fmt.Sprint("app ", i%10), fmt.Sprint("command ", i), uint64(n), 1)
		}
		m.link("eth0", 1000, 100)
		m.rows.Series = host.tick()
		s.take(m.after(10 * time.Minute).snapshot())
		if n%3 == 0 {
			mustFlush(t, s)
		}
	}
	mustFlush(t, s)
	total = report(t, s, traffic.Query{By: traffic.ByApp}).Total.RxBytes
	if err := s.checkpoint(0); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if total != 100*299*300/2 {
		t.Fatalf("%d bytes", total)
	}
	return path, m, total
}

// TestDamagedFile: it is set aside under a name that Status tells, and a new one begun.
func TestDamagedFile(t *testing.T) {
	for _, tt := range []struct {
		name   string
		damage func([]byte) []byte
	}{
		{"no database", func([]byte) []byte { return []byte(strings.Repeat("this is no database\n", 1000)) }},
		{"a short text", func([]byte) []byte { return []byte("?") }},
		{"garbage for a header", func(b []byte) []byte { return append(bytes.Repeat([]byte{0xa5}, 100), b[100:]...) }},
		{"truncated", func(b []byte) []byte { return b[:len(b)/2] }},
		{"truncated within a page", func(b []byte) []byte { return b[:len(b)-1000] }},
		{"a page of zeros", func(b []byte) []byte { clear(b[5*4096 : 6*4096]); return b }},
		{"a page of garbage", func(b []byte) []byte {
			r := rand.New(rand.NewPCG(1, 1))
			for i := range 4096 {
				b[7*4096+i] = byte(r.Uint32())
			}
			return b
		}},
		{"a table is missing", func(b []byte) []byte {
			return bytes.Replace(b, []byte("CREATE TABLE month "), []byte("CREATE TABLE monht "), 1)
		}},
		{"a table of trends is missing", func(b []byte) []byte {
			return bytes.Replace(b, []byte("CREATE TABLE trend_month "), []byte("CREATE TABLE trend_monht "), 1)
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			path, m, _ := written(t)
			whole, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			damaged := tt.damage(whole)
			if err := os.WriteFile(path, damaged, 0o600); err != nil {
				t.Fatal(err)
			}
			if err := Check(path); err == nil {
				t.Error("Check found nothing")
			}
			s := openStore(t, Options{Path: path, Now: m.now})
			aside := s.Status().SetAside
			if want := path + ".damaged-20260503T020000Z"; aside != want {
				t.Fatalf("set aside as %q, want %q", aside, want)
			}
			if detail := s.Status().Monitor().Detail; !strings.Contains(detail, aside) {
				t.Errorf("the monitor says %q", detail)
			}
			kept, err := os.ReadFile(aside)
			if err != nil || !bytes.Equal(kept, damaged) {
				t.Errorf("what was set aside is another file: %v", err)
			}
			s.take(m.after(time.Minute).snapshot())
			mustFlush(t, s)
			if r := report(t, s, traffic.Query{By: traffic.ByApp}); r.Total.RxBytes == 0 {
				t.Errorf("the new one has nothing: %+v", r)
			}
			inspect(t, path)
		})
	}
}

// TestDamagedWhileOpen: it is set aside when it is noticed, and nothing that was
// booked since the last flush is lost.
func TestDamagedWhileOpen(t *testing.T) {
	for _, byReport := range []bool{true, false} {
		damageOpen(t, byReport)
	}
}

func damageOpen(t *testing.T, byReport bool) {
	path, m, _ := written(t)
	s := openStore(t, Options{Path: path, Now: m.now, Keep: unlimited})
	s.take(m.after(time.Minute).snapshot())
	mustFlush(t, s)
	if err := s.checkpoint(0); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	info, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	garbage := bytes.Repeat([]byte{0xa5}, 4096)
	for at := int64(4096); at < info.Size(); at += 4096 {
		if _, err := f.WriteAt(garbage, at); err != nil {
			t.Fatal(err)
		}
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if byReport {
		if _, err := s.Report(t.Context(), traffic.Query{By: traffic.ByApp, Step: traffic.StepMinute}); err == nil {
			t.Error("a report saw nothing")
		}
	}
	// The writer has most pages in memory, and sees it when it needs another.
	for n := 0; s.Status().SetAside == ""; n++ {
		if n == 500 || byReport && n > 0 {
			t.Fatalf("nothing was noticed: %+v", s.Status())
		}
		if !byReport {
			if _, err := s.db.conn.ExecContext(t.Context(), "PRAGMA shrink_memory"); err != nil {
				t.Fatal(err)
			}
		}
		m.carry("app", fmt.Sprint("new ", n), 1, 1)
		s.take(m.after(time.Hour).snapshot())
		mustFlush(t, s)
	}
	if state := s.Status(); state.State != traffic.StateRunning {
		t.Errorf("%+v", state)
	}
	if r := report(t, s, traffic.Query{By: traffic.ByApp, Name: "app"}); r.Total.RxBytes == 0 {
		t.Errorf("what was booked last is not there: %+v", r)
	}
	inspect(t, path)
}

// TestFlippedBytes: whatever single bytes change, nothing fails that could go on, and
// no figure changes unseen: either it is set aside, or pieces are, or all is as it was.
func TestFlippedBytes(t *testing.T) {
	long(t)
	path, m, total := written(t)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(7, 7))
	aside, pieces, names := 0, 0, 0
	for n := range 60 {
		data := bytes.Clone(whole)
		for range 1 + n%8 {
			data[r.IntN(len(data))] ^= byte(1 + r.IntN(255))
		}
		flipped := filepath.Join(t.TempDir(), "history.db")
		if err := os.WriteFile(flipped, data, 0o600); err != nil {
			t.Fatal(err)
		}
		checked := Check(flipped)
		s, err := Open(Options{Path: flipped, Location: time.UTC, Now: m.now})
		if err != nil {
			if !errors.Is(err, errForeign) { // as its header may say
				t.Errorf("%d: %v", n, err)
			}
			continue
		}
		got, err := s.Report(t.Context(), traffic.Query{By: traffic.ByApp, Step: traffic.StepDay})
		switch {
		case s.Status().SetAside != "":
			aside++
		case err != nil:
			t.Errorf("%d: %v", n, err)
		case strings.Contains(got.Detail, "damaged"):
			pieces++
		case got.Total.RxBytes != total && checked == nil:
			t.Errorf("%d: %d bytes, want %d: %+v", n, got.Total.RxBytes, total, got.Detail)
		case checked != nil:
			names++ // pieces that this report did not need, or free pages
		}
		s.take(m.after(time.Minute).snapshot())
		mustFlush(t, s)
		if err := s.Close(); err != nil {
			t.Errorf("%d: close: %v", n, err)
		}
	}
	t.Logf("of 60: %d set aside, %d with damaged pieces in the report, %d with others", aside, pieces, names)
}

// TestDamagedPiece: it is left out of reports, which say so, and begun anew.
func TestDamagedPiece(t *testing.T) {
	path, m, total := written(t)
	s := openStore(t, Options{Path: path, Now: m.now, Keep: unlimited})
	last := s.opts.Now().Unix() / 86400 * 86400
	if _, err := s.db.conn.ExecContext(t.Context(), "UPDATE open_day SET data = x'00112233445566' WHERE id = ?", pieceKey(0, last, kindApp)); err != nil {
		t.Fatal(err)
	}
	r := report(t, s, traffic.Query{By: traffic.ByApp, Step: traffic.StepDay})
	if !strings.Contains(r.Detail, "damaged pieces of the history are left out: 1") || r.Total.RxBytes >= total {
		t.Errorf("%+v", r)
	}
	if err := Check(path); err == nil || !strings.Contains(err.Error(), "damaged piece") {
		t.Errorf("Check: %v", err)
	}
	s.take(m.after(time.Minute).snapshot())
	mustFlush(t, s)
	if s.Status().Damaged != 1 {
		t.Errorf("%+v", s.Status())
	}
	r = report(t, s, traffic.Query{By: traffic.ByApp, Step: traffic.StepDay})
	if r.Detail != "" {
		t.Errorf("%+v", r)
	}
}

// TestDamagedTrend: so is a piece of trends.
func TestDamagedTrend(t *testing.T) {
	path, m, _ := written(t)
	s := openStore(t, Options{Path: path, Now: m.now, Keep: unlimited})
	last := s.opts.Now().Unix() / 86400 * 86400
	q := traffic.TrendQuery{Series: "disk:sd0", Step: traffic.StepDay}
	before := trendOf(t, s, q)
	if _, err := s.db.conn.ExecContext(t.Context(), "UPDATE open_trend_day SET data = x'00112233445566' WHERE id = ?", pieceKey(0, last, kind(themeOf(traffic.SeriesDisk)))); err != nil {
		t.Fatal(err)
	}
	after := trendOf(t, s, q)
	if !strings.Contains(after.Detail, "damaged pieces of the history are left out: 1") || len(after.Rows) != len(before.Rows) || after.Rows[0].Steps[2] != nil {
		t.Errorf("%+v", after)
	}
	if err := Check(path); err == nil || !strings.Contains(err.Error(), "the trends by day of 2026-05-03T00:00:00Z have a damaged piece") {
		t.Errorf("Check: %v", err)
	}
	s.take(m.after(time.Minute).snapshot())
	mustFlush(t, s)
	if s.Status().Damaged != 1 {
		t.Errorf("%+v", s.Status())
	}
	if got := trendOf(t, s, q); got.Detail != "" || got.Rows[0].Steps[2] == nil {
		t.Errorf("%+v", got)
	}
	// It is not as long as that of its hours any more.
	if err := Check(path); err == nil || !strings.Contains(err.Error(), "are not those of its pieces") {
		t.Errorf("Check: %v", err)
	}
}

// TestFileTakenAway: who deletes or moves the file gets a new one.
func TestFileTakenAway(t *testing.T) {
	path, m, _ := written(t)
	s := openStore(t, Options{Path: path, Now: m.now})
	s.take(m.after(time.Minute).snapshot())
	mustFlush(t, s)
	for _, suffix := range []string{"", "-wal", "-shm"} {
		if err := os.Remove(path + suffix); err != nil {
			t.Fatal(err)
		}
	}
	m.carry("app 0", "command 0", 1, 1)
	s.take(m.after(time.Minute).snapshot())
	mustFlush(t, s)
	if r := report(t, s, traffic.Query{By: traffic.ByApp}); r.Total.RxBytes != 1 {
		t.Errorf("%+v", r)
	}
	inspect(t, path)
}

// TestNewFileHasItsOwnIDs: what waits in memory is booked under its own name in a new
// file, also if the name was idle for so long that it is forgotten otherwise.
func TestNewFileHasItsOwnIDs(t *testing.T) {
	m := newMachine(time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC))
	s := openStore(t, Options{Now: m.now})
	for i := range 5 {
		m.carry("web", fmt.Sprint("command ", i), 10, 10)
	}
	s.take(m.snapshot())
	mustFlush(t, s)
	m.carry("web", "command 4", 1, 1)
	s.take(m.after(time.Minute).snapshot())
	s.roster.now += 100
	s.roster.sweep(1)
	for _, suffix := range []string{"", "-wal", "-shm"} {
		if err := os.Remove(s.opts.Path + suffix); err != nil {
			t.Fatal(err)
		}
	}
	mustFlush(t, s)
	want := []traffic.ReportRow{{Name: "command 4", App: "web", RxBytes: 1, TxBytes: 1}}
	if diff := cmp.Diff(want, report(t, s, traffic.Query{By: traffic.ByCommand}).Rows); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
