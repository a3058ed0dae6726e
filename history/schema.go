package history

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
)

// application is in the header of our files (PRAGMA application_id): "bwhi".
const application = 0x62776869

// migrations lead from each schema version to the next; the first from nothing to 1.
// A file has PRAGMA user_version of them behind it.
var migrations = [...]string{
	`CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
	CREATE TABLE series (
		id   INTEGER PRIMARY KEY,
		kind INTEGER NOT NULL,
		app  INTEGER NOT NULL,
		name TEXT NOT NULL,
		hash INTEGER NOT NULL
	);
	CREATE INDEX series_hash ON series (hash);
	CREATE TABLE minute (id INTEGER PRIMARY KEY, data BLOB NOT NULL);
	CREATE TABLE five   (id INTEGER PRIMARY KEY, data BLOB NOT NULL);
	CREATE TABLE hour   (id INTEGER PRIMARY KEY, data BLOB NOT NULL);
	CREATE TABLE day    (id INTEGER PRIMARY KEY, data BLOB NOT NULL);
	CREATE TABLE month  (id INTEGER PRIMARY KEY, data BLOB NOT NULL);`,
	// 2: trends, and tables of open pieces.
	`CREATE TABLE trend_minute (id INTEGER PRIMARY KEY, data BLOB NOT NULL);
	CREATE TABLE trend_hour   (id INTEGER PRIMARY KEY, data BLOB NOT NULL);
	CREATE TABLE trend_day    (id INTEGER PRIMARY KEY, data BLOB NOT NULL);
	CREATE TABLE trend_month  (id INTEGER PRIMARY KEY, data BLOB NOT NULL);
	CREATE TABLE open_minute (id INTEGER PRIMARY KEY, data BLOB NOT NULL);
	CREATE TABLE open_five   (id INTEGER PRIMARY KEY, data BLOB NOT NULL);
	CREATE TABLE open_hour   (id INTEGER PRIMARY KEY, data BLOB NOT NULL);
	CREATE TABLE open_day    (id INTEGER PRIMARY KEY, data BLOB NOT NULL);
	CREATE TABLE open_month  (id INTEGER PRIMARY KEY, data BLOB NOT NULL);
	CREATE TABLE open_trend_minute (id INTEGER PRIMARY KEY, data BLOB NOT NULL);
	CREATE TABLE open_trend_hour   (id INTEGER PRIMARY KEY, data BLOB NOT NULL);
	CREATE TABLE open_trend_day    (id INTEGER PRIMARY KEY, data BLOB NOT NULL);
	CREATE TABLE open_trend_month  (id INTEGER PRIMARY KEY, data BLOB NOT NULL);`,
	// 3: fleets.
	`CREATE TABLE host (
		id   INTEGER PRIMARY KEY,
		name TEXT NOT NULL UNIQUE,
		run  TEXT NOT NULL,
		note BLOB NOT NULL,
		last BLOB NOT NULL,
		hash INTEGER NOT NULL
	);
	CREATE TABLE journal (id INTEGER PRIMARY KEY, data BLOB NOT NULL);
	CREATE TABLE aside (host TEXT NOT NULL, at INTEGER NOT NULL, note BLOB, last BLOB);`,
}

// schema is the version that this program writes. It reads all before it too: plain ones
// have neither trends nor tables of open pieces, unitary ones no members.
const (
	schema  = len(migrations)
	plain   = 1 // and before
	unitary = 2 // and before: of one host only
)

// errForeign is that a file is none of ours, or of a newer version: it is left as it is.
var errForeign = errors.New("not ours")

// querier is a connection or transaction.
type querier interface {
	ExecContext(context.Context, string, ...any) (sql.Result, error)
	QueryContext(context.Context, string, ...any) (*sql.Rows, error)
	QueryRowContext(context.Context, string, ...any) *sql.Row
}

func number(ctx context.Context, q querier, query string) (n int64, err error) {
	err = q.QueryRowContext(ctx, query).Scan(&n)
	return n, err
}

// checkSchema returns the schema version of a file, 0 of a new one. It is an error
// where it is not for us.
func checkSchema(ctx context.Context, q querier, path string) (version int, err error) {
	n, err := number(ctx, q, "PRAGMA user_version")
	if err != nil {
		return 0, err
	}
	app, err := number(ctx, q, "PRAGMA application_id")
	if err != nil {
		return 0, err
	}
	if app == application && n > int64(schema) {
		return 0, fmt.Errorf("%w: %s was written by a newer bwmon (schema %d, this one knows %d): update bwmon, or set another path for the history", errForeign, path, n, schema)
	}
	foreign := fmt.Errorf("%w: %s is the database of another program: set another path for the history", errForeign, path)
	if app != application && (app != 0 || n != 0) {
		return 0, foreign
	}
	// Last: what another program, or a newer one, has in it may be beyond us.
	tables, err := number(ctx, q, "SELECT count(*) FROM sqlite_schema")
	switch {
	case err != nil:
		return 0, err
	case app == application:
		return int(n), nil
	case tables > 0:
		return 0, foreign
	}
	return 0, nil
}

// migrate brings a file to our schema, all in one transaction.
func migrate(ctx context.Context, q querier, path string) (err error) {
	version, err := checkSchema(ctx, q, path)
	if err != nil || version == schema {
		return err
	}
	if _, err = q.ExecContext(ctx, "BEGIN IMMEDIATE"); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			q.ExecContext(ctx, "ROLLBACK")
		}
	}()
	for _, step := range migrations[version:] {
		if _, err = q.ExecContext(ctx, step); err != nil {
			return fmt.Errorf("migrate %s from schema %d: %w", path, version, err)
		}
	}
	if _, err = q.ExecContext(ctx, fmt.Sprintf("PRAGMA application_id = %d; PRAGMA user_version = %d", application, schema)); err != nil {
		return err
	}
	_, err = q.ExecContext(ctx, "COMMIT")
	return err
}
