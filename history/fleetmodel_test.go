package history

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"
	"time"

	"bwmon/traffic"

	"github.com/google/go-cmp/cmp"
)

// plot is what happens to a fleet, and what its history must have then: of each member
// and of all together, "", by level and where the piece begins.
type plot struct {
	rand   *rand.Rand
	worlds []*world
	scenes []scene
	truth  map[string]*[levels]map[pieceTruth]octets
	before []map[truthKey]octets
}

// scene is one thing that happens, as the child of a test reads it.
type scene struct {
	Host     string            `json:"host,omitempty"`
	Snapshot *traffic.Snapshot `json:"snapshot,omitempty"`
	Flush    bool              `json:"flush,omitempty"`
	Tend     bool              `json:"tend,omitempty"`
}

type pieceTruth struct {
	start int64
	truthKey
}

func hostOf(i int) string { return "host" + strconv.Itoa(i) }

// isBalanced reports whether a link of a world is in the balance.
func isBalanced(name string) bool { return name < "eth3" }

func newPlot(seed uint64, hosts int) *plot {
	p := &plot{rand: rand.New(rand.NewPCG(seed, 7)), truth: make(map[string]*[levels]map[pieceTruth]octets)}
	for i := range hosts {
		w := newWorld(seed*100+2*uint64(i)+1, 6) // odd: it says which run it is
		p.worlds, p.before = append(p.worlds, w), append(p.before, make(map[truthKey]octets))
		p.of(hostOf(i))
	}
	p.of("")
	return p
}

func (p *plot) of(host string) *[levels]map[pieceTruth]octets {
	if p.truth[host] == nil {
		p.truth[host] = new([levels]map[pieceTruth]octets)
		for l := range levels {
			p.truth[host][l] = make(map[pieceTruth]octets)
		}
	}
	return p.truth[host]
}

// act makes so many scenes.
func (p *plot) act(scenes int, c calendar) {
	for range scenes {
		i := p.rand.IntN(len(p.worlds))
		w := p.worlds[i]
		w.tick()
		switch p.rand.IntN(40) {
		case 0:
			w.at = w.at.Add(time.Duration(p.rand.Int64N(int64(100*24*time.Hour)) - int64(50*24*time.Hour)))
		case 1:
			w.restart()
			w.tick()
		}
		s := w.snapshot()
		for j := range s.Interfaces {
			s.Interfaces[j].Balanced = isBalanced(s.Interfaces[j].Name)
		}
		p.learn(i, spanOf(c, w.at))
		p.scenes = append(p.scenes, scene{Host: hostOf(i), Snapshot: s})
		if p.rand.IntN(10) == 0 {
			p.scenes = append(p.scenes, scene{Host: hostOf(i), Snapshot: s}) // once more
		}
		switch p.rand.IntN(15) {
		case 0, 1:
			p.scenes = append(p.scenes, scene{Flush: true})
		case 2:
			p.scenes = append(p.scenes, scene{Tend: true})
		}
	}
	p.scenes = append(p.scenes, scene{Flush: true})
}

// learn adds what a world gained since it was last asked.
func (p *plot) learn(i int, at span) {
	w := p.worlds[i]
	add := func(host string, k kind, app, name string, o octets) {
		for l := range levels {
			if l.holds(k) {
				key := pieceTruth{at[l], truthKey{k, app, name}}
				p.of(host)[l][key] = p.of(host)[l][key].add(o)
			}
		}
	}
	for key, o := range w.truth {
		was := p.before[i][key]
		d := octets{o.rx - was.rx, o.tx - was.tx}
		p.before[i][key] = o
		if d == (octets{}) || key.kind == kindRemoteHost {
			continue
		}
		add(hostOf(i), key.kind, key.app, key.name, d)
		switch key.kind {
		case kindApp:
			add("", kindApp, "", key.name, d)
			add("", kindAppHost, key.name, hostOf(i), d)
		case kindDiskApp:
			add("", kindDiskApp, "", key.name, d)
		case kindInterface:
			if isBalanced(key.name) {
				add(hostOf(i), kindHost, "", hostOf(i), d)
				add("", kindHost, "", hostOf(i), d)
			}
		}
	}
}

