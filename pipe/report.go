package pipe

import (
	"cmp"
	"crypto/rand"
	"encoding/binary"
	"net/netip"
	"slices"
	"sync"

	"bwmon/traffic"
)

// Report is what a pipe or a relay tells a daemon, and the document that goes over
// its socket. Counts are running totals since the life began.
type Report struct {
	Life  uint64         `json:"life"` // one number for each life of a process
	Kind  string         `json:"kind"` // KindPipe or KindForward
	Flows []ReportedFlow `json:"flows"`
	// Done are flows that ended and of whose end the daemon knows.
	Done []uint64 `json:"done,omitempty"`
}

// The kinds of who reports.
const (
	KindPipe    = "pipe"
	KindForward = "forward"
)

// ReportedFlow is one flow of a Report.
type ReportedFlow struct {
	ID     uint64         `json:"id"` // unique in the life
	Proto  uint8          `json:"proto"`
	Local  netip.AddrPort `json:"local"`
	Remote netip.AddrPort `json:"remote"`
	Label  string         `json:"label,omitempty"`
	Owner  *ReportedOwner `json:"owner,omitempty"`
	Total  ReportedCounts `json:"total"`
	// Taken is what a daemon has said it took of it, this one or an earlier
	// one: what comes beyond it is news to every daemon.
	Taken ReportedCounts `json:"taken"`
	Final bool           `json:"final,omitempty"`
}

// ReportedCounts are payload bytes, as the owner received and sent them.
type ReportedCounts struct {
	Rx uint64 `json:"rx"`
	Tx uint64 `json:"tx"`
}

func (c ReportedCounts) atLeast(d ReportedCounts) bool { return c.Rx >= d.Rx && c.Tx >= d.Tx }

// ReportedOwner is who uses a flow, as its pipe or relay found out.
type ReportedOwner struct {
	PID     int      `json:"pid"`
	Start   uint64   `json:"start"`
	UID     uint32   `json:"uid"`
	Comm    string   `json:"comm"`
	Command string   `json:"command"`
	Args    []string `json:"args,omitempty"`
}

// MaxReported is how many flows there are in one Report at most.
const MaxReported = 2000

// Reporter remembers what is to be told to a daemon until that has taken it. Its
// methods may be called by any goroutine at any time.
type Reporter struct {
	kind string
	life uint64

	mu sync.Mutex
	// mu protects the fields below.
	flows map[uint64]*untaken
	ended int // of flows, unsent
	done  []uint64
	most  int // flows in a report
}

// maxUntaken bounds the flows that ended and that no daemon was sent. Beyond it
// they are told as one, of nobody.
const maxUntaken = 5000

// foldedID is that one's: no other flow has it.
const foldedID = 1 << 63

// untaken is a flow, as it is and as a daemon has taken it.
type untaken struct {
	now     traffic.Sample
	taken   ReportedCounts
	owner   *traffic.Owner // as taken
	telling *traffic.Owner // in the latest report
	told    bool
	sent    bool // a daemon may have it, even where its answer did not come
	again   bool // it was sent before the latest report
}

// NewReporter returns one with nothing to tell.
func NewReporter(kind string) *Reporter {
	var life [8]byte
	rand.Read(life[:]) // it never fails
	return &Reporter{kind: kind, life: binary.NativeEndian.Uint64(life[:]), flows: make(map[uint64]*untaken), most: MaxReported}
}

// Note takes what there is to tell of some flows.
func (r *Reporter) Note(samples []traffic.Sample) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, s := range samples {
		f := r.flows[s.Flow.ID]
		if f == nil {
			f = &untaken{}
			r.flows[s.Flow.ID] = f
		}
		if s.Owner == nil {
			s.Owner = f.now.Owner // what is known stays known
		}
		if s.Final && !f.now.Final && !f.sent {
			r.ended++
		}
		f.now = s
	}
	if r.ended > maxUntaken {
		r.fold()
	}
}

// fold makes one flow of all that ended before any daemon was sent them.
func (r *Reporter) fold() {
	one := r.flows[foldedID]
	if one == nil {
		one = &untaken{now: traffic.Sample{Flow: traffic.Flow{Proto: traffic.TCP, ID: foldedID}}}
		r.flows[foldedID] = one
	}
	for id, f := range r.flows {
		if !f.now.Final || f.sent {
			continue
		}
		one.now.Label = f.now.Label
		one.now.Counts = one.now.Counts.Add(f.news())
		delete(r.flows, id)
	}
	r.ended = 0
}

// news is what of a flow no daemon has taken.
func (f *untaken) news() traffic.Counts {
	return traffic.Counts{RxBytes: f.now.Counts.RxBytes - f.taken.Rx, TxBytes: f.now.Counts.TxBytes - f.taken.Tx}
}

