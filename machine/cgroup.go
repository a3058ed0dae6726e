package machine

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

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
	found   []*group          // those of the latest walk, the outer ones first
	walks   uint64
	system  map[thingKey]bool // what the system calls its own, or did
	order   []*group          // those that have a name of their own, the inner ones first
	first   bool              // the first walk: what was before is not ours to count
	walked  time.Time
	cost    time.Duration // of that
	had     uint64        // cgroups, when walked
	stale   bool          // one is gone
	failed  error         // why the last walk was none
	lacking bool          // there is no io controller

	names   map[thingKey]*account
	notes   uint64        // how often things were noted
	at      time.Time     // of the last reading of their figures; zero: none, or nothing was wanted
	elapsed time.Duration // from the one before that; 0: there was none
	took    time.Duration // reading them
	share   int           // reading them may cost that part of the time to the next one
	open    int           // how many io.stat stay open
	round   uint64
	bases   map[diskNumber]bool // devices that are not made of others
	now     []deviceIO          // scratch
}

// group is one cgroup.
type group struct {
	path            string
	container, unit string    // those it counts for
	named           [2]string // what it calls itself: container and unit
	ofUser          bool      // it is below a user's systemd, where that user makes cgroups
	above           *group    // nil: the root
	file            *procFile
	last            []deviceIO
	counted         bool   // last is of it
	round           uint64 // the walk that found it
}

// account is what a container or unit used since it was first seen. Booked goes back
// where a cgroup below is found late; told never does.
type account struct {
	booked, told storageIO
	moved        storageIO // what told grew by in the latest reading
	round        uint64
	noted        uint64 // when it was there
}

const (
	maxGroups    = 16384
	maxOpenStats = 512  // io.stat files that stay open, where that is not more than
	openShare    = 8    // this part of what the process may open
	maxNames     = 1000 // series of containers and units
	readShare    = 100  // see cgroups.share
	maxAccounts  = 1024 // beyond these what is gone is forgotten
	walkAge      = 10 * time.Second
	walkShare    = 500 // a walk may cost that part of the time to the next one
)

func newCgroups(root, sys string, name func(string) (string, string)) *cgroups {
	if name == nil {
		name = func(string) (string, string) { return "", "" }
	}
	return &cgroups{
		open: openStats(), root: root, sys: sys, name: name, first: true, count: newProcFile(filepath.Join(root, "cgroup.stat")),
		groups: make(map[string]*group), system: make(map[thingKey]bool), share: readShare,
		names: make(map[thingKey]*account), bases: make(map[diskNumber]bool),
	}
}

// openStats is how many files may stay open.
func openStats() int {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return 0
	}
	return int(min(limit.Cur/openShare, maxOpenStats))
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
	if s.at.IsZero() || r.at.Sub(s.at) >= s.took*time.Duration(s.share) {
		s.book(r.at)
	} else {
		r.note(fmt.Sprintf("figures of containers and units are %v old: there are many to read", r.at.Sub(s.at).Round(time.Second)))
	}
	for _, key := range wanted {
		a := s.names[key]
		if a.round != s.round {
			continue // none of its cgroups has figures
		}
		r.start(key.kind, key.name)
		if d, elapsed := a.moved, s.elapsed.Seconds(); r.rates && elapsed > 0 {
			r.add("read_bytes_per_s", float64(d.readBytes)/elapsed)
			r.add("write_bytes_per_s", float64(d.writeBytes)/elapsed)
			r.add("reads_per_s", float64(d.reads)/elapsed)
			r.add("writes_per_s", float64(d.writes)/elapsed)
		}
		r.add("read_bytes", float64(a.told.readBytes))
		r.add("write_bytes", float64(a.told.writeBytes))
		r.done("")
	}
}

// book reads all cgroups and books what came since the last time.
func (s *cgroups) book(at time.Time) {
	begin := time.Now()
	s.round++
	for i, g := range s.order {
		s.bookGroup(g, i < s.open)
	}
	for _, a := range s.names {
		before := a.told
		a.told = before.highest(a.booked)
		a.moved = a.told.sub(before)
	}
	s.elapsed = 0
	if !s.at.IsZero() {
		s.elapsed = at.Sub(s.at)
	}
	s.at, s.took = at, time.Since(begin)
}

// note tells of all containers and units that have figures, and returns those that are
// wanted, sorted. Where there are too many, those of users are left out first:
// anybody makes as many of them as they like.
func (s *cgroups) note(r *reading) []thingKey {
	var wanted []thingKey
	s.notes++
	told, more := 0, make(map[thingKey]bool)
	for _, ofUser := range [...]bool{false, true} {
		for _, g := range s.order {
			if g.ofUser != ofUser {
				continue
			}
			for _, key := range g.keys() {
				a := s.names[key]
				if key.name == "" || a != nil && a.noted == s.notes {
					continue
				}
				if told == maxNames {
					more[key] = true
					continue
				}
				if a == nil {
					a = &account{}
					s.names[key] = a
				}
				a.noted = s.notes
				told++
				if r.things.note(key.kind, key.name) {
					wanted = append(wanted, key)
				}
			}
		}
	}
	if len(more) > 0 {
		r.note(fmt.Sprintf("%d containers and units are not told: there are more than %d", len(more), maxNames))
	}
	slices.SortFunc(wanted, func(a, b thingKey) int {
		return cmp.Or(strings.Compare(a.kind, b.kind), strings.Compare(a.name, b.name))
	})
	return wanted
}

// keys are the series it belongs to; those without a name are none.
func (g *group) keys() [2]thingKey {
	return [...]thingKey{{traffic.SeriesContainer, g.container}, {traffic.SeriesUnit, g.unit}}
}

// bookGroup reads one cgroup and books what came since the last time.
func (s *cgroups) bookGroup(g *group, keepOpen bool) {
	inode := g.file.inode
	text, err := g.file.read()
	if g.file.inode != inode {
		g.last = g.last[:0] // it was made anew, and counts from zero
	}
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
