package history

import (
	"testing"
	"time"

	"bwmon/traffic"
)

// tickMinutes lets minutes pass, in each of which an app carries 100 bytes, written at once.
func tickMinutes(t testing.TB, s *Store, m *machine, minutes int) {
	t.Helper()
	for range minutes {
		m.carry("app", "command", 60, 40)
		m.link("eth0", 600, 400)
		s.take(m.after(time.Minute).snapshot())
		mustFlush(t, s)
		s.tend()
	}
}

func edges(t testing.TB, s *Store, l level) (oldest, newest time.Time) {
	t.Helper()
	first, ok, err := s.db.edge(l, "min")
	if err != nil || !ok {
		t.Fatalf("no pieces by %s: %v", l, err)
	}
	last, _, err := s.db.edge(l, "max")
	if err != nil {
		t.Fatal(err)
	}
	return time.Unix(first, 0).UTC(), time.Unix(last, 0).UTC()
}

var short = Retention{Minute: 2 * time.Hour, Five: 3 * time.Hour, Hour: 6 * time.Hour, Day: 72 * time.Hour}

// TestOldPiecesGo: each level keeps what it has to and no more, and nothing is lost
// of the levels above it.
func TestOldPiecesGo(t *testing.T) {
	long(t)
	m := newMachine(time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC))
	s := openStore(t, Options{Keep: short, Now: m.now})
	tickMinutes(t, s, m, 12*60)
	for _, tt := range []struct {
		level level
		kept  time.Duration
		step  time.Duration
	}{{minute, 2 * time.Hour, time.Minute}, {five, 3 * time.Hour, 5 * time.Minute}, {hour, 6 * time.Hour, time.Hour}} {
		oldest, _ := edges(t, s, tt.level)
		if age := m.at.Sub(oldest); age < tt.kept || age > tt.kept+tt.step {
			t.Errorf("the oldest by %s is of %v ago, want %v", tt.level, age, tt.kept)
		}
	}
	r := report(t, s, traffic.Query{By: traffic.ByApp})
	if r.Total.RxBytes != 12*60*60 || r.Detail != "" || !r.From.Equal(time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC)) {
		t.Errorf("%+v", r)
	}
	inspect(t, s.opts.Path)
}

// TestJumpAheadDeletesNothing: a clock that is a year, or a day, ahead for some
// minutes is not believed by those who delete, and what it booked is booked once.
func TestJumpAheadDeletesNothing(t *testing.T) {
	long(t)
	for _, jump := range []time.Duration{24 * time.Hour, 365 * 24 * time.Hour, -24 * time.Hour, -10 * 365 * 24 * time.Hour} {
		m := newMachine(time.Date(2026, 5, 1, 0, 30, 0, 0, time.UTC))
		s := openStore(t, Options{Keep: short, Now: m.now})
		tickMinutes(t, s, m, 4*60)
		before, _ := edges(t, s, hour)
		m.at = m.at.Add(jump)
		tickMinutes(t, s, m, 30)
		m.at = m.at.Add(-jump)
		tickMinutes(t, s, m, 30)
		if oldest, _ := edges(t, s, hour); oldest.After(before) {
			t.Errorf("jump of %v: hours since %v are gone: the oldest is %v", jump, before, oldest)
		}
		r := report(t, s, traffic.Query{By: traffic.ByApp, From: time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC), Step: traffic.StepHour})
		if want := uint64(4*60+30) * 60; r.Total.RxBytes != want {
			t.Errorf("jump of %v: in its own time are %d bytes, want %d: %+v", jump, r.Total.RxBytes, want, r)
		}
		r = report(t, s, traffic.Query{By: traffic.ByApp, To: m.at.Add(2 * 365 * 24 * time.Hour)})
		if want := uint64(5*60) * 60; r.Total.RxBytes != want {
			t.Errorf("jump of %v: altogether %d bytes, want %d: %+v", jump, r.Total.RxBytes, want, r)
		}
		// After an hour the clock is believed again, and things go on as they do.
		tickMinutes(t, s, m, 3*60)
		if oldest, _ := edges(t, s, minute); jump < 0 && m.at.Sub(oldest) > 3*time.Hour {
			t.Errorf("jump of %v: the oldest minute is still %v", jump, oldest)
		}
		inspect(t, s.opts.Path)
	}
}

