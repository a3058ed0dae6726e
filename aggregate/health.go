package aggregate

import (
	"fmt"
	"strings"

	"bwmon/traffic"
)

// report is what a monitor's keeper says: a batch, or the end of a run.
type report struct {
	index int
	batch *traffic.Batch

	err   error // why the run ended
	early bool  // before it was asked to
}

// health is the state of one monitor.
type health struct {
	traffic.MonitorStatus
	lost uint64 // as the present run has it
}

func newHealth(name string) health {
	kind, _, _ := strings.Cut(name, ":")
	return health{MonitorStatus: traffic.MonitorStatus{Name: name, Kind: kind, State: traffic.StateStarting}}
}

func (h *health) note(r report) {
	switch {
	case r.batch != nil:
		h.State, h.Detail = traffic.StateRunning, r.batch.Detail
		// A monitor that runs anew may count its losses anew; what was lost
		// before stays lost.
		if r.batch.Lost < h.lost {
			h.lost = 0
		}
		h.Lost += r.batch.Lost - h.lost
		h.lost = r.batch.Lost
	case r.err != nil:
		h.State, h.Detail = traffic.StateFailed, traffic.CleanText(r.err.Error(), traffic.MaxWord)
	default:
		h.State = traffic.StateStopped
	}
}

// status is the health as published. Counters that restarted are bytes that
// somebody else's zeroing may have cost, so they are shown.
func (h *health) status(restarts uint64) traffic.MonitorStatus {
	s := h.MonitorStatus
	if restarts > 0 {
		note := fmt.Sprintf("%d counters restarted", restarts)
		if restarts == 1 {
			note = "1 counter restarted"
		}
		if s.Detail != "" {
			note = s.Detail + "; " + note
		}
		s.Detail = note
	}
	return s
}
