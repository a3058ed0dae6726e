package engine

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"time"

	"bwmon/fleet"
	"bwmon/traffic"
)

// roster is a fleet in an engine, at a time that the test sets.
type roster struct {
	*stand
	t      *testing.T
	writer *Writer
	seq    map[string]uint64
}

// wrote has a host write each so often, from one time until another, which is the last.
func (r *roster) wrote(host string, from, until time.Time, each time.Duration) {
	r.t.Helper()
	var d delivery
	for at := from; !at.After(until); at = at.Add(each) {
		r.seq[host]++
		d.add(beat(host, fleet.Position{Run: host + "-run", Seq: r.seq[host]}, at))
	}
	if err := r.writer.deliver(context.Background(), &d); err != nil {
		r.t.Fatal(err)
	}
	r.settle()
}

// check looks at the members; those that are not in want are not to be there.
func (r *roster) check(what string, reader *Reader, want map[string]string) map[string]traffic.Member {
	r.t.Helper()
	s, err := reader.Snapshot(context.Background())
	if err != nil {
		r.t.Fatalf("%s: %v", what, err)
	}
	found := make(map[string]traffic.Member)
	for _, m := range s.Hosts {
		found[m.Host] = m
		if m.State != want[m.Host] {
			r.t.Errorf("%s: %+v, want %q", what, m, want[m.Host])
		}
	}
	if len(found) != len(want) {
		r.t.Errorf("%s: %d members, want %v", what, len(found), want)
	}
	return found
}

// TestMembersSilence: who does not write is silent, but for the time in which nobody could
// or nobody looked; who writes seldom is not; and who is dead stays listed for a month.
func TestMembersSilence(t *testing.T) {
	const silent, reporting = traffic.MemberSilent, traffic.MemberReporting
	onEngines(t, func(t *testing.T, e *stand) {
		base := time.Now().Add(-60 * 24 * time.Hour).Truncate(time.Second)
		now := base.Add(5 * time.Second)
		down := false
		o := Options{Now: func() time.Time { return now }, SilentAfter: 3 * time.Minute, Token: func() (string, error) {
			if down {
				return "", errors.New("nobody can ask")
			}
			return "", nil
		}}
		r := &roster{e, t, e.writer(t, Options{}), make(map[string]uint64)}
		r.wrote("old", base.Add(-25*24*time.Hour), base.Add(-25*24*time.Hour), time.Minute)
		r.wrote("seldom", base.Add(-109*time.Minute), base.Add(-9*time.Minute), 10*time.Minute)
		r.wrote("dead", base.Add(-30*time.Minute), base.Add(-10*time.Minute), 10*time.Second)
		r.wrote("alive", base.Add(-30*time.Minute), base, 10*time.Second)
		reader := e.reader(t, o)
		all := map[string]string{"old": silent, "seldom": reporting, "dead": silent, "alive": reporting}
		m := r.check("at first", reader, all)
		if s := m["dead"].Silent; s < 595 || s > 610 {
			t.Errorf("it is silent for %v s, want 600", s)
		}

		now = base.Add(2*time.Minute + 50*time.Second)
		r.check("within silent_after", reader, all)
		down = true
		now = base.Add(time.Hour)
		if _, err := reader.Snapshot(context.Background()); err == nil {
			t.Error("an engine that cannot be asked answers")
		}
		now = base.Add(2 * time.Hour)
		down = false
		r.check("after an outage", reader, all)
		r.check("after an outage, to another", e.reader(t, o), all)
		r.wrote("other", now, now, time.Second) // the first that comes back does not make the others silent
		all["other"] = reporting
		r.check("when one is back", reader, all)

		now = now.Add(time.Minute)
		all["alive"], all["other"] = silent, reporting
		r.check("when it does not come back", reader, all)
		now = now.Add(time.Hour)
		all["seldom"], all["other"] = silent, silent
		r.check("when nobody comes back", reader, all)

		if err := reader.Forget("dead"); err != nil {
			t.Error(err)
		}
		delete(all, "dead")
		r.check("forgotten", reader, all)
		if err := reader.Forget("dead"); err == nil {
			t.Error("it was forgotten twice")
		}
		r.wrote("dead", now, now, time.Second)
		all["dead"] = reporting
		r.check("it writes again", reader, all)

		now = base.Add(31 * 24 * time.Hour)
		all = map[string]string{"seldom": silent, "alive": silent, "other": silent, "dead": silent}
		r.check("a month later", reader, all)
		// To one that begins now nobody has been quiet for longer than the last of them.
		r.check("a month later, to another", e.reader(t, o), map[string]string{"seldom": silent, "alive": silent, "other": silent, "dead": reporting})
		now = base.Add(33 * 24 * time.Hour)
		r.check("later", reader, map[string]string{})
	})
}

// TestMembersUnbooked: what nobody owns is a figure that rules can be about.
func TestMembersUnbooked(t *testing.T) {
	onEngines(t, func(t *testing.T, e *stand) {
		now := time.Now().Truncate(time.Second)
		w := e.writer(t, Options{})
		for i, b := range []traffic.Balance{
			{InterfaceRx: 100, UnattributedRx: 90, UnattributedTx: 7, ResidualRx: 10, ResidualTx: -7},
			{InterfaceRx: 200, UnattributedRx: 40, UnattributedTx: 5, ResidualRx: 2, ResidualTx: -5}, // less: it may fall
		} {
			at := now.Add(time.Duration(i-2) * 10 * time.Second)
			batch := &fleet.Batch{Host: "gw", Run: "r", Seq: uint64(i) + 1, Since: uint64(i), From: at.Add(-10 * time.Second), At: at, HasBalance: true, Changes: &traffic.Snapshot{Balance: b}}
			if err := w.Write(context.Background(), []*fleet.Batch{batch}); err != nil {
				t.Fatal(err)
			}
		}
		e.settle()
		s, err := e.reader(t, Options{Now: func() time.Time { return now }}).Snapshot(context.Background())
		if err != nil || len(s.Hosts) != 1 || len(s.Series) != 1 {
			t.Fatalf("%+v: %v", s, err)
		}
		if v, _ := s.Series[0].Metrics.Get("unbooked_bytes"); v != 47 || s.Hosts[0].Unbooked != 47 {
			t.Errorf("%v and %+v, want 47", v, s.Hosts[0])
		}
	})
}

// TestNonsense: a batch that makes no sense is not tried again.
func TestNonsense(t *testing.T) {
	w, err := NewWriter(Options{URL: "http://127.0.0.1:1/api/v1/write"})
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	for name, b := range map[string]*fleet.Batch{
		"no host": {Run: "r", Seq: 1, At: now},
		"no run":  {Host: "gw", Seq: 1, At: now},
		"no time": {Host: "gw", Run: "r", Seq: 1},
		"another": {Host: "other", Run: "r", Seq: 1, At: now},
	} {
		_, err := NewSender(w, b.Host).Send(context.Background(), []*fleet.Batch{b}, 0)
		if name == "another" {
			_, err = NewSender(w, "gw").Send(context.Background(), []*fleet.Batch{b}, 0)
		}
		var status interface{ HTTPStatus() int }
		if !errors.As(err, &status) || status.HTTPStatus() != http.StatusUnprocessableEntity {
			t.Errorf("%s: %v", name, err)
		}
	}
}
