package traffic

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/netip"
)

// Decoder reads the snapshots of a stream, of which each is much like the one before:
// text that is the same is kept, not copied. Its zero value is ready. It is for one
// goroutine; the snapshots are nobody's but the caller's.
type Decoder struct {
	last, words []string // of the snapshot before and of this one, as they come
	rest        []byte   // scratch
	// How many there were in the snapshot before.
	apps, commands, pids, flows, series int
}

// Snapshot reads a document that another bwmon wrote, as DecodeSnapshot does.
func (d *Decoder) Snapshot(document []byte) (*Snapshot, error) {
	s, ok := d.quick(document)
	if !ok {
		s = new(Snapshot)
		if err := json.Unmarshal(document, s); err != nil {
			return nil, fmt.Errorf("read a snapshot: %w", err)
		}
	}
	if s.Schema != SchemaVersion {
		return nil, fmt.Errorf("read a snapshot: its schema is %d, this bwmon knows %d: use the same version on both sides", s.Schema, SchemaVersion)
	}
	s.clean()
	return s, nil
}

// quick reads the apps and series of a document, which are nearly all of it, by
// itself, and leaves the rest to encoding/json. It is not ok where anything in them is
// not as bwmon writes it: blanks, keys it does not know, nulls, figures without room,
// errors. What is ok is what encoding/json makes of the document.
func (d *Decoder) quick(document []byte) (s *Snapshot, ok bool) {
	d.last, d.words = d.words, d.last[:0]
	r := reading{
		scan: scan{text: document}, last: d.last, words: d.words,
		apps: make([]App, 0, d.apps), commands: make([]Command, 0, d.commands), pids: make([]int, 0, d.pids),
		flows: make([]FlowRow, 0, d.flows), series: make([]Series, 0, d.series),
	}
	var apps []App
	var series []Series
	d.rest = d.rest[:0]
	from := 0 // of what is not in rest yet
	for more := r.begin('{', '}'); more; more = r.more('}') {
		name := r.name()
		at := r.at
		switch {
		case string(name) == "apps" && apps == nil:
			apps = list(&r, &r.apps, r.app)
		case string(name) == "series" && series == nil:
			series = list(&r, &r.series, r.oneSeries)
		case bytes.IndexByte(name, '\\') >= 0 || bytes.EqualFold(name, []byte("apps")) || bytes.EqualFold(name, []byte("series")):
			r.fail()
		default:
			r.skip()
			continue
		}
		d.rest = append(append(d.rest, document[from:at]...), "null"...)
		from = r.at
	}
	d.words = r.words
	if r.failed {
		return nil, false
	}
	d.rest = append(d.rest, document[from:]...)
	s = new(Snapshot)
	if err := json.Unmarshal(d.rest, s); err != nil {
		return nil, false
	}
	s.Apps, s.Series = apps, series
	d.apps, d.commands, d.pids, d.flows, d.series = len(r.apps), len(r.commands), len(r.pids), len(r.flows), len(r.series)
	return s, true
}

// reading is a document being read. Rows of one kind lie in one array, whosever they
// are.
type reading struct {
	scan
	last, words []string
	apps        []App
	commands    []Command
	pids        []int
	flows       []FlowRow
	series      []Series
}

// list reads a list behind all there is in an array; nil for null.
func list[T any](r *reading, all *[]T, read func(*T)) []T {
	if r.null() {
		return nil
	}
	from := len(*all)
	for more := r.begin('[', ']'); more; more = r.more(']') {
		var zero T
		*all = append(*all, zero)
		read(&(*all)[len(*all)-1])
	}
	return (*all)[from:len(*all):len(*all)]
}

// word reads a text: the one that stood there in the snapshot before, if it is the same.
func (r *reading) word() string {
	at := len(r.words)
	if at < len(r.last) {
		if w := r.last[at]; w != "" && r.same(w) {
			r.words = append(r.words, w)
			return w
		}
	}
	w, escaped := r.string()
	if escaped {
		r.words = append(r.words, "") // it stands there in other words
	} else {
		r.words = append(r.words, w)
	}
	return w
}

