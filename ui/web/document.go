package web

import (
	"bytes"
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"bwmon/traffic"
)

// document is one tick, and all forms of it that somebody has asked for.
type document struct {
	serial   uint64 // counts ticks
	snapshot *traffic.Snapshot
	taken    time.Time
	full     *encoding // with flows, where the snapshot has any
	bare     func() *encoding
	html     func() (*body, error)

	mu     sync.Mutex           // protects the field below
	narrow map[wanted]*encoding // forms with less
}

// mostNarrow is how many forms with less are held at a tick; who asks for more of them has
// them made each time.
const mostNarrow = 50

func (s *Server) newDocument(snapshot *traffic.Snapshot, serial uint64) *document {
	d := &document{serial: serial, snapshot: snapshot, taken: s.opts.Now(), full: s.newEncoding(snapshot)}
	d.bare = sync.OnceValue(func() *encoding {
		if bare := snapshot.WithoutFlows(); bare != snapshot {
			return s.newEncoding(bare)
		}
		return d.full
	})
	d.html = sync.OnceValues(func() (*body, error) { return s.renderPage(d.snapshot) })
	return d
}

// encoding finds the form that is asked for.
func (s *Server) encoding(d *document, want wanted) *encoding {
	if want.isWhole() {
		if want.flows {
			return d.full
		}
		return d.bare()
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if e := d.narrow[want]; e != nil {
		return e
	}
	from := d.snapshot
	if !want.flows {
		from = from.WithoutFlows()
	}
	e := s.newEncoding(want.narrowed(from))
	if d.narrow == nil {
		d.narrow = make(map[wanted]*encoding)
	}
	if len(d.narrow) < mostNarrow {
		d.narrow[want] = e
	}
	return e
}

// hasFlows reports whether flows were asked for when d was made, and there are any.
func (d *document) hasFlows() bool { return d.bare() != d.full }

// encoding is a snapshot as JSON. Each form is made when it is first asked for.
type encoding struct {
	body  func() (*body, error)
	event func() (*event, error)
}

// event is a snapshot as an event of a stream (WHATWG HTML, 9.2), as it is and as
// blocks of a gzip file.
type event struct {
	id    string
	plain []byte
	gzip  func() []byte
}

func (s *Server) newEncoding(snapshot *traffic.Snapshot) *encoding {
	var e encoding
	e.body = sync.OnceValues(func() (*body, error) {
		text, err := encode(snapshot)
		if err != nil {
			err = fmt.Errorf("write the snapshot: %w", err)
			s.opts.Log.Error(err.Error()) // once a tick, whoever asks
			return nil, err
		}
		return s.newBody("application/json", text), nil
	})
	e.event = sync.OnceValues(func() (*event, error) {
		b, err := e.body()
		if err != nil {
			return nil, err
		}
		ev := &event{id: snapshot.At.UTC().Format(time.RFC3339Nano)}
		head, tail := "id: "+ev.id+"\ndata: ", "\n" // the text has the first line end
		ev.plain = make([]byte, 0, len(head)+len(b.plain)+len(tail))
		ev.plain = append(append(append(ev.plain, head...), b.plain...), tail...)
		ev.gzip = sync.OnceValue(func() []byte {
			return stored(append(stored(nil, head), b.blocks()...), tail)
		})
		return ev, nil
	})
	return &e
}

// encode is v as all surfaces write it: on one line, with its end, and with < and
// & as they are.
func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(v)
	return b.Bytes(), err
}
