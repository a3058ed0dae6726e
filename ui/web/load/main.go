// Command load measures what it costs to serve many.
//
//	load serve ADDRESS APPS               serve made-up figures of so many apps, at 1 Hz
//	load streams ADDRESS NUMBER SECONDS [gzip]
//	                                      read so many streams for so long
//	load requests ADDRESS PATH SECONDS [gzip]
//	                                      ask for PATH over and over
//
// The two latter print what the server's processors were busy for, as it says
// itself in /metrics. They work with any bwmon that listens without a token.
package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"bwmon/traffic"
	"bwmon/ui/web"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintf(os.Stderr, "load: %v\n", err)
		os.Exit(1)
	}
}

const usage = "usage: load serve ADDRESS APPS | streams ADDRESS NUMBER SECONDS [gzip] | requests ADDRESS PATH SECONDS [gzip]"

func run(args []string) error {
	if len(args) == 3 && args[0] == "serve" {
		n, err := number(args[2])
		if err != nil {
			return err
		}
		return serve(args[1], n)
	}
	if len(args) != 4 && (len(args) != 5 || args[4] != "gzip") {
		return errors.New(usage)
	}
	seconds, err := number(args[3])
	if err != nil {
		return err
	}
	span, zipped := time.Duration(seconds)*time.Second, len(args) == 5
	switch args[0] {
	case "streams":
		n, err := number(args[2])
		if err != nil {
			return err
		}
		return streams(args[1], n, span, zipped)
	case "requests":
		return requests(args[1], args[2], span, zipped)
	}
	return errors.New(usage)
}

func number(text string) (int, error) {
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		return 0, fmt.Errorf("want a number above 0, got %q", text)
	}
	return n, nil
}

func serve(address string, apps int) error {
	ctx, stop := signal.NotifyContext(context.Background(), unix.SIGINT, unix.SIGTERM)
	defer stop()
	l, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	s := web.New(web.Options{Host: "load", Version: "load", MaxStreams: 10_000, MaxConnections: 20_000})
	go func() {
		tick := time.NewTicker(time.Second)
		defer tick.Stop()
		for n := uint64(1); ; n++ {
			s.Publish(snapshot(apps, n))
			select {
			case <-tick.C:
			case <-ctx.Done():
				return
			}
		}
	}()
	fmt.Println("serving on", l.Addr())
	return s.Serve(ctx, l, web.Access{}, nil)
}

// snapshot makes up what a busy host shows: each app has two commands.
func snapshot(apps int, tick uint64) *traffic.Snapshot {
	s := &traffic.Snapshot{
		Schema: traffic.SchemaVersion, Host: "load", Run: "load", At: time.Now(), Elapsed: float64(tick), Interval: 1,
		Monitors: []traffic.MonitorStatus{{Name: "socket", Kind: "socket", State: traffic.StateRunning}},
		LANHosts: []traffic.LANHost{}, Pipes: []traffic.PipeRow{}, Rules: []traffic.Rule{}, Alerts: []traffic.Alert{},
	}
	var all traffic.Usage
	for i := range apps {
		k := uint64(i)
		u := traffic.Usage{
			RxBytes: tick * (1000 + 37*k), TxBytes: tick * (500 + 13*k),
			RxRate: float64((tick*7919+k*104_729)%1_000_000) / 7, TxRate: float64((tick*6007+k*15_485)%100_000) / 3,
		}
		r := traffic.Resources{
			DiskReadBytes: tick * (4096 + 512*k), DiskWriteBytes: tick * (8192 + 512*k), DiskReadRate: u.RxRate * 2, DiskWriteRate: u.TxRate * 3,
			CacheReadBytes: tick * (6000 + 29*k), CacheWriteBytes: tick * (9000 + 31*k), CPUPercent: u.RxRate / 3000, MemoryBytes: (100 + k) << 12,
		}
		a := traffic.App{Name: fmt.Sprintf("service-%d", i), Usage: u, Resources: r, Processes: 2, Connections: 7}
		for j := range 2 {
			half := traffic.Usage{RxBytes: u.RxBytes / 2, TxBytes: u.TxBytes / 2, RxRate: u.RxRate / 2, TxRate: u.TxRate / 2}
			a.Commands = append(a.Commands, traffic.Command{
				Command: fmt.Sprintf("/usr/lib/service-%d/bin/worker --config /etc/service-%d/worker-%d.toml --listen 127.0.0.1:%d", i, i, j, 10_000+2*i+j),
				User:    "service", Unit: fmt.Sprintf("service-%d.service", i), PIDs: []int{1000 + 2*i + j},
				Usage: half, Resources: r, Processes: 1, Connections: 3,
			})
		}
		s.Apps = append(s.Apps, a)
		all.RxBytes, all.TxBytes = all.RxBytes+u.RxBytes, all.TxBytes+u.TxBytes
		all.RxRate, all.TxRate = all.RxRate+u.RxRate, all.TxRate+u.TxRate
	}
	for i := range 12 {
		each := traffic.Series{Kind: traffic.SeriesDisk, Name: fmt.Sprintf("sd%c", 'a'+i)}
		for _, name := range []string{
			"reads_per_s", "writes_per_s", "read_bytes_per_s", "write_bytes_per_s", "reads_merged_per_s", "writes_merged_per_s", "read_await_ms", "write_await_ms",
			"await_ms", "queue_size", "read_request_bytes", "write_request_bytes", "request_bytes", "utilization_percent", "in_flight", "read_bytes", "write_bytes",
		} {
			each.Metrics = each.Metrics.With(name, float64((tick*7919+uint64(i)*104_729)%1_000_000)/7)
		}
		s.Series = append(s.Series, each)
	}
	s.Interfaces = []traffic.Interface{{Name: "eth0", Usage: all, Balanced: true}}
	s.Balance = traffic.Balance{InterfaceRx: all.RxBytes, InterfaceTx: all.TxBytes, LocalRx: all.RxBytes, LocalTx: all.TxBytes}
	return s
}

// figures are what the server says of itself: how many seconds its processors have
// worked for it, and how many snapshots its streams have missed.
type figures struct{ busy, missed float64 }

func figuresOf(address string) (f figures, err error) {
	r, err := http.Get("http://" + address + "/metrics")
	if err != nil {
		return f, err
	}
	defer r.Body.Close()
	found := 0
	for lines := bufio.NewScanner(r.Body); lines.Scan(); {
		name, value, _ := strings.Cut(lines.Text(), " ")
		into := map[string]*float64{
			"process_cpu_seconds_total": &f.busy, "bwmon_http_stream_snapshots_skipped_total": &f.missed,
		}[name]
		if into == nil {
			continue
		}
		if *into, err = strconv.ParseFloat(value, 64); err != nil {
			return f, err
		}
		found++
	}
	if found != 2 {
		return f, fmt.Errorf("%s: no bwmon: its metrics do not tell what it costs", address)
	}
	return f, nil
}

// dial connects and asks for path, in words that do not change.
func dial(address, path string, zipped bool) (c *net.TCPConn, question string, err error) {
	to, err := netip.ParseAddrPort(address)
	if err != nil || !to.Addr().IsLoopback() {
		return nil, "", fmt.Errorf("%s: want an address and port of loopback: others are not to be loaded", address)
	}
	conn, err := net.Dial("tcp", address)
	if err != nil {
		return nil, "", err
	}
	question = "GET " + path + " HTTP/1.1\r\nHost: " + address + "\r\n"
	if zipped {
		question += "Accept-Encoding: gzip\r\n"
	}
	question += "\r\n"
	_, err = io.WriteString(conn, question)
	return conn.(*net.TCPConn), question, err
}