func (r *reading) app(a *App) {
	for more := r.begin('{', '}'); more; more = r.more('}') {
		switch name := r.name(); {
		case string(name) == "app":
			a.Name = r.word()
		case string(name) == "processes":
			a.Processes = r.int()
		case string(name) == "connections":
			a.Connections = r.int()
		case string(name) == "commands" && a.Commands == nil:
			a.Commands = list(r, &r.commands, r.command)
		case !r.usage(name, &a.Usage) && !r.resources(name, &a.Resources):
			r.fail()
		}
	}
}

func (r *reading) command(c *Command) {
	for more := r.begin('{', '}'); more; more = r.more('}') {
		switch name := r.name(); {
		case string(name) == "command":
			c.Command = r.word()
		case string(name) == "user":
			c.User = r.word()
		case string(name) == "container":
			c.Container = r.word()
		case string(name) == "unit":
			c.Unit = r.word()
		case string(name) == "host":
			c.Host = r.word()
		case string(name) == "pids" && c.PIDs == nil:
			c.PIDs = list(r, &r.pids, func(pid *int) { *pid = r.int() })
		case string(name) == "processes":
			c.Processes = r.int()
		case string(name) == "connections":
			c.Connections = r.int()
		case string(name) == "flows" && c.Flows == nil:
			c.Flows = list(r, &r.flows, r.flow)
		case string(name) == "closed" && c.Closed == nil:
			c.Closed = new(Closed)
			r.closed(c.Closed)
		case !r.usage(name, &c.Usage) && !r.resources(name, &c.Resources):
			r.fail()
		}
	}
}

func (r *reading) flow(f *FlowRow) {
	for more := r.begin('{', '}'); more; more = r.more('}') {
		switch name := r.name(); {
		case string(name) == "proto":
			f.Proto = r.word()
		case string(name) == "local":
			r.address(&f.Local)
		case string(name) == "remote":
			r.address(&f.Remote)
		case string(name) == "scope":
			f.Scope = r.word()
		case string(name) == "pid":
			f.PID = r.int()
		case string(name) == "ended":
			f.Ended = r.bool()
		case !r.usage(name, &f.Usage):
			r.fail()
		}
	}
}

// address reads the end of a flow.
func (r *reading) address(a *netip.AddrPort) {
	if text, _ := r.bytes(); a.UnmarshalText(text) != nil {
		r.fail()
	}
}

func (r *reading) closed(c *Closed) {
	for more := r.begin('{', '}'); more; more = r.more('}') {
		switch string(r.name()) {
		case "connections":
			c.Connections = r.uint()
		case "rx_bytes":
			c.RxBytes = r.uint()
		case "tx_bytes":
			c.TxBytes = r.uint()
		default:
			r.fail()
		}
	}
}

func (r *reading) usage(name []byte, u *Usage) bool {
	switch string(name) {
	case "rx_bytes":
		u.RxBytes = r.uint()
	case "tx_bytes":
		u.TxBytes = r.uint()
	case "rx_rate":
		u.RxRate = r.float()
	case "tx_rate":
		u.TxRate = r.float()
	default:
		return false
	}
	return true
}

func (r *reading) resources(name []byte, u *Resources) bool {
	switch string(name) {
	case "disk_read_bytes":
		u.DiskReadBytes = r.uint()
	case "disk_write_bytes":
		u.DiskWriteBytes = r.uint()
	case "disk_read_rate":
		u.DiskReadRate = r.float()
	case "disk_write_rate":
		u.DiskWriteRate = r.float()
	case "cache_read_bytes":
		u.CacheReadBytes = r.uint()
	case "cache_write_bytes":
		u.CacheWriteBytes = r.uint()
	case "cpu_percent":
		u.CPUPercent = r.float()
	case "memory_bytes":
		u.MemoryBytes = r.uint()
	default:
		return false
	}
	return true
}

func (r *reading) oneSeries(s *Series) {
	for more := r.begin('{', '}'); more; more = r.more('}') {
		switch string(r.name()) {
		case "kind":
			s.Kind = r.word()
		case "name":
			s.Name = r.word()
		case "detail":
			s.Detail = r.word()
		case "metrics":
			s.Metrics = r.metrics()
		default:
			r.fail()
		}
	}
}

func (r *reading) metrics() Metrics {
	var m Metrics
	for more := r.begin('{', '}'); more; more = r.more('}') {
		name := r.word()
		if !r.take(':') {
			r.fail()
		}
		if m == nil {
			m = make(Metrics, 0, 8)
		}
		m = append(m, Metric{name, r.float()})
	}
	return m
}
