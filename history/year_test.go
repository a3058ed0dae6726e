package history

import (
	"cmp"
	"fmt"
	"math"
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"bwmon/traffic"
)

// yearEnv lets BenchmarkYear run: it takes some minutes.
const yearEnv = "BWMON_HISTORY_YEAR"

// BenchmarkYear lives through a year of 500 apps with 5,000 commands and prints how
// large the file is, how long a flush takes in the last hour, one every ten seconds,
// and how long reports of the year take.
//
//	BWMON_HISTORY_YEAR=1 go test -run '^$' -bench Year -benchtime 1x -timeout 60m ./history
//
// In "uneven" the commands are divided as real ones are: the n-th app has a share of
// 1/n^0.8, the first some 300 and the last 3; the n-th command of all carries
// something in a minute with a probability of (100/n)^0.9, so that 100 always do and
// some 600 do in a minute on average, and in an hour most. In "even" each app has ten
// commands, and all of them carry something in every minute. Beside them there are 20
// users, 300 units, 100 containers, 50 LAN hosts, 8 interfaces, and remote hosts:
// of 20,000 some 400 are heard of in a minute. In a minute a command writes to disks, and
// one of four times reads from them, with a fifth of the probability that it carries
// something. There are 8 disks more, and the trends of 60 series.
func BenchmarkYear(b *testing.B) {
	if os.Getenv(yearEnv) == "" {
		b.Skipf("set %s=1: it takes some minutes", yearEnv)
	}
	for _, even := range []bool{false, true} {
		name := "uneven"
		if even {
			name = "even"
		}
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				liveYear(b, newYear(even))
			}
		})
	}
}

// year is a machine's traffic.
type year struct {
	rand    *rand.Rand
	at      time.Time
	elapsed float64
	even    bool
	rows    traffic.Snapshot // its lists are copied for each Snapshot
	owner   []int            // of the n-th command: its app
	place   []int            // and where it stands in that

	host   *host
	drives [8]total

	step                     time.Duration
	commands, disks, remotes []float64
}

func newYear(even bool) *year {
	return newTraffic(500, 5000, 20000, even)
}

func newTraffic(apps, commands, remotes int, even bool) *year {
	y := &year{rand: rand.New(rand.NewPCG(2026, 1)), host: newHost(60, 1), even: even, at: time.Date(2025, 10, 1, 0, 0, 0, 0, time.UTC)}
	for n := range apps {
		y.rows.Apps = append(y.rows.Apps, traffic.App{Name: fmt.Sprintf("application-%03d", n)})
	}
	weights, sum := make([]float64, apps), 0.0
	for n := range weights {
		weights[n] = math.Pow(float64(n+1), -0.8)
		sum += weights[n]
	}
	for n := range weights {
		count := commands / apps
		if !even {
			count = int(math.Round(weights[n] / sum * float64(commands)))
		}
		for range count {
			a := &y.rows.Apps[n]
			i := len(y.owner)
			a.Commands = append(a.Commands, traffic.Command{
				Command: fmt.Sprintf("/usr/lib/application-%03d/bin/worker --config /etc/application/%04d.conf --id %d", n, i, i),
				User:    fmt.Sprintf("user%02d", n%20), Unit: fmt.Sprintf("unit-%03d.service", n%300),
			})
			if n%5 == 0 {
				a.Commands[len(a.Commands)-1].Container = fmt.Sprintf("%012x", n)
			}
			y.owner, y.place = append(y.owner, n), append(y.place, len(a.Commands)-1)
		}
	}
	y.rand.Shuffle(len(y.owner), func(i, j int) {
		y.owner[i], y.owner[j] = y.owner[j], y.owner[i]
		y.place[i], y.place[j] = y.place[j], y.place[i]
	})
	for n := range 50 {
		y.rows.LANHosts = append(y.rows.LANHosts, traffic.LANHost{Host: netip.AddrFrom4([4]byte{198, 18, 0, byte(n)})})
	}
	for n := range remotes {
		y.rows.RemoteHosts = append(y.rows.RemoteHosts, traffic.RemoteHost{Host: netip.AddrFrom4([4]byte{198, 19, byte(n >> 8), byte(n)})})
	}
	for n := range 8 {
		y.rows.Interfaces = append(y.rows.Interfaces, traffic.Interface{Name: fmt.Sprintf("eth%d", n)})
	}
	return y
}

