package aggregate

import (
	"bwmon/traffic"
)

// source is the ledger's view of one monitor. There are as many as monitors
// are configured.
type source struct {
	name       string
	filter     Filter
	verdicts   verdicts
	window     window
	flows      flowIndex
	interfaces interfaces
	workers    map[process]*worker
	leavers    []leaver // in the order in which they left
	series     []traffic.Series
	restarts   uint64 // counters seen to go down
}

// app returns the name of o's app as this source's filter and rules have it; a
// label stands in place of what the rules say.
func (s *source) app(o *traffic.Owner, label string, rules Rules) string {
	switch {
	case o == nil && label == "":
		return traffic.AppUnattributed
	case o != nil && o.IsKernel():
		return traffic.AppKernel
	case label != "" && (o == nil || s.filter.admits(o)):
		return unreserved(label)
	}
	return s.verdicts.app(o, func(o *traffic.Owner) string {
		if !s.filter.admits(o) {
			return AppExcluded
		}
		return rules.App(o)
	})
}
