package fleet

import (
	"slices"

	"bwmon/traffic"
)

// MaxPublished is how many commands a host publishes by name, and how many LAN hosts;
// the others are one row of their app, and one of LAN hosts. Sums stay exact.
const MaxPublished = 2000

func addCommand(to, c *traffic.Command) {
	to.Usage, to.Resources = addUsage(to.Usage, c.Usage), to.Resources.Add(c.Resources)
	to.Processes, to.Connections = to.Processes+c.Processes, to.Connections+c.Connections
}

func addLANHost(to, h *traffic.LANHost) {
	to.Usage, to.Connections = addUsage(to.Usage, h.Usage), to.Connections+h.Connections
}

// least returns how many bytes a row has to have to be one of so many with most; 0 where
// all are.
func least(sizes []uint64, most int) uint64 {
	if len(sizes) <= most {
		return 0
	}
	slices.Sort(sizes)
	return sizes[len(sizes)-most] + 1
}

func size(u *traffic.Usage, r traffic.Resources) uint64 {
	return u.RxBytes + u.TxBytes + r.DiskReadBytes + r.DiskWriteBytes
}

// foldCommands leaves at most so many commands in s by name. The lists of s are its own.
func foldCommands(s *traffic.Snapshot, most int) {
	var sizes []uint64
	for i := range s.Apps {
		for j := range s.Apps[i].Commands {
			c := &s.Apps[i].Commands[j]
			sizes = append(sizes, size(&c.Usage, c.Resources))
		}
	}
	limit := least(sizes, most)
	if limit == 0 {
		return
	}
	for i := range s.Apps {
		a := &s.Apps[i]
		folded := traffic.Command{Command: traffic.CommandsFolded}
		n := len(a.Commands)
		a.Commands = slices.DeleteFunc(a.Commands, func(c traffic.Command) bool {
			small := c.Command == traffic.CommandsFolded || size(&c.Usage, c.Resources) < limit
			if small {
				addCommand(&folded, &c)
			}
			return small
		})
		if len(a.Commands) < n {
			a.Commands = append(a.Commands, folded)
		}
	}
}

// foldLANHosts does likewise.
func foldLANHosts(s *traffic.Snapshot, most int) {
	sizes := make([]uint64, len(s.LANHosts))
	for i := range s.LANHosts {
		sizes[i] = size(&s.LANHosts[i].Usage, traffic.Resources{})
	}
	limit := least(sizes, most)
	if limit == 0 {
		return
	}
	folded := traffic.LANHost{Name: traffic.HostsFolded}
	s.LANHosts = slices.DeleteFunc(s.LANHosts, func(h traffic.LANHost) bool {
		small := !h.Host.IsValid() || size(&h.Usage, traffic.Resources{}) < limit
		if small {
			addLANHost(&folded, &h)
		}
		return small
	})
	s.LANHosts = append(s.LANHosts, folded)
}
