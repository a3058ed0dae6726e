// Brief gets so many bytes from a giver of socket's tests and ends, with as
// little of the Go library as that takes: brief tcp|udp ADDRESS PORT BYTES.
// The address is four or sixteen hex bytes.
package main

import (
	"encoding/hex"
	"os"
	"strconv"
	"syscall"
)

func main() {
	kind := syscall.SOCK_STREAM
	if os.Args[1] == "udp" {
		kind = syscall.SOCK_DGRAM
	}
	address, err := hex.DecodeString(os.Args[2])
	check(err)
	port, err := strconv.Atoi(os.Args[3])
	check(err)
	left, err := strconv.Atoi(os.Args[4])
	check(err)
	family := syscall.AF_INET6
	var to syscall.Sockaddr
	if len(address) == 4 {
		family = syscall.AF_INET
		to = &syscall.SockaddrInet4{Port: port, Addr: [4]byte(address)}
	} else {
		to = &syscall.SockaddrInet6{Port: port, Addr: [16]byte(address)}
	}
	fd, err := syscall.Socket(family, kind, 0)
	check(err)
	check(syscall.SetsockoptTimeval(fd, syscall.SOL_SOCKET, syscall.SO_RCVTIMEO, &syscall.Timeval{Sec: 5}))
	if kind == syscall.SOCK_DGRAM {
		check(syscall.SetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_RCVBUF, 1<<20))
	}
	check(syscall.Connect(fd, to))
	buf := make([]byte, 64<<10)
	if kind == syscall.SOCK_DGRAM {
		_, err = syscall.Write(fd, buf[:4])
		check(err)
	}
	for left > 0 {
		n, err := syscall.Read(fd, buf)
		check(err)
		if n == 0 {
			break
		}
		left -= n
	}
}

func check(err error) {
	if err != nil {
		os.Exit(1)
	}
}