// compare compares a history with the truth, integer by integer.
func (p *plot) compare(t *testing.T, f *Fleet) {
	t.Helper()
	for host, truth := range p.truth {
		look := func(k kind) (*view, error) { return f.look(context.Background(), host, k) }
		for _, l := range everyLevel {
			want := make(map[pieceTruth]octets)
			for key, o := range truth[l] {
				if o != (octets{}) {
					want[key] = o
				}
			}
			got := make(map[pieceTruth]octets)
			for key, o := range piecesOf(t, look, l) {
				if o != (octets{}) {
					got[key] = o
				}
			}
			if diff := cmp.Diff(want, got, cmp.AllowUnexported(pieceTruth{}, truthKey{}, octets{})); diff != "" {
				t.Fatalf("%q by %s (-want +got):\n%s", host, l, diff)
			}
		}
	}
}

// piecesOf is what a level has of each series, by where its pieces begin.
func piecesOf(t testing.TB, look func(kind) (*view, error), l level) map[pieceTruth]octets {
	t.Helper()
	all := make(map[pieceTruth]octets)
	for k := kindApp; k < kinds; k++ {
		if !l.holds(k) {
			continue
		}
		v, err := look(k)
		if err != nil {
			t.Fatal(err)
		}
		type at struct {
			start int64
			figure
		}
		var list []at
		if err := v.each(k, stretch{l, time.Unix(0, 0), time.Unix(1<<38, 0)}, func(start int64, figures []figure) {
			for _, f := range figures {
				list = append(list, at{start, f})
			}
		}); err != nil {
			t.Fatal(err)
		}
		if len(v.damaged) > 0 {
			t.Fatalf("%d damaged pieces", len(v.damaged))
		}
		names, err := v.namer()
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range list {
			key := pieceTruth{f.start, truthKey{kind: k, name: traffic.Others}}
			if f.id > 0 {
				if key.name, err = names.name(f.id); err != nil {
					t.Fatal(err)
				}
			}
			if k.grouped() {
				key.app = traffic.Others
				if f.group > 0 {
					if key.app, err = names.app(f.group); err != nil {
						t.Fatal(err)
					}
				}
			}
			all[key] = all[key].add(f.octets)
		}
		names.close()
		if err := v.close(); err != nil {
			t.Fatal(err)
		}
	}
	return all
}

// play does what is in the scenes to a history, as a receiver would: what a host's note
// says was booked is left out.
func play(f *Fleet, scenes []scene, flushed func(n int)) error {
	kept, err := f.Kept()
	if err != nil {
		return err
	}
	have := make(map[string]int)
	for _, k := range kept {
		if have[k.Host], err = strconv.Atoi(string(k.Note)); err != nil {
			return err
		}
	}
	booked := false // what was before is done
	for n := range scenes {
		s := &scenes[n]
		switch {
		case (s.Flush || s.Tend) && !booked:
		case s.Flush:
			if err := f.Flush(context.Background()); err != nil {
				return err
			}
			flushed(n)
		case s.Tend:
			f.tend()
			f.work.Lock()
			f.roll(f.everybody())
			f.work.Unlock()
		case s.Snapshot != nil && (n > have[s.Host] || have[s.Host] == 0):
			booked = true
			if err := f.Book(s.Host, s.Snapshot, []byte(fmt.Sprint(n))); err != nil {
				return err
			}
		}
	}
	return nil
}

// TestFleetExact: whatever their ledgers do, each member and the whole fleet have at each
// level and time what was carried then, with restarts, jumps of clocks, and the history
// opened again.
func TestFleetExact(t *testing.T) {
	berlin := place(t, "Europe/Berlin")
	seeds := uint64(3)
	if testing.Short() {
		seeds = 1
	}
	for seed := range seeds {
		p := newPlot(seed, 4)
		o := fleetOptions(t.TempDir()+"/fleet.db", berlin.place)
		for range 4 {
			f := openFleet(t, o)
			from := len(p.scenes)
			p.act(150, berlin)
			if err := play(f, slices.Concat(make([]scene, from), p.scenes[from:]), func(int) {}); err != nil {
				t.Fatal(err)
			}
			if s := f.Status(); s.Damaged > 0 || s.State != traffic.StateRunning {
				t.Fatalf("%+v", s)
			}
			p.compare(t, f)
			if err := f.Close(); err != nil {
				t.Fatal(err)
			}
			inspect(t, o.Path)
		}
	}
}

func fleetOptions(path string, zone *time.Location) Options {
	far := time.Date(2040, 1, 1, 0, 0, 0, 0, time.UTC)
	return Options{Path: path, Host: "fleet", Location: zone, Keep: unlimited, Now: func() time.Time { return far }}
}

func readScenes(document []byte) (scenes []scene, err error) {
	return scenes, json.Unmarshal(document, &scenes)
}
