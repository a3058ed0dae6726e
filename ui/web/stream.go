package web

import (
	"errors"
	"hash/crc32"
	"io"
	"net/http"
	"time"
)

// What a stream says beside the snapshots. retry is the time after which a reader
// comes again, in milliseconds.
const (
	streamHead  = "retry: 2000\n\n"
	streamPulse = ": still here\n\n"
	streamEnd   = "event: end\ndata: bwmon is ending\n\n"
)

// getStream sends every snapshot as a server-sent event, as long as somebody reads.
// Who does not keep up misses some, and goes on with the newest.
func (s *Server) getStream(w http.ResponseWriter, r *http.Request) {
	want, err := wantedOf(r)
	if err != nil {
		SayProblem(w, http.StatusBadRequest, err)
		return
	}
	leave, ok := s.streams.enter(remoteAddr(r))
	if !ok {
		s.stats.refused.Add(1)
		SayProblem(w, http.StatusServiceUnavailable, errors.New("too many streams are open: close some, or ask for the snapshot instead"))
		return
	}
	defer leave()
	if want.flows {
		drop := s.flows.hold()
		defer drop()
	}
	h := w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Accel-Buffering", "no") // of nginx
	h.Add("Vary", "Accept-Encoding")
	if r.Method == http.MethodHead {
		return
	}
	out := &feed{w: w, control: http.NewResponseController(w), patience: s.opts.StreamPatience}
	out.gzip = acceptsGzip(r.Header.Values("Accept-Encoding"))
	if out.gzip {
		h.Set("Content-Encoding", "gzip")
	}
	// The server's time for a request is not meant for this one. Where the
	// connection has no such thing there is none to lift.
	_ = out.control.SetReadDeadline(time.Time{})
	if err := s.follow(r, out, want); errors.Is(err, errSlow) {
		s.stats.cut.Add(1)
	}
}

// follow writes until there is no more reader, or the server ends.
func (s *Server) follow(r *http.Request, out *feed, want wanted) error {
	if err := out.begin(); err != nil {
		return err
	}
	pulse := time.NewTicker(s.opts.Heartbeat)
	defer pulse.Stop()
	ending := endingOf(r.Context())
	seen := r.Header.Get("Last-Event-ID")
	var last uint64 // the serial of the tick that was sent
	for {
		now := s.now.Load()
		if d := now.document; d != nil && d.serial != last {
			if last != 0 {
				s.stats.skipped.Add(int64(d.serial - last - 1))
			}
			ev, err := s.encoding(d, want).event()
			if err == nil && ev.id != seen {
				if err := out.event(ev); err != nil {
					return err
				}
				pulse.Reset(s.opts.Heartbeat)
			}
			last, seen = d.serial, ""
		}
		select {
		case <-now.over:
		case <-pulse.C:
			if err := out.say(streamPulse); err != nil {
				return err
			}
		case <-s.ended:
			return out.finish()
		case <-ending:
			return out.finish()
		case <-r.Context().Done():
			return nil
		}
	}
}

// feed is the way to one reader.
type feed struct {
	w        io.Writer
	control  *http.ResponseController
	patience time.Duration
	gzip     bool
	// sum and length of what was said, for the end of the gzip file.
	sum    uint32
	length uint64
}

var errSlow = errors.New("the reader is too slow")

func (f *feed) begin() error {
	if f.gzip {
		if err := f.write([]byte(gzipHead)); err != nil {
			return err
		}
	}
	return f.say(streamHead)
}

// say sends a short text.
func (f *feed) say(text string) error {
	b := []byte(text)
	f.count(b)
	if f.gzip {
		b = stored(nil, text)
	}
	return f.write(b)
}

func (f *feed) event(e *event) error {
	f.count(e.plain)
	if f.gzip {
		return f.write(e.gzip())
	}
	return f.write(e.plain)
}

// finish says that it is over.
func (f *feed) finish() error {
	if err := f.say(streamEnd); err != nil || !f.gzip {
		return err
	}
	return f.write(gzipTail(nil, f.sum, f.length))
}

// count notes what the reader will have read once it is unpacked.
func (f *feed) count(b []byte) {
	if f.gzip {
		f.sum = crc32.Update(f.sum, crc32.IEEETable, b)
		f.length += uint64(len(b))
	}
}

// maxWrite is how much is written at a time: about what the kernel waits for to be
// taken, half of maxUnsent, before it takes more.
const maxWrite = 64 << 10

// write fails where the reader is gone, and with errSlow where it has not taken the
// next part of b in time. How long all of b takes is no matter.
func (f *feed) write(b []byte) error {
	for len(b) > 0 {
		part := b[:min(len(b), maxWrite)]
		b = b[len(part):]
		err := f.inTime(func() error { _, err := f.w.Write(part); return err })
		if err != nil {
			return err
		}
	}
	return f.inTime(f.control.Flush)
}

// inTime gives what writes the time that a reader has.
func (f *feed) inTime(write func() error) error {
	began := time.Now()
	// Where the connection has no deadlines, nobody waits for it.
	_ = f.control.SetWriteDeadline(began.Add(f.patience))
	err := write()
	if err != nil && time.Since(began) >= f.patience {
		return errSlow
	}
	return err
}
