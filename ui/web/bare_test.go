package web

import (
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// TestBare: where nothing but routes that authorise by themselves is served, there is no
// page and no API, whatever name one comes by; a page of another site is still refused.
func TestBare(t *testing.T) {
	s := New(Options{})
	defer s.Close()
	own := Route{Method: http.MethodPost, Path: "/in", Authorises: true, Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusNoContent)
	})}
	h := s.Handler(Access{Bare: true, Extra: []Route{own}})
	for _, ask := range []struct {
		method, path, site string
		want               int
	}{
		{http.MethodPost, "/in", "", http.StatusNoContent},
		{http.MethodPost, "/in", "https://elsewhere.example", http.StatusForbidden},
		{http.MethodGet, "/healthz", "", http.StatusOK},
		{http.MethodGet, "/", "", http.StatusNotFound},
		{http.MethodGet, "/api/v1/snapshot", "", http.StatusNotFound},
		{http.MethodGet, "/metrics", "", http.StatusNotFound},
	} {
		r := httptest.NewRequest(ask.method, "https://any.name.example:8443"+ask.path, nil)
		if ask.site != "" {
			r.Header.Set("Origin", ask.site)
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != ask.want {
			t.Errorf("%s %s from %q: %d, want %d", ask.method, ask.path, ask.site, w.Code, ask.want)
		}
	}
	for name, of := range map[string]struct {
		access Access
		tls    *tls.Config
		says   string
	}{
		"in clear text":                  {Access{Bare: true, Extra: []Route{own}}, nil, "read along"},
		"a route that asks nobody":       {Access{Bare: true, Extra: []Route{{Path: "/out"}}}, &tls.Config{}, "others can reach it"},
		"all authorise, and read by TLS": {Access{Bare: true, Extra: []Route{own}}, &tls.Config{}, ""},
	} {
		err := checkServe(everywhere{}, of.access, of.tls)
		if (err == nil) != (of.says == "") || err != nil && !strings.Contains(err.Error(), of.says) {
			t.Errorf("%s: %v, want one that says %q", name, err, of.says)
		}
	}
}

// everywhere is a listener at all addresses, which nobody comes to.
type everywhere struct{}

func (everywhere) Accept() (net.Conn, error) { return nil, errors.ErrUnsupported }
func (everywhere) Close() error              { return nil }
func (everywhere) Addr() net.Addr            { return &net.TCPAddr{IP: net.IPv4zero, Port: 8443} }
