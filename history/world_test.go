package history

import (
	"math/rand/v2"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"bwmon/traffic"
)

// world is a ledger in small, which knows who carried what: it is what a history is
// compared with. It does to rows what the ledger does to them, at random.
type world struct {
	rand    *rand.Rand
	at      time.Time
	elapsed float64

	run      string
	commands map[commandKey]total
	work     map[commandKey]total // what they read and wrote
	drives   map[string]total
	anew     map[string]bool  // drives that others took the place of since they were listed
	hosts    map[string]total // LAN
	remotes  map[string]total
	pipes    map[string]total
	links    map[string]traffic.Counts
	gone     map[string]float64 // links, and since when: they are listed for a minute

	// gained is what rows carried since the last Snapshot, by series; it is true
	// from then on.
	gained, truth map[truthKey]octets
	names         int  // of each kind, to choose from
	tell          bool // of remote hosts in the next Snapshot, whatever chance says
	says          bool // which run it is
}

type truthKey struct {
	kind      kind
	app, name string
}

func newWorld(seed uint64, names int) *world {
	w := &world{
		rand: rand.New(rand.NewPCG(seed, 1)), names: names,
		at:    time.Date(2026, 3, 28, 22, 58, 30, 0, time.UTC),
		truth: make(map[truthKey]octets),
		says:  seed%2 == 1,
	}
	w.restart()
	return w
}

// restart is that of the program: its totals begin anew. What was not told is lost.
func (w *world) restart() {
	w.elapsed = 0
	if w.says {
		w.run = strconv.FormatUint(w.rand.Uint64(), 36)
	}
	w.commands, w.work, w.drives = make(map[commandKey]total), make(map[commandKey]total), make(map[string]total)
	w.hosts, w.remotes, w.pipes = make(map[string]total), make(map[string]total), make(map[string]total)
	w.links, w.gone = make(map[string]traffic.Counts), make(map[string]float64)
	w.gained, w.anew = make(map[truthKey]octets), make(map[string]bool)
}

func (w *world) pick(prefix string) string { return prefix + strconv.Itoa(w.rand.IntN(w.names)) }

func (w *world) amount() total {
	return total{uint64(w.rand.Int64N(1 << w.rand.IntN(40))), uint64(w.rand.Int64N(1 << w.rand.IntN(40)))}
}

func (w *world) gain(k kind, app, name string, o octets) {
	if isFolded(k, name) {
		name = traffic.Others
	}
	if isFolded(kindApp, app) {
		app, name = traffic.Others, traffic.Others
	}
	key := truthKey{k, app, name}
	w.gained[key] = w.gained[key].add(o)
}

func (w *world) gainCommand(first kind, k commandKey, o octets) {
	as := func(k kind) kind { return first + k - kindApp }
	w.gain(as(kindApp), "", k.app, o)
	w.gain(as(kindCommand), k.app, k.command, o)
	for _, of := range []struct {
		kind kind
		name string
	}{{kindUser, k.user}, {kindContainer, k.container}, {kindUnit, k.unit}} {
		if of.name != "" {
			w.gain(as(of.kind), "", of.name, o)
		}
	}
}

func (t total) octets() octets { return t.less(total{}) }

var unattributed = commandKey{app: traffic.AppUnattributed, command: traffic.AppUnattributed}

