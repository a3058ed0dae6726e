package aggregate

import (
	"fmt"
	"strings"

	"bwmon/traffic"
)

// report is what a monitor's keeper says: a batch, or the end of a run.
type report struct {
	member *member
	batch  *traffic.Batch

	err   error // why the run ended
	early bool  // before it was asked to
	off   bool  // it was stopped, and may be started
}

// maxDetail bounds the text of a monitor's condition, in bytes. Errors name
// what, where and the cure.
const maxDetail = 1024

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
		h.State, h.Detail = traffic.StateRunning, traffic.CleanText(r.batch.Detail, maxDetail)
		h.Lost += r.batch.Lost - min(h.lost, r.batch.Lost)
		h.lost = r.batch.Lost
		return
	case r.off:
		h.State, h.Detail = traffic.StateStopped, "as it was asked to"
		if r.err != nil {
			h.Detail += ", and said: " + traffic.CleanText(r.err.Error(), maxDetail)
		}
	case r.err != nil:
		h.State, h.Detail = traffic.StateFailed, traffic.CleanText(r.err.Error(), maxDetail)
	case r.early:
		h.State = traffic.StateStopped
	}
	h.lost = 0 // what the next run loses is counted anew, and adds to this
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
