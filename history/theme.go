package history

import (
	"slices"
	"strings"

	"bwmon/traffic"
)

// theme is the kind of series that a piece of trends is of. Its numbers are in files.
type theme uint8

// themeNames are the kinds of series; "" stands for all that are not listed.
var themeNames = [...]string{
	"", traffic.SeriesCPU, traffic.SeriesLoad, traffic.SeriesMemory, traffic.SeriesSwap, traffic.SeriesPressure,
	traffic.SeriesDisk, traffic.SeriesMount, traffic.SeriesInterface, traffic.SeriesSensor,
	traffic.SeriesContainer, traffic.SeriesUnit, traffic.SeriesProbe,
	traffic.SeriesHost, traffic.SeriesPerf,
}

const themes = theme(len(themeNames))

func themeOf(kind string) theme { return theme(max(0, slices.Index(themeNames[:], kind))) }

// themeOfID is that of a series's ID.
func themeOfID(id string) theme {
	kind, _, _ := strings.Cut(id, ":")
	return themeOf(kind)
}

// themeIn is that of a new series.
func themeIn(k kind, name string) theme {
	if k == kindSeries {
		return themeOfID(name)
	}
	return 0
}

// isSum reports whether a metric counts: a mean of it says nothing. Those of disks are
// kept as bytes are.
func isSum(kind, metric string) bool {
	if strings.HasSuffix(metric, "_total") {
		return true
	}
	switch kind {
	case traffic.SeriesDisk, traffic.SeriesContainer, traffic.SeriesUnit:
		return metric == "read_bytes" || metric == "write_bytes"
	}
	return false
}
