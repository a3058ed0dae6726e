package machine

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"bwmon/traffic"
)

// sensors measures temperatures: those of hwmon chips (Documentation/hwmon/sysfs-interface.rst)
// and of thermal zones that are not such a chip as well.
type sensors struct {
	class string // /sys/class
	list  []*sensor
	found time.Time // when they were looked for
}

// sensor is one temperature.
type sensor struct {
	name     string // clean
	input    *procFile
	critical float64 // °C; 0: not known

	celsius float64
	err     error
	read    time.Time // zero: not since it was wanted
}

// Temperatures change slowly, and asking some chips costs milliseconds: a figure may be
// sensorAge old. Chips come and go with modules and disks.
const (
	sensorAge  = 5 * time.Second
	sensorHunt = 30 * time.Second
)

func newSensors(sys string) *sensors { return &sensors{class: filepath.Join(sys, "class")} }

func (s *sensors) close() {
	for _, one := range s.list {
		one.input.close()
	}
}

func (s *sensors) read(r *reading) {
	if s.found.IsZero() || r.at.Sub(s.found) >= sensorHunt {
		s.find()
		s.found = r.at
	}
	for _, one := range s.list {
		if !r.want(traffic.SeriesSensor, one.name) {
			one.read = time.Time{}
			continue
		}
		if one.read.IsZero() || r.at.Sub(one.read) >= sensorAge {
			one.celsius, one.err = milli(one.input)
			one.read = r.at
		}
		detail := ""
		if one.err == nil {
			r.add("temperature_celsius", one.celsius)
		} else {
			detail = traffic.CleanText(fmt.Sprintf("it does not tell its temperature: %v", cause(one.err)), traffic.MaxWord)
		}
		if one.critical != 0 {
			r.add("critical_celsius", one.critical)
		}
		r.done(detail)
	}
}

// cause is an error without the path it is about.
func cause(err error) error {
	var errno unix.Errno
	if errors.As(err, &errno) {
		return errno
	}
	return err
}

// find looks for all there are; those that are known stay as they are.
func (s *sensors) find() {
	known := make(map[string]*sensor, len(s.list))
	for _, one := range s.list {
		known[one.input.path] = one
	}
	list, chips := s.chips(nil)
	list = s.zones(list, chips)
	names := make(map[string]int, len(list))
	for i, one := range list {
		names[one.name]++
		if n := names[one.name]; n > 1 {
			one.name += fmt.Sprintf("#%d", n) // the second disk's
		}
		if old := known[one.input.path]; old != nil && old.name == one.name {
			list[i] = old
			delete(known, one.input.path)
		}
	}
	for _, gone := range known {
		gone.input.close()
	}
	s.list = list
}

// chips adds the temperatures of hwmon, called "chip/label", or "chip/temp1" where they
// have no label; chips are the names that were there.
func (s *sensors) chips(list []*sensor) (_ []*sensor, chips map[string]bool) {
	chips = make(map[string]bool)
	for _, dir := range numbered(filepath.Join(s.class, "hwmon"), "hwmon", "") {
		chip := smallFile(filepath.Join(dir, "name"))
		if chip == "" {
			chip = filepath.Base(dir)
		}
		chips[chip] = true
		for _, input := range numbered(dir, "temp", "_input") {
			stem := strings.TrimSuffix(input, "_input")
			label := smallFile(stem + "_label")
			if label == "" {
				label = filepath.Base(stem)
			}
			one := &sensor{name: traffic.CleanText(chip+"/"+label, traffic.MaxWord), input: newProcFile(input)}
			one.critical = milliWord(stem + "_crit")
			list = append(list, one)
		}
	}
	return list, chips
}

// zones adds the temperatures of thermal zones, called by their type. The kernel makes
// hwmon chips of many, with "_" for "-" in the name.
func (s *sensors) zones(list []*sensor, chips map[string]bool) []*sensor {
	for _, dir := range numbered(filepath.Join(s.class, "thermal"), "thermal_zone", "") {
		kind := smallFile(filepath.Join(dir, "type"))
		if kind == "" {
			kind = filepath.Base(dir)
		}
		if chips[kind] || chips[strings.ReplaceAll(kind, "-", "_")] {
			continue
		}
		one := &sensor{name: traffic.CleanText(kind, traffic.MaxWord), input: newProcFile(filepath.Join(dir, "temp"))}
		for _, trip := range numbered(dir, "trip_point_", "_type") {
			if smallFile(trip) == "critical" {
				one.critical = milliWord(strings.TrimSuffix(trip, "_type") + "_temp")
			}
		}
		list = append(list, one)
	}
	return list
}

// numbered lists what in a directory is called by the stem, a number and the end, by
// number.
func numbered(dir, stem, end string) []string {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil // the machine has none
	}
	type entry struct {
		path   string
		number uint64
	}
	var found []entry
	for _, e := range entries {
		rest, ok1 := strings.CutPrefix(e.Name(), stem)
		rest, ok2 := strings.CutSuffix(rest, end)
		if number, err := strconv.ParseUint(rest, 10, 32); ok1 && ok2 && err == nil {
			found = append(found, entry{filepath.Join(dir, e.Name()), number})
		}
	}
	slices.SortFunc(found, func(a, b entry) int { return cmp.Compare(a.number, b.number) })
	paths := make([]string, len(found))
	for i := range found {
		paths[i] = found[i].path
	}
	return paths
}

// smallFile is the text of a small file without the line's end, "" where there is none.
func smallFile(path string) string {
	f := newProcFile(path)
	defer f.close()
	text, err := f.read()
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(text))
}

// milli reads a file of one number, in thousandths.
func milli(f *procFile) (float64, error) {
	text, err := f.read()
	if err != nil {
		return 0, err
	}
	return parseMilli(text)
}

// parseMilli reads its text.
func parseMilli(text []byte) (float64, error) {
	n, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("want a number, got %q", text[:min(len(text), 40)])
	}
	return float64(n) / 1000, nil
}

// milliWord is that of a file read once, 0 where there is none or it makes no sense.
func milliWord(path string) float64 {
	f := newProcFile(path)
	defer f.close()
	value, err := milli(f)
	if err != nil {
		return 0
	}
	return value
}
