package web

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"strconv"
	"strings"
	"sync"
)

// body is what can be sent to many, made once.
type body struct {
	kind   string // of its content
	plain  []byte
	blocks func() []byte // plain, compressed: see zip.go
	gzip   func() []byte
	tag    func() string // of what it holds, without quotation marks
}

func (s *Server) newBody(kind string, plain []byte) *body {
	b := &body{kind: kind, plain: plain}
	b.blocks = sync.OnceValue(func() []byte { return s.pack.blocks(plain) })
	b.gzip = sync.OnceValue(func() []byte { return gzipOf(plain, b.blocks()) })
	b.tag = sync.OnceValue(func() string { return tagOf(plain) })
	return b
}

func tagOf(plain []byte) string {
	sum := sha256.Sum256(plain)
	return hex.EncodeToString(sum[:12])
}

// Less is not worth compressing.
const minGzip = 512

// send answers with b, or that whoever asks has it already.
func (b *body) send(w http.ResponseWriter, r *http.Request) {
	text, tag := b.plain, b.tag()
	h := w.Header()
	if len(b.plain) >= minGzip {
		h.Add("Vary", "Accept-Encoding")
		if acceptsGzip(r.Header.Values("Accept-Encoding")) {
			text = b.gzip()
			tag += "-gzip"
			h.Set("Content-Encoding", "gzip")
		}
	}
	h.Set("ETag", `"`+tag+`"`)
	if len(h.Values("Cache-Control")) == 0 {
		h.Set("Cache-Control", "no-cache")
	}
	if matches(r.Header.Values("If-None-Match"), tag) {
		h.Del("Content-Encoding")
		w.WriteHeader(http.StatusNotModified)
		return
	}
	h.Set("Content-Type", b.kind)
	h.Set("Content-Length", strconv.Itoa(len(text)))
	if r.Method == http.MethodHead {
		return
	}
	_, _ = w.Write(text) // who asked may have gone
}

// acceptsGzip reads Accept-Encoding (RFC 9110, 12.5.3).
func acceptsGzip(lines []string) bool {
	any := false
	for _, line := range lines {
		for part := range strings.SplitSeq(line, ",") {
			name, rest, _ := strings.Cut(part, ";")
			name = strings.TrimSpace(name)
			exact := strings.EqualFold(name, "gzip") || strings.EqualFold(name, "x-gzip")
			if !exact && name != "*" {
				continue
			}
			wanted := quality(rest) > 0
			if exact {
				return wanted
			}
			any = wanted
		}
	}
	return any
}

// quality is the weight among the parameters: 1 where there is none, 0 where it
// cannot be read.
func quality(parameters string) float64 {
	for p := range strings.SplitSeq(parameters, ";") {
		key, value, _ := strings.Cut(p, "=")
		if !strings.EqualFold(strings.TrimSpace(key), "q") {
			continue
		}
		q, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
		if err != nil || !(q >= 0 && q <= 1) {
			return 0
		}
		return q
	}
	return 1
}

// matches reads If-None-Match (RFC 9110, 13.1.2): whether tag is in it, compared
// weakly.
func matches(lines []string, tag string) bool {
	for _, line := range lines {
		if strings.TrimSpace(line) == "*" {
			return true
		}
		for line != "" {
			_, rest, ok := strings.Cut(line, `"`)
			if !ok {
				break
			}
			held, rest, ok := strings.Cut(rest, `"`)
			if !ok {
				break
			}
			if held == tag {
				return true
			}
			line = rest
		}
	}
	return false
}
