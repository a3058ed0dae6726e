package term

import (
	"math"
	"strings"

	"bwmon/traffic"
)

// plotted is what a chart shows: one figure from its axis up, and where there is
// another that from it down.
type plotted struct {
	up, down string // their names; no up: nothing, no down: the one only
	unit     traffic.Unit
	floor    float64 // the least figure that the whole height stands for
}

// traded is the chart of rows of traffic. Its rates are in the units chosen, bits
// too.
var traded = plotted{up: "rx", down: "tx", floor: chartFloor}

// gauge is the figure that a series is known by.
type gauge struct {
	plotted
	value      float64
	rise, drop float64
	known      bool
}

// seriesIdentity is that of a row of a series.
func seriesIdentity(s *traffic.Series) identity {
	if s.Kind == traffic.SeriesDisk {
		return identity{of: ofDisks, name: s.Name}
	}
	return identity{of: ofSeries, app: s.Kind, name: s.Name}
}

// get is a metric of a series, 0 for none.
func get(s *traffic.Series, name string) float64 {
	v, _ := s.Metrics.Get(name)
	return v
}

// seriesUsage is what is remembered of a series: of a disk what was read and
// written, of others the level of the figure they are known by.
func seriesUsage(s *traffic.Series) traffic.Usage {
	if s.Kind == traffic.SeriesDisk {
		return traffic.Usage{
			RxBytes: whole(get(s, "read_bytes")), TxBytes: whole(get(s, "write_bytes")),
			RxRate: get(s, "read_bytes_per_s"), TxRate: get(s, "write_bytes_per_s"),
		}
	}
	g := gaugeOf(s)
	return traffic.Usage{RxRate: g.rise, TxRate: g.drop}
}

// whole is a total that was a float.
func whole(v float64) uint64 {
	if v > 0 && v < math.MaxInt64 {
		return uint64(v)
	}
	return 0
}

// gaugeOf picks the figure that a series is known by.
func gaugeOf(s *traffic.Series) gauge {
	if len(s.Metrics) == 0 {
		return gauge{}
	}
	switch s.Kind {
	case traffic.SeriesCPU, traffic.SeriesMemory, traffic.SeriesSwap, traffic.SeriesMount:
		return single(s, "used_percent")
	case traffic.SeriesLoad:
		return single(s, "load1")
	case traffic.SeriesPressure:
		return single(s, "some_percent")
	case traffic.SeriesSensor:
		return single(s, "temperature_celsius")
	case traffic.SeriesInterface:
		return double("rx errors and drops", "tx errors and drops", traffic.UnitPerSecond,
			get(s, "rx_errors_per_s")+get(s, "rx_drops_per_s"), get(s, "tx_errors_per_s")+get(s, "tx_drops_per_s"))
	case traffic.SeriesContainer, traffic.SeriesUnit, traffic.SeriesDisk:
		return double("read", "write", traffic.UnitBytesPerSecond, get(s, "read_bytes_per_s"), get(s, "write_bytes_per_s"))
	}
	if g := single(s, "response_ms", "connect_ms", "sockets"); !answers(g.up) {
		return g
	}
	return gauge{} // the state says it
}

// answers reports whether a metric only says whether a probe was answered, as its
// state does too.
func answers(metric string) bool { return metric == "up" || metric == "listening" }

// single is the first of the metrics that a series has, or its first of all; it has
// one at least.
func single(s *traffic.Series, names ...string) gauge {
	for _, name := range names {
		if v, ok := s.Metrics.Get(name); ok {
			return level(name, v)
		}
	}
	return level(s.Metrics[0].Name, s.Metrics[0].Value)
}

// level is the gauge of one figure.
func level(name string, v float64) gauge {
	g := gauge{plotted: plotted{up: name, unit: traffic.UnitOf(name), floor: 1}, value: v, rise: v, known: true}
	switch g.unit {
	case traffic.UnitPercent, traffic.UnitCelsius:
		g.floor = 100
	case traffic.UnitBytes, traffic.UnitBytesPerSecond:
		g.floor = chartFloor
	}
	return g
}

// double is the gauge of two figures of one unit, known by their sum.
func double(up, down string, unit traffic.Unit, rise, drop float64) gauge {
	g := level(up, rise)
	g.down, g.unit, g.floor = down, unit, 1
	if unit == traffic.UnitBytesPerSecond {
		g.floor = chartFloor
	}
	g.value, g.drop = rise+drop, drop
	return g
}

// The states of a series.
const (
	seriesFine  = "ok"
	seriesDown  = "down"  // what is probed does not answer
	seriesWrong = "wrong" // its Detail says what
	seriesOff   = "off"   // it is not measured
)

// seriesState is what a series is like.
func seriesState(s *traffic.Series) string {
	if s.Kind == traffic.SeriesProbe {
		for i := range s.Metrics {
			if m := &s.Metrics[i]; answers(m.Name) && m.Value == 0 {
				return seriesDown
			}
		}
	}
	switch {
	case s.Detail == "":
		return seriesFine
	case s.Kind == traffic.SeriesProbe && len(s.Metrics) == 0:
		return seriesDown
	}
	return seriesWrong
}

// wrongSeries counts the series with which something is wrong: of disks, or of all
// others.
func wrongSeries(s *traffic.Snapshot, disks bool) int {
	n := 0
	for i := range s.Series {
		if (s.Series[i].Kind == traffic.SeriesDisk) == disks && seriesState(&s.Series[i]) != seriesFine {
			n++
		}
	}
	return n
}

// metricWords writes a metric's name without its unit, for people.
func metricWords(name string) string {
	if unit := traffic.UnitOf(name); unit != traffic.UnitNone {
		for _, end := range [...]string{"_bytes_per_s", "_per_s", "_bytes", "_ms", "_s", "_percent", "_celsius"} {
			if s, ok := strings.CutSuffix(name, end); ok {
				name = s
				break
			}
		}
	}
	return strings.ReplaceAll(clean(name), "_", " ")
}