// tick lets things happen.
func (w *world) tick() {
	// What carried now is not folded now, and the other way round: nobody could tell.
	touched, closed := make(map[commandKey]bool), make(map[string]bool)
	for range w.rand.IntN(20) {
		switch n := w.rand.IntN(100); {
		case n < 55:
			k := commandKey{app: w.pick("app "), command: w.pick("cmd %'\"; "), user: w.pick("user ")}
			if w.rand.IntN(3) == 0 {
				k.container, k.unit = w.pick("c"), w.pick("u")
			}
			if w.rand.IntN(10) == 0 {
				k = unattributed
			}
			if closed[k.app] {
				continue
			}
			touched[k] = true
			a := w.amount()
			if w.rand.IntN(3) > 0 { // most use the network
				w.commands[k] = w.commands[k].add(a)
				w.gainCommand(kindApp, k, a.octets())
			}
			if w.rand.IntN(3) == 0 {
				a := w.amount()
				if w.rand.IntN(2) == 0 {
					a = total{a.rx &^ 4095, a.tx &^ 4095}
				}
				w.spin(k, a)
			}
		case n < 62:
			w.move(touched, closed)
		case n < 66:
			w.foldCommand(touched, closed)
		case n < 68:
			w.foldApp(touched, closed)
		case n < 76:
			w.carry(w.hosts, kindLANHost, "198.18.0."+strconv.Itoa(w.rand.IntN(w.names)))
		case n < 84:
			w.carry(w.remotes, kindRemoteHost, "fd00::1"+strconv.Itoa(w.rand.IntN(w.names)))
		case n < 88:
			w.carry(w.pipes, kindPipe, w.pick("pipe "))
		case n < 92:
			w.drive(w.pick("sd"))
		default:
			name := w.pick("eth")
			if _, gone := w.gone[name]; gone {
				continue
			}
			a := w.amount()
			w.links[name] = w.links[name].Add(traffic.Counts{RxBytes: a.rx, TxBytes: a.tx, RxPackets: 1, TxPackets: 1})
			w.gain(kindInterface, "", name, a.octets())
		}
	}
	if w.rand.IntN(10) == 0 {
		w.foldHost(w.hosts, traffic.HostsFolded)
		w.foldHost(w.remotes, traffic.HostsFolded)
		w.foldHost(w.pipes, traffic.PipesFolded)
	}
	for name := range w.links {
		if since, gone := w.gone[name]; gone && w.elapsed-since > 60 {
			delete(w.links, name)
			delete(w.gone, name) // one of the name may come again
		} else if !gone && w.rand.IntN(100) == 0 {
			w.gone[name] = w.elapsed
		}
	}
	step := 0.2 + w.rand.Float64()*20
	w.elapsed += step
	w.at = w.at.Add(time.Duration(step * 1e9))
}

// spin makes a command read and write.
func (w *world) spin(k commandKey, a total) {
	w.commands[k] = w.commands[k].add(total{}) // it has a row
	w.work[k] = w.work[k].add(a)
	w.gainCommand(kindDiskApp, k, a.octets())
}

// drive makes a device read and write; maybe it is another one of the name.
func (w *world) drive(name string) {
	a := w.amount()
	if w.anew[name] {
		return // it might come to have as much as the one before, and nothing would tell them apart
	}
	if _, untold := w.gained[truthKey{kind: kindDisk, name: name}]; !untold && w.drives[name].rx > a.rx && w.rand.IntN(5) == 0 {
		delete(w.drives, name)
		w.anew[name] = true
	}
	w.drives[name] = w.drives[name].add(a)
	w.gain(kindDisk, "", name, a.octets())
}

func (w *world) carry(rows map[string]total, k kind, name string) {
	a := w.amount()
	rows[name] = rows[name].add(a)
	w.gain(k, "", name, a.octets())
}

// move books bytes of nobody's to who is known now.
func (w *world) move(touched map[commandKey]bool, closed map[string]bool) {
	to := commandKey{app: w.pick("app "), command: "late", user: w.pick("user ")}
	if closed[to.app] {
		return
	}
	rows, first := w.commands, kindApp
	if w.rand.IntN(2) == 0 {
		rows, first = w.work, kindDiskApp
	}
	had := rows[unattributed]
	if had.rx == 0 || had.tx == 0 {
		return
	}
	a := w.lessThan(had)
	touched[to], touched[unattributed] = true, true
	w.commands[to] = w.commands[to].add(total{}) // it has a row
	rows[unattributed] = had.sub(a)
	rows[to] = rows[to].add(a)
	w.gainCommand(first, unattributed, total{}.less(a))
	w.gainCommand(first, to, a.octets())
}

// lessThan is a total that is less both ways, where there is one.
func (w *world) lessThan(t total) total {
	return total{uint64(w.rand.Int64N(max(1, int64(t.rx)))), uint64(w.rand.Int64N(max(1, int64(t.tx))))}
}

// foldCommand makes an app's command part of its folded one; maybe it comes again at
// once.
func (w *world) foldCommand(touched map[commandKey]bool, closed map[string]bool) {
	for _, k := range w.keys() {
		if touched[k] || k == unattributed || k.command == traffic.CommandsFolded {
			continue
		}
		into := commandKey{app: k.app, command: traffic.CommandsFolded}
		had, worked := w.commands[k], w.work[k]
		w.foldRow(k, into)
		touched[k], touched[into], closed[k.app] = true, true, true
		if had.rx > 1 && had.tx > 1 && w.rand.IntN(2) == 0 {
			again := w.lessThan(had)
			w.commands[k] = again
			w.gainCommand(kindApp, k, again.octets())
			if worked.rx > 1 && worked.tx > 1 {
				w.spin(k, w.lessThan(worked))
			}
		}
		return
	}
}

