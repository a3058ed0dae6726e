package receive

import (
	"errors"
	"net/http"
	"net/url"
	"strings"

	"bwmon/fleet"
)

// Route is one thing that can be asked of a Receiver.
type Route struct {
	Method  string
	Path    string // a pattern of http.ServeMux, without method and host
	Handler http.Handler
	MaxBody int64 // how many bytes it takes; 0: none
	// FromHosts: hosts ask for it, and Options.Who says who they are; else whoever may
	// read does, which is for the server to say.
	FromHosts bool
}

// atFigures has an epoch for who posts, a label for who reads: one pattern, since a server
// chooses the path first.
const atFigures = "/api/perf/{host}/{what}"

// Routes lists them all.
func (r *Receiver) Routes() []Route {
	list := []Route{{
		Method: http.MethodPost, Path: fleet.PathPublish, Handler: http.HandlerFunc(r.postBatches),
		MaxBody: r.opts.Limits.Request, FromHosts: true,
	}}
	if r.opts.Perf == nil {
		return list
	}
	return append(list,
		Route{
			Method: http.MethodPost, Path: atFigures, Handler: http.HandlerFunc(r.postFigures),
			MaxBody: maxFigures, FromHosts: true,
		},
		Route{Method: http.MethodGet, Path: "/api/perf/{host}", Handler: http.HandlerFunc(r.getFigures)},
		Route{Method: http.MethodGet, Path: atFigures, Handler: http.HandlerFunc(r.getFigures)},
	)
}

// Refused has a host that was refused before its request came here shown so, with why.
// Any goroutine may call it.
func (r *Receiver) Refused(host, why string) {
	if h := r.find(host); h != nil {
		r.refuse(h, why, r.opts.Now())
	}
}

// Handler serves all Routes by itself, to anybody who reads.
func (r *Receiver) Handler() http.Handler {
	mux := http.NewServeMux()
	for _, route := range r.Routes() {
		mux.Handle(route.Method+" "+route.Path, route.Handler)
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, q *http.Request) {
		say(w, refuse(http.StatusNotFound, "there is nothing at %q for %s", q.URL.Path, q.Method))
	})
	return mux
}

// caller is who sends something.
type caller struct {
	host string // it may write as; "" with any
	any  bool
}

// identify says who sends a request. It refuses what a page in somebody's browser sends:
// on loopback nobody is asked for credentials.
func (r *Receiver) identify(q *http.Request) (caller, error) {
	if err := checkOrigin(q); err != nil {
		return caller{}, err
	}
	host, any, err := r.opts.Who(q)
	switch {
	case errors.Is(err, ErrForbidden):
		return caller{}, refuse(http.StatusForbidden, "%w", err)
	case err != nil:
		return caller{}, refuse(http.StatusUnauthorized, "%w", err)
	case any:
		return caller{any: true}, nil
	}
	if err := fleet.CheckName(host); err != nil {
		return caller{}, refuse(http.StatusForbidden, "%w", err)
	}
	return caller{host: host}, nil
}

func checkOrigin(q *http.Request) error {
	foreign := false
	if site := q.Header.Get("Sec-Fetch-Site"); site != "" && site != "same-origin" && site != "none" {
		foreign = true
	}
	for _, origin := range q.Header.Values("Origin") {
		u, err := url.Parse(origin)
		foreign = foreign || err != nil || u.Host == "" || !strings.EqualFold(u.Host, q.Host)
	}
	if foreign {
		return refuse(http.StatusForbidden, "sent by a page of another site")
	}
	return nil
}

// as is the host that c writes as, where it says which one it means.
func (c caller) as(name string) error {
	if err := fleet.CheckName(name); err != nil {
		return refuse(http.StatusBadRequest, "%w", err)
	}
	if !c.any && name != c.host {
		return refuse(http.StatusForbidden, "this is sent as %q, and you are %q: a host writes its own name only (this_host)", name, c.host)
	}
	return nil
}
