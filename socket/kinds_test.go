package socket

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

func init() {
	for name, trade := range map[string]func([]string) error{
		"splice": spliceFile, "uring": uring, "udplite": udplite, "frames": frames, "mute": mute, "multipath": multipath,
		"later": later,
	} {
		trades[name] = trade
	}
}

// spliceFile sends a file of a size to an address through a pipe, with
// splice(2) on both ends of it.
func spliceFile(args []string) error { return sendZeros(args, spliceZeros) }

func spliceZeros(f *os.File, conn *net.TCPConn, size int64) error {
	socket, err := conn.File() // which blocks
	if err != nil {
		return err
	}
	defer socket.Close()
	if err := syscall.SetNonblock(int(socket.Fd()), false); err != nil {
		return err
	}
	r, w, err := os.Pipe()
	if err != nil {
		return err
	}
	for left := size; left > 0; {
		n, err := unix.Splice(int(f.Fd()), nil, int(w.Fd()), nil, int(min(left, 64<<10)), 0)
		if err != nil {
			return err
		}
		for out := n; out > 0; {
			k, err := unix.Splice(int(r.Fd()), nil, int(socket.Fd()), nil, int(out), 0)
			if err != nil {
				return err
			}
			out -= k
		}
		left -= n
	}
	return nil
}

// finish ends what is sent on a connection and waits for the other end to.
func finish(conn net.Conn) error {
	if err := conn.(interface{ CloseWrite() error }).CloseWrite(); err != nil {
		return err
	}
	_, err := io.Copy(io.Discard, conn)
	return err
}

// ring is an io_uring of one entry at a time (io_uring(7)).
type ring struct {
	fd            int
	params        uringParams
	sq, cq, sqeAt []byte
}

type uringParams struct {
	sqEntries, cqEntries, flags, sqThreadCPU, sqThreadIdle, features, wqFD uint32
	_                                                                      [3]uint32
	sqOff                                                                  struct {
		head, tail, ringMask, ringEntries, flags, dropped, array, _ uint32
		_                                                           uint64
	}
	cqOff struct {
		head, tail, ringMask, ringEntries, overflow, cqes, flags, _ uint32
		_                                                           uint64
	}
}

// sqe is struct io_uring_sqe, as far as sending needs it.
type sqe struct {
	opcode, flags uint8
	_             uint16
	fd            int32
	_, addr       uint64
	length        uint32
	_             [9]uint32
}

const (
	uringSend      = 26 // IORING_OP_SEND
	uringAsync     = 16 // IOSQE_ASYNC: a worker of the kernel does it
	uringGetEvents = 1
)

func newRing() (*ring, error) {
	r := &ring{}
	fd, _, errno := syscall.Syscall(unix.SYS_IO_URING_SETUP, 1, uintptr(unsafe.Pointer(&r.params)), 0)
	if errno != 0 {
		return nil, errno
	}
	r.fd = int(fd)
	p, prot := &r.params, unix.PROT_READ|unix.PROT_WRITE
	var err error
	for _, m := range []struct {
		to     *[]byte
		offset int64
		size   uint32
	}{
		{&r.sq, 0, p.sqOff.array + 4*p.sqEntries},
		{&r.cq, 0x8000000, p.cqOff.cqes + 16*p.cqEntries},
		{&r.sqeAt, 0x10000000, 64 * p.sqEntries},
	} {
		if *m.to, err = unix.Mmap(r.fd, m.offset, int(m.size), prot, unix.MAP_SHARED|unix.MAP_POPULATE); err != nil {
			return nil, err
		}
	}
	return r, nil
}

func word(b []byte, at uint32) *uint32 { return (*uint32)(unsafe.Pointer(&b[at])) }

// send sends the bytes and returns how many it did.
func (r *ring) send(fd int, b []byte, flags uint8) (int, error) {
	p := &r.params
	tail := *word(r.sq, p.sqOff.tail)
	slot := tail & *word(r.sq, p.sqOff.ringMask)
	*(*sqe)(unsafe.Pointer(&r.sqeAt[64*slot])) = sqe{
		opcode: uringSend, flags: flags, fd: int32(fd), addr: uint64(uintptr(unsafe.Pointer(&b[0]))), length: uint32(len(b)),
	}
	*word(r.sq, p.sqOff.array+4*slot) = slot
	*word(r.sq, p.sqOff.tail) = tail + 1
	if _, _, errno := syscall.Syscall6(unix.SYS_IO_URING_ENTER, uintptr(r.fd), 1, 1, uringGetEvents, 0, 0); errno != 0 {
		return 0, errno
	}
	head := *word(r.cq, p.cqOff.head)
	result := int32(*word(r.cq, p.cqOff.cqes+16*(head&*word(r.cq, p.cqOff.ringMask))+8))
	*word(r.cq, p.cqOff.head) = head + 1
	if result < 0 {
		return 0, syscall.Errno(-result)
	}
	return int(result), nil
}

