package machine

import (
	"bytes"
	"strings"
)

// mountLine is one line of /proc/PID/mountinfo (proc_pid_mountinfo(5)). Path and root
// are as the kernel escapes them.
type mountLine struct {
	device     string // "major:minor"
	root, path string
	readOnly   bool // here, whatever the file system is
	kind       string
	userID     string // who answers for a FUSE file system; "": it is none
}

// parseMounts reads all lines, and counts those that make no sense, which it leaves out.
func parseMounts(text []byte) (list []mountLine, bad int) {
	for line := []byte(nil); len(text) > 0; {
		line, text = nextLine(text)
		if m, ok := parseMount(line); ok {
			list = append(list, m)
		} else {
			bad++
		}
	}
	return list, bad
}

// parseMount reads one line. Words are divided by one space each: they may be empty.
func parseMount(line []byte) (m mountLine, ok bool) {
	var fixed [6][]byte
	for i := range fixed {
		if fixed[i], line, ok = bytes.Cut(line, []byte(" ")); !ok {
			return mountLine{}, false
		}
	}
	for word := []byte(nil); string(word) != "-"; { // optional fields come before it
		if word, line, ok = bytes.Cut(line, []byte(" ")); !ok {
			return mountLine{}, false
		}
	}
	kind, rest, _ := bytes.Cut(line, []byte(" "))
	_, options, ok := bytes.Cut(rest, []byte(" ")) // after the source
	if _, number := parseDevice(fixed[2]); !ok || !number || len(fixed[4]) == 0 || len(kind) == 0 {
		return mountLine{}, false
	}
	m = mountLine{
		device: string(fixed[2]), root: string(fixed[3]), path: string(fixed[4]), kind: string(kind),
		readOnly: hasOption(fixed[5], "ro"),
	}
	if m.kind == "fuse" || m.kind == "fuseblk" || strings.HasPrefix(m.kind, "fuse.") {
		m.userID = optionValue(options, "user_id=")
	}
	return m, true
}

func hasOption(options []byte, name string) bool {
	for option := range bytes.SplitSeq(options, []byte(",")) {
		if string(option) == name {
			return true
		}
	}
	return false
}

// optionValue is the value of the first option that begins so, "" where there is none.
func optionValue(options []byte, begin string) string {
	for option := range bytes.SplitSeq(options, []byte(",")) {
		if value, ok := bytes.CutPrefix(option, []byte(begin)); ok {
			return string(value)
		}
	}
	return ""
}
