package process

import (
	"io/fs"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"bwmon/traffic"
)

// Describer makes owners of processes that the kernel took notice of, and that
// may be gone by now. It has one buffer and belongs to one goroutine.
type Describer struct {
	ids    *identities
	groups groups
}

// NewDescriber reads nothing yet. Of the options it uses Proc, Passwd and Mask, and
// cgroup is where cgroup v2 is mounted; "" if it is not.
func NewDescriber(o Options, cgroup string) *Describer {
	o = o.withDefaults()
	return &Describer{ids: newIdentities(o.Proc, o.Passwd, o.Mask), groups: groups{root: cgroup, now: o.Now}}
}

// Describe returns the owner that a process is. start is in clock ticks after
// boot; cmdline as in /proc/PID/cmdline. Where it was cut, the rest is taken
// from /proc while the process is there. group is the number of its cgroup,
// which is the inode of its directory; 0 if that is not known.
func (d *Describer) Describe(pid int, start uint64, uid uint32, comm string, cmdline []byte, cut bool, group uint64) *traffic.Owner {
	if cut {
		if whole, ok := d.file(pid, start, "cmdline"); ok {
			cmdline = whole
		}
	}
	args, command := parseCmdline(cmdline, d.ids.mask)
	comm = traffic.CleanText(comm, traffic.MaxWord)
	if command == "" {
		command = "[" + comm + "]"
	}
	o := &traffic.Owner{
		PID: pid, Start: start, Command: command, Args: args, Comm: comm, UID: uid, User: d.ids.users.name(uid),
	}
	if path, ok := d.groups.path(group); ok {
		o.Container, o.Unit = CgroupNames(path)
	} else if text, ok := d.file(pid, start, "cgroup"); ok {
		o.Container, o.Unit = parseCgroup(string(text))
	}
	return o
}

// file reads a file of a process that still is that one.
func (d *Describer) file(pid int, start uint64, name string) ([]byte, bool) {
	text, err := d.ids.read(pid, name)
	if err != nil || len(text) == 0 {
		return nil, false
	}
	text = append([]byte(nil), text...)
	st, err := d.ids.stat(pid) // afterwards: the number was not another's before
	return text, err == nil && st.start == start
}

// groups knows the paths of cgroups by their numbers.
type groups struct {
	root   string
	now    func() time.Time
	paths  map[uint64]string // below root, beginning with a slash
	walked time.Time
}

const (
	// walkEvery bounds how often all cgroups are listed to find a new one.
	walkEvery = time.Second
	// maxGroups is how many are remembered, those that are gone among them.
	maxGroups = 1 << 16
)

// path returns the path of a cgroup, also of one that is gone by now if it was
// met before.
func (g *groups) path(id uint64) (string, bool) {
	if path, ok := g.paths[id]; ok {
		return path, true
	}
	if now := g.now(); g.root != "" && id != 0 && now.Sub(g.walked) >= walkEvery {
		g.walked = now
		g.walk()
	}
	path, ok := g.paths[id]
	return path, ok
}

func (g *groups) walk() {
	if g.paths == nil || len(g.paths) > maxGroups {
		g.paths = make(map[uint64]string)
	}
	// What cannot be read is a cgroup that went in the meantime.
	_ = filepath.WalkDir(g.root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() {
			return nil
		}
		if info, err := d.Info(); err == nil {
			if st, ok := info.Sys().(*syscall.Stat_t); ok {
				g.paths[st.Ino] = "/" + strings.Trim(strings.TrimPrefix(path, g.root), "/")
			}
		}
		return nil
	})
}
