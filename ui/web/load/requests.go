package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"time"
)

// askers is how many connections ask at a time.
const askers = 16

// requests asks for path as often as answers come, and prints how often that was.
func requests(address, path string, span time.Duration, zipped bool) error {
	before, err := figuresOf(address)
	if err != nil {
		return err
	}
	var (
		wg    sync.WaitGroup
		mu    sync.Mutex // protects the three below
		asked int
		got   int64
		bad   error
	)
	began := time.Now()
	end := began.Add(span)
	for range askers {
		wg.Go(func() {
			n, size, err := ask(address, path, zipped, end)
			mu.Lock()
			defer mu.Unlock()
			asked, got, bad = asked+n, got+size, errors.Join(bad, err)
		})
	}
	wg.Wait()
	took := time.Since(began).Seconds()
	if bad != nil {
		return bad
	}
	after, err := figuresOf(address)
	if err != nil {
		return err
	}
	fmt.Printf("%d answers in %.1f s, %.0f/s, %.1f KB each; the server's processors were busy for %.2f s\n",
		asked, took, float64(asked)/took, float64(got)/1e3/float64(max(asked, 1)), after.busy-before.busy)
	return nil
}

func ask(address, path string, zipped bool, end time.Time) (n int, size int64, err error) {
	c, question, err := dial(address, path, zipped)
	if err != nil {
		return 0, 0, err
	}
	defer c.Close()
	in := bufio.NewReaderSize(c, 4<<10)
	void := make([]byte, voidSize)
	for {
		length, err := answer(in, c, void)
		if err != nil {
			return n, size, err
		}
		n++
		size += length
		if time.Now().After(end) {
			return n, size, nil
		}
		if _, err := io.WriteString(c, question); err != nil {
			return n, size, err
		}
	}
}

// answer reads one, and returns the length of its body.
func answer(in *bufio.Reader, c *net.TCPConn, void []byte) (int64, error) {
	length := int64(-1)
	for first := true; ; first = false {
		line, err := in.ReadSlice('\n')
		if err != nil {
			return 0, err
		}
		text := strings.TrimSpace(string(line))
		if first && !strings.HasPrefix(text, "HTTP/1.1 200 ") {
			return 0, fmt.Errorf("answered %q", text)
		}
		if text == "" {
			break
		}
		if value, ok := strings.CutPrefix(text, "Content-Length: "); ok {
			if length, err = strconv.ParseInt(value, 10, 64); err != nil {
				return 0, err
			}
		}
	}
	if length < 0 {
		return 0, errors.New("an answer without a length")
	}
	read, err := in.Discard(int(min(length, int64(in.Buffered()))))
	for left := length - int64(read); left > 0 && err == nil; left -= int64(read) {
		read, err = discard(c, void[:min(left, voidSize)])
	}
	return length, err
}
