package lab

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// groupPrefix begins the name of every cgroup of a lab; the process that made
// it and a number follow.
const groupPrefix = "bwmon-lab-"

var groups atomic.Int64

// Cgroup gives the host a cgroup (v2) of its own, in which all children started
// from now on live, and returns its directory. The test's cleanup removes it.
// Where there is no cgroup v2 the test is skipped.
func (h *Host) Cgroup() string {
	h.lab.t.Helper()
	if h.group != nil {
		return h.group.Name()
	}
	root, err := groupRoot()
	if err != nil {
		h.lab.t.Skipf("the lab needs cgroup v2: %v", err)
	}
	sweepGroups(root)
	dir := filepath.Join(root, fmt.Sprintf("%s%d-%d", groupPrefix, os.Getpid(), groups.Add(1)))
	if err := os.Mkdir(dir, 0o755); err != nil {
		h.lab.t.Skipf("the lab cannot make cgroups here: %v", err)
	}
	if h.group, err = os.Open(dir); err != nil {
		h.lab.t.Fatalf("open the cgroup of %s: %v", h.Name, err)
	}
	return dir
}

// ShareCgroup has the host's children live in another host's cgroup, as those
// of a container do in one below its host's.
func (h *Host) ShareCgroup(with *Host) {
	h.lab.t.Helper()
	dir := with.Cgroup()
	var err error
	if h.group, err = os.Open(dir); err != nil {
		h.lab.t.Fatalf("open the cgroup of %s: %v", with.Name, err)
	}
}

// groupRoot finds where cgroup v2 is mounted.
func groupRoot() (string, error) {
	for _, dir := range []string{"/sys/fs/cgroup", "/sys/fs/cgroup/unified"} {
		var st unix.Statfs_t
		if unix.Statfs(dir, &st) == nil && st.Type == unix.CGROUP2_SUPER_MAGIC {
			return dir, nil
		}
	}
	return "", errors.New("it is not mounted on /sys/fs/cgroup")
}

// sweepGroups removes what labs left that could not clean up.
func sweepGroups(root string) {
	left, _ := filepath.Glob(filepath.Join(root, groupPrefix+"*"))
	for _, dir := range left {
		pid, _, _ := strings.Cut(strings.TrimPrefix(filepath.Base(dir), groupPrefix), "-")
		if n, err := strconv.Atoi(pid); err == nil && errors.Is(unix.Kill(n, 0), unix.ESRCH) {
			os.Remove(dir)
		}
	}
}

// leaveCgroup removes the host's cgroup, which the kernel allows a moment after
// its last process has ended.
func (h *Host) leaveCgroup() {
	if h.group == nil {
		return
	}
	dir := h.group.Name()
	h.group.Close()
	for deadline := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
		err := os.Remove(dir)
		if err == nil || os.IsNotExist(err) {
			return
		}
		if time.Now().After(deadline) {
			h.lab.t.Errorf("remove the cgroup of %s: %v", h.Name, err)
			return
		}
	}
}
