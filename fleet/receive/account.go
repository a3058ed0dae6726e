package receive

import "bwmon/traffic"

// The totals of a row in the snapshot of the fleet.
const (
	rx = iota
	tx
	diskRead
	diskWrote
	cacheRead
	cacheWrote
	totals
)

// amounts are the totals of a row.
type amounts [totals]uint64

func amountsOf(a *traffic.App) amounts {
	return amounts{a.RxBytes, a.TxBytes, a.DiskReadBytes, a.DiskWriteBytes, a.CacheReadBytes, a.CacheWriteBytes}
}

func (a *amounts) add(o *amounts) {
	for i := range a {
		a[i] = sum(a[i], o[i])
	}
}

// levels are what is so now.
type levels struct {
	rate                   traffic.Rate
	read, wrote, cpu       float64
	memory                 uint64
	processes, connections int
}

func levelsOf(a *traffic.App) levels {
	return levels{
		rate: traffic.Rate{Rx: a.RxRate, Tx: a.TxRate}, read: a.DiskReadRate, wrote: a.DiskWriteRate, cpu: a.CPUPercent,
		memory: a.MemoryBytes, processes: count(a.Processes), connections: count(a.Connections),
	}
}

// count is n where so many can be.
func count(n int) int { return max(0, min(n, 1<<40)) }

func (l levels) add(o levels) levels {
	return levels{
		rate: l.rate.Add(o.rate), read: l.read + o.read, wrote: l.wrote + o.wrote, cpu: l.cpu + o.cpu,
		memory: sum(l.memory, o.memory), processes: l.processes + o.processes, connections: l.connections + o.connections,
	}
}

// account is one host in the fleet's books: what they have of it since the receiver knows
// it. The tally's mutex protects it.
type account struct {
	host  string
	lines map[string]*line  // its apps, as of its last snapshot
	cells []*cell           // of this host
	other *cell             // among them: of all apps that have no row; nil: none yet
	from  *traffic.Snapshot // entered last
	run   string            // of lines and of last
	last  [balances]uint64
	bytes [balances]uint64
	rate  traffic.Rate // of its interfaces
	turn  uint32       // of line.turn
	quiet bool         // it is silent: nothing is known of now
}

// line is an app in a host's own books.
type line struct {
	last amounts
	cell *cell // where it is counted
	turn uint32
}

// cell is one app on one host in the fleet's books.
type cell struct {
	row     *row
	account *account
	totals  amounts
	now     levels
	lines   int // how many are counted here

	// Of enter.
	changes [totals]int64
	next    levels
}

// The totals of a balance.
const (
	interfaceRx = iota
	interfaceTx
	localRx
	localTx
	forwardedRx
	forwardedTx
	unattributedRx
	unattributedTx
	balances
)

func balanceOf(b *traffic.Balance) [balances]uint64 {
	return [balances]uint64{b.InterfaceRx, b.InterfaceTx, b.LocalRx, b.LocalTx, b.ForwardedRx, b.ForwardedTx, b.UnattributedRx, b.UnattributedTx}
}

// balance is b as a Balance, with what it leaves.
func balance(b [balances]uint64) traffic.Balance {
	return traffic.Balance{
		InterfaceRx: b[interfaceRx], InterfaceTx: b[interfaceTx], LocalRx: b[localRx], LocalTx: b[localTx],
		ForwardedRx: b[forwardedRx], ForwardedTx: b[forwardedTx], UnattributedRx: b[unattributedRx], UnattributedTx: b[unattributedTx],
		ResidualRx: int64(b[interfaceRx] - b[localRx] - b[forwardedRx] - b[unattributedRx]),
		ResidualTx: int64(b[interfaceTx] - b[localTx] - b[forwardedTx] - b[unattributedTx]),
	}
}

// balanceBooks adds what the balance of a snapshot has more than the one before.
func (a *account) balanceBooks(s *traffic.Snapshot) {
	now := balanceOf(&s.Balance)
	for way := range 2 { // rx, tx
		had := []uint64{a.bytes[interfaceRx+way]}
		settle(had, []int64{int64(now[interfaceRx+way] - a.last[interfaceRx+way])})
		a.bytes[interfaceRx+way] = had[0]
		booked := []int{localRx + way, forwardedRx + way, unattributedRx + way}
		var totals [3]uint64
		var changes [3]int64
		for i, of := range booked {
			totals[i], changes[i] = a.bytes[of], int64(now[of]-a.last[of])
		}
		settle(totals[:], changes[:])
		for i, of := range booked {
			a.bytes[of] = totals[i]
		}
	}
	a.last = now
}

// rateOf makes the rate that of the interfaces of s.
func (a *account) rateOf(s *traffic.Snapshot) {
	a.rate = traffic.Rate{}
	for i := range s.Interfaces {
		if n := &s.Interfaces[i]; n.Balanced {
			a.rate = a.rate.Add(traffic.Rate{Rx: n.RxRate, Tx: n.TxRate})
		}
	}
}
