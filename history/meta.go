package history

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"strings"
	"time"
)

// describe writes down whose history this is, and where days begin, for those who
// only read it.
func (d *database) describe(host string, place *time.Location) error {
	for _, m := range []struct{ key, value string }{{"host", host}, {"zone", zoneName(place)}} {
		if _, err := d.conn.ExecContext(background(),
			"INSERT INTO meta (key, value) VALUES (?1, ?2) ON CONFLICT (key) DO UPDATE SET value = ?2 WHERE value <> ?2",
			m.key, m.value); err != nil {
			return err
		}
	}
	return nil
}

// description reads it.
func description(ctx context.Context, q querier) (host string, place *time.Location, err error) {
	var zone string
	for _, m := range []struct {
		key   string
		value *string
	}{{"host", &host}, {"zone", &zone}} {
		if err := q.QueryRowContext(ctx, "SELECT coalesce((SELECT value FROM meta WHERE key = ?), '')", m.key).Scan(m.value); err != nil {
			return "", nil, err
		}
	}
	if place, err = time.LoadLocation(zone); err != nil || zone == "" {
		place = time.Local
	}
	return host, place, nil
}

// zoneName is the name of a place in the zone database; that of time.Local is found
// where the C library has it from (tzset(3)).
func zoneName(place *time.Location) string {
	if place.String() != "Local" {
		return place.String()
	}
	if name, set := os.LookupEnv("TZ"); set {
		return cmp.Or(strings.TrimPrefix(name, ":"), "UTC")
	}
	const localtime, zones = "/etc/localtime", "/zoneinfo/"
	target, err := os.Readlink(localtime)
	if i := strings.LastIndex(target, zones); err == nil && i >= 0 {
		return target[i+len(zones):]
	}
	return "Local"
}

// A file is either a machine's or a fleet's, which says so in meta.

func (d *database) isFleet() (bool, error) {
	n, err := number(background(), d.conn, "SELECT count(*) FROM meta WHERE key = 'fleet'")
	return n > 0, err
}

// ofMachine is an error where a file is a fleet's.
func (d *database) ofMachine() error {
	fleet, err := d.isFleet()
	if err == nil && fleet {
		err = fmt.Errorf("%w: %s is the history of a fleet: set another path for that of this machine", errForeign, d.path)
	}
	return err
}

// ofFleet makes a new file a fleet's. It is an error where one is a machine's.
func (d *database) ofFleet() error {
	fleet, err := d.isFleet()
	if err != nil || fleet {
		return err
	}
	for l := range levels {
		if _, found, err := d.edge(l, "min"); err != nil {
			return err
		} else if found {
			return fmt.Errorf("%w: %s is the history of one machine: set another path for that of the fleet", errForeign, d.path)
		}
	}
	_, err = d.conn.ExecContext(background(), "INSERT INTO meta (key, value) VALUES ('fleet', '1')")
	return err
}
