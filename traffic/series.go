package traffic

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Series is one thing of the machine that is measured beside the rows of traffic: a
// disk, a mount, the memory, what a probe found. Its kind and name tell it from all
// others of the host.
type Series struct {
	Kind string `json:"kind"`
	Name string `json:"name"` // "" of what a host has one of
	// Detail says in a line what is wrong with it; "" where nothing is. Figures that
	// cannot be had are missing, not zero.
	Detail  string  `json:"detail,omitempty"`
	Metrics Metrics `json:"metrics"`
}

// The kinds of series. Of disks and the like rx is what was read and tx what was
// written, where rows have both.
const (
	SeriesCPU       = "cpu"       // of all processors together
	SeriesLoad      = "load"      // runnable and waiting processes
	SeriesMemory    = "memory"    //
	SeriesSwap      = "swap"      //
	SeriesPressure  = "pressure"  // time lost by waiting for cpu, memory or io
	SeriesDisk      = "disk"      // a block device
	SeriesMount     = "mount"     // a file system, by where it is mounted
	SeriesInterface = "interface" // errors and drops of a network interface
	SeriesSensor    = "sensor"    // a temperature
	SeriesContainer = "container" // storage I/O of a container, by its cgroup
	SeriesUnit      = "unit"      // likewise of a systemd unit
	SeriesProbe     = "probe"     // what a probe of that name found
	SeriesHost      = "host"      // a member of a fleet: silent_s, clock_s, waiting, …
	SeriesPerf      = "perf"      // figures that a host posted by itself
)

// SeriesID is how a series is called on every surface: "disk:sda", "mount:/var",
// "memory".
func SeriesID(kind, name string) string {
	if name == "" {
		return kind
	}
	return kind + ":" + name
}

// ID is the series's name on every surface.
func (s *Series) ID() string { return SeriesID(s.Kind, s.Name) }

// Metric is one figure of a series at one moment. The end of its name says its unit:
// _bytes, _bytes_per_s, _per_s (events), _ms, _s, _percent (0 to 100, of all
// processors together where it is of them), _celsius; else it is a plain number. What
// ends in _total counts since the kernel or the monitor began; read_bytes and
// write_bytes of a disk are such totals, too: exact, since they are whole sectors.
type Metric struct {
	Name  string
	Value float64 // finite
}

// Metrics are the figures of a series, in the order in which they are shown. Their
// JSON is an object.
type Metrics []Metric

// Get returns a figure, and whether there is one.
func (m Metrics) Get(name string) (float64, bool) {
	for i := range m {
		if m[i].Name == name {
			return m[i].Value, true
		}
	}
	return 0, false
}

// With is m with one more figure; without it if it is not finite.
func (m Metrics) With(name string, value float64) Metrics {
	if math.IsNaN(value) || math.IsInf(value, 0) {
		return m
	}
	return append(m, Metric{name, value})
}

// MarshalJSON leaves out what JSON has no number for.
func (m Metrics) MarshalJSON() ([]byte, error) {
	b := append(make([]byte, 0, 2+32*len(m)), '{')
	for i := range m {
		if math.IsNaN(m[i].Value) || math.IsInf(m[i].Value, 0) {
			continue
		}
		if len(b) > 1 {
			b = append(b, ',')
		}
		name, err := json.Marshal(m[i].Name)
		if err != nil {
			return nil, err
		}
		b = append(append(b, name...), ':')
		if v := m[i].Value; v == math.Trunc(v) && math.Abs(v) < math.MaxInt64 {
			b = strconv.AppendInt(b, int64(v), 10) // to the last digit
		} else {
			b = strconv.AppendFloat(b, v, 'g', -1, 64)
		}
	}
	return append(b, '}'), nil
}

