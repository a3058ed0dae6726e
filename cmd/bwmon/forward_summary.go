package main

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strconv"
	"time"

	"bwmon/pipe"
	"bwmon/traffic"
)

// forwardBook adds up what the clients of a forwarder received and sent. It belongs
// to one goroutine.
type forwardBook struct {
	said   bool // where it listens has been told
	label  string
	target string
	open   map[traffic.Flow]traffic.Sample
	rows   map[forwardClient]*forwardRow
}

// forwardClient is who is booked: a command of a user, or an address.
type forwardClient struct{ command, user string }

// maxForwardClients bounds the rows; the clients beyond it share one.
const maxForwardClients = 10_000

func otherClients() forwardClient { return forwardClient{command: "(other clients)"} }

func newForwardBook(o pipe.ForwardOptions, label string) *forwardBook {
	return &forwardBook{
		label: label, target: o.Target.String(),
		open: make(map[traffic.Flow]traffic.Sample), rows: make(map[forwardClient]*forwardRow),
	}
}

// take books a batch.
func (b *forwardBook) take(batch traffic.Batch) {
	for _, s := range batch.Samples {
		if s.Final {
			delete(b.open, s.Flow)
			b.add(s)
		} else {
			b.open[s.Flow] = s
		}
	}
}

func (b *forwardBook) add(s traffic.Sample) {
	who := forwardClient{command: s.Flow.Local.Addr().String()}
	switch {
	case s.Owner != nil:
		who = forwardClient{s.Owner.Command, s.Owner.User}
	case !s.Flow.Local.IsValid():
		who.command = traffic.AppUnattributed
	}
	if b.rows[who] == nil && len(b.rows) >= maxForwardClients {
		who = otherClients()
	}
	row := b.rows[who]
	if row == nil {
		row = &forwardRow{Client: who.command, User: who.user}
		b.rows[who] = row
	}
	row.Relays++
	row.Rx += s.Counts.RxBytes
	row.Tx += s.Counts.TxBytes
}

// forwardSummary is what a forwarder carried, as JSON shows it. Received and sent
// are the clients'.
type forwardSummary struct {
	Schema  int           `json:"schema"`
	Label   string        `json:"label"`
	Target  string        `json:"target"`
	Elapsed float64       `json:"elapsed_s"`
	Rx      uint64        `json:"rx_bytes"`
	Tx      uint64        `json:"tx_bytes"`
	Relays  uint64        `json:"relays"`
	Refused uint64        `json:"refused"`
	Limited uint64        `json:"limited"`
	Failed  uint64        `json:"failed"`
	Resets  uint64        `json:"resets"`
	Cuts    uint64        `json:"cuts"`
	Error   string        `json:"error,omitempty"` // the last one
	Clients []*forwardRow `json:"clients"`
}

// forwardRow is what one client received and sent.
type forwardRow struct {
	Client string `json:"client"`
	User   string `json:"user,omitempty"`
	Relays uint64 `json:"relays"`
	Rx     uint64 `json:"rx_bytes"`
	Tx     uint64 `json:"tx_bytes"`
}

// summary is what was carried, once all relays have ended.
func (b *forwardBook) summary(st pipe.Stats, elapsed time.Duration) forwardSummary {
	s := forwardSummary{
		Schema: traffic.SchemaVersion, Label: b.label, Target: b.target, Elapsed: elapsed.Seconds(),
		Relays: st.Relayed, Refused: st.Refused, Limited: st.Limited, Failed: st.Failed, Resets: st.Resets, Cuts: st.Cuts,
		Error: st.Error, Clients: []*forwardRow{},
	}
	for _, row := range b.rows {
		s.Rx, s.Tx = s.Rx+row.Rx, s.Tx+row.Tx
		s.Clients = append(s.Clients, row)
	}
	slices.SortFunc(s.Clients, func(x, y *forwardRow) int {
		return cmp.Or(cmp.Compare(y.Rx+y.Tx, x.Rx+x.Tx), cmp.Compare(x.Client, y.Client), cmp.Compare(x.User, y.User))
	})
	return s
}

// print writes the summary as a table.
func (s forwardSummary) print(w io.Writer, u units) {
	g := newGrid("CLIENT", "USER", ">RELAYS", ">RX", ">TX")
	for _, row := range s.Clients {
		g.add(traffic.CleanText(row.Client, maxShown), row.User, strconv.FormatUint(row.Relays, 10), u.bytes(row.Rx), u.bytes(row.Tx))
	}
	g.print(w)
	fmt.Fprintf(w, "\n%s: %s received, %s sent over %d relays in %.1f s\n", s.Label, u.bytes(s.Rx), u.bytes(s.Tx), s.Relays, s.Elapsed)
	for _, note := range []struct {
		n    uint64
		what string
	}{
		{s.Refused, "refused by the target"}, {s.Limited, "beyond the limit"}, {s.Failed, "not accepted"},
		{s.Resets, "reset by an end"}, {s.Cuts, "cut"},
	} {
		if note.n > 0 {
			fmt.Fprintf(w, "%d %s\n", note.n, note.what)
		}
	}
	if s.Error != "" {
		fmt.Fprintf(w, "last error: %s\n", s.Error)
	}
}
