package fleet

import (
	"cmp"
	"net/netip"
	"time"

	"bwmon/traffic"
)

// SchemaVersion is Batch.Schema.
const SchemaVersion = 1

// Position is a moment of a host's books: what was published as number Seq in one run of
// its engine. The zero value is before all of them.
type Position struct {
	Run string `json:"run"`
	Seq uint64 `json:"seq"` // from 1
}

// IsZero reports whether p is before all moments.
func (p Position) IsZero() bool { return p == Position{} }

// Batch is what changed in the books of a host from one Position to another. It is
// immutable once made.
type Batch struct {
	Schema int    `json:"schema"`
	Host   string `json:"host"`
	Run    string `json:"run"`
	// Seq is the moment it leads to, Since the one of the same run that it follows. It
	// can be applied to any moment from Since on: totals of what changed since then are in
	// it. A batch with Since 0 needs nothing before it: what it does not name has
	// carried nothing in this run, or nothing that anybody knows.
	Seq   uint64 `json:"seq"`
	Since uint64 `json:"since"`
	// Former is, in the first batch of a run, where the run before it ended, as far as the
	// host knows: a receiver that is not there yet misses something. The zero value asks
	// for nothing.
	Former Position `json:"former,omitzero"`

	// Gap says that what lies between the receiver's books and Since is nowhere any more: b
	// can be applied to any moment of its run, or to nothing. Rows that changed only then
	// keep what the receiver has of them.
	Gap bool `json:"gap,omitempty"`

	// From and At are the times of Since, or of the beginning of the run, and of Seq, by
	// the host's clock.
	From time.Time `json:"from"`
	At   time.Time `json:"at"`

	// Gone are rows that are no longer there: the ledger moved what they had carried to
	// others, or they had carried nothing.
	Gone []Key `json:"gone,omitempty"`
	// Fresh are rows that were not there before.
	Fresh []Key `json:"fresh,omitempty"`
	// Moved says, of rows named in this batch, what the ledger took from them so far in
	// this run: a total that fell has been that much higher. With what is moved added to
	// them totals never fall.
	Moved []Moved `json:"moved,omitempty"`

	// Changes has the rows that changed, and of those the commands that did; monitors,
	// rules, alerts and the balance are whole where anything in them changed, see HasBalance,
	// and absent where not. Flows, remote hosts and the numbers of processes are not
	// published.
	Changes *traffic.Snapshot `json:"-"`
	// HasBalance says that the balance is in Changes.
	HasBalance bool `json:"has_balance,omitempty"`
	// HasMonitors, HasRules and HasAlerts say likewise that lists are, which may be empty.
	HasMonitors bool `json:"has_monitors,omitempty"`
	HasRules    bool `json:"has_rules,omitempty"`
	HasAlerts   bool `json:"has_alerts,omitempty"`
}

// Position is what b leads to.
func (b *Batch) Position() Position { return Position{b.Run, b.Seq} }

// Kinds of rows, in a Key.
const (
	KindApp       = "app"
	KindCommand   = "command"
	KindLANHost   = "lan_host"
	KindPipe      = "pipe"
	KindInterface = "interface"
	KindSeries    = "series"
)

// Key tells one row of a host's books from all others.
type Key struct {
	Kind string `json:"kind"`
	// Name is that of the app, pipe or interface, the command line, the address of a LAN
	// host or, where that has none, its name, or the ID of a series.
	Name string `json:"name"`
	// App, User, Container and Unit are those of a command.
	App       string `json:"app,omitempty"`
	User      string `json:"user,omitempty"`
	Container string `json:"container,omitempty"`
	Unit      string `json:"unit,omitempty"`
}

// Compare orders keys.
func (k Key) Compare(o Key) int {
	return cmp.Or(cmp.Compare(k.Kind, o.Kind), cmp.Compare(k.App, o.App), cmp.Compare(k.Name, o.Name),
		cmp.Compare(k.User, o.User), cmp.Compare(k.Container, o.Container), cmp.Compare(k.Unit, o.Unit))
}

// AppKey, and those below, are the keys of rows of a Snapshot.
func AppKey(a *traffic.App) Key { return Key{Kind: KindApp, Name: a.Name} }

func CommandKey(app string, c *traffic.Command) Key {
	return Key{Kind: KindCommand, Name: c.Command, App: app, User: c.User, Container: c.Container, Unit: c.Unit}
}

func LANHostKey(h *traffic.LANHost) Key {
	return Key{Kind: KindLANHost, Name: hostName(h.Host, h.Name)}
}

func PipeKey(p *traffic.PipeRow) Key { return Key{Kind: KindPipe, Name: p.Name} }

func InterfaceKey(i *traffic.Interface) Key { return Key{Kind: KindInterface, Name: i.Name} }

func SeriesKey(s *traffic.Series) Key { return Key{Kind: KindSeries, Name: s.ID()} }

// hostName is an address, or the name of what stands for several.
func hostName(a netip.Addr, name string) string {
	if a.IsValid() {
		return a.String()
	}
	return cmp.Or(name, traffic.HostsFolded)
}

// Moved is what the ledger took from a row, in bytes: running totals of the run.
type Moved struct {
	Key
	Rx    uint64 `json:"rx,omitempty"`
	Tx    uint64 `json:"tx,omitempty"`
	Read  uint64 `json:"read,omitempty"` // of disks
	Wrote uint64 `json:"wrote,omitempty"`
}
