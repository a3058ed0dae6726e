package history

import (
	"fmt"
	"os"
	"runtime"
	"syscall"
	"testing"
	"time"

	"bwmon/traffic"
)

// crowd is a fleet that carries made-up traffic: of each host's apps a third in ten
// seconds.
type crowd struct {
	at    time.Time
	n     int
	hosts []*machine
	names []string
}

func newCrowd(hosts, apps int) *crowd {
	c := &crowd{at: time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)}
	for h := range hosts {
		m := newMachine(c.at)
		m.rows.Run = fmt.Sprintf("run-%d", h)
		for a := range apps {
			m.carry(fmt.Sprintf("app-%02d", a), fmt.Sprintf("/usr/bin/app-%02d --serve --config /etc/app-%02d.conf", a, a), uint64(h+a), uint64(a))
			m.rows.Apps[a].Commands[0].Unit = fmt.Sprintf("app-%02d.service", a)
		}
		m.link("eth0", 1, 1)
		m.rows.Interfaces[0].Balanced = true
		for i := range 10 {
			m.rows.Series = append(m.rows.Series, traffic.Series{Kind: traffic.SeriesMount, Name: fmt.Sprintf("/mnt/%d", i)})
		}
		c.hosts, c.names = append(c.hosts, m), append(c.names, fmt.Sprintf("host-%04d.example.org", h))
	}
	return c
}

func (c *crowd) now() time.Time { return c.at }

// after makes time pass and all hosts carry something.
func (c *crowd) after(d time.Duration) {
	c.at = c.at.Add(d)
	c.n++
	for h, m := range c.hosts {
		m.after(d)
		for a := range m.rows.Apps {
			if (a+c.n+h)%3 == 0 {
				u := &m.rows.Apps[a].Commands[0].Usage
				u.RxBytes += uint64(1000*a + c.n%97)
				u.TxBytes += uint64(100*h + c.n%89)
			}
		}
		m.link("eth0", 10000, 2000)
		for i := range m.rows.Series {
			m.rows.Series[i].Metrics = traffic.Metrics{
				{Name: "used_percent", Value: float64((c.n + i) % 100)}, {Name: "free_bytes", Value: float64(c.n * 4096)},
				{Name: "inodes_percent", Value: 3}, {Name: "total_bytes", Value: 1 << 40},
			}
		}
	}
}

func (c *crowd) book(t testing.TB, f *Fleet) {
	for h, m := range c.hosts {
		if err := f.Book(c.names[h], m.snapshot(), []byte("note")); err != nil {
			t.Fatal(err)
		}
	}
}

// BenchmarkFleet books 1,000 hosts of 50 apps three times, ten seconds apart, and flushes
// and tidies up, as a receiver does in half a minute.
func BenchmarkFleet(b *testing.B) {
	c := newCrowd(1000, 50)
	f := openFleet(b, Options{Now: c.now})
	c.after(10 * time.Second)
	before := heap()
	c.book(b, f)
	flushFleet(b, f)
	taken := heap() - before
	var book, flush, tend time.Duration
	for b.Loop() {
		for range 3 {
			c.after(10 * time.Second)
			book += processorTime(b, func() { c.book(b, f) })
		}
		flush += processorTime(b, func() { flushFleet(b, f) })
		for range 3 {
			tend += processorTime(b, f.tend)
		}
	}
	n := float64(b.N)
	b.ReportMetric(float64(taken)/1024/1000, "KiB/host")
	b.ReportMetric(float64(book.Milliseconds())/n, "cpu-ms-book/op")
	b.ReportMetric(float64(flush.Milliseconds())/n, "cpu-ms-flush/op")
	b.ReportMetric(float64(tend.Milliseconds())/n, "cpu-ms-tend/op")
	info, err := os.Stat(f.store.opts.Path)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(info.Size())/1024/n, "KiB/op")
}

func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// processorTime is what this process takes of processors while work is done.
func processorTime(t testing.TB, work func()) time.Duration {
	used := func() time.Duration {
		var u syscall.Rusage
		if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
			t.Fatal(err)
		}
		return time.Duration(u.Utime.Nano() + u.Stime.Nano())
	}
	before := used()
	work()
	return used() - before
}

// BenchmarkFleetPage asks what a page does, of 1,000 hosts of 50 apps and a day: the whole
// fleet by hour, by host and by app, and one app by host.
func BenchmarkFleetPage(b *testing.B) {
	c := newCrowd(1000, 50)
	f := openFleet(b, Options{Now: c.now, Keep: unlimited})
	for n := range 25 {
		c.after(time.Hour)
		c.book(b, f)
		flushFleet(b, f)
		if n < 24 { // what was booked last is in the journal
			rollAll(f)
		}
	}
	day := traffic.Query{From: c.at.Add(-24 * time.Hour), Step: traffic.StepHour, Top: 10}
	for _, ask := range []struct {
		name, host, by, app string
	}{
		{"by host", "", traffic.ByHost, ""}, {"by app", "", traffic.ByApp, ""}, {"one app by host", "", traffic.ByHost, "app-07"},
		{"of one host", c.names[500], traffic.ByCommand, ""},
	} {
		q := day
		q.By, q.App = ask.by, ask.app
		b.Run(ask.name, func(b *testing.B) {
			used := processorTime(b, func() {
				for b.Loop() {
					if r := fleetReport(b, f, ask.host, q); len(r.Rows) < 10 {
						b.Fatalf("%+v", r)
					}
				}
			})
			b.ReportMetric(float64(used.Microseconds())/1000/float64(b.N), "cpu-ms/op")
		})
	}
}
