package history

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"time"

	"bwmon/traffic"

	"golang.org/x/sys/unix"
	sqlite3 "modernc.org/sqlite/lib"
)

// Reader reads a history file that another process may be writing. What that has not
// written yet, Options.FlushEvery at most, is not in its reports.
type Reader struct {
	pool   *sql.DB
	host   string
	place  *time.Location
	now    func() time.Time
	member int64 // whose history it reads; 0: the machine's, or the whole fleet's
	// plain and single: the file was of such a schema when it was opened.
	plain, single bool
}

// OpenReader opens a history for reading, with no more than the right to read it. It
// takes the host and the time zone from the file. Where there is none the error is
// fs.ErrNotExist.
func OpenReader(path string) (*Reader, error) {
	path = realPath(path)
	r := &Reader{now: time.Now}
	var version int
	var err error
	if r.pool, version, err = openReadOnly(path); err != nil {
		return nil, fmt.Errorf("open the history: %w", asDamage(err))
	}
	r.plain, r.single = version <= plain, version <= unitary
	r.host, r.place, err = description(background(), r.pool)
	if err != nil {
		return nil, fmt.Errorf("open the history: %w", errors.Join(asDamage(err), r.pool.Close()))
	}
	return r, nil
}

// openReadOnly opens a file of our schema, or of one before it, which it returns. Who
// may write it has what the write-ahead log needs, and clears it up. Others need the log
// to be there; where it is not, nobody writes, and they read the file as one that does
// not change.
func openReadOnly(path string) (pool *sql.DB, version int, err error) {
	if _, err := os.Stat(path); err != nil {
		return nil, 0, err
	}
	// Not by opening it: when that is closed, locks of this process are gone.
	if err := unix.Faccessat(unix.AT_FDCWD, path, unix.R_OK, unix.AT_EACCESS); err != nil {
		return nil, 0, &fs.PathError{Op: "read", Path: path, Err: err}
	}
	modes := []string{"rw&_query_only=1", "ro", "ro&immutable=1"}
	if unix.Faccessat(unix.AT_FDCWD, path, unix.W_OK, unix.AT_EACCESS) != nil {
		modes = modes[1:]
	}
	var errs []error
	for _, mode := range modes {
		if strings.Contains(mode, "immutable") {
			if _, err := os.Stat(path + "-wal"); !errors.Is(err, fs.ErrNotExist) {
				break
			}
		}
		pool, err := openPool(path, mode, maxReaders)
		if err != nil {
			return nil, 0, err
		}
		if version, err = checkReadable(pool, path); err == nil {
			return pool, version, nil
		}
		errs = append(errs, errors.Join(err, pool.Close()))
		if c := code(err); c != sqlite3.SQLITE_CANTOPEN && c != sqlite3.SQLITE_READONLY {
			break
		}
	}
	return nil, 0, errs[len(errs)-1]
}

func checkReadable(pool *sql.DB, path string) (version int, err error) {
	version, err = checkSchema(background(), pool, path)
	if err == nil && version == 0 {
		err = fmt.Errorf("%s is empty: let the daemon open it first", path)
	}
	return version, err
}

// Of returns a Reader of one host in the history of a fleet, of which r reads that of all
// together. It is good until r is closed. It is an ErrQuestion where there is no such host.
func (r *Reader) Of(ctx context.Context, host string) (*Reader, error) {
	of := *r
	err := sql.ErrNoRows
	if !r.single {
		err = r.pool.QueryRowContext(ctx, "SELECT id FROM host WHERE name = ?", host).Scan(&of.member)
	}
	if errors.Is(err, sql.ErrNoRows) {
		return nil, question("host: the history has none of the name %q", host)
	}
	if err != nil {
		return nil, fmt.Errorf("read the history: %w", asDamage(err))
	}
	of.host = host
	return &of, nil
}

// Close lets go of the file.
func (r *Reader) Close() error { return r.pool.Close() }

// Report is that of a Store.
func (r *Reader) Report(ctx context.Context, q traffic.Query) (*traffic.Report, error) {
	if err := check(q); err != nil {
		return nil, err
	}
	v, err := r.look(ctx, kindOf(q))
	var report *traffic.Report
	if err == nil {
		report, err = v.answer(q)
	}
	if err != nil {
		return nil, fmt.Errorf("read the history: %w", err)
	}
	return report, nil
}

// Trend is that of a Store. A file that was written before there were trends has none.
func (r *Reader) Trend(ctx context.Context, q traffic.TrendQuery) (t traffic.Trend, err error) {
	if err := checkTime(q.From, q.To, q.Step); err != nil {
		return t, err
	}
	v, err := r.look(ctx, kindMetric)
	if err == nil {
		t, err = v.answerTrend(q)
	}
	if err != nil {
		return traffic.Trend{}, fmt.Errorf("read the history: %w", err)
	}
	return t, nil
}

// look begins a look at the file.
func (r *Reader) look(ctx context.Context, k kind) (*view, error) {
	v, err := see(ctx, r.pool)
	if err != nil {
		return nil, err
	}
	v.calendar, v.host, v.now, v.plain, v.single = calendar{r.place}, r.host, r.now(), r.plain, r.single
	v.member = r.member
	if err = v.begin(); err == nil {
		err = v.readJournal(k)
	}
	if err != nil {
		return nil, errors.Join(err, v.close())
	}
	return v, nil
}

// Percentile is that of a Store.
func (r *Reader) Percentile(ctx context.Context, name string, from, to time.Time, of float64) (traffic.Percentile, error) {
	if !(of > 0) {
		return traffic.Percentile{}, noPercentile(of)
	}
	report, err := r.Report(ctx, percentileQuery(name, from, to, of))
	return percentileOf(report, of), err
}