// chances are those that the n-th command and remote host carry something in a time.
func (y *year) chances(step time.Duration) (commands, remotes []float64) {
	if y.step != step {
		y.step, y.commands, y.disks, y.remotes = step, nil, nil, nil
		in := func(chance float64) float64 { return 1 - math.Pow(1-min(chance, 1), step.Minutes()) }
		for n := range y.owner {
			chance := 1.0
			if !y.even {
				chance = math.Pow(100/float64(n+1), 0.9)
			}
			y.commands = append(y.commands, in(chance))
			y.disks = append(y.disks, in(min(chance, 1)/5))
		}
		for n := range y.rows.RemoteHosts {
			y.remotes = append(y.remotes, in(math.Pow(50/float64(n+1), 0.9)))
		}
	}
	return y.commands, y.remotes
}

// live makes some time pass.
func (y *year) live(step time.Duration) *traffic.Snapshot {
	y.at, y.elapsed = y.at.Add(step), y.elapsed+step.Seconds()
	minutes := step.Minutes()
	commands, remotes := y.chances(step)
	carry := func(u *traffic.Usage, chance float64) {
		if y.rand.Float64() < chance {
			u.RxBytes += 1 + uint64(minutes*math.Exp2(8+16*y.rand.Float64()))
			u.TxBytes += 1 + uint64(minutes*math.Exp2(8+16*y.rand.Float64()))
		}
	}
	for n := range y.owner {
		c := &y.rows.Apps[y.owner[n]].Commands[y.place[n]]
		carry(&c.Usage, commands[n])
		if y.rand.Float64() < y.disks[n] {
			if y.rand.IntN(4) == 0 {
				c.DiskReadBytes += 4096 * uint64(1+minutes*math.Exp2(10*y.rand.Float64()))
			}
			c.DiskWriteBytes += 4096 * uint64(1+minutes*math.Exp2(10*y.rand.Float64()))
		}
	}
	for n := range y.drives {
		y.drives[n].rx += 512 * uint64(minutes*math.Exp2(8+12*y.rand.Float64()))
		y.drives[n].tx += 512 * uint64(minutes*math.Exp2(8+12*y.rand.Float64()))
	}
	for n := range y.rows.LANHosts {
		carry(&y.rows.LANHosts[n].Usage, 0.5)
	}
	for n := range y.rows.RemoteHosts {
		carry(&y.rows.RemoteHosts[n].Usage, remotes[n])
	}
	for n := range y.rows.Interfaces {
		carry(&y.rows.Interfaces[n].Usage, 1)
	}
	s := y.rows
	s.Series = y.host.tick()
	for n, to := range y.drives {
		s.Series = append(s.Series, driven(fmt.Sprint("nvme", n), to))
	}
	s.At, s.Elapsed = y.at, y.elapsed
	return &s
}

