// Command load makes the traffic that scripts/pipes measures relays with.
//
//	load serve ADDRESS           answer the others
//	load send ADDRESS BYTES      send that many, and print how long it took, in s
//	load trips ADDRESS NUMBER    print the median of a byte there and back, in µs
//	load idle ADDRESS NUMBER     open connections, say "ready", and keep them until
//	                             standard input ends
package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"strconv"
	"sync"
	"time"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintf(os.Stderr, "load: %v\n", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) == 2 && args[0] == "serve" {
		return serve(args[1])
	}
	if len(args) != 3 {
		return errors.New("usage: load serve|send|trips|idle ADDRESS [NUMBER]")
	}
	n, err := strconv.ParseInt(args[2], 10, 64)
	if err != nil || n < 1 {
		return fmt.Errorf("want a number above 0, got %q", args[2])
	}
	switch args[0] {
	case "send":
		return send(args[1], n)
	case "trips":
		return trips(args[1], int(n))
	case "idle":
		return idle(args[1], int(n))
	}
	return fmt.Errorf("unknown order %q", args[0])
}

// The first byte of a connection says what it is for.
const (
	forSend = 's' // read to the end, then answer how much that was
	forEcho = 'e' // send back what comes
)

const chunk = 256 << 10

func serve(address string) error {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	for {
		conn, err := l.Accept()
		if err != nil {
			return err
		}
		go answer(conn)
	}
}

func answer(conn net.Conn) {
	defer conn.Close()
	var kind [1]byte
	if _, err := io.ReadFull(conn, kind[:]); err != nil {
		return
	}
	if kind[0] == forSend {
		buf := make([]byte, chunk)
		var total uint64
		for {
			n, err := conn.Read(buf)
			total += uint64(n)
			if err != nil {
				break
			}
		}
		_, _ = conn.Write(binary.BigEndian.AppendUint64(nil, total))
		return
	}
	var b [64]byte // 10,000 of these are open at a time
	for {
		n, err := conn.Read(b[:])
		if err != nil {
			return
		}
		if _, err := conn.Write(b[:n]); err != nil {
			return
		}
	}
}

func dial(address string, kind byte) (*net.TCPConn, error) {
	conn, err := net.DialTimeout("tcp", address, 10*time.Second)
	if err != nil {
		return nil, err
	}
	if _, err := conn.Write([]byte{kind}); err != nil {
		return nil, err
	}
	return conn.(*net.TCPConn), nil
}

func send(address string, n int64) error {
	conn, err := dial(address, forSend)
	if err != nil {
		return err
	}
	defer conn.Close()
	buf := make([]byte, chunk)
	began := time.Now()
	for left := n; left > 0; {
		k, err := conn.Write(buf[:min(left, chunk)])
		if err != nil {
			return err
		}
		left -= int64(k)
	}
	if err := conn.CloseWrite(); err != nil {
		return err
	}
	var answer [8]byte
	if _, err := io.ReadFull(conn, answer[:]); err != nil {
		return err
	}
	took := time.Since(began)
	if got := binary.BigEndian.Uint64(answer[:]); got != uint64(n) {
		return fmt.Errorf("sent %d, and %d arrived", n, got)
	}
	fmt.Printf("%.6f\n", took.Seconds())
	return nil
}

func trips(address string, n int) error {
	conn, err := dial(address, forEcho)
	if err != nil {
		return err
	}
	defer conn.Close()
	b := []byte{1}
	took := make([]time.Duration, n)
	for i := range took {
		began := time.Now()
		if _, err := conn.Write(b); err != nil {
			return err
		}
		if _, err := io.ReadFull(conn, b); err != nil {
			return err
		}
		took[i] = time.Since(began)
	}
	slices.Sort(took)
	fmt.Printf("%.2f\n", float64(took[n/2].Nanoseconds())/1000)
	return nil
}

// dialers is how many connections idle makes at a time.
const dialers = 64

func idle(address string, n int) error {
	var (
		wg   sync.WaitGroup
		mu   sync.Mutex // protects the three below
		open []net.Conn
		bad  error
		left = n
	)
	for range dialers {
		wg.Go(func() {
			for {
				mu.Lock()
				more := left > 0 && bad == nil
				left--
				mu.Unlock()
				if !more {
					return
				}
				conn, err := one(address)
				mu.Lock()
				if err != nil {
					bad = err
				} else {
					open = append(open, conn)
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	if bad != nil {
		return bad
	}
	fmt.Println("ready")
	_, err := io.Copy(io.Discard, os.Stdin)
	return err
}

// one opens a connection over which a byte has gone there and back.
func one(address string) (net.Conn, error) {
	conn, err := dial(address, forEcho)
	if err != nil {
		return nil, err
	}
	b := []byte{1}
	if _, err := conn.Write(b); err != nil {
		return nil, err
	}
	_, err = io.ReadFull(conn, b)
	return conn, err
}
