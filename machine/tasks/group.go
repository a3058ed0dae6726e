package tasks

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// group is the cgroup whose processes are asked for, with all below: its path in the
// hierarchy of cgroup v2, without a slash at its end. "" is that of all.
type group string

// openGroup finds the path of a directory in its hierarchy; "" stays "".
func openGroup(dir string) (group, error) {
	if dir == "" {
		return "", nil
	}
	const cure = "want the directory of a cgroup (v2), such as /sys/fs/cgroup/system.slice"
	var fs unix.Statfs_t
	if err := unix.Statfs(dir, &fs); err != nil {
		return "", fmt.Errorf("cgroup %s: %w: %s", dir, err, cure)
	}
	if fs.Type != unix.CGROUP2_SUPER_MAGIC || !filepath.IsAbs(dir) {
		return "", fmt.Errorf("cgroup %s: %w: %s", dir, errors.New("it is none"), cure)
	}
	root := filepath.Clean(dir)
	for up := filepath.Dir(root); sameMount(root, up); up = filepath.Dir(root) {
		if root = up; root == "/" {
			break
		}
	}
	path := strings.TrimPrefix(filepath.Clean(dir), root)
	return group(strings.TrimSuffix(path, "/")), nil
}

func sameMount(a, b string) bool {
	var sa, sb unix.Stat_t
	return unix.Stat(a, &sa) == nil && unix.Stat(b, &sb) == nil && sa.Dev == sb.Dev
}

// has reports whether a process is in g. One that is gone is not.
func (g group) has(r *reader, pid int) bool {
	if g == "" {
		return true
	}
	b, err := r.read(pid, "cgroup")
	return err == nil && g.contains(b)
}

// contains reports whether the text of /proc/PID/cgroup is of a process in g.
func (g group) contains(text []byte) bool {
	path, ok := unifiedPath(text)
	rest, below := strings.CutPrefix(path, string(g))
	return ok && below && (rest == "" || rest[0] == '/')
}
