package fleet

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"bwmon/traffic"
)

// Encode appends batches: of each a line with itself and one with its Changes, both JSON,
// each ended by "\n".
func Encode(to []byte, batches ...*Batch) ([]byte, error) {
	for _, b := range batches {
		for _, v := range []any{b, b.Changes} {
			line, err := json.Marshal(v)
			if err != nil {
				return nil, fmt.Errorf("write a batch: %w", err)
			}
			to = append(append(to, line...), '\n')
		}
	}
	return to, nil
}

// MaxBatches bounds how many there are in one request.
const MaxBatches = 1000

// Decode reads what Encode wrote, or what anybody claims to have written so: its text is
// made clean, and it is an error where figures cannot be, or are more than l allows.
func Decode(document []byte, l Limits) ([]*Batch, error) {
	if len(document) > MaxEncoded {
		return nil, fmt.Errorf("read batches: %d bytes are more than %d: send fewer at a time", len(document), MaxEncoded)
	}
	var batches []*Batch
	var decoder traffic.Decoder
	budget := l.budget()
	for len(document) > 0 {
		if len(batches) == MaxBatches {
			return nil, fmt.Errorf("read batches: there are more than %d: send fewer at a time", MaxBatches)
		}
		head, rest, _ := bytes.Cut(document, []byte("\n"))
		changes, rest, whole := bytes.Cut(rest, []byte("\n"))
		b, err := decode(head, changes, &decoder, &budget, l)
		if err == nil && !whole {
			err = errors.New("its end is missing")
		}
		if err != nil {
			return nil, fmt.Errorf("read batch %d: %w", len(batches)+1, err)
		}
		batches, document = append(batches, b), rest
	}
	return batches, nil
}

func decode(head, changes []byte, d *traffic.Decoder, left *budget, l Limits) (*Batch, error) {
	if err := left.spend(head, left.head, "head"); err != nil {
		return nil, err
	}
	if err := left.spend(changes, left.changes, "rows"); err != nil {
		return nil, err
	}
	b := new(Batch)
	if err := json.Unmarshal(head, b); err != nil {
		return nil, err
	}
	if b.Schema != SchemaVersion {
		return nil, fmt.Errorf("its schema is %d, this bwmon knows %d: use the same version on both sides", b.Schema, SchemaVersion)
	}
	var err error
	if b.Changes, err = d.Snapshot(changes); err != nil {
		return nil, err
	}
	b.clean()
	return b, errors.Join(b.check(l), l.check(b.Changes), checkTotals(b.Changes))
}

// clean makes all text harmless; that of Changes is.
func (b *Batch) clean() {
	for _, word := range []*string{&b.Host, &b.Run, &b.Former.Run} {
		*word = traffic.CleanText(*word, traffic.MaxWord)
	}
	for _, keys := range [][]Key{b.Gone, b.Fresh} {
		for i := range keys {
			keys[i].clean()
		}
	}
	for i := range b.Moved {
		b.Moved[i].clean()
	}
	b.At, b.From = b.At.UTC(), b.From.UTC()
	// What is not published is not taken.
	b.Changes.Hosts, b.Changes.RemoteHosts = nil, nil
	for i := range b.Changes.Apps {
		a := &b.Changes.Apps[i]
		for j := range a.Commands {
			c := &a.Commands[j]
			c.PIDs, c.Flows, c.Closed, c.Host = nil, nil, nil, ""
		}
	}
	for i := range b.Changes.LANHosts {
		b.Changes.LANHosts[i].Flows, b.Changes.LANHosts[i].Closed = nil, nil
	}
}

func (k *Key) clean() {
	k.Kind = traffic.CleanText(k.Kind, traffic.MaxWord)
	k.Name, k.App = traffic.CleanText(k.Name, traffic.MaxCommand), traffic.CleanText(k.App, traffic.MaxCommand)
	for _, word := range []*string{&k.User, &k.Container, &k.Unit} {
		*word = traffic.CleanText(*word, traffic.MaxWord)
	}
}

// check says what in the head of a batch cannot be.
func (b *Batch) check(l Limits) error {
	most := 8 * l.rows() // of rows of all kinds
	switch {
	case b.Host == "" || b.Run == "":
		return errors.New("it does not say whose it is: host and run are missing")
	case b.Changes.Run != b.Run:
		return fmt.Errorf("it is of run %q, its rows are of %q", b.Run, b.Changes.Run)
	case b.Seq <= b.Since || b.Seq > 1<<53:
		return fmt.Errorf("it leads from %d to %d: want a larger number, below 2^53", b.Since, b.Seq)
	case len(b.Gone) > most || len(b.Fresh) > most || len(b.Moved) > most:
		return fmt.Errorf("it names more than %d rows", most)
	}
	for _, t := range []time.Time{b.From, b.At, b.Changes.At} {
		if y := t.Year(); y < 1970 || y > 9999 {
			return fmt.Errorf("its time %v cannot be", t)
		}
	}
	for _, m := range b.Moved {
		if max(m.Rx, m.Tx, m.Read, m.Wrote) > MaxTotal {
			return fmt.Errorf("%s %q: more than %d bytes", m.Kind, m.Name, uint64(MaxTotal))
		}
	}
	return nil
}

// checkTotals says which figure is more than anybody carries.
func checkTotals(s *traffic.Snapshot) (err error) {
	Rows(s, func(k Key, u *traffic.Usage, used *traffic.Resources) {
		most := max(u.RxBytes, u.TxBytes)
		if used != nil {
			most = max(most, used.DiskReadBytes, used.DiskWriteBytes, used.CacheReadBytes, used.CacheWriteBytes, used.MemoryBytes)
		}
		if most > MaxTotal && err == nil {
			err = fmt.Errorf("%s %q: %d bytes are more than %d", k.Kind, k.Name, most, uint64(MaxTotal))
		}
	})
	for i := range s.Interfaces {
		if n := &s.Interfaces[i]; max(n.RxPackets, n.TxPackets) > MaxTotal && err == nil {
			err = fmt.Errorf("interface %q: more than %d packets", n.Name, uint64(MaxTotal))
		}
	}
	b := s.Balance
	if err == nil && (max(b.InterfaceRx, b.InterfaceTx, b.LocalRx, b.LocalTx, b.ForwardedRx, b.ForwardedTx, b.UnattributedRx, b.UnattributedTx) > MaxTotal ||
		max(b.ResidualRx, b.ResidualTx) > MaxTotal || min(b.ResidualRx, b.ResidualTx) < -MaxTotal) {
		err = fmt.Errorf("the balance has more than %d bytes", uint64(MaxTotal))
	}
	return err
}
