package web

import (
	"net/http"
	"slices"
	"strings"
	"testing"
)

func TestAcceptsGzip(t *testing.T) {
	for _, c := range []struct {
		header []string
		want   bool
	}{
		{nil, false},
		{[]string{""}, false},
		{[]string{"gzip"}, true},
		{[]string{"deflate, GZIP ;q=0.5, br"}, true},
		{[]string{"br", "x-gzip"}, true},
		{[]string{"*"}, true},
		{[]string{"*;q=0"}, false},
		{[]string{"gzip;q=0, *"}, false},
		{[]string{"*, gzip;q=0"}, false},
		{[]string{"gzip; q=0.000"}, false},
		{[]string{"gzip;q=x"}, false},
		{[]string{"gzip;q=nan"}, false},
		{[]string{"identity"}, false},
		{[]string{"gzipped"}, false},
	} {
		if got := acceptsGzip(c.header); got != c.want {
			t.Errorf("%q: %v, want %v", c.header, got, c.want)
		}
	}
}

func TestMatches(t *testing.T) {
	for _, c := range []struct {
		header []string
		want   bool
	}{
		{nil, false},
		{[]string{`"abc"`}, true},
		{[]string{`W/"abc"`}, true},
		{[]string{`"x", W/"abc"`}, true},
		{[]string{`"x"`, `"abc"`}, true},
		{[]string{`*`}, true},
		{[]string{`abc`}, false},
		{[]string{`"abc`}, false},
		{[]string{`"x, abc"`}, false},
		{[]string{`"x", "abcd"`}, false},
	} {
		if got := matches(c.header, "abc"); got != c.want {
			t.Errorf("%q: %v, want %v", c.header, got, c.want)
		}
	}
}

func FuzzHeaders(f *testing.F) {
	f.Add(`"x", W/"abc"`)
	f.Add("gzip;q=0.5, *;q=0")
	f.Fuzz(func(t *testing.T, line string) {
		if acceptsGzip([]string{line}) && !strings.Contains(strings.ToLower(line), "gzip") && !strings.Contains(line, "*") {
			t.Errorf("%q accepts gzip", line)
		}
		if matches([]string{line}, "abc") && !strings.Contains(line, `"abc"`) && strings.TrimSpace(line) != "*" {
			t.Errorf("%q has it", line)
		}
	})
}

// TestSameTwice: who has a document is not sent it again, in either form.
func TestSameTwice(t *testing.T) {
	s := open(t, Options{}, Access{})
	s.Publish(typical(1))
	for _, headers := range [][]string{nil, {"Accept-Encoding: gzip"}} {
		first := s.get("/api/v1/snapshot", headers...).want(t, http.StatusOK)
		tag := first.Header.Get("ETag")
		if !strings.HasPrefix(tag, `"`) {
			t.Fatalf("the tag %s is not a strong one", tag)
		}
		again := s.get("/api/v1/snapshot", append(headers, "If-None-Match: "+tag)...).want(t, http.StatusNotModified)
		if again.body != "" || again.Header.Get("ETag") != tag {
			t.Errorf("not modified: %q with the tag %s, want %s and no text", again.body, again.Header.Get("ETag"), tag)
		}
	}
	tags := [2]string{s.get("/api/v1/snapshot").Header.Get("ETag"), s.get("/api/v1/snapshot", "Accept-Encoding: gzip").Header.Get("ETag")}
	if tags[0] == tags[1] {
		t.Errorf("two forms have one tag, %s", tags[0])
	}
	s.Publish(typical(2))
	s.get("/api/v1/snapshot", "If-None-Match: "+tags[0]).want(t, http.StatusOK)
	// Another process that has the same figures has the same tag.
	s2 := open(t, Options{}, Access{})
	s2.Publish(typical(1))
	s2.get("/api/v1/snapshot", "If-None-Match: "+tags[0]).want(t, http.StatusNotModified)
}

func TestGzipIsTheSame(t *testing.T) {
	s := open(t, Options{}, Access{})
	s.Publish(hostile(1))
	for _, path := range []string{"/api/v1/snapshot", "/", "/api/v1/openapi.json"} {
		plain := s.get(path).want(t, http.StatusOK)
		zipped := s.get(path, "Accept-Encoding: br, gzip").want(t, http.StatusOK)
		if zipped.Header.Get("Content-Encoding") != "gzip" || !slices.Contains(zipped.Header.Values("Vary"), "Accept-Encoding") {
			t.Fatalf("%s: headers %v", path, zipped.Header)
		}
		if got := unzip(t, []byte(zipped.body)); got != plain.body {
			t.Errorf("%s: %d bytes come back as %d", path, len(plain.body), len(got))
		}
		if len(zipped.body) >= len(plain.body) {
			t.Errorf("%s: %d bytes are compressed to %d", path, len(plain.body), len(zipped.body))
		}
		head := s.ask(http.MethodHead, path, "", "Accept-Encoding: gzip").want(t, http.StatusOK)
		if head.body != "" || head.ContentLength != int64(len(zipped.body)) {
			t.Errorf("%s: HEAD has %d bytes of %d", path, len(head.body), head.ContentLength)
		}
	}
}
