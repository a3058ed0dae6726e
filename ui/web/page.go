package web

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"path"
	"slices"
	"time"

	"bwmon/traffic"
)

//go:embed page
var pageFiles embed.FS

// page is what the page is made of: a template that stands by itself, and files
// that make more of it where there is JavaScript.
type page struct {
	index  *template.Template
	assets map[string]*body // by path below /
	// modules are the scripts that others import, so that all are asked for at once;
	// fleet are those that only the page of a fleet and of its members has.
	modules, fleet []string
}

// kindsOfFiles are those that the page may be made of.
var kindsOfFiles = map[string]string{
	".css": "text/css; charset=utf-8",
	".js":  "text/javascript; charset=utf-8",
	".svg": "image/svg+xml",
}

// newPage panics where what is embedded is broken, which every test would tell.
func newPage() *page {
	var pack packer
	p := &page{assets: make(map[string]*body)}
	err := fs.WalkDir(pageFiles, "page", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := pageFiles.ReadFile(name)
		if err != nil {
			return err
		}
		if name == "page/index.html" {
			p.index, err = template.New("index").Funcs(template.FuncMap{"time": humanTime}).Parse(string(text))
			return err
		}
		kind, ok := kindsOfFiles[path.Ext(name)]
		if !ok {
			return fmt.Errorf("%s: no file of the page", name)
		}
		at := "assets/" + name[len("page/"):]
		switch {
		case path.Ext(name) == ".js" && path.Dir(name) != "page":
			p.fleet = append(p.fleet, at)
		case bytes.Contains(text, []byte("\nexport ")):
			p.modules = append(p.modules, at)
		}
		zipped := pack.gzip(text)
		tag := tagOf(text)
		p.assets["/"+at] = &body{
			kind: kind, plain: text,
			gzip: func() []byte { return zipped }, tag: func() string { return tag },
		}
		return nil
	})
	if err != nil || p.index == nil {
		panic(fmt.Sprintf("web: the embedded page: %v", err))
	}
	return p
}

// pagePolicy lets the page be made of our files and ask us, and nothing else.
const pagePolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// getPage answers with the page as it is at this tick; to those who may not see
// more, without figures: its scripts ask for the token then.
func (s *Server) getPage(w http.ResponseWriter, r *http.Request, figures bool) {
	if !figures {
		s.sendPage(w, r, func() (*body, error) { return s.execute(view{Locked: true, Part: s.part}) })
		return
	}
	if d := s.now.Load().document; d != nil {
		s.sendPage(w, r, d.html)
		return
	}
	s.sendPage(w, r, func() (*body, error) { return s.execute(view{Host: s.opts.Host, Part: s.part}) })
}

func (s *Server) sendPage(w http.ResponseWriter, r *http.Request, write func() (*body, error)) {
	w.Header().Set("Content-Security-Policy", pagePolicy)
	w.Header().Add("Vary", "Authorization")
	b, err := write()
	if err != nil {
		SayProblem(w, http.StatusInternalServerError, err)
		return
	}
	b.send(w, r)
}

// view is what the page shows without JavaScript.
type view struct {
	Base     string // leads from the page to what is below /
	Part     part
	Locked   bool // figures are for those who have the token
	Measured bool
	Host     string
	Version  string
	At       time.Time
	Modules  []string // which the scripts will ask for
	Meters   []string // interfaces that the strip shows
	Members  string   // what the strip says of a fleet in place of them
	Tables   []servedTable
}

// mostMeters is how many interfaces the strip shows, as header.js does.
const mostMeters = 4

func (s *Server) renderPage(now *traffic.Snapshot) (*body, error) {
	v := view{Measured: true, Part: s.part, Host: now.Host, At: now.At, Tables: servedTables(now)}
	for _, i := range now.Interfaces[:min(mostMeters, len(now.Interfaces))] {
		v.Meters = append(v.Meters, i.Name)
	}
	return s.execute(v)
}

func (s *Server) execute(v view) (*body, error) {
	v.Version, v.Modules = s.opts.Version, s.page.modules
	if v.Part != partHost {
		v.Modules = slices.Concat(v.Modules, s.page.fleet)
	}
	if v.Part == partMember {
		v.Base = "../../"
	}
	var b bytes.Buffer
	if err := s.page.index.Execute(&b, v); err != nil {
		return nil, fmt.Errorf("write the page: %w", err)
	}
	return s.newBody("text/html; charset=utf-8", b.Bytes()), nil
}

func humanBytes(n uint64) string { return human(float64(n)) }

func humanRate(v float64) string {
	if v < 0.5 {
		return "0"
	}
	return human(v) + "/s"
}

// humanBalance is what may be below zero.
func humanBalance(n int64) string {
	if n < 0 {
		return "−" + human(-float64(n))
	}
	return human(float64(n))
}

// human is bytes with three digits, in IEC units.
func human(v float64) string {
	units := []string{"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"}
	i := 0
	for v >= 999.5 && i < len(units)-1 {
		v /= 1024
		i++
	}
	if i == 0 || v >= 99.95 {
		return fmt.Sprintf("%.0f %s", v, units[i])
	}
	if v >= 9.995 {
		return fmt.Sprintf("%.1f %s", v, units[i])
	}
	return fmt.Sprintf("%.2f %s", v, units[i])
}

// humanTime is a time where nobody's time zone is known.
func humanTime(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") }
