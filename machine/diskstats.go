package machine

// diskNumber is a device number: block devices that come later may have the name of one
// that is gone, and seldom its number.
type diskNumber struct{ major, minor uint32 }

// diskCounters is what /proc/diskstats says of a device since it was made
// (Documentation/admin-guide/iostats.rst). Sectors are of 512 bytes whatever the device
// has; ticks are milliseconds, of 32 bits on every kernel.
type diskCounters struct {
	reads, writes, discards requests
	flushes, flushTicks     uint64
	inFlight                uint64 // requests at this moment, not a counter
	busyTicks               uint64 // in which something was in flight
	queueTicks              uint64 // weighted: times the number in flight
	fields                  int    // that the kernel has: 11; 15 with discards; 17 with flushes
}

// requests are those of one direction that were completed.
type requests struct{ count, merged, sectors, ticks uint64 }

// How many fields which kernels have.
const (
	diskFields        = 11 // Linux 2.6
	diskFieldsDiscard = 15 // Linux 4.18
	diskFieldsFlush   = 17 // Linux 5.5
)

// parseDisk reads one line of /proc/diskstats: device number, name and at least eleven
// counters; those that kernels to come may add are ignored. The name points into the
// line. Not ok: the line is something else, such as a partition on a kernel before
// 2.6.25, which has four counters.
func parseDisk(line []byte) (number diskNumber, name []byte, c diskCounters, ok bool) {
	f := fields{line}
	major, ok1 := decimal(f.next())
	minor, ok2 := decimal(f.next())
	name = f.next()
	if !ok1 || !ok2 || major > 1<<32-1 || minor > 1<<32-1 || len(name) == 0 {
		return number, nil, c, false
	}
	number = diskNumber{uint32(major), uint32(minor)}
	for _, to := range [diskFieldsFlush]*uint64{
		&c.reads.count, &c.reads.merged, &c.reads.sectors, &c.reads.ticks,
		&c.writes.count, &c.writes.merged, &c.writes.sectors, &c.writes.ticks,
		&c.inFlight, &c.busyTicks, &c.queueTicks,
		&c.discards.count, &c.discards.merged, &c.discards.sectors, &c.discards.ticks,
		&c.flushes, &c.flushTicks,
	} {
		word := f.next()
		if len(word) == 0 {
			break
		}
		if *to, ok = decimal(word); !ok {
			return number, nil, c, false
		}
		c.fields++
	}
	switch {
	case c.fields < diskFields:
		return number, nil, c, false
	case c.fields < diskFieldsDiscard:
		c.discards, c.fields = requests{}, diskFields
	}
	if c.fields < diskFieldsFlush {
		c.flushes, c.flushTicks, c.fields = 0, 0, min(c.fields, diskFieldsDiscard)
	}
	if c.inFlight >= 1<<31 {
		c.inFlight = 0 // it is the difference of two counters, which some drivers let go below zero
	}
	return number, name, c, true
}

// idle: nothing was ever asked of it.
func (c *diskCounters) idle() bool {
	return c.reads.count|c.writes.count|c.discards.count|c.flushes|c.inFlight == 0
}

// since is what c counted after before, each counter judged by itself (see grown). Ticks
// wrap at 32 bits, the others where words of the kernel have 32 bits.
func (c *diskCounters) since(before *diskCounters, words32 bool) diskCounters {
	count := func(now, then uint64) uint64 {
		if words32 {
			return grownOrWrapped(now, then)
		}
		return grown(now, then)
	}
	direction := func(now, then *requests) requests {
		return requests{
			count: count(now.count, then.count), merged: count(now.merged, then.merged),
			sectors: count(now.sectors, then.sectors), ticks: grownOrWrapped(now.ticks, then.ticks),
		}
	}
	return diskCounters{
		reads: direction(&c.reads, &before.reads), writes: direction(&c.writes, &before.writes),
		discards: direction(&c.discards, &before.discards),
		flushes:  count(c.flushes, before.flushes), flushTicks: grownOrWrapped(c.flushTicks, before.flushTicks),
		inFlight: c.inFlight, busyTicks: grownOrWrapped(c.busyTicks, before.busyTicks),
		queueTicks: grownOrWrapped(c.queueTicks, before.queueTicks), fields: c.fields,
	}
}

// grownOrWrapped is that of a counter of 32 bits; it is taken to have gone round where
// that is less than half of the way.
func grownOrWrapped(now, then uint64) uint64 {
	if now < then && then < 1<<32 && 1<<32-then+now < 1<<31 {
		return 1<<32 - then + now
	}
	return grown(now, then)
}
