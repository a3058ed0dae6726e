package pipe

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"bwmon/traffic"
)

// course is how one connection goes. The client sends it first.
type course struct {
	id             uint32
	ends           uint8  // who ends it, and how
	sends, answers uint32 // bytes
}

const (
	endsClean    = iota // each says when it has no more to send
	clientResets        // the client reads all, sends all, and resets
	targetResets        // the target reads all, sends all, and resets
	resetMidway         // the client resets after its bytes, whatever comes
	ways
)

const courseLen = 13

func randomCourse(id uint32, r *rand.Rand) course {
	// Mostly short, with some that fill every buffer there is.
	length := func() uint32 { return uint32(r.Int64N(1 << (4 + r.IntN(18)))) }
	return course{id: id, ends: uint8(r.IntN(ways)), sends: length(), answers: length()}
}

func (c course) header() []byte {
	b := binary.BigEndian.AppendUint32([]byte{c.ends}, c.id)
	b = binary.BigEndian.AppendUint32(b, c.sends)
	return binary.BigEndian.AppendUint32(b, c.answers)
}

func parseCourse(b []byte) course {
	n := func(at int) uint32 { return binary.BigEndian.Uint32(b[at:]) }
	return course{ends: b[0], id: n(1), sends: n(5), answers: n(9)}
}

// addr is the address that the client has, by which its relay is known.
func (c course) addr() netip.Addr {
	return netip.AddrFrom4([4]byte{127, 1, byte(c.id >> 8), byte(c.id)})
}

// carried is what an end of a connection saw.
type carried struct{ sent, received uint64 }

// readAll reads n bytes, or to the end where n is negative. Who is reset has read
// all that came before.
func (c *carried) readAll(conn net.Conn, n int64) error {
	var r io.Reader = conn
	if n >= 0 {
		r = io.LimitReader(conn, n)
	}
	k, err := io.Copy(io.Discard, r)
	c.received += uint64(k)
	if err == nil && n >= 0 && k < n {
		err = io.ErrUnexpectedEOF
	}
	return err
}

func (c *carried) write(conn net.Conn, n uint32) error {
	k, err := conn.Write(make([]byte, n))
	c.sent += uint64(k)
	return err
}

// client is the client's part. What may fail because the other end resets is left
// to what arrives there.
func (c course) client(conn *net.TCPConn) (did carried, err error) {
	did.sent = courseLen
	if _, err := conn.Write(c.header()); err != nil {
		return did, err
	}
	switch c.ends {
	case endsClean:
		if err = did.write(conn, c.sends); err == nil {
			err = conn.CloseWrite()
		}
		return did, errors.Join(err, did.readAll(conn, -1))
	case clientResets:
		if err = did.readAll(conn, int64(c.answers)); err == nil {
			err = did.write(conn, c.sends)
		}
		return did, errors.Join(err, conn.SetLinger(0))
	case targetResets:
		err = did.write(conn, c.sends)
		if rerr := did.readAll(conn, -1); !errors.Is(rerr, unix.ECONNRESET) {
			err = errors.Join(err, fmt.Errorf("no reset, but %v", rerr))
		}
		return did, err
	}
	err = did.write(conn, c.sends)
	return did, errors.Join(err, conn.SetLinger(0))
}

// target is the target's part.
func (c course) target(conn *net.TCPConn) (did carried) {
	did.received = courseLen
	switch c.ends {
	case targetResets:
		if did.readAll(conn, int64(c.sends)) == nil {
			_ = did.write(conn, c.answers)
		}
		_ = conn.SetLinger(0)
	default:
		var wg sync.WaitGroup
		var sent carried
		wg.Go(func() {
			_ = sent.write(conn, c.answers)
			if c.ends == endsClean {
				_ = conn.CloseWrite()
			}
		})
		_ = did.readAll(conn, -1)
		if c.ends != endsClean {
			conn.Close() // who writes is held up by one that has gone
		}
		wg.Wait()
		did.sent = sent.sent
	}
	return did
}

// exchange is one connection as both ends saw it.
type exchange struct {
	course
	client, target carried
}

// TestCountsAreExact over many connections of random length, of which many are
// reset by either end. Who was not the one to reset has received what was counted,
// to the byte. Of what was on the way to the one who did, this is known: it read no
// more than was counted, and no more was counted than the other sent.
func TestCountsAreExact(t *testing.T) {
	n := 10_000
	if testing.Short() {
		n = 1000
	}
	var mu sync.Mutex // protects all
	all := make(map[netip.Addr]*exchange)
	saw := func(c course, f func(*exchange)) {
		mu.Lock()
		defer mu.Unlock()
		if all[c.addr()] == nil {
			all[c.addr()] = &exchange{course: c}
		}
		f(all[c.addr()])
	}
	var targets sync.WaitGroup
	f := forward(t, serve(t, "tcp", "127.0.0.1:0", func(conn net.Conn) {
		targets.Add(1)
		defer targets.Done()
		var head [courseLen]byte
		if _, err := io.ReadFull(conn, head[:]); err != nil {
			t.Errorf("the target did not get to know what to do: %v", err)
			return
		}
		c := parseCourse(head[:])
		did := c.target(conn.(*net.TCPConn))
		saw(c, func(e *exchange) { e.target = did })
	}), ForwardOptions{Interval: 100 * time.Millisecond})
	todo := make(chan course)
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			for c := range todo {
				did, err := c.run(f.addr)
				if err != nil {
					t.Errorf("%+v: %v", c, err)
				}
				saw(c, func(e *exchange) { e.client = did })
			}
		})
	}
	random := rand.New(rand.NewPCG(1, 2))
	for i := range n {
		todo <- randomCourse(uint32(i), random)
	}
	close(todo)
	wg.Wait()
	total := f.finish()
	targets.Wait()
	if len(f.flows) != n {
		t.Errorf("told of %d relays, want %d", len(f.flows), n)
	}
	for flow, s := range f.flows {
		all[flow.Local.Addr()].check(t, s.Counts)
	}
	t.Logf("%d connections, %d reset, %d bytes to clients and %d from them", n, f.Stats().Resets, total.RxBytes, total.TxBytes)
}

// run is the client's part from an address of its own.
func (c course) run(to string) (carried, error) {
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: c.addr().AsSlice()}}
	conn, err := d.Dial("tcp", to)
	if err != nil {
		return carried{}, err
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(30 * time.Second))
	return c.client(conn.(*net.TCPConn))
}

func (e *exchange) check(t *testing.T, got traffic.Counts) {
	// Who resets after it has read all there was knows, too.
	exact := e.ends != resetMidway
	if got.TxBytes != e.target.received || exact && got.RxBytes != e.client.received {
		t.Errorf("counted %+v of %+v", got, *e)
	}
	if got.TxBytes > e.client.sent || got.TxBytes < e.target.received || got.RxBytes > e.target.sent || got.RxBytes < e.client.received {
		t.Errorf("counted %+v, which cannot be, of %+v", got, *e)
	}
}
