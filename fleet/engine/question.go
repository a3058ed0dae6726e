package engine

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/prometheus/common/model"

	"bwmon/fleet"
	"bwmon/traffic"
)

// ErrQuestion is wrapped by errors that are the asker's: the text says what to ask
// instead.
var ErrQuestion = errors.New("the question is not right")

func question(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrQuestion, fmt.Sprintf(format, args...))
}

// plan is how a query is answered.
type plan struct {
	family   *family
	rx, tx   way
	matchers []string
	name     model.LabelName // whose values the rows are named by
	withApp  bool            // rows are told apart by app, too
}

// What a report may be by, of a host and of the fleet.
var (
	hostKinds = []string{traffic.ByApp, traffic.ByCommand, traffic.ByUser, traffic.ByContainer, traffic.ByUnit,
		traffic.ByLANHost, traffic.ByInterface, traffic.ByPipe, traffic.ByDisk}
	commandKinds = []string{traffic.ByCommand, traffic.ByUser, traffic.ByContainer, traffic.ByUnit}
	fleetKinds   = []string{traffic.ByApp, traffic.ByHost}
)

// check says what is wrong with a query about a host; "" is the fleet.
func (r *Reader) check(host string, q *traffic.Query) error {
	kinds := hostKinds
	if host == "" {
		kinds = fleetKinds
	}
	switch {
	case q.By == traffic.ByRemoteHost:
		return question("by: remote hosts are not published: ask the host itself")
	case !slices.Contains(kinds, q.By) && host == "":
		return question("by: of a fleet want one of %s; got %q: ask one host", strings.Join(kinds, ", "), q.By)
	case !slices.Contains(kinds, q.By):
		return question("by: want one of %s; got %q", strings.Join(kinds, ", "), q.By)
	case slices.Contains(commandKinds, q.By) && !r.opts.Commands:
		return question("by: the engine is not given commands, which it takes to know %ss: ask by %s, or have commands written", q.By, traffic.ByApp)
	case !slices.Contains([]string{"", traffic.OfTraffic, traffic.OfDisk}, q.Of):
		return question("of: want %s or %s; got %q", traffic.OfTraffic, traffic.OfDisk, q.Of)
	case q.Of == traffic.OfDisk && slices.Contains([]string{traffic.ByLANHost, traffic.ByInterface, traffic.ByPipe}, q.By):
		return question("of: disk bytes are not known by %s", q.By)
	case q.Top < 0:
		return question("top: want a number, or 0 for all; got %d", q.Top)
	case q.App != "" && q.By != traffic.ByCommand && q.By != traffic.ByHost:
		return question("app: keeps the commands, or hosts, of one app: want it with by %s or %s; got by %s", traffic.ByCommand, traffic.ByHost, q.By)
	case q.Percentile != 0:
		return question("percentile: is not known of an engine's books: ask the host itself")
	}
	return checkTime(q.From, q.To, q.Step)
}

// planOf is the plan of a query that makes sense.
func planOf(host string, q *traffic.Query) plan {
	p := plan{rx: received, tx: sent}
	if q.Of == traffic.OfDisk || q.By == traffic.ByDisk {
		p.rx, p.tx = read, written
	}
	if host != "" {
		p.matchers = append(p.matchers, equal("host", host))
	}
	switch q.By {
	case traffic.ByHost:
		p.family, p.name = families[kindBalance], "host"
		if q.App == "" && q.Of != traffic.OfDisk {
			p.matchers = append(p.matchers, equal("book", bookInterface))
		} else {
			p.family = families[fleet.KindApp]
		}
	case traffic.ByCommand, traffic.ByUser, traffic.ByContainer, traffic.ByUnit:
		p.family, p.name, p.withApp = families[fleet.KindCommand], model.LabelName(q.By), q.By == traffic.ByCommand
	case traffic.ByLANHost:
		p.family = families[fleet.KindLANHost]
	case traffic.ByInterface:
		p.family = families[fleet.KindInterface]
	case traffic.ByPipe:
		p.family = families[fleet.KindPipe]
	case traffic.ByDisk:
		p.family = families[kindDisk]
	default:
		p.family = families[fleet.KindApp]
	}
	if p.name == "" {
		p.name = model.LabelName(p.family.label)
	}
	switch q.App {
	case "":
	case traffic.Others:
		p.matchers = append(p.matchers, equal("app", traffic.AppOther))
	default:
		p.matchers = append(p.matchers, equal("app", q.App))
	}
	if q.Name != "" && q.Name != traffic.Others {
		p.matchers = append(p.matchers, equal(string(p.name), q.Name))
	}
	return p
}

// equal matches a label's value.
func equal(name, value string) string {
	return name + `="` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(cut(value)) + `"`
}

// selector selects the series of a metric.
func selector(metric string, matchers ...string) string {
	return metric + "{" + strings.Join(matchers, ",") + "}"
}
