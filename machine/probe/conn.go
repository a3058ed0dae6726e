package probe

import (
	"net"
	"sync"
)

// quietConn is a connection on which nothing is read before something was written.
// net/http prints what comes before its request, such as the greeting of a mail
// server, to standard error, where nobody can stop it.
type quietConn struct {
	net.Conn
	speak func() // lets reading begin
	spoke chan struct{}
}

func newQuietConn(c net.Conn) *quietConn {
	spoke := make(chan struct{})
	return &quietConn{Conn: c, spoke: spoke, speak: sync.OnceFunc(func() { close(spoke) })}
}

func (c *quietConn) Read(b []byte) (int, error) {
	<-c.spoke
	return c.Conn.Read(b)
}

func (c *quietConn) Write(b []byte) (int, error) {
	defer c.speak()
	return c.Conn.Write(b)
}

func (c *quietConn) Close() error {
	defer c.speak()
	return c.Conn.Close()
}
