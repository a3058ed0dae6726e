package web

import (
	"errors"
	"fmt"
	"net/http"
	"path"
	"slices"
	"strings"
)

// Route is one thing that can be asked for. Methods other than GET change
// something.
type Route struct {
	Method  string
	Path    string // a pattern of http.ServeMux, without method and host
	Handler http.Handler
	// MaxBody is how many bytes it takes; 0: 64 KiB.
	MaxBody int64
	// Authorises: Handler itself finds out who asks, and whether they may; the token is
	// not looked at, nor MayChange asked. Other sites' pages are kept out all the same.
	Authorises bool

	open bool // to those without a token: it tells nothing
}

const defaultMaxBody = 64 << 10

// ofHost is what can be asked about a host: the one that bwmon runs on, a fleet as if it
// were one, and each of its members.
var ofHost = []struct {
	path  string
	serve func(*Server, http.ResponseWriter, *http.Request)
}{
	{"/api/v1/snapshot", (*Server).getSnapshot},
	{"/api/v1/stream", (*Server).getStream},
	{"/api/v1/history", (*Server).getHistory},
	{"/api/v1/trend", (*Server).getTrend},
	{"/api/v1/series", (*Server).getSeries},
	{"/api/v1/alerts", (*Server).getAlerts},
	{"/api/v1/monitors", (*Server).getMonitors},
}

// atMember is where what is shown of a member of a fleet begins.
const atMember = "/hosts/{host}"

// routes are what every Access has. The page is shown to all; what it shows of this
// host is not.
func (s *Server) routes(g *guard) []Route {
	get := func(at string, f http.HandlerFunc) Route {
		return Route{Method: http.MethodGet, Path: at, Handler: f}
	}
	open := func(r Route) Route {
		r.open = true
		return r
	}
	if g.Bare {
		return []Route{open(get("/healthz", s.getHealth))}
	}
	mayRead := func(r *http.Request) bool { return g.Local || g.hasToken(r) }
	post := func(at string, f http.HandlerFunc) Route {
		return Route{Method: http.MethodPost, Path: at, Handler: f}
	}
	list := []Route{
		get("/api/v1/things", s.getThings),
		post("/api/v1/things/{id}/{action}", s.postThing),
		post("/api/v1/reload", s.postReload),
		post("/api/v1/silences", s.postSilence),
		post("/api/v1/monitors/{name}/{action}", s.postMonitor),
		get("/api/v1/openapi.json", s.getOpenAPI),
		get("/metrics", s.scrape.ServeHTTP),
		open(get("/healthz", s.getHealth)),
		get("/readyz", s.getReadiness),
		open(get("/{$}", func(w http.ResponseWriter, r *http.Request) { s.getPage(w, r, mayRead(r)) })),
	}
	for _, r := range ofHost {
		list = append(list, get(r.path, func(w http.ResponseWriter, req *http.Request) { r.serve(s, w, req) }))
	}
	for at, asset := range s.page.assets {
		list = append(list, open(get(at, asset.send)))
	}
	if s.members == nil {
		return list
	}
	for _, r := range ofHost {
		list = append(list, get(atMember+r.path, s.ofMember(r.serve)))
	}
	return append(list, open(get(atMember+"/{$}", func(w http.ResponseWriter, r *http.Request) { s.getMemberPage(w, r, mayRead(r)) })))
}

// Handler answers those who come through a. Serve uses it; other servers may.
func (s *Server) Handler(a Access) http.Handler {
	g := newGuard(a)
	byPath := make(map[string][]Route)
	for _, r := range slices.Concat(s.routes(g), a.Extra) {
		byPath[r.Path] = append(byPath[r.Path], r)
	}
	mux := http.NewServeMux()
	for at, routes := range byPath {
		mux.Handle(at, g.byMethod(routes))
	}
	if byPath["/"] == nil {
		mux.HandleFunc("/", sayNotFound)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		harden(w.Header())
		if err := g.admit(r); err != nil {
			SayProblem(w, http.StatusForbidden, err)
			return
		}
		if !isClean(r.URL.EscapedPath()) {
			sayNotFound(w, r) // mux would send a page that leads to the clean path
			return
		}
		mux.ServeHTTP(w, r)
	})
}

func sayNotFound(w http.ResponseWriter, r *http.Request) {
	SayProblem(w, http.StatusNotFound, fmt.Errorf("there is no %q: /api/v1/openapi.json lists what there is", r.URL.Path))
}

// isClean reports whether a path begins with /, and has neither empty parts nor dots
// for parts.
func isClean(p string) bool {
	clean := path.Clean("/" + p)
	if clean != "/" && strings.HasSuffix(p, "/") {
		clean += "/"
	}
	return p == clean
}

// harden sets what every answer tells a browser.
func harden(h http.Header) {
	h.Set("Content-Security-Policy", "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
}

// byMethod chooses among the routes of one path.
func (g *guard) byMethod(routes []Route) http.Handler {
	var allowed []string
	for _, r := range routes {
		allowed = append(allowed, r.Method)
		if r.Method == http.MethodGet {
			allowed = append(allowed, http.MethodHead)
		}
	}
	allow := strings.Join(allowed, ", ")
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		method := r.Method
		if method == http.MethodHead {
			method = http.MethodGet
		}
		for i := range routes {
			if routes[i].Method == method {
				g.enter(&routes[i], w, r)
				return
			}
		}
		w.Header().Set("Allow", allow)
		SayProblem(w, http.StatusMethodNotAllowed, fmt.Errorf("%q does not take %s but %s", r.URL.Path, r.Method, allow))
	})
}

// enter is the last door before a route.
func (g *guard) enter(route *Route, w http.ResponseWriter, r *http.Request) {
	if !g.Local && !route.open && !route.Authorises && !g.hasToken(r) {
		w.Header().Set("WWW-Authenticate", `Bearer realm="bwmon"`)
		SayProblem(w, http.StatusUnauthorized, errors.New(`a token is needed: send the header "Authorization: Bearer TOKEN"`))
		return
	}
	if route.Method != http.MethodGet {
		check := g.checkChange
		if route.Authorises {
			check = g.checkPage
		}
		if err := check(r); err != nil {
			SayProblem(w, http.StatusForbidden, err)
			return
		}
	}
	limit := route.MaxBody
	if limit == 0 {
		limit = defaultMaxBody
	}
	if r.Body != http.NoBody {
		r.Body = http.MaxBytesReader(w, r.Body, limit)
	}
	route.Handler.ServeHTTP(w, r)
}
