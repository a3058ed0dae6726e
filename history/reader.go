package history

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
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

// openReadOnly opens a file of our schema. Where nobody writes it there is no
// write-ahead log, and who may not make one reads the file as one that does not change.
func openReadOnly(path string) (*sql.DB, error) {
	if _, err := os.Stat(path); err != nil {
		return nil, err
	}
	pool, err := openPool(path, "ro", maxReaders)
	if err != nil {
		return nil, err
	}
	err = checkReadable(pool, path)
	if err == nil {
		return pool, nil
	}
	err = errors.Join(err, pool.Close())
	if c := code(err); c != sqlite3.SQLITE_CANTOPEN && c != sqlite3.SQLITE_READONLY {
		return nil, err
	}
	// Not by opening it: when that is closed, locks of this process are gone.
	if err := unix.Faccessat(unix.AT_FDCWD, path, unix.R_OK, unix.AT_EACCESS); err != nil {
		return nil, &fs.PathError{Op: "read", Path: path, Err: err}
	}
	if _, missing := os.Stat(path + "-wal"); !errors.Is(missing, fs.ErrNotExist) {
		return nil, err
	}
	if pool, err = openPool(path, "ro&immutable=1", maxReaders); err != nil {
		return nil, err
	}
	if err := checkReadable(pool, path); err != nil {
		return nil, errors.Join(err, pool.Close())
	}
	return pool, nil
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
	v, err := see(ctx, r.pool)
	if err != nil {
		return nil, fmt.Errorf("read the history: %w", err)
	}
	v.calendar, v.host, v.now = calendar{r.place}, r.host, r.now()
	if err := v.begin(); err != nil {
		return nil, fmt.Errorf("read the history: %w", errors.Join(err, v.close()))
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
