package socket

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/cilium/ebpf"
	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"

	"bwmon/lab"
	"bwmon/traffic"
)

func init() {
	trades["give"], trades["many"], trades["paced"] = give, many, paced
}

// give answers every connection, and every datagram, with so many bytes.
func give(args []string) error {
	n, _ := strconv.Atoi(args[1])
	if args[0] == "tcp" {
		ln, err := net.Listen("tcp", args[2])
		if err != nil {
			return err
		}
		fmt.Println(ln.Addr())
		buf := make([]byte, n)
		for {
			conn, err := ln.Accept()
			if err != nil {
				return err
			}
			go func() {
				conn.Write(buf)
				conn.Close()
			}()
		}
	}
	conn, err := net.ListenPacket("udp", args[2])
	if err != nil {
		return err
	}
	conn.(*net.UDPConn).SetWriteBuffer(4 << 20)
	fmt.Println(conn.LocalAddr())
	buf, ask := make([]byte, datagram), make([]byte, 16)
	for {
		_, from, err := conn.ReadFrom(ask)
		if err != nil {
			return err
		}
		for left := n; left > 0; left -= datagram {
			conn.WriteTo(buf[:min(left, datagram)], from)
		}
	}
}

// datagram is the size of one, in bytes.
const datagram = 1000

