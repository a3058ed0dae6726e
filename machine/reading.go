package machine

import (
	"fmt"
	"strings"
	"time"

	"bwmon/traffic"
)

// reading is one look at the whole machine while it is taken.
type reading struct {
	at     time.Time // of the source that is read; with the monotonic clock
	things *things
	rates  bool // enough time has passed since the last reading for rates to mean something
	series []traffic.Series
	faults []string

	metrics traffic.Metrics // of all series, one after the other
	current traffic.Series
	from    int // where the current one's begin
}

// begin makes room for as much as there was the last time. The batch takes it away.
func (r *reading) begin() {
	series, metrics := r.things.begin()
	// Never nil: a batch without series says that nothing is measured.
	r.series, r.metrics = make([]traffic.Series, 0, series), make(traffic.Metrics, 0, metrics)
}

func (r *reading) end() { r.things.end(len(r.series), len(r.metrics)) }

// want notes that there is such a thing, and tells whether it shall be measured; then
// its series is begun. Kind and clean name are its own: of a second one it says no.
func (r *reading) want(kind, name string) bool {
	if !r.things.note(kind, name) {
		return false
	}
	r.start(kind, name)
	return true
}

// start begins the series of a thing that was noted and shall be measured.
func (r *reading) start(kind, name string) {
	r.current, r.from = traffic.Series{Kind: kind, Name: name}, len(r.metrics)
}

// add gives the series that was begun one more figure; none that is not finite.
func (r *reading) add(name string, value float64) { r.metrics = r.metrics.With(name, value) }

// done ends the series; detail says what is wrong with it.
func (r *reading) done(detail string) {
	r.current.Detail = detail
	r.current.Metrics = r.metrics[r.from:len(r.metrics):len(r.metrics)]
	r.series = append(r.series, r.current)
}

// fault notes what could not be read.
func (r *reading) fault(what string, err error) { r.note(fmt.Sprintf("%s: %v", what, err)) }

// note adds to the line on the monitor's condition.
func (r *reading) note(what string) {
	r.faults = append(r.faults, traffic.CleanText(what, traffic.MaxWord))
}

// detail is that line.
func (r *reading) detail() string {
	line := fmt.Sprintf("%d series", len(r.series))
	if len(r.faults) > 0 {
		line += "; " + strings.Join(r.faults, "; ")
	}
	return line
}

// share is the part of a whole in percent, 0 of nothing.
func share(part, whole float64) float64 {
	if whole <= 0 {
		return 0
	}
	return 100 * part / whole
}
