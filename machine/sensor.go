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
	class    string // /sys/class
	list     []*sensor
	found    time.Time // when they were looked for
	patience time.Duration
	milli    func(path string) (float64, error)

	// answers has room for whatever was asked, so that nobody waits to put one in.
	answers     chan temperature
	outstanding int
}

// sensor is one temperature.
type sensor struct {
	name     string  // clean
	chip     string  // the directory of the device that has it
	input    string  // the file that tells it
	limit    string  // the file that tells what is critical; "": none, or it is known
	critical float64 // °C; 0: not known

	wanted  bool
	asked   time.Time // zero: no question is open
	celsius float64
	err     error
	read    time.Time // when it was asked for its latest answer; zero: not since it was wanted
}

// temperature is what a sensor said.
type temperature struct {
	of                *sensor
	celsius, critical float64
	err               error
}

// Temperatures change slowly, and asking some chips costs milliseconds: a figure may be
// sensorAge old, and twice that where the chip takes its time to answer. Chips come and
// go with modules and disks.
const (
	sensorAge  = 5 * time.Second
	sensorHunt = 30 * time.Second
)

// sensorPatience is how long all chips together may take to answer: a disk that is dying
// can hold who asks it for tens of seconds.
const sensorPatience = 250 * time.Millisecond

// maxSensors bounds how many are asked, and so what dead ones hold.
const maxSensors = 1024

func newSensors(sys string) *sensors {
	return &sensors{
		class: filepath.Join(sys, "class"), patience: sensorPatience, milli: milliFile,
		answers: make(chan temperature, maxSensors),
	}
}

func (s *sensors) close() {}

func (s *sensors) read(r *reading) {
	if s.found.IsZero() || r.at.Sub(s.found) >= sensorHunt {
		s.find()
		s.found = r.at
	}
	for _, one := range s.list {
		if one.wanted = r.things.note(traffic.SeriesSensor, one.name); !one.wanted {
			one.read = time.Time{}
		}
	}
	s.ask(r.at)
	for _, one := range s.list {
		if !one.wanted {
			continue
		}
		if errors.Is(one.err, unix.ENOENT) { // its chip is gone
			s.found = time.Time{}
			continue
		}
		r.start(traffic.SeriesSensor, one.name)
		detail := one.detail(r.at)
		if detail == "" {
			r.add("temperature_celsius", one.celsius)
		}
		if one.critical != 0 {
			r.add("critical_celsius", one.critical)
		}
		r.done(detail)
	}
}

// detail says why there is no temperature, "" where there is one.
func (one *sensor) detail(at time.Time) string {
	switch {
	case one.read.IsZero() || at.Sub(one.read) >= 2*sensorAge:
		if one.asked.IsZero() {
			return "not asked: its chip, or too many others, do not answer"
		}
		return fmt.Sprintf("has not answered for %v", at.Sub(one.asked).Round(time.Second))
	case one.err != nil:
		return traffic.CleanText(fmt.Sprintf("it does not tell its temperature: %v", cause(one.err)), traffic.MaxWord)
	}
	return ""
}

// ask asks the wanted sensors whose figures are old, those of a chip one after the other
// and no chip that owes an answer, and takes the answers that come in time, late ones of
// former readings among them.
func (s *sensors) ask(at time.Time) {
	busy := make(map[string]bool)
	for _, one := range s.list {
		busy[one.chip] = busy[one.chip] || !one.asked.IsZero()
	}
	due := make(map[string][]temperature)
	waiting := 0
	for _, one := range s.list {
		old := one.read.IsZero() || at.Sub(one.read) >= sensorAge
		if one.wanted && old && !busy[one.chip] && s.outstanding < cap(s.answers) {
			one.asked = at
			s.outstanding++
			waiting++
			due[one.chip] = append(due[one.chip], temperature{of: one})
		}
	}
	for _, questions := range due {
		go s.tell(questions)
	}
	patience := time.NewTimer(s.patience)
	defer patience.Stop()
	for waiting > 0 || len(s.answers) > 0 {
		select {
		case a := <-s.answers:
			if a.of.asked == at {
				waiting--
			}
			s.outstanding--
			a.of.take(&a)
		case <-patience.C:
			return
		}
	}
}

// tell asks the sensors of one chip.
func (s *sensors) tell(questions []temperature) {
	for _, q := range questions {
		q.celsius, q.err = s.milli(q.of.input)
		if q.of.limit != "" {
			q.critical, _ = s.milli(q.of.limit)
		}
		s.answers <- q
	}
}

func (one *sensor) take(a *temperature) {
	if one.wanted {
		one.read = one.asked
	}
	one.asked, one.celsius, one.err = time.Time{}, a.celsius, a.err
	if a.critical != 0 {
		one.critical, one.limit = a.critical, ""
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

// find looks for all there are; those that are known stay as they are. It reads what the
// kernel knows by itself, and asks no chip.
func (s *sensors) find() {
	known := make(map[string]*sensor, len(s.list))
	for _, one := range s.list {
		known[one.input] = one
	}
	list, chips := s.chips(nil)
	list = s.zones(list, chips)
	names := make(map[string]int, len(list))
	for i, one := range list {
		names[one.name]++
		if n := names[one.name]; n > 1 {
			one.name += fmt.Sprintf("#%d", n) // the second disk's
		}
		if old := known[one.input]; old != nil && old.name == one.name {
			list[i] = old // it may owe an answer
		}
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
			one := &sensor{name: traffic.CleanText(chip+"/"+label, traffic.MaxWord), chip: dir, input: input}
			if _, err := os.Lstat(stem + "_crit"); err == nil {
				one.limit = stem + "_crit"
			}
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
		one := &sensor{name: traffic.CleanText(kind, traffic.MaxWord), chip: dir, input: filepath.Join(dir, "temp")}
		for _, trip := range numbered(dir, "trip_point_", "_type") {
			if smallFile(trip) == "critical" {
				one.limit = strings.TrimSuffix(trip, "_type") + "_temp"
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

// milliFile reads a file of one number, in thousandths.
func milliFile(path string) (float64, error) {
	f := newProcFile(path)
	defer f.close()
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