// TestClockThatWasNeverSet: what was carried before somebody sets the clock is booked
// when that is done, not in 1970.
func TestClockThatWasNeverSet(t *testing.T) {
	m := newMachine(time.Unix(40, 0))
	s := openStore(t, Options{Now: m.now})
	tickMinutes(t, s, m, 5)
	if _, ok, _ := s.db.edge(month, "min"); ok {
		t.Error("something was written")
	}
	if s.Status().State != traffic.StateRunning {
		t.Errorf("%+v", s.Status())
	}
	m.at = time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	tickMinutes(t, s, m, 1)
	r := report(t, s, traffic.Query{By: traffic.ByApp, Step: traffic.StepMinute})
	if len(r.Times) != 1 || r.Rows[0].RxBytes != 360 {
		t.Errorf("%+v", r)
	}
	m.at = time.Unix(99, 0) // and back: the last time that was known is believed more
	tickMinutes(t, s, m, 2)
	m.at = time.Date(2026, 5, 1, 12, 10, 0, 0, time.UTC)
	r = report(t, s, traffic.Query{By: traffic.ByApp})
	if r.Rows[0].RxBytes != 480 || r.From.Year() != 2026 {
		t.Errorf("%+v", r)
	}
}

// TestClockIsNeverSet: at the end even that is written.
func TestClockIsNeverSet(t *testing.T) {
	m := newMachine(time.Unix(40, 0))
	s := openStore(t, Options{Now: m.now})
	tickMinutes(t, s, m, 5)
	if err := s.finish(); err != nil {
		t.Fatal(err)
	}
	if sums := byKind(levelSums(t, s, month)); sums[kindApp] != (octets{300, 200}) {
		t.Errorf("%+v", sums)
	}
}

// TestSuspend: what is not measured while the machine sleeps is said.
func TestSuspend(t *testing.T) {
	m := newMachine(time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC))
	s := openStore(t, Options{Now: m.now})
	tickMinutes(t, s, m, 30)
	m.at = m.at.Add(8 * time.Hour)
	tickMinutes(t, s, m, 30)
	r := report(t, s, traffic.Query{By: traffic.ByApp})
	if r.Total.RxBytes != 3600 || r.Detail != "for 7h59m0s of it nothing was measured" {
		t.Errorf("%+v", r)
	}
}

func TestTrust(t *testing.T) {
	at := time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC)
	var c trust
	see := func(elapsed int, wall time.Duration) bool {
		c.see(at.Add(wall), float64(elapsed))
		_, ok := c.now()
		return ok
	}
	if see(0, 0) || see(3599, 3599*time.Second) || !see(3600, 3600*time.Second) {
		t.Error("an even hour is what it takes")
	}
	if !see(3610, 3640*time.Second) {
		t.Error("half a minute is no jump")
	}
	if see(3620, 2*time.Hour) || see(7000, 2*time.Hour+3380*time.Second) || !see(7300, 2*time.Hour+3680*time.Second) {
		t.Error("after a jump it takes another")
	}
	if see(10, 3*time.Hour) {
		t.Error("a new start is no even hour")
	}
}

// TestSizeIsBounded: the finest goes first, the months stay, and the file is small.
func TestSizeIsBounded(t *testing.T) {
	long(t)
	m := newMachine(time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC))
	s := openStore(t, Options{MaxSize: MinMaxSize, MaxCommands: 1000, Now: m.now})
	for n := range 700 {
		for i := range 600 {
			m.carry("app", string(rune('a'+i%26))+string(rune('a'+i/26)), uint64(1000+n*i), 1)
		}
		s.take(m.after(5 * time.Minute).snapshot())
		mustFlush(t, s)
		s.tend()
	}
	size, free, err := s.db.size()
	if err != nil {
		t.Fatal(err)
	}
	if size-free > MinMaxSize {
		t.Errorf("%d bytes are used, %d of the file", size-free, size)
	}
	for range 20 {
		s.tend()
	}
	if size, free, _ = s.db.size(); size > MinMaxSize+64*pageSize {
		t.Errorf("the file has %d bytes, of which it needs %d", size, size-free)
	}
	oldest, _ := edges(t, s, minute)
	if m.at.Sub(oldest) > 20*time.Hour {
		t.Errorf("the oldest minute is of %v", oldest)
	}
	if oldest, _ := edges(t, s, month); !oldest.Equal(time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC)) {
		t.Errorf("the oldest month is of %v", oldest)
	}
	total := report(t, s, traffic.Query{By: traffic.ByApp}).Total
	want := uint64(0)
	for _, c := range m.rows.Apps[0].Commands {
		want += c.RxBytes
	}
	if total.RxBytes != want {
		t.Errorf("%d bytes are left of %d", total.RxBytes, want)
	}
	inspect(t, s.opts.Path)
}
