package web

import (
	"io/fs"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"bwmon/traffic"
)

func TestPageIsReadable(t *testing.T) {
	s := open(t, Options{Host: "gw", Version: "v1.2.3"}, Access{})
	if a := s.get("/").want(t, 200); !strings.Contains(a.body, "Nothing has been measured yet") || !strings.Contains(a.body, "gw") {
		t.Errorf("before the first tick:\n%s", a.body)
	}
	s.Publish(typical(1))
	a := s.get("/").want(t, 200)
	if got := a.Header.Get("Content-Type"); got != "text/html; charset=utf-8" {
		t.Errorf("it is %s", got)
	}
	text := regexp.MustCompile(`\s+`).ReplaceAllString(a.body, " ")
	last := 0
	for _, want := range []string{
		"<title>gw – bwmon</title>", "2026-01-02 03:04:06 UTC", "backup cap", "firing",
		// The busiest first.
		`<th scope="row">(unattributed)</th><td>500 B/s</td><td>250 B/s</td><td>3.91 KiB</td><td>1.95 KiB</td><td>3</td>`,
		`<th scope="row">(kernel)</th>`, `<th scope="row">restic</th>`, `<th scope="row">curl</th>`,
		"192.0.2.7 tv", "(other hosts)", "eth0", "<caption>Disks</caption>",
		`<th scope="row">sda</th><td>4.00 KiB/s</td><td>512 B/s</td><td>40.0 %</td>`, `<th scope="row">sdb</th><td>100 B/s</td><td>–</td>`, "Remainder</th><td>−0.98 KiB</td>",
		"conntrack", "no such table", "v1.2.3",
	} {
		i := strings.Index(text[last:], want)
		if i < 0 {
			t.Fatalf("no %q after %q:\n%s", want, text[max(0, last-100):last], text)
		}
		last += i
	}
	s.Publish(empty(2))
	if a := s.get("/").want(t, 200); !strings.Contains(a.body, "none yet") {
		t.Errorf("without apps:\n%s", a.body)
	}
}

// TestPageIsNotTooLong: of very many apps the busiest are listed.
func TestPageIsNotTooLong(t *testing.T) {
	s := open(t, Options{}, Access{})
	many := typical(1)
	for i := range 5000 {
		many.Apps = append(many.Apps, traffic.App{Name: "idle", Usage: usage(uint64(1 + i%7))})
	}
	s.Publish(many)
	a := s.get("/").want(t, 200)
	if n := strings.Count(a.body, ">idle<"); n != maxRows-4 || !strings.Contains(a.body, "and 4804 more") || !strings.Contains(a.body, ">curl<") {
		t.Errorf("%d rows, and:\n%s", n, a.body[len(a.body)-3000:])
	}
}

// TestHostileTextStaysText: on the page and in the documents.
func TestHostileTextStaysText(t *testing.T) {
	s := open(t, Options{Version: nasty[1]}, Access{})
	s.Publish(hostile(1))
	a := s.get("/").want(t, 200)
	if strings.Contains(a.body, "<script>") || !strings.Contains(a.body, "&lt;script&gt;alert(1)&lt;/script&gt;") {
		t.Error("a name is not text")
	}
	got := skeleton(a.body)
	harmless := open(t, Options{Version: "v1"}, Access{})
	harmless.Publish(named(hostile(1), "x"))
	if diff := cmp.Diff(skeleton(harmless.get("/").want(t, 200).body), got); diff != "" {
		t.Errorf("names make tags (-harmless +hostile):\n%s", diff)
	}
	if strings.Contains(s.get("/api/v1/snapshot").want(t, 200).body, "\n\n") {
		t.Error("a line end is in the document")
	}
	// In a stream a name cannot make an event of its own.
	r := s.stream("/api/v1/stream?flows=1")
	if e := r.next(); e.name != "" || decode(t, e.data).Apps[9].Name != traffic.CleanText(nasty[9], 4096) {
		t.Errorf("the event is %+v", e)
	}
	s.Publish(typical(2))
	if e := r.next(); e.name != "" || !decode(t, e.data).At.Equal(typical(2).At) {
		t.Errorf("the next event is %+v", e)
	}
}

// skeleton is the tags of a page, with the names of their attributes.
func skeleton(html string) []string {
	values := regexp.MustCompile(`="[^"]*"`)
	var tags []string
	for _, tag := range regexp.MustCompile(`<[^>]*>`).FindAllString(html, -1) {
		tags = append(tags, values.ReplaceAllString(tag, ""))
	}
	return tags
}

