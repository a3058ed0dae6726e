package history

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"syscall"

	"golang.org/x/sys/unix"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// database is a file that is open for writing, by one goroutine, and for reading by
// any.
type database struct {
	path string
	lock *os.File // the file itself: its flock(2) keeps other daemons away
	pool *sql.DB  // of conn only
	conn *sql.Conn
	read *sql.DB

	members []int64 // of a fleet, by their numbers

	pieces, trends    [levels]*drawer // of trends nil where there are none
	findName, addName *sql.Stmt
	ledger            ledger
}

var (
	errDamaged = errors.New("damaged")
	errBusy    = errors.New("in use")
)

// maxReaders is how many reports are made at a time; others wait.
const maxReaders = 4

// background: what is written is written, even where the program is about to end.
func background() context.Context { return context.Background() }

// openDatabase opens a file, or makes it. The error wraps errDamaged where the file
// has to be set aside.
func openDatabase(path string) (d *database, err error) {
	d = &database{path: path}
	defer func() {
		if err != nil {
			err = errors.Join(asDamage(err), d.close())
		}
	}()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return d, err
	}
	if err := d.flock(); err != nil {
		return d, err
	}
	if d.pool, err = openPool(path, "rw", 1); err != nil {
		return d, err
	}
	if d.conn, err = d.pool.Conn(background()); err != nil {
		return d, fmt.Errorf("open %s: %w", path, err)
	}
	if err := d.settle(); err != nil {
		return d, fmt.Errorf("open %s: %w", path, err)
	}
	if d.read, err = openPool(path, "ro", maxReaders); err != nil {
		return d, err
	}
	return d, nil
}

// flock makes the file, if there is none, and sees that nobody else writes it.
func (d *database) flock() (err error) {
	if d.lock, err = os.OpenFile(d.path, os.O_RDWR|os.O_CREATE, 0o600); err != nil {
		return err
	}
	err = unix.Flock(int(d.lock.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) {
		return fmt.Errorf("%w: another bwmon writes %s: stop that one, or set another path for the history", errBusy, d.path)
	}
	if err != nil {
		return err
	}
	info, err := d.lock.Stat()
	if err == nil && info.Size() > 0 && info.Size() < leastSize {
		err = fmt.Errorf("%w: %s has %d bytes only", errDamaged, d.path, info.Size())
	}
	return err
}

// leastSize is that of SQLite's smallest page. It takes a file that is shorter for an
// empty one.
const leastSize = 512

// settle checks the file and brings it to our schema.
func (d *database) settle() error {
	version, err := checkSchema(background(), d.conn, d.path)
	if err != nil {
		return err
	}
	if version > 0 {
		if err := quickCheck(background(), d.conn); err != nil {
			return err
		}
	}
	// auto_vacuum before anything is written. The rest is as the connection's
	// owner needs it: checkpoints are made between flushes, never in one.
	for _, pragma := range []string{
		"auto_vacuum = incremental", "journal_mode = wal", "synchronous = normal", "wal_autocheckpoint = 0",
		"journal_size_limit = 8388608", "cache_size = -8192", "temp_store = memory", "trusted_schema = off",
	} {
		if _, err := d.conn.ExecContext(background(), "PRAGMA "+pragma); err != nil {
			return err
		}
	}
	if err := migrate(background(), d.conn, d.path); err != nil {
		return err
	}
	return d.prepare()
}

// quickCheck reads all of the file.
func quickCheck(ctx context.Context, q querier) error {
	var verdict string
	if err := q.QueryRowContext(ctx, "PRAGMA quick_check(1)").Scan(&verdict); err != nil {
		return err
	}
	if verdict != "ok" {
		return fmt.Errorf("%w: %s", errDamaged, verdict)
	}
	return nil
}

func (d *database) prepare() (err error) {
	prepare := func(query string) (s *sql.Stmt) {
		if err == nil {
			s, err = d.conn.PrepareContext(background(), query)
		}
		return s
	}
	for _, l := range everyLevel {
		d.pieces[l] = newDrawer(l.String(), prepare)
		if l.hasTrends() {
			d.trends[l] = newDrawer(l.trends(), prepare)
		}
	}
	d.findName = prepare("SELECT id, kind, app, name FROM series WHERE hash = ?")
	d.ledger = newLedger(prepare)
	d.addName = prepare("INSERT INTO series (kind, app, name, hash) VALUES (?, ?, ?, ?)")
	if code(err) == sqlite3.SQLITE_ERROR { // a table is missing
		err = fmt.Errorf("%w: %w", errDamaged, err)
	}
	return err
}

// close lets go of the file. The writing connection is the last: it leaves one file.
func (d *database) close() error {
	var errs []error
	if d.read != nil {
		errs = append(errs, d.read.Close())
	}
	for _, p := range slices.Concat(d.pieces[:], d.trends[:]) {
		errs = append(errs, p.close())
	}
	for _, s := range append(d.ledger.all(), d.findName, d.addName) {
		if s != nil {
			errs = append(errs, s.Close())
		}
	}
	if d.conn != nil {
		errs = append(errs, d.conn.Close())
	}
	if d.pool != nil {
		errs = append(errs, d.pool.Close())
	}
	if d.lock != nil {
		errs = append(errs, d.lock.Close())
	}
	return errors.Join(errs...)
}

// moved reports whether the path is no longer that of the open file.
func (d *database) moved() bool {
	there, err := os.Stat(d.path)
	if err != nil {
		return errors.Is(err, fs.ErrNotExist)
	}
	open, err := d.lock.Stat()
	return err == nil && !os.SameFile(there, open)
}

// transact runs work between BEGIN and what commit does around COMMIT.
func (d *database) transact(work func() error, commit func(func() error) error) (err error) {
	if _, err := d.conn.ExecContext(background(), "BEGIN IMMEDIATE"); err != nil {
		return err
	}
	defer func() {
		if err != nil { // an error that has ended the transaction itself makes this one fail
			d.conn.ExecContext(background(), "ROLLBACK")
		}
	}()
	if err := work(); err != nil {
		return err
	}
	return commit(func() error {
		_, err := d.conn.ExecContext(background(), "COMMIT")
		return err
	})
}

// openPool opens connections that wait for locks for 5 s.
func openPool(path, mode string, connections int) (*sql.DB, error) {
	absolute, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	name := (&url.URL{Path: absolute}).EscapedPath()
	c, err := sqlite.NewConnector("file:" + name + "?_busy_timeout=5000&" + "mode=" + mode)
	if err != nil {
		return nil, err
	}
	pool := sql.OpenDB(c)
	pool.SetMaxOpenConns(connections)
	pool.SetMaxIdleConns(connections)
	return pool, nil
}

// code is SQLite's primary result code; 0: err is none of its.
func code(err error) int {
	var e *sqlite.Error
	if errors.As(err, &e) {
		return e.Code() & 0xff
	}
	return 0
}

// asDamage makes err wrap errDamaged where SQLite says that the file is none, or
// contradicts itself.
func asDamage(err error) error {
	switch code(err) {
	case sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB:
		if !errors.Is(err, errDamaged) {
			return fmt.Errorf("%w: %w", errDamaged, err)
		}
	}
	return err
}

// passes reports whether an error may pass by itself: disks get room, files are
// closed, locks are released.
func passes(err error) bool {
	switch code(err) {
	case sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_BUSY, sqlite3.SQLITE_NOMEM:
		return true
	}
	for _, e := range []error{syscall.ENOSPC, syscall.EDQUOT, syscall.EIO, syscall.EMFILE, syscall.ENFILE, syscall.ENOMEM} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}
