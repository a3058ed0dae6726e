package trust

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"bwmon/traffic"
)

// ErrNoHost says that the register has no such host.
var ErrNoHost = errors.New("there is no host")

// Denied is why somebody may not do what they ask for. Its text may be told to
// them; Why is for the log.
type Denied struct {
	// Status is that of HTTP: 401 without credentials that are worth anything, 403 for
	// who was revoked, 503 where the register cannot be read.
	Status int
	Why    string
	// Host is who was refused, where that is known for sure: its certificate is of our CA,
	// or its token was right once.
	Host string

	told  string
	leave bool // the connection is to end: see ended
}

func (d *Denied) Error() string { return d.told }

func denied(status int, told string) *Denied { return &Denied{Status: status, Why: told, told: told} }

// ended is why a connection of a host ("": of none) is worth nothing any more: another one
// may show a newer certificate.
func ended(status int, host, format string, a ...any) *Denied {
	d := denied(status, fmt.Sprintf(format, a...))
	d.leave, d.Host = true, host
	return d
}

// tell tells Options.Refused of a host that was refused, and the log of whoever was; not
// each time, or it would be theirs.
func (a *Authority) tell(r *http.Request, d *Denied) {
	if d.Host != "" && a.o.Refused != nil {
		a.o.Refused(d.Host, d.Why)
	}
	who := d.Host
	if who == "" {
		who = networkOf(r.RemoteAddr)
	}
	more, ok := a.told.take(refusal{who, d.Why}, a.o.Now())
	if !ok {
		return
	}
	list := []any{"from", cleaned(r.RemoteAddr), "path", cleaned(r.URL.Path), "reason", cleaned(d.Why)}
	if d.Host != "" {
		list = append([]any{"host", d.Host}, list...)
	}
	if more > 0 {
		list = append(list, "more", more) // that were not told
	}
	a.o.Log.Warn("a host was refused", list...)
}

// Refuse answers a request with what is wrong, as problem details (RFC 9457). err is a
// *Denied; another one is not told, and is the receiver's own fault (500).
func Refuse(w http.ResponseWriter, err error) {
	var d *Denied
	if !errors.As(err, &d) {
		d = &Denied{Status: http.StatusInternalServerError, told: "the receiver cannot do that now: its log tells why"}
	}
	h := w.Header()
	switch {
	case d.Status == http.StatusUnauthorized:
		h.Set("WWW-Authenticate", `Bearer realm="bwmon"`)
	case d.Status == http.StatusMethodNotAllowed:
		h.Set("Allow", http.MethodPost)
	case d.Status == http.StatusServiceUnavailable, d.Status == http.StatusTooManyRequests:
		h.Set("Retry-After", "60")
	}
	if d.leave {
		h.Set("Connection", "close")
	}
	text, _ := json.Marshal(struct { // it has no value that cannot be encoded
		Title  string `json:"title"`
		Status int    `json:"status"`
		Detail string `json:"detail"`
	}{http.StatusText(d.Status), d.Status, cleaned(d.told)})
	h.Set("Content-Type", "application/problem+json")
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(d.Status)
	_, _ = w.Write(text) // who asked may have gone
}

// cleaned is text of others, for a message.
func cleaned(s string) string { return traffic.CleanText(s, 500) }
