package conntrack

import (
	"testing"
	"time"

	"bwmon/traffic"
)

// listening is Owners who know nobody but a listener, and note when they are
// asked.
type listening struct{ asked int }

func (*listening) Want(traffic.Flow) {}
func (*listening) Detail() string    { return "" }
func (l *listening) Owner(traffic.Flow, time.Time) *traffic.Owner {
	l.asked++
	return &traffic.Owner{PID: 1, Command: "listener"}
}

// A connection that came in does not belong to its listener before the process
// that serves it has had its time to take it, unless it must be told of now.
func TestAcceptTime(t *testing.T) {
	start := time.Unix(1_000_000, 0)
	open := func() (*listening, *table, *sides) {
		owners, tab := &listening{}, newTable()
		s := newSides(owners, nil)
		var e entry
		m, _, _ := nextMessage(sampleMessage(1, 1000))
		if err := e.decode(m.body); err != nil {
			t.Fatal(err)
		}
		n := tab.insert(&e, false)
		s.attach(tab, n, s.open(&e, place{scope: traffic.ScopeLocal, local: e.reply.from(), remote: e.reply.to(), responder: true}, start, start))
		tab.at(n).flags |= flagDirty
		s.dirty = append(s.dirty, n)
		return owners, tab, s
	}
	turn := func(tab *table, s *sides, after, patience time.Duration) (owner *traffic.Owner, told int) {
		s.samples(tab, start.Add(after), patience, false, func(x traffic.Sample) { owner = x.Owner; told++ })
		return owner, told
	}

	owners, tab, s := open()
	for _, after := range []time.Duration{0, 100 * time.Millisecond, acceptTime - 1} {
		if _, told := turn(tab, s, after, 2*time.Second); told > 0 || owners.asked > 0 {
			t.Fatalf("after %v: told %d times, owners asked %d times, want 0 and 0", after, told, owners.asked)
		}
	}
	if o, told := turn(tab, s, acceptTime, 2*time.Second); told != 1 || o == nil {
		t.Errorf("after %v: told %d times, of owner %v", acceptTime, told, o)
	}

	_, tab, s = open()
	if o, told := turn(tab, s, 100*time.Millisecond, 50*time.Millisecond); told != 1 || o == nil {
		t.Errorf("overdue: told %d times, of owner %v", told, o)
	}
}
