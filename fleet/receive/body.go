package receive

import (
	"errors"
	"io"
	"mime"
	"net/http"
	"os"
	"slices"
	"time"

	"bwmon/fleet"

	"github.com/klauspost/compress/zstd"
)

// bodyTime is Receiver.bodyTime, but in tests.
const bodyTime = 15 * time.Second

// hurry bounds how long the request's body may take, also where it is refused unread: the
// server then waits for what is left of it before it answers.
func (r *Receiver) hurry(w http.ResponseWriter) {
	// A server that cannot do this has a limit of its own, or is a test.
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(r.bodyTime))
}

// readBody reads what was sent, as it travelled. kind is what it has to be; "": anything.
// It waits for room in Receiver.bodies, which held has from then on, as long as there is
// a body.
func (r *Receiver) readBody(q *http.Request, kind string, most int64, held *int64) ([]byte, error) {
	if q.ContentLength > most {
		return nil, refuse(http.StatusRequestEntityTooLarge, "%d bytes are more than the %d that are taken at once: send less at a time", q.ContentLength, most)
	}
	if q.ContentLength == 0 {
		return nil, nil
	}
	if got, _, err := mime.ParseMediaType(q.Header.Get("Content-Type")); kind != "" && (err != nil || got != kind) {
		return nil, refuse(http.StatusUnsupportedMediaType, "want %s, got %q", kind, q.Header.Get("Content-Type"))
	}
	length := q.ContentLength
	if length < 0 {
		length = most
	}
	if err := r.bodies.enter(q.Context(), length, held); err != nil {
		return nil, err
	}
	body, err := io.ReadAll(io.LimitReader(q.Body, most+1))
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large), err == nil && int64(len(body)) > most:
		return body, refuse(http.StatusRequestEntityTooLarge, "more than the %d bytes that are taken at once: send less at a time", most)
	case errors.Is(err, os.ErrDeadlineExceeded):
		return body, later(http.StatusRequestTimeout, time.Second, "the request did not come within %v", r.bodyTime)
	case err != nil:
		return body, later(http.StatusRequestTimeout, time.Second, "read the request: %w", err)
	}
	r.counters.bytes.Add(uint64(len(body)))
	return body, nil
}

// decode reads batches into d. It waits for room, which d holds from then on.
func (r *Receiver) decode(q *http.Request, body []byte, d *delivery) error {
	if len(body) == 0 {
		return nil
	}
	// How large it is unpacked is not known yet.
	if err := r.documents.enter(q.Context(), fleet.MaxEncoded, &d.held); err != nil {
		return err
	}
	document, err := r.unpack(q.Header.Values("Content-Encoding"), body)
	if err != nil {
		return err
	}
	r.documents.leave(&d.held, fleet.MaxEncoded-int64(len(document)))
	if d.batches, err = fleet.Decode(document, r.opts.Limits.Limits); err != nil {
		return refuse(http.StatusBadRequest, "%w", err)
	}
	d.bytes = len(document)
	return nil
}

// unpack is a body as it was before it was compressed.
func (r *Receiver) unpack(encoding []string, body []byte) ([]byte, error) {
	switch {
	case len(encoding) == 0, slices.Equal(encoding, []string{"identity"}):
		return body, nil
	case !slices.Equal(encoding, []string{"zstd"}):
		return nil, refuse(http.StatusUnsupportedMediaType, "the encoding %q is not known: want zstd, or none", encoding)
	}
	document, err := r.zstd.DecodeAll(body, nil)
	switch {
	case errors.Is(err, zstd.ErrDecoderSizeExceeded), errors.Is(err, zstd.ErrWindowSizeExceeded):
		return nil, refuse(http.StatusRequestEntityTooLarge, "unpacked it is more than %d bytes: send less at a time", fleet.MaxEncoded)
	case err != nil:
		return nil, refuse(http.StatusBadRequest, "unpack it: %w", err)
	}
	return document, nil
}
