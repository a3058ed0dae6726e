package receive

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"time"

	"bwmon/traffic"
)

// problem is an error that a caller is told, as problem details (RFC 9457).
type problem struct {
	status int
	after  time.Duration // to come again; 0: the same is answered then
	err    error
}

func (p *problem) Error() string { return p.err.Error() }
func (p *problem) Unwrap() error { return p.err }

func refuse(status int, format string, a ...any) *problem {
	return &problem{status: status, err: fmt.Errorf(format, a...)}
}

// later is an error that goes away.
func later(status int, after time.Duration, format string, a ...any) *problem {
	return &problem{status: status, after: max(after, time.Second), err: fmt.Errorf(format, a...)}
}

// details is the document of a problem.
type details struct {
	Type   string `json:"type"`
	Title  string `json:"title"`
	Status int    `json:"status"`
	Detail string `json:"detail"`
}

// say answers with err.
func say(w http.ResponseWriter, err error) {
	p := &problem{status: http.StatusInternalServerError, err: err}
	errors.As(err, &p)
	if p.after > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(p.after.Seconds()))))
	}
	answer(w, "application/problem+json", p.status, details{
		Type: "about:blank", Title: http.StatusText(p.status), Status: p.status, Detail: traffic.CleanText(p.err.Error(), 1000),
	})
}

// answer writes a document. Whoever asked may have gone.
func answer(w http.ResponseWriter, kind string, status int, document any) {
	text, err := json.Marshal(document)
	if err != nil { // none has a value without a JSON
		status, text = http.StatusInternalServerError, []byte("{}")
	}
	h := w.Header()
	h.Set("Content-Type", kind)
	h.Set("Content-Length", strconv.Itoa(len(text)))
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_, _ = w.Write(text)
}
