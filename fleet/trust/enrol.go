package trust

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strconv"
	"time"
)

// application is what a host sends to be admitted or renewed.
type application struct {
	Invitation string `json:"invitation,omitempty"` // of who is to be admitted
	Request    []byte `json:"request"`              // PKCS #10, of which only the key counts
}

// admission is the answer.
type admission struct {
	Host        string `json:"host"`
	Certificate []byte `json:"certificate"` // DER
	CA          []byte `json:"ca"`
}

// maxApplication bounds an application, in bytes.
const maxApplication = 16 << 10

// Enrol answers those who come with an invitation (POST, fleet.PathEnrol).
func (a *Authority) Enrol() http.Handler {
	return a.answers(func(r *http.Request) (*admission, error) {
		who := networkOf(r.RemoteAddr)
		if err := a.spend(a.tries, who); err != nil {
			return nil, err
		}
		in, first, err := a.enrol(r)
		if err == nil && first {
			a.tries.giveBack(who) // a thousand hosts may join from behind one address
		}
		return in, err
	})
}

// Renew answers hosts that want a newer certificate (POST, fleet.PathRenew).
func (a *Authority) Renew() http.Handler {
	return a.answers(func(r *http.Request) (*admission, error) {
		c := a.certificateOf(r)
		if c == nil {
			return nil, denied(http.StatusUnauthorized, "who wants a newer certificate shows the one it has")
		}
		host, err := a.byCertificate(c)
		if err != nil {
			return nil, err
		}
		if err := a.spend(a.renews, host); err != nil {
			return nil, err
		}
		return a.renew(r, c, host)
	})
}

func (a *Authority) spend(t *tries, who string) error {
	wait, ok := t.take(who, a.o.Now())
	if ok {
		return nil
	}
	return &Denied{
		Status: http.StatusTooManyRequests, Why: "too many tries",
		told: fmt.Sprintf("too many tries: the next one in %v", wait.Round(time.Second)),
	}
}

// answers makes a handler of what admits somebody. Who is refused, and why, goes to
// the log.
func (a *Authority) answers(admit func(*http.Request) (*admission, error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, maxApplication)
		in, err := checked(r, a, admit)
		var d *Denied
		switch {
		case err == nil:
		case errors.As(err, &d) && d.Status == http.StatusTooManyRequests:
			a.o.Log.Debug("a host was told to wait", "from", cleaned(r.RemoteAddr)) // or the log would be theirs
		case errors.As(err, &d):
			a.tell(r, d)
		default:
			a.o.Log.Error("a host could not be admitted", "from", cleaned(r.RemoteAddr), "error", err)
		}
		if err != nil {
			Refuse(w, err)
			return
		}
		text, _ := json.Marshal(in) // it has no value that cannot be encoded
		h := w.Header()
		h.Set("Content-Type", "application/json")
		h.Set("Cache-Control", "no-store")
		h.Set("Content-Length", strconv.Itoa(len(text)))
		_, _ = w.Write(text)
	})
}

func checked(r *http.Request, a *Authority, admit func(*http.Request) (*admission, error)) (*admission, error) {
	kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	switch {
	case r.TLS == nil:
		return nil, denied(http.StatusForbidden, "hosts are admitted over TLS only, and by the receiver itself: no proxy may end it")
	case r.Method != http.MethodPost:
		return nil, denied(http.StatusMethodNotAllowed, "want POST")
	case kind != "application/json":
		return nil, denied(http.StatusUnsupportedMediaType, "want application/json")
	case a.issuer == nil:
		return nil, &Denied{Status: http.StatusServiceUnavailable, Why: a.errCopy().Error(), told: "this receiver admits and renews nobody: ask the one where the fleet was made"}
	}
	return admit(r)
}

