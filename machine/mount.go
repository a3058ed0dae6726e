package machine

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"bwmon/traffic"
)

// mounts measures the space of file systems: of those that keep files, each once, by
// where it is mounted.
type mounts struct {
	info     *procFile
	seen     []byte // the text that list was made of
	bad      int    // lines of it that make no sense
	long     bool   // there is more of it than is read
	list     []*mount
	patience time.Duration
	statfs   func(path string, to *unix.Statfs_t) error

	// answers has room for whatever was asked, so that nobody waits to put one in.
	answers     chan answer
	outstanding int
	ofUsers     int // what of these is of file systems of users
}

// mount is one file system.
type mount struct {
	path   string // as the kernel takes it
	name   string // clean
	device string // "major:minor"
	trust  trust

	wanted    bool
	asked     time.Time // zero: no question is open
	answered  time.Time // when it was asked for its latest answer
	fresh     bool      // it answered in this reading
	space     unix.Statfs_t
	err       error
	sizeless  bool // it has no space to speak of, or has not yet
	wholeRoot bool // it shows the file system from its root on
}

// trust is whose word a file system is, those first that are measured where there are
// too many: anybody may mount hundreds that do not answer (fusermount3(1)).
type trust int

const (
	ofKernel trust = iota
	ofRoot         // FUSE, mounted by root
	ofUser         // FUSE, mounted by somebody else
)

// answer is what statfs(2) said.
type answer struct {
	of    *mount
	space unix.Statfs_t
	err   error
}

// maxMounts bounds how many are measured, and how many goroutines dead file systems hold,
// also those that are gone; maxUserMounts how many of both are users'.
const (
	maxMounts     = 512
	maxUserMounts = maxMounts / 2
)

// sizelessAge is how long what had no space is not asked again. Some network file
// systems have none before they are connected.
const sizelessAge = time.Minute

// mountPatience is how long all together may take to answer. In a file system that is
// alive statfs(2) takes microseconds.
const mountPatience = 250 * time.Millisecond

func newMounts(proc string) *mounts {
	return &mounts{
		info:     newProcFile(filepath.Join(proc, "self/mountinfo")),
		patience: mountPatience, statfs: unix.Statfs, answers: make(chan answer, maxMounts),
	}
}

func (s *mounts) close() { s.info.close() }

func (s *mounts) read(r *reading) {
	if s.seen == nil || s.info.changed() {
		if err := s.find(); err != nil {
			r.fault("mounts", err)
			s.seen = nil // so that it is tried again
		}
	}
	if s.bad > 0 {
		r.note(fmt.Sprintf("mounts: %d lines of %s make no sense", s.bad, s.info.path))
	}
	if s.long {
		r.note(fmt.Sprintf("mounts: only the first %d MiB of %s are read", maxProcFile>>20, s.info.path))
	}
	measured, users, more := 0, 0, 0
	for _, m := range s.list {
		m.fresh, m.wanted = false, false
		switch {
		case m.sizeless:
		case measured == maxMounts || m.trust == ofUser && users == maxUserMounts:
			more++
		default:
			measured++
			if m.trust == ofUser {
				users++
			}
			m.wanted = r.things.note(traffic.SeriesMount, m.name)
		}
	}
	if more > 0 {
		r.note(fmt.Sprintf("%d mounts are not measured: there are more than %d, or than %d of users", more, maxMounts, maxUserMounts))
	}
	s.ask(r)
	for _, m := range s.list {
		if !m.wanted || m.sizeless {
			continue
		}
		r.start(traffic.SeriesMount, m.name)
		switch {
		case !m.fresh && m.asked.IsZero():
			r.done("not asked: too many file systems do not answer")
		case !m.fresh:
			r.done(fmt.Sprintf("has not answered for %v", r.at.Sub(m.asked).Round(time.Second)))
		case m.err != nil:
			r.done(fmt.Sprintf("its space cannot be read: %v", m.err))
		default:
			r.space(&m.space)
			r.done("")
		}
	}
}

// ask asks all wanted mounts that owe no answer, and now and then those without space,
// and takes the answers that come in time, late ones of former readings among them.
func (s *mounts) ask(r *reading) {
	at, waiting := r.at, 0
	for _, m := range s.list {
		again := m.sizeless && at.Sub(m.answered) >= sizelessAge && r.things.wants(traffic.SeriesMount, m.name)
		if !m.wanted && !again || !m.asked.IsZero() || !s.room(m) {
			continue
		}
		m.asked = at
		s.hold(m, 1)
		waiting++
		go func() {
			a := answer{of: m}
			for {
				if a.err = s.statfs(m.path, &a.space); a.err != unix.EINTR {
					break
				}
			}
			s.answers <- a
		}()
	}
	patience := time.NewTimer(s.patience)
	defer patience.Stop()
	for waiting > 0 || len(s.answers) > 0 {
		select {
		case a := <-s.answers:
			if a.of.asked == at {
				waiting--
			}
			s.hold(a.of, -1)
			a.of.take(&a)
		case <-patience.C:
			return
		}
	}
}

// room tells whether one more may be asked.
func (s *mounts) room(m *mount) bool {
	return s.outstanding < cap(s.answers) && (m.trust != ofUser || s.ofUsers < maxUserMounts)
}

// hold counts questions to a mount that are open.
func (s *mounts) hold(m *mount, n int) {
	s.outstanding += n
	if m.trust == ofUser {
		s.ofUsers += n
	}
}

