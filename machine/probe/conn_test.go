package probe

import (
	"io"
	"net"
	"testing"
	"testing/synctest"
)

// What a server says before it is asked waits until it is; the end of the connection
// does not.
func TestQuietConn(t *testing.T) {
	for name, end := range map[string]func(c net.Conn){
		"written": func(c net.Conn) { io.WriteString(c, "?") },
		"closed":  func(c net.Conn) { c.Close() },
	} {
		synctest.Test(t, func(t *testing.T) {
			ours, theirs := net.Pipe()
			defer ours.Close()
			defer theirs.Close()
			go io.WriteString(theirs, "220")
			c := newQuietConn(ours)
			read := make(chan string, 1)
			go func() {
				b := make([]byte, 9)
				n, _ := c.Read(b)
				read <- string(b[:n])
			}()
			synctest.Wait()
			if len(read) > 0 {
				t.Errorf("%s: read before anything was written", name)
			}
			go io.ReadFull(theirs, make([]byte, 1))
			end(c)
			want := map[string]string{"written": "220", "closed": ""}[name]
			if got := <-read; got != want {
				t.Errorf("%s: read %q, want %q", name, got, want)
			}
		})
	}
}
