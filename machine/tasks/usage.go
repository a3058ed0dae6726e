package tasks

import "time"

// usage is a running total of what a process, or one of its threads, used.
type usage struct {
	read, write           uint64 // bytes of storage I/O: read_bytes and write_bytes of proc_pid_io(5)
	cacheRead, cacheWrite uint64 // bytes of read and write calls: rchar and wchar
	cpu                   time.Duration
}

func (u usage) add(o usage) usage {
	return usage{
		read: u.read + o.read, write: u.write + o.write,
		cacheRead: u.cacheRead + o.cacheRead, cacheWrite: u.cacheWrite + o.cacheWrite,
		cpu: u.cpu + o.cpu,
	}
}

// sub is u without o. What would be less than nothing is nothing.
func (u usage) sub(o usage) usage {
	return usage{
		read: less(u.read, o.read), write: less(u.write, o.write),
		cacheRead: less(u.cacheRead, o.cacheRead), cacheWrite: less(u.cacheWrite, o.cacheWrite),
		cpu: max(u.cpu-o.cpu, 0),
	}
}

func less(a, b uint64) uint64 { return a - min(a, b) }

// max is the larger of each figure: of two readings of the same totals, what is known
// for certain.
func (u usage) max(o usage) usage {
	return usage{
		read: max(u.read, o.read), write: max(u.write, o.write),
		cacheRead: max(u.cacheRead, o.cacheRead), cacheWrite: max(u.cacheWrite, o.cacheWrite),
		cpu: max(u.cpu, o.cpu),
	}
}
