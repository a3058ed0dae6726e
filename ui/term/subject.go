package term

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"bwmon/traffic"
)

// subject is what a row is about, in the words that rules, the history and
// people know it by. The details pane shows it, and keys act on it.
type subject struct {
	title string     // for people; it may be long
	addr  netip.Addr // of a host
	// series is what the history is asked for; no By: it has none of this.
	series traffic.Query
	// names are what rules may know it by.
	names []ruled
	facts []fact
	// processes are those that a signal can be sent to, as far as they are listed.
	processes []process
	// tops is whom it exchanges most with, the busiest first; nil where that is
	// not asked. It may be empty while no connections are listed.
	tops      func() []top
	topsTitle string
	// thing is the ID by which what the row is about is started and stopped; "" for
	// none. off: it is not measured.
	thing string
	off   bool
	// alert is set for the row of an alert.
	alert *traffic.Alert
}

// ruled is a name that a rule of a kind may match; label is another one.
type ruled struct{ kind, name, label string }

// fact is one line of the details: what, and how it is.
type fact struct {
	label, text string
	long        bool // may take several lines
}

// top is one of those with most traffic.
type top struct {
	name  string
	addr  netip.Addr // for its name by reverse DNS; invalid for none
	usage traffic.Usage
}

// maxTops bounds the memory for the sums of one row's connections.
const maxTops = 10_000

// add adds a fact unless there is nothing to say.
func (s *subject) add(label, text string) *subject {
	if text != "" {
		s.facts = append(s.facts, fact{label: label, text: text})
	}
	return s
}

// words adds a fact of several names, in order and each once.
func (s *subject) words(one, many string, names []string) *subject {
	slices.Sort(names)
	names = slices.Compact(names)
	names = slices.DeleteFunc(names, func(n string) bool { return n == "" })
	const most = 6
	text := strings.Join(names[:min(len(names), most)], ", ")
	if more := len(names) - most; more > 0 {
		text += " and " + strconv.Itoa(more) + " more"
	}
	if len(names) > 1 {
		one = many
	}
	return s.add(one, text)
}

// maxProcesses bounds the processes of a row that are listed.
const maxProcesses = 100

// processesOf are a command's.
func processesOf(c *traffic.Command) []process {
	var out []process
	for _, pid := range c.PIDs {
		out = append(out, process{pid, c.Command})
	}
	return out
}

// processText lists processes.
func processText(list []process, processes int) string {
	if len(list) == 0 && processes == 0 {
		return ""
	}
	if len(list) == 0 {
		return strconv.Itoa(processes)
	}
	const most = 8
	var b strings.Builder
	for i, p := range list {
		if i == most {
			break
		}
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(strconv.Itoa(p.pid))
	}
	if more := max(processes, len(list)) - min(len(list), most); more > 0 {
		b.WriteString(" and " + strconv.Itoa(more) + " more")
	}
	return b.String()
}

// topRemotes sums connections by their other end.
func topRemotes(sc *scene, each func(func(f *traffic.FlowRow, place int))) []top {
	sums := make(map[netip.Addr]int)
	var list []top
	each(func(f *traffic.FlowRow, place int) {
		addr := f.Remote.Addr()
		i, ok := sums[addr]
		if !ok {
			if len(list) == maxTops {
				return
			}
			i = len(list)
			sums[addr] = i
			list = append(list, top{name: addr.String(), addr: addr})
		}
		list[i].usage = plus(list[i].usage, sc.usage(sc.memory.seatOf(ofConnections, place), f.Usage))
	})
	return busiest(list)
}

// busiest sorts the busiest first; of those at rest, who had most.
func busiest(list []top) []top {
	slices.SortFunc(list, func(a, b top) int {
		if d := totalRate(&b.usage) - totalRate(&a.usage); d != 0 {
			if d > 0 {
				return 1
			}
			return -1
		}
		if x, y := a.usage.RxBytes+a.usage.TxBytes, b.usage.RxBytes+b.usage.TxBytes; x != y {
			if x < y {
				return 1
			}
			return -1
		}
		return strings.Compare(a.name, b.name)
	})
	return list
}

func plus(a, b traffic.Usage) traffic.Usage {
	return traffic.Usage{
		RxBytes: a.RxBytes + b.RxBytes, TxBytes: a.TxBytes + b.TxBytes,
		RxRate: a.RxRate + b.RxRate, TxRate: a.TxRate + b.TxRate,
	}
}