// uring sends so many bytes to an address with io_uring, every other time by a
// worker of the kernel.
func uring(args []string) error {
	left, _ := strconv.Atoi(args[1])
	conn, err := net.Dial("tcp", args[0])
	if err != nil {
		return err
	}
	defer conn.Close()
	socket, err := conn.(*net.TCPConn).File()
	if err != nil {
		return err
	}
	defer socket.Close()
	if err := syscall.SetNonblock(int(socket.Fd()), false); err != nil {
		return err
	}
	r, err := newRing()
	if err != nil {
		return err
	}
	buf := make([]byte, 16<<10)
	for flags := uint8(0); left > 0; flags ^= uringAsync {
		n, err := r.send(int(socket.Fd()), buf[:min(left, len(buf))], flags)
		if err != nil {
			return err
		}
		left -= n
	}
	return finish(conn)
}

// udplite sends so many datagrams to an address by UDP-Lite (RFC 3828).
func udplite(args []string) error {
	to := ap(args[0])
	n, _ := strconv.Atoi(args[1])
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, unix.IPPROTO_UDPLITE)
	if err != nil {
		return err
	}
	for range n {
		if err := unix.Sendto(fd, make([]byte, 1000), 0, &unix.SockaddrInet4{Port: int(to.Port()), Addr: to.Addr().As4()}); err != nil {
			return err
		}
	}
	return unix.Close(fd)
}

// frames sends so many UDP datagrams of its own making through a packet socket
// on an interface, to an address and to the hardware address of everybody.
func frames(args []string) error {
	iface, err := net.InterfaceByName(args[0])
	if err != nil {
		return err
	}
	from, to := ap(args[1]), ap(args[2])
	n, _ := strconv.Atoi(args[3])
	const payload = 1000
	p := make([]byte, 28+payload)
	p[0], p[8], p[9] = 0x45, 64, unix.IPPROTO_UDP // RFC 791
	p[2], p[3] = byte(len(p)>>8), byte(len(p)&0xff)
	copy(p[12:], from.Addr().AsSlice())
	copy(p[16:], to.Addr().AsSlice())
	p[20], p[21], p[22], p[23] = byte(from.Port()>>8), byte(from.Port()), byte(to.Port()>>8), byte(to.Port())
	p[24], p[25] = (8+payload)>>8, (8+payload)&0xff
	var sum uint32
	for i := 0; i < 20; i += 2 {
		sum += uint32(p[i])<<8 | uint32(p[i+1])
	}
	sum = ^(sum>>16 + sum&0xffff)
	p[10], p[11] = byte(sum>>8), byte(sum)
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	const ip = 0x0008 // ETH_P_IP in network order, on little-endian machines
	all := &unix.SockaddrLinklayer{
		Protocol: ip, Ifindex: iface.Index, Halen: 6, Addr: [8]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff},
	}
	for range n {
		if err := unix.Sendto(fd, p, 0, all); err != nil {
			return err
		}
	}
	return unix.Close(fd)
}

// mute connects and never reads: what arrives is the kernel's affair until the
// end of standard input.
func mute(args []string) error {
	room := func(_, _ string, c syscall.RawConn) error { // for all of it
		var err error
		if e := c.Control(func(fd uintptr) {
			err = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, 8<<20)
		}); e != nil {
			return e
		}
		return err
	}
	conn, err := (&net.Dialer{Control: room}).Dial("tcp", args[0])
	if err != nil {
		return err
	}
	fmt.Println(conn.LocalAddr())
	io.Copy(io.Discard, os.Stdin)
	return conn.Close()
}

// later accepts one connection, and sends so many bytes on it after a word on
// its standard input.
func later(args []string) error {
	n, _ := strconv.Atoi(args[1])
	ln, err := net.Listen("tcp", args[0])
	if err != nil {
		return err
	}
	fmt.Println(ln.Addr())
	conn, err := ln.Accept()
	if err != nil {
		return err
	}
	fmt.Println("accepted")
	if _, err := os.Stdin.Read(make([]byte, 1)); err != nil {
		return err
	}
	if _, err := conn.Write(make([]byte, n)); err != nil {
		return err
	}
	fmt.Println("sent")
	io.Copy(io.Discard, os.Stdin)
	return conn.Close()
}

// multipath serves or connects by Multipath TCP, and says whether it was that:
// the server answers with as much as it reads, the client sends so much.
func multipath(args []string) error {
	ctx := context.Background()
	if args[0] == "serve" {
		var lc net.ListenConfig
		lc.SetMultipathTCP(true)
		ln, err := lc.Listen(ctx, "tcp", args[1])
		if err != nil {
			return err
		}
		fmt.Println(ln.Addr())
		conn, err := ln.Accept()
		if err != nil {
			return err
		}
		if _, err := io.Copy(onlyWriter{conn}, onlyReader{conn}); err != nil {
			return err
		}
		return conn.Close()
	}
	n, _ := strconv.Atoi(args[2])
	var d net.Dialer
	d.SetMultipathTCP(true)
	conn, err := d.DialContext(ctx, "tcp", args[1])
	if err != nil {
		return err
	}
	defer conn.Close()
	is, err := conn.(*net.TCPConn).MultipathTCP()
	fmt.Println(is)
	if err != nil {
		return err
	}
	if _, err := conn.Write(make([]byte, n)); err != nil {
		return err
	}
	return finish(conn)
}

type (
	onlyWriter struct{ io.Writer }
	onlyReader struct{ io.Reader }
)