func (m *mount) take(a *answer) {
	m.answered, m.asked = m.asked, time.Time{}
	m.fresh, m.space, m.err = true, a.space, a.err
	m.sizeless = a.err == nil && a.space.Blocks == 0
}

// space adds what statfs(2) said. Used of what can be had is what df(1) shows: what is
// kept for root counts for neither.
func (r *reading) space(s *unix.Statfs_t) {
	unit := float64(s.Frsize)
	if unit == 0 {
		unit = float64(s.Bsize)
	}
	used := float64(s.Blocks - min(s.Blocks, s.Bfree))
	r.add("size_bytes", float64(s.Blocks)*unit)
	r.add("used_bytes", used*unit)
	r.add("free_bytes", float64(s.Bfree)*unit)
	r.add("available_bytes", float64(s.Bavail)*unit)
	r.add("used_percent", share(used, used+float64(s.Bavail)))
	if s.Files == 0 {
		return // btrfs and the like make inodes as they go
	}
	r.add("inodes", float64(s.Files))
	r.add("inodes_free", float64(s.Ffree))
	r.add("inodes_used_percent", share(float64(s.Files-min(s.Files, s.Ffree)), float64(s.Files)))
}

// find renews the list where the mounts changed.
func (s *mounts) find() error {
	text, err := s.info.read()
	if err != nil && !errors.Is(err, io.ErrShortBuffer) { // the first of many are there
		return err
	}
	s.long = err != nil
	if s.seen != nil && bytes.Equal(text, s.seen) { // a copy of /proc
		return nil
	}
	all, bad := parseMounts(text)
	if len(all) == 0 && bad > 0 {
		return fmt.Errorf("%s makes no sense", s.info.path)
	}
	s.bad = bad
	s.seen = append(s.seen[:0], text...)
	known := make(map[[2]string]*mount, len(s.list))
	for _, m := range s.list {
		known[[2]string{m.path, m.device}] = m
	}
	s.list = s.list[:0]
	for _, m := range chooseMounts(all) {
		if old := known[[2]string{m.path, m.device}]; old != nil {
			m = old // it may owe an answer
		}
		s.list = append(s.list, m)
	}
	return nil
}

// chooseMounts finds the file systems that keep files, each where it shows most, and
// there at the shortest path. They come sorted by whose word they are and path.
func chooseMounts(all []mountLine) []*mount {
	top := make(map[string]*mountLine, len(all))
	for i := range all {
		top[all[i].path] = &all[i] // what is mounted later hides what was
	}
	best := make(map[string]*mount)
	for _, info := range top {
		if !keepsFiles(info) {
			continue
		}
		m := &mount{path: unescapeMount(info.path), device: info.device, trust: info.trust(), wholeRoot: info.root == "/"}
		if old := best[m.device]; old == nil || m.before(old) {
			best[m.device] = m
		}
	}
	list := make([]*mount, 0, len(best))
	for _, m := range best {
		m.name = traffic.CleanText(m.path, traffic.MaxCommand)
		list = append(list, m)
	}
	slices.SortFunc(list, func(a, b *mount) int {
		return cmp.Or(cmp.Compare(a.trust, b.trust), strings.Compare(a.path, b.path))
	})
	return list
}

func (m *mountLine) trust() trust {
	switch m.userID {
	case "":
		return ofKernel
	case "0":
		return ofRoot
	}
	return ofUser
}

// before tells whether m is a better place than o to know their file system by.
func (m *mount) before(o *mount) bool {
	switch {
	case m.wholeRoot != o.wholeRoot:
		return m.wholeRoot
	case len(m.path) != len(o.path):
		return len(m.path) < len(o.path)
	}
	return m.path < o.path
}

// keepsFiles tells whether a mount has space that may run out: on a block device, over
// the network, of the memory. Images that are full by nature have not, nor has what the
// kernel shows as files.
func keepsFiles(m *mountLine) bool {
	for _, dir := range []string{"/proc", "/sys", "/dev"} {
		if m.path == dir || strings.HasPrefix(m.path, dir+"/") {
			return false
		}
	}
	switch m.kind {
	case "squashfs", "erofs", "cramfs", "romfs", "iso9660":
		return false
	case "tmpfs":
		return !m.readOnly // credentials of services
	case "overlay":
		return m.path == "/" // in a container; outside it is a part of another one
	case "btrfs", "zfs", "bcachefs", "ubifs", "nfs", "nfs4", "cifs", "smb3", "ceph", "9p", "virtiofs",
		"glusterfs", "lustre", "beegfs", "orangefs", "afs", "vboxsf", "fuse", "fuseblk":
		return true
	}
	return strings.HasPrefix(m.kind, "fuse.") || !strings.HasPrefix(m.device, "0:")
}

// unescapeMount undoes the kernel's \040 for what would divide the words of a line
// (mangle in fs/proc_namespace.c).
func unescapeMount(s string) string {
	if !strings.Contains(s, `\`) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+3 < len(s) && s[i+1] <= '3' && isOctal(s[i+1]) && isOctal(s[i+2]) && isOctal(s[i+3]) {
			b.WriteByte((s[i+1]-'0')<<6 | (s[i+2]-'0')<<3 | (s[i+3] - '0'))
			i += 3
			continue
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

func isOctal(c byte) bool { return c >= '0' && c <= '7' }
