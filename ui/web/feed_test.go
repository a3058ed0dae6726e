package web

import (
	"bytes"
	"errors"
	"io"
	"net"
	"net/http"
	"testing"
	"testing/synctest"
	"time"
)

// pipe is an answer that goes to whoever reads the other end, without anything that
// keeps what was not read yet.
type pipe struct {
	net.Conn
	header http.Header
}

func (p pipe) Header() http.Header { return p.header }
func (p pipe) WriteHeader(int)     {}
func (p pipe) FlushError() error   { return nil }

// TestFeedIsPatient: a reader that takes something now and then gets all, however long
// that takes; one that takes nothing for as long as the patience lasts does not.
func TestFeedIsPatient(t *testing.T) {
	const limit = 30 * time.Second
	event := &event{plain: bytes.Repeat([]byte("0123456789abcdef"), 1<<16)} // 1 MiB
	for _, c := range []struct {
		name  string
		piece int // is read every pause
		pause time.Duration
		most  int // is read before it stops; 0: all
		leave bool
		want  error // nil: it gets all
		took  time.Duration
	}{
		{"at once", 1 << 20, 0, 0, false, nil, 0},
		{"large pieces, seldom", 64 << 10, 29 * time.Second, 0, false, nil, 16 * 29 * time.Second},
		{"small pieces", 8 << 10, 3 * time.Second, 0, false, nil, 128 * 3 * time.Second},
		{"nothing", 1, 0, -1, false, errSlow, limit},
		{"half of it", 8 << 10, 3 * time.Second, 512 << 10, false, errSlow, 64*3*time.Second + limit},
		{"too little", 1 << 10, time.Second, 0, false, errSlow, limit},
		{"half of it, and leaves", 8 << 10, 3 * time.Second, 512 << 10, true, io.ErrClosedPipe, 64 * 3 * time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				near, far := net.Pipe()
				defer near.Close()
				got := make(chan []byte, 1)
				go func() {
					var all []byte
					piece := make([]byte, c.piece)
					for c.most == 0 || len(all) < c.most {
						time.Sleep(c.pause)
						n, err := io.ReadFull(far, piece)
						all = append(all, piece[:n]...)
						if err != nil {
							break
						}
					}
					if c.leave {
						far.Close()
					}
					got <- all
				}()
				f := &feed{w: near, control: http.NewResponseController(pipe{near, http.Header{}}), patience: limit}
				began := time.Now()
				if err := f.event(event); !errors.Is(err, c.want) {
					t.Errorf("%v, want %v", err, c.want)
				}
				if took := time.Since(began); took != c.took {
					t.Errorf("it took %v, want %v", took, c.took)
				}
				near.Close()
				if all := <-got; c.want == nil && !bytes.Equal(all, event.plain) {
					t.Errorf("%d bytes of %d came", len(all), len(event.plain))
				}
			})
		})
	}
}
