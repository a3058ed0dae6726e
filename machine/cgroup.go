package machine

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"bwmon/traffic"
)

// cgroups measures the storage I/O of containers and units from the io.stat of their
// cgroups, which there is where cgroup v2 has the io controller and it is enabled for
// them (systemd: IOAccounting=yes). A cgroup's figures are also those of all below it;
// what belongs to a container or unit further down is taken off again.
type cgroups struct {
	root, sys string
	name      func(path string) (container, unit string)
	count     *procFile // the root's cgroup.stat

	groups  map[string]*group // by path below the root, all of them
	order   []*group          // those that have a name of their own, the inner ones first
	first   bool              // the first walk: what was before is not ours to count
	walked  time.Time
	cost    time.Duration // of that
	had     uint64        // cgroups, when walked
	stale   bool          // one is gone
	failed  error         // why the last walk was none
	lacking bool          // there is no io controller

	names map[thingKey]*account
	at    time.Time // zero: not measured in the last reading
	round uint64
	bases map[diskNumber]bool // devices that are not made of others
	now   []deviceIO          // scratch
}

// group is one cgroup.
type group struct {
	path            string
	container, unit string
	above           *group // nil: the root
	file            *procFile
	last            []deviceIO
	counted         bool // last is of it
	round           uint64
}

// account is what a container or unit used since it was first seen. Booked goes back
// where a cgroup below is found late; told never does.
type account struct {
	booked, told storageIO
	moved        storageIO // what told grew by in the latest reading
	round        uint64
}

const (
	maxGroups    = 16384
	maxOpenStats = 512  // io.stat files that stay open
	maxAccounts  = 1024 // beyond these what is gone is forgotten
	walkAge      = 10 * time.Second
	walkShare    = 500 // a walk may cost that part of the time to the next one
)

func newCgroups(root, sys string, name func(string) (string, string)) *cgroups {
	if name == nil {
		name = func(string) (string, string) { return "", "" }
	}
	return &cgroups{
		root: root, sys: sys, name: name, first: true, count: newProcFile(filepath.Join(root, "cgroup.stat")),
		groups: make(map[string]*group), names: make(map[thingKey]*account), bases: make(map[diskNumber]bool),
	}
}

func (s *cgroups) close() {
	s.count.close()
	for _, g := range s.groups {
		g.file.close()
	}
}

func (s *cgroups) read(r *reading) {
	if s.due(r.at) {
		s.failed = s.walk(r.at)
	}
	if s.failed != nil {
		r.fault("cgroups", s.failed)
		return
	}
	if s.lacking {
		r.note("no storage I/O of containers and units: cgroup v2 has no io controller here")
		return
	}
	wanted := s.note(r)
	if len(wanted) == 0 {
		s.at = time.Time{}
		return
	}
	s.round++
	for i, g := range s.order {
		s.book(g, i < maxOpenStats)
	}
	for _, a := range s.names {
		before := a.told
		a.told = before.highest(a.booked)
		a.moved = a.told.sub(before)
	}
	elapsed := r.at.Sub(s.at).Seconds()
	for _, key := range wanted {
		a := s.names[key]
		if a.round != s.round {
			continue // none of its cgroups has figures
		}
		r.start(key.kind, key.name)
		if d := a.moved; r.rates && !s.at.IsZero() {
			r.add("read_bytes_per_s", float64(d.readBytes)/elapsed)
			r.add("write_bytes_per_s", float64(d.writeBytes)/elapsed)
			r.add("reads_per_s", float64(d.reads)/elapsed)
			r.add("writes_per_s", float64(d.writes)/elapsed)
		}
		r.add("read_bytes", float64(a.told.readBytes))
		r.add("write_bytes", float64(a.told.writeBytes))
		r.done("")
	}
	s.at = r.at
}

// note tells of all containers and units that have figures, and returns those that are
// wanted, sorted.
func (s *cgroups) note(r *reading) []thingKey {
	var wanted []thingKey
	for _, g := range s.order {
		for _, key := range [...]thingKey{{traffic.SeriesContainer, g.container}, {traffic.SeriesUnit, g.unit}} {
			if key.name == "" {
				continue
			}
			if s.names[key] == nil {
				s.names[key] = &account{}
			}
			if r.things.note(key.kind, key.name) {
				wanted = append(wanted, key)
			}
		}
	}
	slices.SortFunc(wanted, func(a, b thingKey) int {
		return cmp.Or(strings.Compare(a.kind, b.kind), strings.Compare(a.name, b.name))
	})
	return wanted
}

// book reads a cgroup and books what came since the last time.
func (s *cgroups) book(g *group, keepOpen bool) {
	text, err := g.file.read()
	if err != nil {
		s.stale = true // it is gone, or the controller has left it
		return
	}
	s.now = parseIOStat(text, s.now[:0])
	if !keepOpen {
		g.file.close()
	}
	var delta storageIO
	for _, now := range s.now {
		if !s.base(now.device) {
			continue
		}
		var before storageIO
		for _, last := range g.last {
			if last.device == now.device && !now.fell(last.storageIO) {
				before = last.storageIO
			}
		}
		delta = delta.add(now.sub(before))
	}
	if !g.counted {
		delta = storageIO{}
	}
	g.last, g.counted = append(g.last[:0], s.now...), true
	s.move(traffic.SeriesContainer, g.container, g.aboveContainer(), delta)
	s.move(traffic.SeriesUnit, g.unit, g.aboveUnit(), delta)
}

// move books to one name, and takes off the one above it what that cgroup counts, too.
func (s *cgroups) move(kind, name, above string, delta storageIO) {
	if a := s.names[thingKey{kind, name}]; a != nil {
		a.round = s.round
		if name != above {
			a.booked = a.booked.add(delta)
		}
	}
	if a := s.names[thingKey{kind, above}]; a != nil && name != above {
		a.booked = a.booked.sub(delta)
	}
}

func (g *group) aboveContainer() string {
	if g.above == nil {
		return ""
	}
	return g.above.container
}

func (g *group) aboveUnit() string {
	if g.above == nil {
		return ""
	}
	return g.above.unit
}

// base tells whether a device's I/O is counted: what LVM, LUKS, md and loop devices are
// asked for the kernel counts again where they keep it.
func (s *cgroups) base(device diskNumber) bool {
	base, known := s.bases[device]
	if !known {
		below, _ := os.ReadDir(filepath.Join(s.sys, "dev/block", fmt.Sprintf("%d:%d", device.major, device.minor), "slaves"))
		base = len(below) == 0 && device.major != loopMajor
		s.bases[device] = base
	}
	return base
}

// loopMajor is LOOP_MAJOR of linux/major.h.
const loopMajor = 7