// many opens so many sockets on a local address, sends from each to another,
// and then from the first so many every 100 ms.
func many(args []string) error {
	sockets, _ := strconv.Atoi(args[2])
	active, _ := strconv.Atoi(args[3])
	from, to := ap(args[0]), ap(args[1])
	fds := make([]int, sockets)
	for i := range fds {
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
		if err == nil {
			err = unix.Bind(fd, &unix.SockaddrInet4{Addr: from.Addr().As4()})
		}
		if err == nil {
			err = unix.Connect(fd, &unix.SockaddrInet4{Port: int(to.Port()), Addr: to.Addr().As4()})
		}
		if err == nil {
			_, err = unix.Write(fd, []byte("x"))
		}
		if err != nil {
			return fmt.Errorf("socket %d: %w", i, err)
		}
		fds[i] = fd
	}
	fmt.Println("open")
	ended := make(chan bool)
	go func() {
		io.Copy(io.Discard, os.Stdin)
		close(ended)
	}()
	for {
		for _, fd := range fds[:active] {
			unix.Write(fd, []byte("x"))
		}
		select {
		case <-ended:
			return nil
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// perProcess is how many sockets one process of BenchmarkReading has: fewer
// descriptors than most machines allow.
const perProcess = 15_000

// BenchmarkShortProcesses: 2,000 processes that live a few milliseconds, four
// at a time, each of which gets 100 kB; TCP and UDP over IPv4 and IPv6.
func BenchmarkShortProcesses(b *testing.B) {
	const processes, size = 2000, 100_000
	program := filepath.Join(b.TempDir(), "brief")
	if out, err := exec.Command("go", "build", "-o", program, "./testdata/brief").CombinedOutput(); err != nil {
		b.Fatalf("build: %v: %s", err, out)
	}
	for b.Loop() {
		ours, peer, cgroup := pair(b)
		group := peer.Cgroup()
		var givers []string
		for _, proto := range []string{"tcp", "udp"} {
			for _, at := range []string{"198.18.0.2:0", "[fd00::2]:0"} {
				addr := ap(startChild(b, peer, group, "give", proto, fmt.Sprint(size), at).line())
				givers = append(givers, fmt.Sprintf("%s %x %d %d", proto, addr.Addr().AsSlice(), addr.Port(), size))
			}
		}
		books := watch(b, ours, Options{Cgroup: cgroup, Interval: time.Second})
		before := ours.Counters("eth0")
		began := time.Now()
		lives := shortLives(b, ours, cgroup, program, givers, processes)
		took := time.Since(began)
		time.Sleep(200 * time.Millisecond)
		books.stop()
		carried := ours.Counters("eth0").Sub(before).Layer3(14)
		all, _ := books.sum(scoped(traffic.ScopeLocal))
		var right uint64
		named := 0
		for i := range processes {
			got, n := books.sum(byCommand(fmt.Sprintf("%s %s %d", program, givers[i%4], i)))
			right += got.Bytes()
			named += min(n, 1)
		}
		whole := carried.RxBytes + carried.TxBytes
		b.ReportMetric(float64(named), "processes-named")
		b.ReportMetric(100*float64(right)/float64(all.Bytes()), "%-right")
		b.ReportMetric(100*float64(whole-all.Bytes())/float64(whole), "%-not-booked")
		b.ReportMetric(float64(whole-all.Bytes()), "bytes-not-booked")
		b.ReportMetric(median(lives), "ms-life")
		b.ReportMetric(processes/took.Seconds(), "processes/s")
	}
}

// shortLives starts so many processes, four at a time, and returns how long
// each lived, in ms.
func shortLives(b *testing.B, h *lab.Host, group, program string, givers []string, processes int) []float64 {
	dir, err := os.Open(group)
	if err != nil {
		b.Fatal(err)
	}
	defer dir.Close()
	lives := make([]float64, processes)
	var next atomic.Int32
	var g errgroup.Group
	for range 4 {
		g.Go(func() error {
			for i := int(next.Add(1)) - 1; i < processes; i = int(next.Add(1)) - 1 {
				cmd := exec.Command(program, append(strings.Fields(givers[i%4]), fmt.Sprint(i))...)
				cmd.SysProcAttr = &syscall.SysProcAttr{UseCgroupFD: true, CgroupFD: int(dir.Fd()), Pdeathsig: syscall.SIGKILL}
				if err := h.Do(cmd.Start); err != nil {
					return err
				}
				start := time.Now()
				if err := cmd.Wait(); err != nil {
					return err
				}
				lives[i] = time.Since(start).Seconds() * 1000
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		b.Fatal(err)
	}
	return lives
}

// BenchmarkStorm: sockets that are opened and closed, 50,000 a second for 20
// seconds, each with one datagram.
func BenchmarkStorm(b *testing.B) {
	const perSecond, seconds = 50_000, 20
	for b.Loop() {
		ours, peer, cgroup := pair(b)
		server := peer.Serve(lab.Server{Proto: "udp", Listen: ap("198.18.0.2:0"), Deadline: time.Minute})
		books := watch(b, ours, Options{Cgroup: cgroup, Interval: time.Second})
		books.mu.Lock()
		books.brief = true
		books.mu.Unlock()
		c := startChild(b, ours, cgroup, "paced", server.Addr.String(), fmt.Sprint(perSecond), fmt.Sprint(seconds))
		c.patience = time.Minute
		sent, _ := strconv.Atoi(c.line())
		c.wait()
		books.until("an empty book", func() bool { return strings.HasPrefix(books.last.Detail, "0 flows of 0 sockets") })
		left := entries(b, books.monitor.kernel.objs.Flows) + entries(b, books.monitor.kernel.objs.Users)
		books.stop()
		b.ReportMetric(float64(sent)/seconds, "sockets/s")
		b.ReportMetric(float64(sent*38)-float64(books.gone.TxBytes), "bytes-lost")
		b.ReportMetric(float64(sent-books.ended), "sockets-lost")
		b.ReportMetric(float64(books.last.Lost), "owners-lost")
		b.ReportMetric(float64(left), "entries-left")
		b.ReportMetric(resident(b), "MiB-resident")
	}
}

// entries is how many a map has.
func entries(b *testing.B, m *ebpf.Map) (n int) {
	key, value := make([]byte, m.KeySize()), make([]byte, m.ValueSize())
	list := m.Iterate()
	for list.Next(key, value) {
		n++
	}
	if err := list.Err(); err != nil {
		b.Fatal(err)
	}
	return n
}

// paced is a storm of so many sockets a second for so many seconds, and says
// how many they were.
func paced(args []string) error {
	perSecond, _ := strconv.Atoi(args[1])
	seconds, _ := strconv.Atoi(args[2])
	began, sent := time.Now(), 0
	for time.Since(began) < time.Duration(seconds)*time.Second {
		if due := int(time.Since(began).Seconds() * float64(perSecond)); sent < due {
			if err := storm([]string{args[0], fmt.Sprint(due - sent)}); err != nil {
				return err
			}
			sent = due
		} else {
			time.Sleep(time.Millisecond)
		}
	}
	fmt.Println(sent)
	return nil
}

// BenchmarkReading: the processor time of one reading with so many sockets
// open, of which 1,000 sent something since the last.
func BenchmarkReading(b *testing.B) {
	for _, sockets := range []int{1_000, 100_000, 1_000_000} {
		b.Run(fmt.Sprint(sockets), func(b *testing.B) {
			for b.Loop() {
				ours, peer, cgroup := pair(b)
				sink := peer.Serve(lab.Server{Proto: "udp", Listen: ap("198.18.0.2:20000"), Deadline: 3 * time.Minute})
				books := watch(b, ours, Options{Cgroup: cgroup, Interval: time.Second})
				ours.Sysctl("net/ipv4/ip_local_port_range", "1024 65535")
				var children []*child
				for i, left := 0, sockets; left > 0; i++ {
					from := fmt.Sprintf("198.18.2.%d", i+1)
					ours.Up("lo", from+"/32")
					active := 0
					if i == 0 {
						active = 1000
					}
					c := startChild(b, ours, cgroup, "many", from+":0", sink.Addr.String(), fmt.Sprint(min(left, perProcess)), fmt.Sprint(active))
					c.patience = 2 * time.Minute
					children = append(children, c)
					left -= perProcess
				}
				for _, c := range children {
					c.line()
				}
				want := fmt.Sprintf("%d flows", sockets)
				books.patience = 2 * time.Minute
				books.until(want, func() bool { return strings.HasPrefix(books.last.Detail, want) })
				var costs []float64
				var seen time.Time
				books.until("five steady readings", func() bool {
					if books.last.At.Equal(seen) {
						return false
					}
					seen = books.last.At
					costs = append(costs, costIn(b, books.last.Detail))
					return len(costs) == 7
				})
				b.ReportMetric(median(costs[2:]), "ms/reading")
				b.ReportMetric(resident(b), "MiB-resident")
				for _, c := range children {
					c.stdin.Close()
				}
				for _, c := range children {
					c.wait()
				}
				books.until("the end of all", func() bool { return strings.HasPrefix(books.last.Detail, "0 flows of 0 sockets") })
				books.stop()
			}
		})
	}
}

// costIn reads the cost of a reading, in ms, in a monitor's detail.
func costIn(b *testing.B, detail string) float64 {
	_, after, _ := strings.Cut(detail, "read in ")
	text, _, _ := strings.Cut(after, " ")
	d, err := time.ParseDuration(text)
	if err != nil {
		b.Fatalf("%q: %v", detail, err)
	}
	return d.Seconds() * 1000
}

func median(list []float64) float64 {
	for i := range list {
		for j := i; j > 0 && list[j] < list[j-1]; j-- {
			list[j], list[j-1] = list[j-1], list[j]
		}
	}
	return list[len(list)/2]
}

// resident is this process's memory, in MiB.
func resident(b *testing.B) float64 {
	f, err := os.Open("/proc/self/status")
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	for s := bufio.NewScanner(f); s.Scan(); {
		var kb float64
		if _, err := fmt.Sscanf(s.Text(), "VmRSS: %f kB", &kb); err == nil {
			return kb / 1024
		}
	}
	return 0
}
