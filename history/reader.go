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
	pool  *sql.DB
	host  string
	place *time.Location
	now   func() time.Time
}

// OpenReader opens a history for reading, with no more than the right to read it. It
// takes the host and the time zone from the file. Where there is none the error is
// fs.ErrNotExist.
func OpenReader(path string) (*Reader, error) {
	path = realPath(path)
	r := &Reader{now: time.Now}
	var err error
	if r.pool, err = openReadOnly(path); err != nil {
		return nil, fmt.Errorf("open the history: %w", asDamage(err))
	}
	r.host, r.place, err = description(background(), r.pool)
	if err != nil {
		return nil, fmt.Errorf("open the history: %w", errors.Join(asDamage(err), r.pool.Close()))
	}
	return r, nil
}

// openReadOnly opens a file of our schema. Who may write it has what the write-ahead
// log needs, and clears it up. Others need the log to be there; where it is not,
// nobody writes, and they read the file as one that does not change.
func openReadOnly(path string) (*sql.DB, error) {
	if _, err := os.Stat(path); err != nil {
		return nil, err
	}
	// Not by opening it: when that is closed, locks of this process are gone.
	if err := unix.Faccessat(unix.AT_FDCWD, path, unix.R_OK, unix.AT_EACCESS); err != nil {
		return nil, &fs.PathError{Op: "read", Path: path, Err: err}
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
			return nil, err
		}
		if err = checkReadable(pool, path); err == nil {
			return pool, nil
		}
		errs = append(errs, errors.Join(err, pool.Close()))
		if c := code(err); c != sqlite3.SQLITE_CANTOPEN && c != sqlite3.SQLITE_READONLY {
			break
		}
	}
	return nil, errs[len(errs)-1]
}

func checkReadable(pool *sql.DB, path string) error {
	version, err := checkSchema(background(), pool, path)
	if err != nil {
		return err
	}
	if version != schema {
		return fmt.Errorf("%s has schema %d, this bwmon knows %d: let the daemon open it first", path, version, schema)
	}
	return nil
}

// Close lets go of the file.
func (r *Reader) Close() error { return r.pool.Close() }

// Report is that of a Store.
func (r *Reader) Report(ctx context.Context, q traffic.Query) (*traffic.Report, error) {
	if err := check(q); err != nil {
		return nil, err
	}
	report, err := r.report(ctx, q)
	if err != nil {
		return nil, fmt.Errorf("read the history: %w", err)
	}
	return report, nil
}

func (r *Reader) report(ctx context.Context, q traffic.Query) (*traffic.Report, error) {
	v, err := see(ctx, r.pool)
	if err != nil {
		return nil, err
	}
	v.calendar, v.host, v.now = calendar{r.place}, r.host, r.now()
	if err := v.begin(); err != nil {
		return nil, errors.Join(err, v.close())
	}
	return v.answer(q)
}

// Percentile is that of a Store.
func (r *Reader) Percentile(ctx context.Context, name string, from, to time.Time, of float64) (traffic.Percentile, error) {
	if !(of > 0) {
		return traffic.Percentile{}, noPercentile(of)
	}
	report, err := r.Report(ctx, percentileQuery(name, from, to, of))
	return percentileOf(report, of), err
}
