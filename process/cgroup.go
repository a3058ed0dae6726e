package process

import (
	"strings"

	"bwmon/traffic"
)

// CgroupNames is the container and the systemd unit that a cgroup is of, by its path
// below the root of cgroup v2, which begins with a slash. Both are clean, "" where there
// is none.
func CgroupNames(path string) (container, unit string) { return parseCgroup("0::" + path + "\n") }

// parseCgroup finds the container and the systemd unit in /proc/PID/cgroup.
// The unified hierarchy's line ("0::") and systemd's own count before those of
// the v1 controllers, which container runtimes may mount elsewhere or not at
// all. Both are cleaned text, "" where there is none.
func parseCgroup(text string) (container, unit string) {
	var unified, systemd string
	var others []string
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		id, rest, ok1 := strings.Cut(line, ":")
		controllers, path, ok2 := strings.Cut(rest, ":")
		switch {
		case !ok1 || !ok2:
		case id == "0" && controllers == "":
			unified = path
		case controllers == "name=systemd":
			systemd = path
		default:
			others = append(others, path)
		}
	}
	for _, path := range append([]string{unified, systemd}, others...) {
		if container == "" {
			container = containerOf(path)
		}
	}
	for _, path := range []string{unified, systemd} {
		if unit == "" {
			unit = unitOf(path)
		}
	}
	return traffic.CleanText(container, traffic.MaxWord), traffic.CleanText(unit, traffic.MaxWord)
}

// containerOf names the innermost container on a cgroup path: what runs in a
// container's container is booked to the one that holds it.
func containerOf(path string) string {
	words := strings.Split(path, "/")
	for i := len(words) - 1; i >= 0; i-- {
		word, before := words[i], ""
		if i > 0 {
			before = words[i-1]
		}
		if name := containerName(word, before); name != "" {
			return name
		}
	}
	return ""
}

// containerName is the container that one directory of a cgroup path stands
// for, given the directory above.
func containerName(word, above string) string {
	scope, isScope := strings.CutSuffix(word, ".scope")
	if isScope {
		// docker-ID, libpod-ID, cri-containerd-ID, crio-ID, and whatever
		// comes next: a 64-digit id is a container's.
		if i := strings.LastIndexByte(scope, '-'); i >= 0 && isContainerID(scope[i+1:]) {
			return scope[i+1:][:shortID]
		}
		if name, ok := strings.CutPrefix(scope, "machine-"); ok {
			return unescapeUnit(name) // systemd-nspawn, libvirt
		}
		return ""
	}
	if isContainerID(word) {
		return word[:shortID] // /docker/ID, /kubepods/…/ID, libpod without systemd
	}
	// libpod-ID; containerd's own cgroup driver: /kubepods-…:cri-containerd:ID
	if i := strings.LastIndexAny(word, "-:"); i >= 0 && isContainerID(word[i+1:]) {
		return word[i+1:][:shortID]
	}
	if name, ok := strings.CutPrefix(word, "lxc.payload."); ok {
		return name
	}
	if above == "lxc" || above == "lxc.payload" {
		return word
	}
	if name, ok := strings.CutPrefix(word, "systemd-nspawn@"); ok {
		return unescapeUnit(strings.TrimSuffix(name, ".service"))
	}
	return ""
}

// shortID is how many digits of a container's id its own tools show.
const shortID = 12

func isContainerID(s string) bool {
	if len(s) != 64 {
		return false
	}
	for i := range len(s) {
		if c := s[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

// unitOf is the innermost systemd unit on a cgroup path, as systemd prints
// it. Slices only group units, and a container's scope is named by its
// container.
func unitOf(path string) string {
	words := strings.Split(path, "/")
	for i := len(words) - 1; i >= 0; i-- {
		word := words[i]
		switch {
		case strings.HasSuffix(word, ".scope"):
			if containerName(word, "") == "" {
				return word
			}
		case strings.HasSuffix(word, ".service"), strings.HasSuffix(word, ".socket"),
			strings.HasSuffix(word, ".mount"), strings.HasSuffix(word, ".swap"):
			return word
		}
	}
	return ""
}

// unescapeUnit undoes systemd's \x2d in a name that people gave
// (systemd.unit(5), "String Escaping for Inclusion in Unit Names").
func unescapeUnit(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+3 < len(s) && s[i+1] == 'x' {
			if c, ok := parseUint([]byte(s[i+2:i+4]), 16, 0xff); ok {
				b.WriteByte(byte(c))
				i += 3
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}
