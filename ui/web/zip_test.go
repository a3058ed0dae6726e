package web

import (
	"bytes"
	"compress/gzip"
	"hash/crc32"
	"io"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func unzip(t *testing.T, zipped []byte) string {
	t.Helper()
	r, err := gzip.NewReader(bytes.NewReader(zipped))
	if err != nil {
		t.Fatal(err)
	}
	r.Multistream(false)
	text, err := io.ReadAll(r)
	if err != nil {
		t.Fatalf("after %d bytes: %v", len(text), err)
	}
	return string(text)
}

func FuzzGzip(f *testing.F) {
	f.Add([]byte(""), "a", uint8(2))
	f.Add([]byte(strings.Repeat("the same again ", 500)), "data: ", uint8(3))
	f.Fuzz(func(t *testing.T, text []byte, between string, times uint8) {
		between = between[:min(len(between), 65535)]
		var pack packer
		if got := unzip(t, pack.gzip(text)); got != string(text) {
			t.Fatalf("a file of %d bytes comes back as %d", len(text), len(got))
		}
		// The same blocks again and again, with what is not compressed between them.
		file, plain := []byte(gzipHead), ""
		for range times % 8 {
			file = append(stored(file, between), pack.blocks(text)...)
			plain += between + string(text)
		}
		file = gzipTail(file, crc32.ChecksumIEEE([]byte(plain)), uint64(len(plain)))
		if diff := cmp.Diff(plain, unzip(t, file)); diff != "" {
			t.Fatalf("a stream (-want +got):\n%s", diff)
		}
	})
}

// TestBlocksComeOut: a reader has all of an event before the next is there.
func TestBlocksComeOut(t *testing.T) {
	var pack packer
	in, out := io.Pipe()
	defer in.Close()
	go func() {
		_, _ = out.Write([]byte(gzipHead))
		_, _ = out.Write(stored(append(stored(nil, "id: 1\n"), pack.blocks([]byte("data: x\n"))...), "\n"))
	}()
	r, err := gzip.NewReader(in)
	if err != nil {
		t.Fatal(err)
	}
	want := "id: 1\ndata: x\n\n"
	got := make([]byte, len(want))
	if _, err := io.ReadFull(r, got); err != nil || string(got) != want {
		t.Fatalf("read %q, %v; want %q", got, err, want)
	}
}

// TestSmallTextsWaitForNobody: while a large text is compressed, or waits for that,
// small ones are compressed and sent.
func TestSmallTextsWaitForNobody(t *testing.T) {
	s := open(t, Options{}, Access{})
	large := withFlows(1)
	flows := &large.Apps[0].Commands[0].Flows
	for len(*flows) < 10_000 {
		*flows = append(*flows, (*flows)[0])
	}
	s.Publish(large)
	s.pack.large.Lock() // as long as one is at work
	var wg sync.WaitGroup
	var sent atomic.Bool
	wg.Go(func() {
		a := s.get("/api/v1/snapshot?flows=1", "Accept-Encoding: gzip")
		sent.Store(true)
		if a.StatusCode != 200 || len(unzip(t, []byte(a.body))) < largeText {
			t.Errorf("status %d, %d bytes", a.StatusCode, len(a.body))
		}
	})
	for _, path := range []string{"/api/v1/snapshot", "/", "/api/v1/openapi.json"} {
		if a := s.get(path, "Accept-Encoding: gzip").want(t, 200); a.Header.Get("Content-Encoding") != "gzip" {
			t.Errorf("%s: is not compressed", path)
		}
	}
	if e := s.stream("/api/v1/stream", "Accept-Encoding: gzip").next(); e.id == "" {
		t.Errorf("streamed: %+v", e)
	}
	if sent.Load() {
		t.Error("a large text has not waited for another")
	}
	s.pack.large.Unlock()
	wg.Wait()
}
