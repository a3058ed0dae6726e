package pipe

import (
	"errors"
	"fmt"
	"time"

	"bwmon/traffic"
)

// Bounds of what a Desk keeps: those who report are anybody who may connect.
const (
	maxReporters  = 1000
	maxOfUser     = 100     // reporters, of each user but root
	maxDeskFlows  = 200_000 // of all reporters
	maxUserFlows  = 20_000  // of each user but root
	maxLabels     = 10      // of each reporter
	maxPlausible  = 1 << 48 // bytes of one flow: a petabyte is more than three times as much
	relayedMemory = 10 * time.Second
	// manyDone flows whose end is known are forgotten at once, and not only with
	// the next batch.
	manyDone = 1000
	// silence is after how long it is looked whether a reporter's number has passed
	// to another process: who is there says so more often.
	silence = 10 * time.Second
)

// check reports what is wrong with a report; from is nil for the first of a life.
func (d *Desk) check(p Peer, r *Report, from *reporter) error {
	switch {
	case p.PID <= 0:
		return errors.New("the kernel does not say which process reports: it is in another pid namespace")
	case r.Kind != KindPipe && r.Kind != KindForward:
		return fmt.Errorf("kind: want %s or %s", KindPipe, KindForward)
	case len(r.Flows) > MaxReported || len(r.Done) > MaxReported:
		return fmt.Errorf("flows: want at most %d in one report", MaxReported)
	}
	if from == nil {
		ofUser := 0
		for _, other := range d.reporters {
			if other.peer.UID == p.UID {
				ofUser++
			}
		}
		if len(d.reporters) >= maxReporters || p.UID != 0 && ofUser >= maxOfUser {
			return errors.New("too many pipes and relays report already")
		}
		from = &reporter{}
	}
	fresh := 0
	for i := range r.Flows {
		f := &r.Flows[i]
		known := from.flows[f.ID]
		switch {
		case i > 0 && f.ID <= r.Flows[i-1].ID:
			return fmt.Errorf("flow %d: want the flows by their ids, ascending", f.ID)
		case f.Proto != uint8(traffic.Pipe) && f.Proto != uint8(traffic.TCP):
			return fmt.Errorf("flow %d: proto: want %d or %d", f.ID, traffic.Pipe, traffic.TCP)
		case !f.Total.atLeast(f.Taken):
			return fmt.Errorf("flow %d: its total is below what was taken of it", f.ID)
		case f.Total.Rx >= maxPlausible || f.Total.Tx >= maxPlausible:
			return fmt.Errorf("flow %d: its total is not of this world", f.ID)
		case known == nil:
			fresh++
		case !f.Total.atLeast(known.last) || known.sample.Final && f.Total != known.last:
			return fmt.Errorf("flow %d: its total went down, or changed after its end", f.ID)
		}
	}
	if d.flows+fresh > maxDeskFlows || p.UID != 0 && d.byUser[p.UID]+fresh > maxUserFlows {
		return errors.New("flows: there are too many")
	}
	return nil
}
