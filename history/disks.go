package history

import "bwmon/traffic"

// device is one block device as Snapshots list it.
type device struct {
	booked total
	tick   uint32 // in which it was seen last
}

// disks are the block devices whose totals are known. One that is not listed for a
// while, because its monitor was stopped, goes on where it was.
type disks struct {
	known map[string]*device
	tick  uint32
}

// maxDisks is how many are remembered although they are not listed.
const maxDisks = 1000

// take books what each device read (rx) and wrote (tx) since it was listed last. One
// whose totals fell is another one, or began anew: all that it shows is new.
func (d *disks) take(list []traffic.Series, book func(name string, o octets)) {
	d.tick++
	for i := range list {
		s := &list[i]
		if s.Kind != traffic.SeriesDisk || s.Name == "" {
			continue
		}
		read, hasRead := s.Metrics.Get("read_bytes")
		written, hasWritten := s.Metrics.Get("write_bytes")
		if !hasRead || !hasWritten || !isTotal(read) || !isTotal(written) {
			continue
		}
		v := d.known[s.Name]
		if v == nil {
			d.makeRoom()
			v = &device{}
			d.known[s.Name] = v
		}
		if v.tick == d.tick {
			continue // two monitors measure it: one is enough
		}
		now := total{uint64(read), uint64(written)}
		if !now.atLeast(v.booked) {
			v.booked = total{}
		}
		if o := now.less(v.booked); o != (octets{}) {
			book(s.Name, o)
		}
		v.booked, v.tick = now, d.tick
	}
}

// makeRoom forgets what is not listed, where too many are known.
func (d *disks) makeRoom() {
	if d.known == nil {
		d.known = make(map[string]*device)
	}
	if len(d.known) < maxDisks {
		return
	}
	for name, v := range d.known {
		if d.tick-v.tick > 1 {
			delete(d.known, name)
		}
	}
}

// isTotal reports whether a figure can be a count of bytes: no more than floating
// point has to the last byte, 8 PiB.
func isTotal(v float64) bool { return v >= 0 && v <= 1<<53 }