// UnmarshalJSON keeps the order of the document.
func (m *Metrics) UnmarshalJSON(document []byte) error {
	*m = nil
	d := json.NewDecoder(bytes.NewReader(document))
	open, err := d.Token()
	if err != nil {
		return err
	}
	if open == nil { // null
		return nil
	}
	if open != json.Delim('{') {
		return fmt.Errorf("want an object of numbers, got %v", open)
	}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return err
		}
		var value *float64
		if err := d.Decode(&value); err != nil {
			return fmt.Errorf("%v: %w", name, err)
		}
		if value != nil { // null is a figure that is missing
			*m = append(*m, Metric{name.(string), *value})
		}
	}
	_, err = d.Token()
	return err
}

// Unit is what a metric's figure is in.
type Unit string

// The units.
const (
	UnitNone           Unit = ""
	UnitBytes          Unit = "bytes"
	UnitBytesPerSecond Unit = "bytes/s"
	UnitPerSecond      Unit = "/s"
	UnitMilliseconds   Unit = "ms"
	UnitSeconds        Unit = "s"
	UnitPercent        Unit = "%"
	UnitCelsius        Unit = "°C"
)

// UnitOf is the unit that a metric's name says.
func UnitOf(metric string) Unit {
	metric = strings.TrimSuffix(metric, "_total")
	for _, u := range []struct {
		end  string
		unit Unit
	}{
		{"bytes_per_s", UnitBytesPerSecond}, {"per_s", UnitPerSecond}, {"bytes", UnitBytes}, {"ms", UnitMilliseconds},
		{"percent", UnitPercent}, {"celsius", UnitCelsius}, {"s", UnitSeconds},
	} {
		if metric == u.end || strings.HasSuffix(metric, "_"+u.end) {
			return u.unit
		}
	}
	return UnitNone
}

// Resources is what the processes of a row used of the machine beside the network.
// All *_bytes but MemoryBytes are totals since the monitors started.
type Resources struct {
	// DiskReadBytes and DiskWriteBytes are storage I/O: what the kernel fetched from
	// and will send to storage for these processes (proc_pid_io(5), read_bytes and
	// write_bytes).
	DiskReadBytes  uint64  `json:"disk_read_bytes"`
	DiskWriteBytes uint64  `json:"disk_write_bytes"`
	DiskReadRate   float64 `json:"disk_read_rate"`
	DiskWriteRate  float64 `json:"disk_write_rate"`
	// CacheReadBytes and CacheWriteBytes are what they asked for with read and write
	// calls, from whatever: cache, storage, pipes, terminals (rchar and wchar).
	// Rows of commands that ended without traffic and storage I/O are taken away, and
	// these with them.
	CacheReadBytes  uint64  `json:"cache_read_bytes"`
	CacheWriteBytes uint64  `json:"cache_write_bytes"`
	CPUPercent      float64 `json:"cpu_percent"`  // of one processor
	MemoryBytes     uint64  `json:"memory_bytes"` // resident now; shared pages count for each
}

// Add is both together.
func (r Resources) Add(o Resources) Resources {
	r.DiskReadBytes += o.DiskReadBytes
	r.DiskWriteBytes += o.DiskWriteBytes
	r.DiskReadRate += o.DiskReadRate
	r.DiskWriteRate += o.DiskWriteRate
	r.CacheReadBytes += o.CacheReadBytes
	r.CacheWriteBytes += o.CacheWriteBytes
	r.CPUPercent += o.CPUPercent
	r.MemoryBytes += o.MemoryBytes
	return r
}

// Metrics are the figures of r as rules and surfaces call them.
func (r *Resources) Metrics() Metrics {
	return Metrics{
		{"disk_read_bytes_per_s", r.DiskReadRate}, {"disk_write_bytes_per_s", r.DiskWriteRate},
		{"disk_read_bytes", float64(r.DiskReadBytes)}, {"disk_write_bytes", float64(r.DiskWriteBytes)},
		{"cpu_percent", r.CPUPercent}, {"memory_bytes", float64(r.MemoryBytes)},
	}
}

// Thing is something that can be measured, whether it is or not: a series by its ID,
// or a monitor by its name.
type Thing struct {
	ID     string `json:"id"`
	Kind   string `json:"kind"`
	Name   string `json:"name"`
	Active bool   `json:"active"` // it is measured
	Detail string `json:"detail,omitempty"`
}