// named gives all that has a name on the page another.
func named(s *traffic.Snapshot, name string) *traffic.Snapshot {
	s.Host = name
	for i := range s.Apps {
		s.Apps[i].Name = name
	}
	for i := range s.LANHosts {
		s.LANHosts[i].Name = name
	}
	for i := range s.Interfaces {
		s.Interfaces[i].Name = name
	}
	for i := range s.Monitors {
		s.Monitors[i] = traffic.MonitorStatus{Name: name, Kind: name, State: traffic.StateFailed, Detail: name}
	}
	for i := range s.Alerts {
		s.Alerts[i] = traffic.Alert{Rule: name, Kind: name, Subject: name, State: "firing"}
	}
	return s
}

// TestPageFiles: what the page is made of is small, ours, and has no code in it that
// the policy would have to allow.
func TestPageFiles(t *testing.T) {
	total, fleet := 0, 0 // what every page has, and what only that of a fleet has
	var names []string
	err := fs.WalkDir(pageFiles, "page", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := pageFiles.ReadFile(name)
		if strings.HasPrefix(name, "page/fleet/") {
			fleet += len(text)
		} else {
			total += len(text)
		}
		names = append(names, name)
		for _, wrong := range []string{`\son\w+=["']`, `\sstyle=["']`, `(?i)<style`, `(?i)javascript:`, `https?://`, `\beval\(`, `new Function\b`, `innerHTML`, `<script[^>]*>[^<\s]`} {
			for _, found := range regexp.MustCompile(wrong).FindAllString(string(text), -1) {
				if found == "http://" && strings.Contains(string(text), "http://www.w3.org/") && strings.Count(string(text), "http://") == strings.Count(string(text), "http://www.w3.org/") {
					continue // the name of a kind of XML, not an address
				}
				t.Errorf("%s: %q", name, found)
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if most := 150_000; total > most {
		t.Errorf("%d bytes together, want at most %d", total, most)
	}
	if most := 15_000; fleet > most {
		t.Errorf("%d bytes for a fleet, want at most %d", fleet, most)
	}
	if !slices.Contains(names, "page/index.html") {
		t.Errorf("there are %q", names)
	}
}

// TestAssets: what the page is made of is sent as what it is, once.
func TestAssets(t *testing.T) {
	s := New(Options{})
	s.page.assets["/assets/test.js"] = s.newBody("text/javascript; charset=utf-8", []byte(strings.Repeat("export let x = 1\n", 100)))
	s.Close()
	site := &site{Server: s, t: t}
	site.serve(listen(t), Access{Token: testToken}, nil)
	for path, asset := range s.page.assets {
		a := site.get(path).want(t, http.StatusOK) // without the token: it tells nothing
		if a.Header.Get("Content-Type") != asset.kind || a.body != string(asset.plain) || a.Header.Get("Cache-Control") != "no-cache" {
			t.Errorf("%s: %v", path, a.Header)
		}
		site.get(path, "If-None-Match: "+a.Header.Get("ETag")).want(t, http.StatusNotModified)
		z := site.get(path, "Accept-Encoding: gzip").want(t, http.StatusOK)
		if z.Header.Get("Content-Encoding") == "gzip" {
			z.body = unzip(t, []byte(z.body))
		}
		if z.body != a.body {
			t.Errorf("%s: compressed it is another", path)
		}
	}
}

func TestHuman(t *testing.T) {
	for _, c := range []struct {
		n    uint64
		want string
	}{
		{0, "0 B"}, {999, "999 B"}, {1000, "0.98 KiB"}, {1024, "1.00 KiB"}, {10230, "9.99 KiB"}, {10240, "10.0 KiB"},
		{102_400, "100 KiB"}, {1 << 20, "1.00 MiB"}, {1<<64 - 1, "16.0 EiB"},
	} {
		if got := humanBytes(c.n); got != c.want {
			t.Errorf("%d: %q, want %q", c.n, got, c.want)
		}
	}
	if got := humanRate(0.4) + ", " + humanRate(2048); got != "0, 2.00 KiB/s" {
		t.Error(got)
	}
	if got := humanBalance(-2048) + ", " + humanBalance(5); got != "−2.00 KiB, 5 B" {
		t.Error(got)
	}
	if got := humanTime(time.Date(2026, 1, 2, 3, 4, 5, 6, time.FixedZone("", 3600))); got != "2026-01-02 02:04:05 UTC" {
		t.Error(got)
	}
}