func (w *world) foldApp(touched map[commandKey]bool, closed map[string]bool) {
	app := w.pick("app ")
	for k := range touched {
		if k.app == app {
			return
		}
	}
	closed[app] = true
	into := commandKey{app: traffic.AppOther, command: traffic.CommandsFolded}
	for _, k := range w.keys() {
		if k.app == app {
			w.foldRow(k, into)
		}
	}
}

// foldRow makes a row part of another.
func (w *world) foldRow(k, into commandKey) {
	w.commands[into] = w.commands[into].add(w.commands[k])
	w.work[into] = w.work[into].add(w.work[k])
	delete(w.commands, k)
	delete(w.work, k)
}

func (w *world) foldHost(rows map[string]total, into string) {
	for name, had := range rows {
		if name != into {
			rows[into] = rows[into].add(had)
			delete(rows, name)
			w.tell = true
			// What it gained in this tick is nobody's by name.
			for _, k := range []kind{kindLANHost, kindRemoteHost, kindPipe} {
				key := truthKey{kind: k, name: name}
				if o, ok := w.gained[key]; ok {
					delete(w.gained, key)
					w.gain(k, "", traffic.Others, o)
				}
			}
			return
		}
	}
}

func (w *world) keys() []commandKey {
	var keys []commandKey
	for k := range w.commands {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, func(a, b commandKey) int {
		return strings.Compare(a.app+a.command+a.user+a.container+a.unit, b.app+b.command+b.user+b.container+b.unit)
	})
	return keys
}

// snapshot publishes: what was gained is true now.
func (w *world) snapshot() *traffic.Snapshot {
	told := w.tell || w.rand.IntN(3) > 0 // of remote hosts: they are not in all
	w.tell = false
	listed := w.rand.IntN(5) > 0 // the disks: their monitor may be stopped
	for key, o := range w.gained {
		if (key.kind != kindRemoteHost || told) && (key.kind != kindDisk || listed) {
			w.truth[key] = w.truth[key].add(o)
			delete(w.gained, key)
		}
	}
	s := &traffic.Snapshot{Schema: traffic.SchemaVersion, Host: "gw", Run: w.run, At: w.at, Elapsed: w.elapsed}
	for _, k := range w.keys() {
		if n := len(s.Apps); n == 0 || s.Apps[n-1].Name != k.app {
			s.Apps = append(s.Apps, traffic.App{Name: k.app})
		}
		a := &s.Apps[len(s.Apps)-1]
		a.Commands = append(a.Commands, traffic.Command{
			Command: k.command, User: k.user, Container: k.container, Unit: k.unit, Usage: usage(w.commands[k]), Resources: worked(w.work[k]),
		})
	}
	for name, t := range w.hosts {
		addr, _ := netip.ParseAddr(name)
		s.LANHosts = append(s.LANHosts, traffic.LANHost{Host: addr, Name: folded(addr, name), Usage: usage(t)})
	}
	if told {
		s.RemoteHosts = []traffic.RemoteHost{}
		for name, t := range w.remotes {
			addr, _ := netip.ParseAddr(name)
			s.RemoteHosts = append(s.RemoteHosts, traffic.RemoteHost{Host: addr, Name: folded(addr, name), Usage: usage(t)})
		}
	}
	for name, t := range w.pipes {
		s.Pipes = append(s.Pipes, traffic.PipeRow{Name: name, Usage: usage(t)})
	}
	if listed {
		clear(w.anew)
	}
	for name, t := range w.drives {
		if listed {
			s.Series = append(s.Series, driven(name, t))
		}
	}
	for name, c := range w.links {
		s.Interfaces = append(s.Interfaces, traffic.Interface{Name: name, Usage: usage(total{c.RxBytes, c.TxBytes}), RxPackets: c.RxPackets, TxPackets: c.TxPackets})
	}
	return s
}

func folded(addr netip.Addr, name string) string {
	if addr.IsValid() {
		return ""
	}
	return name
}

func usage(t total) traffic.Usage { return traffic.Usage{RxBytes: t.rx, TxBytes: t.tx} }

func worked(t total) traffic.Resources {
	return traffic.Resources{DiskReadBytes: t.rx, DiskWriteBytes: t.tx}
}

func driven(name string, t total) traffic.Series {
	return traffic.Series{Kind: traffic.SeriesDisk, Name: name, Metrics: traffic.Metrics{
		{Name: "utilization_percent", Value: 1}, {Name: "read_bytes", Value: float64(t.rx)}, {Name: "write_bytes", Value: float64(t.tx)},
	}}
}
