package history

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"
	"time"
)

// view is one look at a history: whatever is written meanwhile, it sees nothing of.
type view struct {
	ctx      context.Context
	conn     *sql.Conn
	tx       *sql.Tx
	calendar calendar
	host     string
	member   int64 // whose pieces
	plain    bool  // the file has no trends and no tables of open pieces
	fleet    bool  // it is the whole fleet's
	single   bool  // the file has no members
	now      time.Time

	// pending is what was not in the file yet; names are those of it that had no
	// id there.
	pending []part
	names   map[uint32]label

	damaged map[damage]bool
	figures []figure
	gauges  []gauge
}

// label is how a row is called.
type label struct {
	kind      kind
	app, name string
}

// see takes a connection for a look.
func see(ctx context.Context, pool *sql.DB) (v *view, err error) {
	v = &view{ctx: ctx}
	v.conn, err = pool.Conn(ctx)
	return v, err
}

// damage is where a damaged piece was found.
type damage struct {
	table string
	key   int64
}

func (v *view) noteDamage(table string, key int64) {
	if v.damaged == nil {
		v.damaged = make(map[damage]bool)
	}
	v.damaged[damage{table, key}] = true
}

// begin fixes what is seen of the file.
func (v *view) begin() (err error) {
	if v.tx, err = v.conn.BeginTx(v.ctx, &sql.TxOptions{ReadOnly: true}); err != nil {
		return err
	}
	_, err = number(v.ctx, v.tx, "SELECT count(*) FROM meta")
	return err
}

func (v *view) close() error {
	var errs []error
	if v.tx != nil {
		if err := v.tx.Rollback(); !errors.Is(err, sql.ErrTxDone) { // as when ctx ended
			errs = append(errs, err)
		}
	}
	return errors.Join(append(errs, v.conn.Close())...)
}

// pieces asks for those of a table, the open ones last.
func (v *view) pieces(table, where string) string {
	query := "SELECT id, data FROM " + table + " " + where
	if v.plain {
		return query
	}
	return query + " UNION ALL SELECT id, data FROM " + openOf(table) + " " + where
}

// each calls f for all figures of a stretch, piece by piece, in no order. It does not
// keep the list.
func (v *view) each(k kind, s stretch, f func(start int64, list []figure)) error {
	from, to := s.seconds()
	rows, err := v.tx.QueryContext(v.ctx, v.pieces(s.level.String(), "WHERE id >= ?1 AND id < ?2 AND id & 255 = ?3"),
		pieceKey(v.member, from, 0), pieceKey(v.member, to, 0), int64(k))
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var key int64
		var data sql.RawBytes
		if err := rows.Scan(&key, &data); err != nil {
			return err
		}
		if v.figures, err = decode(v.figures[:0], k, data); err != nil {
			v.noteDamage(s.level.String(), key)
			continue
		}
		f(startOf(key), v.figures)
	}
	for i := range v.pending {
		p := &v.pending[i]
		if start := p.span[s.level]; start >= from && start < to && s.level.holds(k) {
			f(start, p.figures[k])
		}
	}
	return rows.Err()
}

// seconds are between where the pieces of a stretch begin, in Unix seconds.
func (s stretch) seconds() (from, to int64) {
	middle := int64(s.level.middle() / time.Second)
	return min(max(0, s.from.Unix()-middle), maxStart), min(max(0, s.to.Unix()-middle), maxStart)
}

// measured is how many milliseconds were measured in a stretch.
func (v *view) measured(s stretch) (sum int64, err error) {
	err = v.each(kindTime, s, func(_ int64, list []figure) {
		for _, f := range list {
			sum += f.rx
		}
	})
	return sum, err
}

// edge returns where the first or last piece of a level begins.
func (v *view) edge(l level, last bool) (start time.Time, ok bool, err error) {
	which := "min"
	if last {
		which = "max"
	}
	var key sql.NullInt64
	if err := v.tx.QueryRowContext(v.ctx, edgeQuery(l, which, v.plain), edgeKeys(v.member)...).Scan(&key); err != nil {
		return start, false, err
	}
	at := startOf(key.Int64)
	for i := range v.pending {
		if p := v.pending[i].span[l]; !key.Valid || last && p > at || !last && p < at {
			at, key.Valid = p, true
		}
	}
	return time.Unix(at, 0), key.Valid, nil
}

// identify returns the ids in the file of the series that have a name; of commands
// those of one app, or of all if group is anyGroup.
func (v *view) identify(k kind, name string, group uint32) (ids []uint32, err error) {
	rows, err := v.tx.QueryContext(v.ctx, "SELECT id, app FROM series WHERE hash = ? AND kind = ? AND name = ?",
		nameHash(k, name), int64(k), name)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var id, app uint32
		if err := rows.Scan(&id, &app); err != nil {
			return nil, err
		}
		if app == group || group == anyGroup {
			ids = append(ids, id)
		}
	}
	return ids, rows.Err()
}

const anyGroup = math.MaxUint32

// firstUnnamed is where ids begin that are given to what has none in the file.
const firstUnnamed = 1 << 31

// unnamed gives an id to a series that is not in the file.
func (v *view) unnamed(l label) uint32 {
	if v.names == nil {
		v.names = make(map[uint32]label)
	}
	id := firstUnnamed + uint32(len(v.names))
	v.names[id] = l
	return id
}

// namer finds the names of ids.
type namer struct {
	v    *view
	get  *sql.Stmt
	apps map[uint32]string
}

func (v *view) namer() (*namer, error) {
	get, err := v.tx.PrepareContext(v.ctx, "SELECT kind, name, hash FROM series WHERE id = ?")
	if err != nil {
		return nil, err
	}
	return &namer{v: v, get: get, apps: make(map[uint32]string)}, nil
}

func (n *namer) close() { n.get.Close() }

// name returns the name of an id that is not 0.
func (n *namer) name(id uint32) (name string, err error) {
	if l, ok := n.v.names[id]; ok {
		return l.name, nil
	}
	var k, hash int64
	err = n.get.QueryRowContext(n.v.ctx, int64(id)).Scan(&k, &name, &hash)
	if errors.Is(err, sql.ErrNoRows) || err == nil && hash != nameHash(kind(k), name) {
		return fmt.Sprintf("(damaged name %d)", id), nil
	}
	return name, err
}

// app returns the name of a group.
func (n *namer) app(group uint32) (name string, err error) {
	name, ok := n.apps[group]
	if !ok {
		if name, err = n.name(group); err != nil {
			return "", err
		}
		n.apps[group] = name
	}
	return name, nil
}