// maxReportText is about how much text there is in a report, in bytes.
const maxReportText = 1 << 20

// Next is what is to be told now, ends first, as much as fits into one report; nil:
// nothing. What becomes of it is for Taken, Refused or Unsent.
func (r *Reporter) Next() *Report {
	r.mu.Lock()
	defer r.mu.Unlock()
	var news []uint64
	for id, f := range r.flows {
		total := ReportedCounts{f.now.Counts.RxBytes, f.now.Counts.TxBytes}
		if !f.told || total != f.taken || f.owner != f.now.Owner || f.now.Final {
			news = append(news, id)
		}
	}
	slices.SortFunc(news, func(a, b uint64) int { return cmp.Or(r.flows[a].rank()-r.flows[b].rank(), cmp.Compare(a, b)) })
	next := &Report{Life: r.life, Kind: r.kind, Done: slices.Clone(r.done[:min(len(r.done), MaxReported)])}
	text := 0
	for _, id := range news {
		f := r.flows[id]
		told := f.report(id)
		text += told.text()
		if n := len(next.Flows); n > 0 && (n >= r.most || text > maxReportText) {
			break
		}
		if f.telling = f.now.Owner; !f.sent && f.now.Final {
			r.ended--
		}
		f.sent, f.again = true, f.sent
		next.Flows = append(next.Flows, told)
	}
	if len(next.Flows) == 0 && len(next.Done) == 0 {
		return nil
	}
	slices.SortFunc(next.Flows, func(a, b ReportedFlow) int { return cmp.Compare(a.ID, b.ID) })
	return next
}

// rank is the order in which flows are told: those that make room first.
func (f *untaken) rank() int {
	switch {
	case f.told && f.now.Final:
		return 0
	case f.told:
		return 1
	case f.now.Final:
		return 2
	}
	return 3
}

func (f *untaken) report(id uint64) ReportedFlow {
	return ReportedFlow{
		ID: id, Proto: uint8(f.now.Flow.Proto), Local: withoutZone(f.now.Flow.Local), Remote: withoutZone(f.now.Flow.Remote),
		Label: f.now.Label, Owner: reportOwner(f.now.Owner), Taken: f.taken, Final: f.now.Final,
		Total: ReportedCounts{f.now.Counts.RxBytes, f.now.Counts.TxBytes},
	}
}

// withoutZone drops the zone of an IPv6 address, which means something only to who
// has it, and may be any text.
func withoutZone(a netip.AddrPort) netip.AddrPort {
	return netip.AddrPortFrom(a.Addr().WithZone(""), a.Port())
}

// text is how much of it there is.
func (f *ReportedFlow) text() int {
	n := 200 + len(f.Label)
	if f.Owner != nil {
		n += len(f.Owner.Command) + len(f.Owner.Comm)
		for _, a := range f.Owner.Args {
			n += len(a)
		}
	}
	return n
}

// Refused notes that a daemon did not take a report: the next one is smaller.
func (r *Reporter) Refused() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.most = max(1, r.most/2)
}

// Unsent notes that a report did not reach any daemon.
func (r *Reporter) Unsent(back *Report) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, flow := range back.Flows {
		if f := r.flows[flow.ID]; f != nil && !f.told && !f.again && f.sent {
			f.sent = false
			if f.now.Final {
				r.ended++
			}
		}
	}
}

// Greeting is a report of nothing: a daemon learns who is there.
func (r *Reporter) Greeting() *Report { return &Report{Life: r.life, Kind: r.kind} }

// Taken notes that a daemon has taken a report.
func (r *Reporter) Taken(done *Report) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.most = min(2*r.most, MaxReported)
	r.done = slices.DeleteFunc(r.done, func(id uint64) bool { return slices.Contains(done.Done, id) })
	for _, told := range done.Flows {
		f := r.flows[told.ID]
		if f == nil {
			continue
		}
		f.taken, f.told, f.owner = told.Total, true, f.telling
		if told.Final {
			delete(r.flows, told.ID)
			r.done = append(r.done, told.ID)
		}
	}
}

// Untaken is what no daemon has taken yet, of all flows together.
func (r *Reporter) Untaken() traffic.Counts {
	r.mu.Lock()
	defer r.mu.Unlock()
	var sum traffic.Counts
	for _, f := range r.flows {
		sum = sum.Add(f.news())
	}
	return sum
}

func reportOwner(o *traffic.Owner) *ReportedOwner {
	if o == nil {
		return nil
	}
	return &ReportedOwner{PID: o.PID, Start: o.Start, UID: o.UID, Comm: o.Comm, Command: o.Command, Args: o.Args}
}
