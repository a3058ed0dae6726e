package machine

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"bwmon/traffic"
)

// disks measures the block devices from /proc/diskstats as iostat -x does: whole ones,
// which are those that /sys/block lists; partitions, which it lists below their disks,
// are part of these. Devices of which a kernel makes a supply, used or not, are left
// out until something is asked of them.
//
// All are followed whether they are wanted or not, so that totals have no gaps.
type disks struct {
	stats   *procFile
	block   string // /sys/block
	blind   bool   // there is no such directory
	words32 bool   // the kernel may count in words of 32 bits
	at      time.Time
	known   map[string]*disk
	round   uint64
}

// disk is one block device, or one that was there and whose name may come back: then
// its totals go on.
type disk struct {
	name   string // clean
	number diskNumber
	whole  bool
	last   diskCounters
	round  uint64 // in which it was there

	readBytes, writeBytes uint64 // since it was first seen
}

// maxGoneDisks bounds what is remembered of devices that are gone.
const maxGoneDisks = 1024

// sectorBytes is the unit of /proc/diskstats.
const sectorBytes = 512

func newDisks(proc, sys string) *disks {
	return &disks{
		stats: newProcFile(filepath.Join(proc, "diskstats")), block: filepath.Join(sys, "block"),
		words32: strconv.IntSize == 32, // a kernel of 64 bits runs programs of 32, too
		known:   make(map[string]*disk),
	}
}

func (s *disks) close() { s.stats.close() }

func (s *disks) read(r *reading) {
	text, err := s.stats.read()
	if err != nil {
		r.fault("disks", err)
		return
	}
	first := s.round == 0
	elapsed := r.at.Sub(s.at)
	s.at = r.at
	s.round++
	for line := []byte(nil); len(text) > 0; {
		line, text = nextLine(text)
		number, name, now, ok := parseDisk(line)
		if !ok {
			continue
		}
		d, seen := s.find(name, number)
		if d.round == s.round {
			continue // the kernel lists none twice
		}
		var delta diskCounters
		fresh := first || !seen
		switch {
		case first: // what was before is not ours to count
			delta = diskCounters{fields: now.fields, inFlight: now.inFlight}
		case fresh:
			delta = now // it came after the last reading
		default:
			delta = now.since(&d.last, s.words32)
		}
		d.last, d.round = now, s.round
		d.readBytes += delta.reads.sectors * sectorBytes
		d.writeBytes += delta.writes.sectors * sectorBytes
		if !d.whole || now.idle() && supplied(d.name) || !r.want(traffic.SeriesDisk, d.name) {
			continue
		}
		if !first && r.rates {
			r.diskRates(&delta, elapsed)
		}
		r.add("in_flight", float64(delta.inFlight))
		r.add("read_bytes", float64(d.readBytes))
		r.add("write_bytes", float64(d.writeBytes))
		r.done("")
	}
	if s.blind {
		r.note("partitions are listed beside their disks: sysfs is not where it should be")
	}
	s.forget()
}

// find is the disk of that name, and whether it was there in the last reading.
func (s *disks) find(name []byte, number diskNumber) (d *disk, seen bool) {
	d = s.known[string(name)]
	if d == nil {
		d = &disk{name: traffic.CleanText(string(name), traffic.MaxWord)}
		s.known[string(name)] = d
	} else if d.number == number && d.round+1 >= s.round {
		return d, true
	}
	d.number = number
	d.whole = s.isWhole(string(name))
	return d, false
}

// isWhole tells whether /sys/block lists a device, not as a path to one that is listed,
// too (multipath NVMe). Where there is no such directory every device is taken for one.
func (s *disks) isWhole(name string) bool {
	if _, err := os.Stat(s.block); err != nil {
		s.blind = true
		return true
	}
	s.blind = false
	dir := filepath.Join(s.block, strings.ReplaceAll(name, "/", "!")) // so the kernel calls cciss/c0d0
	_, err := os.Lstat(dir)
	return err == nil && smallFile(filepath.Join(dir, "hidden")) != "1"
}

// forget forgets devices that are gone where there are too many.
func (s *disks) forget() {
	gone := 0
	for _, d := range s.known {
		if d.round != s.round {
			gone++
		}
	}
	for name, d := range s.known {
		if gone > maxGoneDisks && d.round != s.round {
			delete(s.known, name)
			gone--
		}
	}
}

// supplied tells whether devices of that name are there in supply.
func supplied(name string) bool {
	for _, kind := range []string{"loop", "ram", "zram", "nbd", "fd", "sr"} {
		if n, ok := strings.CutPrefix(name, kind); ok {
			_, err := strconv.ParseUint(n, 10, 32)
			return err == nil
		}
	}
	return false
}

// diskRates adds the figures of iostat -x for what happened in the time elapsed. A mean
// of no requests (await, request size) is 0, as iostat prints it: a rule on it then
// says that all is well, which it is.
func (r *reading) diskRates(d *diskCounters, elapsed time.Duration) {
	seconds, ms := elapsed.Seconds(), float64(elapsed)/float64(time.Millisecond)
	all := requests{
		count:   d.reads.count + d.writes.count + d.discards.count,
		sectors: d.reads.sectors + d.writes.sectors + d.discards.sectors,
		ticks:   d.reads.ticks + d.writes.ticks + d.discards.ticks,
	}
	r.add("reads_per_s", float64(d.reads.count)/seconds)
	r.add("writes_per_s", float64(d.writes.count)/seconds)
	r.add("read_bytes_per_s", float64(d.reads.sectors)*sectorBytes/seconds)
	r.add("write_bytes_per_s", float64(d.writes.sectors)*sectorBytes/seconds)
	r.add("reads_merged_per_s", float64(d.reads.merged)/seconds)
	r.add("writes_merged_per_s", float64(d.writes.merged)/seconds)
	r.add("read_await_ms", mean(d.reads.ticks, d.reads.count))
	r.add("write_await_ms", mean(d.writes.ticks, d.writes.count))
	r.add("await_ms", mean(all.ticks, all.count))
	r.add("queue_size", float64(d.queueTicks)/ms)
	r.add("read_request_bytes", mean(d.reads.sectors*sectorBytes, d.reads.count))
	r.add("write_request_bytes", mean(d.writes.sectors*sectorBytes, d.writes.count))
	r.add("request_bytes", mean(all.sectors*sectorBytes, all.count))
	r.add("utilization_percent", min(100, 100*float64(d.busyTicks)/ms)) // ticks are rounded
	if d.fields >= diskFieldsDiscard {
		r.add("discards_per_s", float64(d.discards.count)/seconds)
		r.add("discard_bytes_per_s", float64(d.discards.sectors)*sectorBytes/seconds)
		r.add("discards_merged_per_s", float64(d.discards.merged)/seconds)
		r.add("discard_await_ms", mean(d.discards.ticks, d.discards.count))
		r.add("discard_request_bytes", mean(d.discards.sectors*sectorBytes, d.discards.count))
	}
	if d.fields >= diskFieldsFlush {
		r.add("flushes_per_s", float64(d.flushes)/seconds)
		r.add("flush_await_ms", mean(d.flushTicks, d.flushes))
	}
}

// mean is sum/count, 0 of none.
func mean(sum, count uint64) float64 {
	if count == 0 {
		return 0
	}
	return float64(sum) / float64(count)
}
