package machine

import "bytes"

// deviceIO is what a cgroup and all below it asked of one device since it was made
// (Documentation/admin-guide/cgroup-v2.rst, io.stat).
type deviceIO struct {
	device diskNumber
	storageIO
}

// storageIO counts bytes and requests. Differences may be negative for a moment, hence
// the sign.
type storageIO struct{ readBytes, writeBytes, reads, writes int64 }

func (a storageIO) add(b storageIO) storageIO {
	return storageIO{a.readBytes + b.readBytes, a.writeBytes + b.writeBytes, a.reads + b.reads, a.writes + b.writes}
}

func (a storageIO) sub(b storageIO) storageIO {
	return storageIO{a.readBytes - b.readBytes, a.writeBytes - b.writeBytes, a.reads - b.reads, a.writes - b.writes}
}

// fell: one is smaller than it was.
func (a storageIO) fell(before storageIO) bool {
	return a.readBytes < before.readBytes || a.writeBytes < before.writeBytes ||
		a.reads < before.reads || a.writes < before.writes
}

// highest is the larger of both, each for itself.
func (a storageIO) highest(b storageIO) storageIO {
	return storageIO{max(a.readBytes, b.readBytes), max(a.writeBytes, b.writeBytes),
		max(a.reads, b.reads), max(a.writes, b.writes)}
}

// parseIOStat appends what an io.stat says to list. Lines and words that make no sense
// are left out; discards and what controllers add are not of interest.
func parseIOStat(text []byte, list []deviceIO) []deviceIO {
	for line := []byte(nil); len(text) > 0; {
		line, text = nextLine(text)
		f := fields{line}
		number, ok := parseDevice(f.next())
		if !ok {
			continue
		}
		d := deviceIO{device: number}
		for word := f.next(); len(word) > 0; word = f.next() {
			key, value, _ := bytes.Cut(word, []byte("="))
			n, ok := decimal(value)
			if !ok || n >= 1<<63 {
				continue
			}
			switch string(key) {
			case "rbytes":
				d.readBytes = int64(n)
			case "wbytes":
				d.writeBytes = int64(n)
			case "rios":
				d.reads = int64(n)
			case "wios":
				d.writes = int64(n)
			}
		}
		list = append(list, d)
	}
	return list
}

// parseDevice reads "8:16".
func parseDevice(word []byte) (diskNumber, bool) {
	before, after, _ := bytes.Cut(word, []byte(":"))
	major, ok1 := decimal(before)
	minor, ok2 := decimal(after)
	if !ok1 || !ok2 || major > 1<<32-1 || minor > 1<<32-1 {
		return diskNumber{}, false
	}
	return diskNumber{uint32(major), uint32(minor)}, true
}

// parseDescendants finds how many cgroups there are in the root's cgroup.stat.
func parseDescendants(text []byte) (n uint64, ok bool) {
	for line := []byte(nil); len(text) > 0; {
		line, text = nextLine(text)
		if number, found := bytes.CutPrefix(line, []byte("nr_descendants ")); found {
			return decimal(number)
		}
	}
	return 0, false
}
