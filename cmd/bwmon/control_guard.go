package main

import (
	"net"
	"sync"

	"bwmon/pipe"

	"golang.org/x/sys/unix"
)

// guarded is a listener that asks the kernel who comes, and lets nobody but root
// take all the room.
type guarded struct {
	*net.UnixListener

	mu sync.Mutex
	// mu protects the fields below.
	all    int
	byUser map[uint32]int
}

func newGuarded(l *net.UnixListener) *guarded {
	return &guarded{UnixListener: l, byUser: make(map[uint32]int)}
}

// visitor is a connection of somebody known.
type visitor struct {
	net.Conn
	peer  *pipe.Peer // nil where the kernel does not say
	leave func()
}

// Close closes the connection.
func (v *visitor) Close() error {
	v.leave()
	return v.Conn.Close()
}

// Accept waits for a connection that there is room for.
func (g *guarded) Accept() (net.Conn, error) {
	for {
		c, err := g.AcceptUnix()
		if err != nil {
			return nil, err
		}
		v := &visitor{Conn: c, peer: peerOf(c)}
		if g.enter(v) {
			return v, nil
		}
		c.Close()
	}
}

func (g *guarded) enter(v *visitor) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	var uid uint32
	if v.peer != nil {
		uid = v.peer.UID
	}
	if uid != 0 && (g.all >= maxConnections || g.byUser[uid] >= maxOfOneUser) {
		return false
	}
	g.all++
	g.byUser[uid]++
	v.leave = sync.OnceFunc(func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		g.all--
		if g.byUser[uid]--; g.byUser[uid] == 0 {
			delete(g.byUser, uid)
		}
	})
	return true
}

// peerOf asks the kernel who is at the other end; nil where it does not say.
func peerOf(c *net.UnixConn) *pipe.Peer {
	raw, err := c.SyscallConn()
	if err != nil {
		return nil
	}
	var cred *unix.Ucred
	if e := raw.Control(func(fd uintptr) {
		cred, err = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED)
	}); e != nil || err != nil {
		return nil
	}
	return &pipe.Peer{PID: int(cred.Pid), UID: cred.Uid}
}
