package aggregate

import "slices"

// process is a process's identity: a pid alone may be used again.
type process struct {
	pid   int
	start uint64
}

// crew is the processes behind the flows of an account or app, and those that work for
// it without any.
type crew struct {
	members map[process]presence
	open    int   // members with an open flow
	pids    []int // as published, never written to again; nil: to be made anew
}

// presence counts a process's flows in an account: all, and the open ones.
type presence struct{ listed, open int32 }

// maxPIDs bounds the pids published for one command.
const maxPIDs = 100

func (c *crew) join(p process, open bool) {
	if c.members == nil {
		c.members = make(map[process]presence)
	}
	m := c.members[p]
	if m.listed == 0 {
		c.pids = nil
	}
	m.listed++
	c.members[p] = m
	if open {
		c.flowOpened(p)
	}
}

func (c *crew) leave(p process, open bool) {
	if open {
		c.flowEnded(p)
	}
	m := c.members[p]
	m.listed--
	if m.listed > 0 {
		c.members[p] = m
		return
	}
	c.pids = nil
	delete(c.members, p)
	if len(c.members) == 0 {
		c.members = nil // a map keeps the size it once had
	}
}

func (c *crew) flowOpened(p process) {
	m := c.members[p]
	if m.open == 0 {
		c.open++
	}
	m.open++
	c.members[p] = m
}

func (c *crew) flowEnded(p process) {
	m := c.members[p]
	m.open--
	if m.open == 0 {
		c.open--
	}
	c.members[p] = m
}

// sortedPIDs returns the lowest pids, ascending, each once.
func (c *crew) sortedPIDs() []int {
	if c.pids == nil {
		pids := make([]int, 0, len(c.members))
		for p := range c.members {
			pids = append(pids, p.pid)
		}
		slices.Sort(pids)
		pids = slices.Compact(pids)
		if len(pids) > maxPIDs {
			pids = slices.Clone(pids[:maxPIDs])
		}
		c.pids = pids
	}
	return c.pids
}