func liveYear(b *testing.B, y *year) {
	path := filepath.Join(b.TempDir(), "history.db")
	end := y.at.Add(365 * 24 * time.Hour)
	s := openStore(b, Options{Path: path, Now: func() time.Time { return y.at }})
	var flushes, tends []time.Duration
	for y.at.Before(end) {
		step := time.Hour
		switch left := end.Sub(y.at); {
		case left <= time.Hour:
			step = 10 * time.Second
		case left <= 25*time.Hour:
			step = time.Minute
		case left <= 32*24*time.Hour:
			step = 5 * time.Minute
		}
		s.take(y.live(step))
		begin := time.Now()
		mustFlush(b, s)
		flushed := time.Now()
		s.tend()
		if step < time.Minute {
			flushes, tends = append(flushes, flushed.Sub(begin)), append(tends, time.Since(flushed))
		}
	}
	if err := s.checkpoint(0); err != nil {
		b.Fatal(err)
	}
	if state := s.Status(); state.State != traffic.StateRunning {
		b.Fatalf("%+v", state)
	}
	info, err := os.Stat(path)
	if err != nil {
		b.Fatal(err)
	}
	fmt.Printf("\nfile          %.1f MiB (%.1f MB); oldest %v\n", float64(info.Size())/(1<<20), float64(info.Size())/1e6, s.Status().Oldest)
	fmt.Printf("flush         %s\n", spread(flushes))
	fmt.Printf("tend          %s (old pieces deleted, checkpoint)\n", spread(tends))
	slowest := timeReports(b, s, y)
	b.ReportMetric(float64(info.Size())/1e6, "MB")
	b.ReportMetric(float64(slices.Max(flushes).Microseconds())/1000, "ms/flush-max")
	b.ReportMetric(float64(slowest.Microseconds())/1000, "ms/report-max")
	begin := time.Now()
	found := inspect(b, path)
	fmt.Printf("inspect       %v, %d pieces, %d names\n", time.Since(begin).Round(time.Millisecond), found.Pieces, found.Names)
	begin = time.Now()
	if err := s.Close(); err != nil {
		b.Fatal(err)
	}
	if s, err = Open(s.opts); err != nil {
		b.Fatal(err)
	}
	fmt.Printf("open          %v (all of the file is read)\n", time.Since(begin).Round(time.Millisecond))
	if err := s.Close(); err != nil {
		b.Fatal(err)
	}
}

func spread(list []time.Duration) string {
	slices.Sort(list)
	return fmt.Sprintf("median %v, 99 %% %v, max %v of %d", list[len(list)/2].Round(10*time.Microsecond),
		list[len(list)*99/100].Round(10*time.Microsecond), list[len(list)-1].Round(10*time.Microsecond), len(list))
}

// timeReports asks about the year in all ways and prints what takes longest.
func timeReports(b *testing.B, s *Store, y *year) time.Duration {
	type timed struct {
		name string
		took time.Duration
	}
	var all []timed
	from := y.at.Add(-365*24*time.Hour + time.Minute)
	for k := kindApp; k < kinds; k++ {
		for _, step := range []string{"", traffic.StepMonth, traffic.StepDay, traffic.StepHour, traffic.StepMinute} {
			for _, top := range []int{10, 0} {
				q := traffic.Query{By: kindNames[k.names()], Of: k.of(), Step: step, Top: top, From: from}
				for _, name := range []string{"", "application-000"} {
					if name != "" && k.names() != kindApp {
						continue
					}
					q.Name = name
					if top == 0 && name == "" && (step == traffic.StepHour || step == traffic.StepMinute) {
						continue // too many figures: refused
					}
					begin := time.Now()
					r, err := s.Report(b.Context(), q)
					took := time.Since(begin)
					what := strings.Join([]string{"by " + k.String(), cmp.Or("step "+step, "no step"), fmt.Sprint("top ", top), name}, ", ")
					if err != nil {
						fmt.Printf("report        %s: %v\n", what, err)
						continue
					}
					all = append(all, timed{fmt.Sprintf("%s: %d rows × %d", what, len(r.Rows), len(r.Times)), took})
				}
			}
		}
	}
	for _, step := range append(everyStep, "") {
		for _, q := range []traffic.TrendQuery{{}, {Series: "disk:sd3"}, {Series: "disk:sd3", Metric: "await_ms"}} {
			q.Step, q.From = step, from
			begin := time.Now()
			t, err := s.Trend(b.Context(), q)
			took := time.Since(begin)
			what := fmt.Sprintf("trend of %s %s, %s", cmp.Or(q.Series, "all"), q.Metric, cmp.Or("step "+step, "no step"))
			if err != nil {
				fmt.Printf("trend         %s: %v\n", what, err)
				continue
			}
			all = append(all, timed{fmt.Sprintf("%s: %d rows × %d", what, len(t.Rows), len(t.Times)), took})
		}
	}
	slices.SortFunc(all, func(p, q timed) int { return cmp.Compare(q.took, p.took) })
	for i, r := range all {
		if i >= 12 && !strings.HasPrefix(r.name, "trend") {
			continue
		}
		fmt.Printf("report        %7.1f ms %s\n", float64(r.took.Microseconds())/1000, r.name)
	}
	return all[0].took
}