// enrol admits a host. first: nobody has used its invitation before. Who used it may come
// again, but no more often than a host is renewed, from wherever.
func (a *Authority) enrol(r *http.Request) (in *admission, first bool, err error) {
	app, key, err := readApplication(r.Body)
	if err != nil {
		return nil, false, err
	}
	// One answer for all that is wrong with an invitation: who tries some learns nothing.
	refuse := func(why error) error {
		return &Denied{Status: http.StatusForbidden, Why: "invitation: " + why.Error(), told: `this invitation is not valid: ask for another one ("bwmon fleet invite HOST" makes one)`}
	}
	inv, err := ParseInvitation(app.Invitation)
	if err != nil {
		return nil, false, refuse(errNoInvitation)
	}
	sum := keySum(key)
	now := a.o.Now()
	known, err := a.read()
	if err != nil {
		return nil, false, errRegister(err)
	}
	if _, err := known.find(inv.secret, sum, now); err != nil {
		if i := known.Invitations[inv.secret.key()]; i != nil {
			err = fmt.Errorf("of host %q, made %s: %w", i.Host, i.Made.UTC().Format(time.RFC3339), err)
		}
		return nil, false, refuse(err)
	}
	var host string
	var generation uint64
	err = a.change(func(reg *register) error {
		i, err := reg.find(inv.secret, sum, now) // another one may have been quicker
		if err != nil {
			return refuse(err)
		}
		if first = i.Used.IsZero(); !first {
			if err := a.spend(a.renews, i.Host); err != nil {
				return err
			}
		}
		host, generation = reg.admit(i, sum, now, now.Add(a.o.Life))
		return nil
	})
	if err != nil {
		return nil, false, err
	}
	a.o.Log.Info("a host has joined", "host", host, "from", r.RemoteAddr, "generation", generation)
	in, err = a.certify(host, generation, key, now)
	return in, first, err
}

// renew gives a host that showed certificate c another one, of the same generation.
func (a *Authority) renew(r *http.Request, c *x509.Certificate, host string) (*admission, error) {
	_, key, err := readApplication(r.Body)
	if err != nil {
		return nil, err
	}
	generation, err := generationOf(c)
	if err != nil {
		return nil, err
	}
	now := a.o.Now()
	err = a.change(func(reg *register) error {
		m := reg.Hosts[host]
		if m == nil || m.Generation != generation || !m.Revoked.IsZero() {
			return ended(http.StatusForbidden, host, "host %q was revoked", host)
		}
		m.Renewed, m.Expires = now, now.Add(a.o.Life)
		return nil
	})
	if err != nil {
		return nil, err
	}
	a.o.Log.Info("a host was renewed", "host", host)
	return a.certify(host, generation, key, now)
}

func (a *Authority) certify(host string, generation uint64, key any, now time.Time) (*admission, error) {
	der, err := a.issuer.host(host, generation, key, now, a.o.Life)
	if err != nil {
		return nil, fmt.Errorf("sign the certificate of host %q: %w", host, err)
	}
	return &admission{Host: host, Certificate: der, CA: a.ca.Raw}, nil
}

// readApplication reads what a host sent, and the key it has shown to have.
func readApplication(body io.Reader) (app application, key any, err error) {
	text, err := io.ReadAll(body)
	if tooLarge := new(http.MaxBytesError); errors.As(err, &tooLarge) {
		return app, nil, denied(http.StatusRequestEntityTooLarge, fmt.Sprintf("want at most %d bytes", maxApplication))
	}
	if err != nil {
		return app, nil, denied(http.StatusBadRequest, "the request ends before its time")
	}
	return parseApplication(text)
}

func parseApplication(text []byte) (app application, key any, err error) {
	wrong := func(what string) *Denied { return denied(http.StatusBadRequest, what) }
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if d.Decode(&app) != nil {
		return app, nil, wrong("want an object of JSON with an invitation and a request")
	}
	csr, err := x509.ParseCertificateRequest(app.Request)
	if err != nil {
		return app, nil, wrong("want a certificate request (PKCS #10)")
	}
	if err := checkPublic(csr.PublicKey); err != nil {
		return app, nil, wrong("certificate request: " + err.Error())
	}
	if csr.CheckSignature() != nil {
		return app, nil, wrong("certificate request: whoever made it does not have its key")
	}
	return app, csr.PublicKey, nil
}

// keySum tells a key from all others.
func keySum(key any) []byte {
	der, err := x509.MarshalPKIXPublicKey(key)
	if err != nil {
		return nil // checkPublic took it: it can be encoded
	}
	sum := sha256.Sum256(der)
	return sum[:]
}
