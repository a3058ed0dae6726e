package machine

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"bwmon/traffic"
)

// due tells whether it is time to look for cgroups that came: when their number has
// changed or one is gone, else every ten seconds; seldom enough not to cost much.
func (s *cgroups) due(at time.Time) bool {
	if s.walked.IsZero() {
		return true
	}
	age := at.Sub(s.walked)
	if age < s.cost*walkShare {
		return false
	}
	return s.stale || age >= walkAge || s.descendants() != s.had
}

// descendants is how many cgroups there are, 0 where the kernel does not say (before
// 4.14).
func (s *cgroups) descendants() uint64 {
	text, err := s.count.read()
	if err != nil {
		return 0
	}
	n, _ := parseDescendants(text)
	return n
}

// walk looks for all cgroups.
func (s *cgroups) walk(at time.Time) error {
	begin := time.Now()
	defer func() { s.walked, s.cost, s.stale = at, time.Since(begin), false }()
	s.had = s.descendants()
	clear(s.bases)
	controllers, err := os.ReadFile(filepath.Join(s.root, "cgroup.controllers"))
	if err != nil {
		return fmt.Errorf("%w: is this the root of a cgroup v2 hierarchy?", err)
	}
	s.lacking = !slices.Contains(strings.Fields(string(controllers)), "io")
	if s.lacking {
		return nil
	}
	s.walks++
	s.found = s.found[:0]
	s.descend("", nil)
	s.call()
	slices.Reverse(s.order) // what is inside is read first, so that it is never more than what is around it
	for path, g := range s.groups {
		if g.round != s.walks {
			g.file.close()
			delete(s.groups, path)
		}
	}
	s.first = false
	s.forget()
	return nil
}

// descend takes in what is below a cgroup.
func (s *cgroups) descend(path string, above *group) {
	entries, err := os.ReadDir(filepath.Join(s.root, path))
	if err != nil {
		return // it is gone
	}
	for _, e := range entries {
		if !e.IsDir() {
			continue
		}
		path := path + "/" + e.Name()
		g := s.groups[path]
		if g == nil && len(s.groups) >= maxGroups {
			continue // what it does is the one's above
		}
		if g == nil {
			g = &group{path: path, counted: !s.first, file: newProcFile(filepath.Join(s.root, path, "io.stat"))}
			g.file.short = true
			g.named[0], g.named[1] = s.name(path)
			g.ofUser = above != nil && (above.ofUser || isUserManager(filepath.Base(above.path)))
			s.groups[path] = g
		}
		g.above, g.round = above, s.walks
		s.found = append(s.found, g)
		s.descend(path, g)
	}
}

// call decides which container and unit each cgroup counts for, and puts those that have
// a name of their own and figures in order. Below a user's systemd cgroups are called as
// their user likes: what is called as the system calls one of its own is a part of the
// one above it.
func (s *cgroups) call() {
	if len(s.system) > maxGroups {
		clear(s.system)
	}
	for _, g := range s.found {
		if !g.ofUser {
			s.system[thingKey{traffic.SeriesContainer, g.named[0]}] = true
			s.system[thingKey{traffic.SeriesUnit, g.named[1]}] = true
		}
	}
	s.order = s.order[:0]
	for _, g := range s.found {
		g.container, g.unit = g.named[0], g.named[1]
		keys := g.keys()
		if g.ofUser && s.system[keys[0]] {
			g.container = g.aboveContainer()
		}
		if g.ofUser && s.system[keys[1]] {
			g.unit = g.aboveUnit()
		}
		if g.container != g.aboveContainer() || g.unit != g.aboveUnit() {
			if _, err := os.Lstat(g.file.path); err == nil {
				s.order = append(s.order, g)
			}
		}
	}
}

// isUserManager tells whether a cgroup is that of a user's systemd.
func isUserManager(name string) bool {
	return strings.HasPrefix(name, "user@") && strings.HasSuffix(name, ".service")
}

// forget forgets what containers and units that are gone have used, where there are too
// many.
func (s *cgroups) forget() {
	if len(s.names) <= maxAccounts {
		return
	}
	there := make(map[thingKey]bool, 2*len(s.order))
	for _, g := range s.order {
		there[thingKey{traffic.SeriesContainer, g.container}] = true
		there[thingKey{traffic.SeriesUnit, g.unit}] = true
	}
	for key := range s.names {
		if !there[key] {
			delete(s.names, key)
		}
	}
}
