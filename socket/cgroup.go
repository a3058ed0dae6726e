package socket

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// Root is the directory of the root of cgroup v2, from proc's mountinfo
// (proc_pid_mountinfo(5)).
func Root(proc string) (string, error) {
	text, err := os.ReadFile(filepath.Join(proc, "self/mountinfo"))
	if err != nil {
		return "", fmt.Errorf("find cgroup v2: %w", err)
	}
	if at := cgroupMount(text); at != "" {
		return at, nil
	}
	return "", errors.New(`cgroup v2 is not mounted: run "mount -t cgroup2 none /sys/fs/cgroup", or name a cgroup`)
}

// cgroupMount finds the first mount of cgroup v2; "" where there is none.
func cgroupMount(mountinfo []byte) string {
	s := bufio.NewScanner(bytes.NewReader(mountinfo))
	for s.Scan() {
		before, after, ok := strings.Cut(s.Text(), " - ")
		fields := strings.Fields(before)
		if ok && len(fields) >= 5 && strings.HasPrefix(after, "cgroup2 ") {
			return unescape(fields[4])
		}
	}
	return ""
}

// groupsBelow is the numbers of a cgroup and of all below it, which are the
// inodes of their directories.
func groupsBelow(dir string) (map[uint64]bool, error) {
	ids := make(map[uint64]bool)
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) && path != dir {
			return nil // it went in the meantime
		}
		if err != nil || !d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return nil // likewise
		}
		if st, ok := info.Sys().(*syscall.Stat_t); ok {
			ids[st.Ino] = true
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("list cgroups: %w", err)
	}
	return ids, nil
}

// unescape undoes the octal escapes of a path in mountinfo.
func unescape(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+3 < len(s) {
			if n, err := strconv.ParseUint(s[i+1:i+4], 8, 8); err == nil {
				b.WriteByte(byte(n))
				i += 3
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}
