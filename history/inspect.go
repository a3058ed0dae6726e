package history

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"
)

// Inspection is what was found in a file.
type Inspection struct {
	Path          string
	Schema        int
	Size          int64 // of the file and what belongs to it, in bytes
	Names, Pieces int
	Hosts         int                  // of a fleet
	Oldest        map[string]time.Time // where the oldest piece of each level begins, as in Status
	Host, Zone    string
	// Problems are what is wrong with it, one sentence each.
	Problems []string
}

// maxProblems are told; more help nobody.
const maxProblems = 20

// Inspect reads all of a file, which a daemon may be writing meanwhile. It looks
// whether SQLite finds it whole, whether each piece is what was written, and whether
// the levels agree. What it finds is no error.
func Inspect(ctx context.Context, path string) (i Inspection, err error) {
	path = realPath(path)
	i = Inspection{Path: path, Size: sizeOnDisk(path), Oldest: make(map[string]time.Time)}
	pool, version, err := openReadOnly(path)
	if err != nil {
		if err = asDamage(err); errors.Is(err, errDamaged) {
			i.Problems = append(i.Problems, err.Error())
			return i, nil
		}
		return i, fmt.Errorf("inspect the history: %w", err)
	}
	defer func() { err = errors.Join(err, pool.Close()) }()
	i.Schema = version
	host, place, err := description(ctx, pool)
	if err != nil {
		return i, fmt.Errorf("inspect the history: %w", err)
	}
	i.Host, i.Zone = host, zoneName(place)
	v, err := see(ctx, pool)
	if err == nil {
		v.plain, v.single = version <= plain, version <= unitary
		err = v.begin()
	}
	if err == nil {
		err = i.look(v)
	}
	if v != nil && v.conn != nil {
		err = errors.Join(err, v.close())
	}
	if err = asDamage(err); errors.Is(err, errDamaged) {
		i.Problems = append(i.Problems, err.Error())
		err = nil
	}
	if err != nil {
		return i, fmt.Errorf("inspect the history: %w", err)
	}
	return i, nil
}

// Check is Inspect for those who only want to know whether all is well.
func Check(path string) error {
	i, err := Inspect(background(), path)
	if err != nil {
		return err
	}
	if len(i.Problems) > 0 {
		return fmt.Errorf("%s: %s: stop the daemon and move the file away, or let it do so at its next start", path, i.Problems[0])
	}
	return nil
}

func (i *Inspection) problem(format string, args ...any) {
	if len(i.Problems) < maxProblems {
		i.Problems = append(i.Problems, fmt.Sprintf(format, args...))
	}
}

func (i *Inspection) look(v *view) error {
	if err := i.integrity(v); err != nil {
		return err
	}
	if err := i.names(v); err != nil {
		return err
	}
	var sums [levels]sums
	for _, l := range everyLevel {
		var err error
		if sums[l], err = i.level(v, l); err != nil {
			return err
		}
	}
	if err := i.members(v); err != nil {
		return err
	}
	var spans [levels]spans
	for _, l := range everyLevel {
		if !l.hasTrends() || v.plain {
			continue
		}
		var err error
		if spans[l], err = i.trends(v, l); err != nil {
			return err
		}
	}
	if len(i.Problems) == 0 {
		i.compare(hour, minute, &sums)
		i.compare(hour, five, &sums)
		i.compare(day, hour, &sums)
		i.compare(month, day, &sums)
		i.compareTrends(hour, minute, &sums, &spans)
		i.compareTrends(day, hour, &sums, &spans)
		i.compareTrends(month, day, &sums, &spans)
	}
	return nil
}

func (i *Inspection) integrity(v *view) error {
	rows, err := v.tx.QueryContext(v.ctx, fmt.Sprintf("PRAGMA integrity_check(%d)", maxProblems))
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var verdict string
		if err := rows.Scan(&verdict); err != nil {
			return err
		}
		if verdict != "ok" {
			i.problem("the file is damaged: %s", verdict)
		}
	}
	return rows.Err()
}

// names looks whether each is what was written.
func (i *Inspection) names(v *view) error {
	rows, err := v.tx.QueryContext(v.ctx, "SELECT id, kind, name, hash FROM series")
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var id, k, hash int64
		var name string
		if err := rows.Scan(&id, &k, &name, &hash); err != nil {
			return err
		}
		i.Names++
		if hash != nameHash(kind(k), name) {
			i.problem("the name of series %d is damaged", id)
		}
	}
	return rows.Err()
}

// site is whose a piece is and where it begins.
type site int64

func siteOf(key int64) site { return site(key >> kindBits) }

func (p site) member() int64 { return int64(p) >> startBits }

// String is for people.
func (p site) String() string {
	at := rfc(time.Unix(int64(p)&maxStart, 0))
	if m := p.member(); m > 0 {
		return fmt.Sprintf("%s (host %d)", at, m)
	}
	return at
}

// sums is what all series of each kind have together.
type sums map[site]*[kinds]octets

// level reads all pieces of a level.
func (i *Inspection) level(v *view, l level) (sums, error) {
	rows, err := v.tx.QueryContext(v.ctx, v.pieces(l.String(), ""))
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	all := make(sums)
	var oldest int64
	for rows.Next() {
		var key int64
		var data sql.RawBytes
		if err := rows.Scan(&key, &data); err != nil {
			return nil, err
		}
		i.Pieces++
		k, start := kindIn(key), startOf(key)
		if key < 0 || k >= kinds {
			i.problem("a piece of %s has an id that means nothing: %d", l, key)
			continue
		}
		if v.figures, err = decode(v.figures[:0], k, data); err != nil {
			i.problem("the %s of %s has a damaged piece", l, siteOf(key))
			continue
		}
		if len(all) == 0 || start < oldest {
			oldest = start
		}
		at := siteOf(key)
		if all[at] == nil {
			all[at] = new([kinds]octets)
		}
		for _, f := range v.figures {
			all[at][k] = all[at][k].add(f.octets)
		}
	}
	if len(all) > 0 {
		i.Oldest[l.String()] = time.Unix(oldest, 0).UTC()
	}
	return all, rows.Err()
}

// compare looks whether pieces hold what the finer ones of their time do, where these
// are all there: then they have measured as much time.
func (i *Inspection) compare(coarse, fine level, of *[levels]sums) {
	home := homes(of[coarse])
	added := make(sums)
	for start, figures := range of[fine] {
		at, ok := home(start, fine)
		if !ok {
			continue
		}
		to := added[at]
		if to == nil {
			to = new([kinds]octets)
			added[at] = to
		}
		for k := range figures {
			to[k] = to[k].add(figures[k])
		}
	}
	for start, got := range added {
		want := of[coarse][start]
		if got[kindTime] != want[kindTime] {
			continue
		}
		for k := range kinds {
			if fine.holds(k) && got[k] != want[k] {
				i.problem("the %s of %s is not the sum of its pieces by %s: of %s it has %v, they have %v",
					coarse, start, fine, k, want[k], got[k])
			}
		}
	}
}

// homes finds the piece, of those there are, that a finer one lies in.
func homes(coarse sums) func(start site, fine level) (at site, ok bool) {
	starts := slices.Sorted(maps.Keys(coarse))
	return func(start site, fine level) (site, bool) {
		n, exact := slices.BinarySearch(starts, start+site(fine.middle()/time.Second))
		if !exact {
			n--
		}
		if n < 0 || starts[n].member() != start.member() {
			return 0, false
		}
		return starts[n], true
	}
}
