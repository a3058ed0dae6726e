package history

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"bwmon/traffic"

	"github.com/google/go-cmp/cmp"
)

// TestReportOfTwoDays asks one history about everything that a Query can say.
func TestReportOfTwoDays(t *testing.T) {
	begin := time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC)
	m := newMachine(begin)
	s := openStore(t, Options{Host: "gw", Now: m.now})
	for h := range 48 {
		m.carry("web", "nginx", 100, 10)
		m.carry("web", "php", 10, 1)
		if h >= 24 {
			m.carry("backup", "restic", 1000, 2000)
		}
		for n := range 60 {
			s.take(m.snapshot())
			if n%10 == 0 {
				mustFlush(t, s)
			}
			m.after(time.Minute)
		}
	}
	m.after(-time.Minute)
	two, all := begin.Add(24*time.Hour), []time.Time{begin, begin.Add(24 * time.Hour)}
	for _, tt := range []struct {
		name string
		q    traffic.Query
		want traffic.Report
	}{
		{"all apps", traffic.Query{By: traffic.ByApp}, traffic.Report{
			Rows:  []traffic.ReportRow{{Name: "backup", RxBytes: 24000, TxBytes: 48000}, {Name: "web", RxBytes: 5280, TxBytes: 528}},
			Total: traffic.ReportRow{RxBytes: 29280, TxBytes: 48528}, From: begin, To: m.at,
		}},
		{"by day", traffic.Query{By: traffic.ByApp, Step: traffic.StepDay}, traffic.Report{
			Times: all,
			Rows: []traffic.ReportRow{
				{Name: "backup", RxBytes: 24000, TxBytes: 48000, Rx: []uint64{0, 24000}, Tx: []uint64{0, 48000}},
				{Name: "web", RxBytes: 5280, TxBytes: 528, Rx: []uint64{2640, 2640}, Tx: []uint64{264, 264}},
			},
			Total: traffic.ReportRow{RxBytes: 29280, TxBytes: 48528, Rx: []uint64{2640, 26640}, Tx: []uint64{264, 48264}}, From: begin, To: m.at,
		}},
		{"the largest command and the rest", traffic.Query{By: traffic.ByCommand, Top: 1, From: two}, traffic.Report{
			Rows:  []traffic.ReportRow{{Name: "restic", App: "backup", RxBytes: 24000, TxBytes: 48000}, {Name: traffic.Others, RxBytes: 2640, TxBytes: 264}},
			Total: traffic.ReportRow{RxBytes: 26640, TxBytes: 48264}, From: two, To: m.at,
		}},
		{"an app's commands", traffic.Query{By: traffic.ByCommand, App: "web", To: two}, traffic.Report{
			Rows:  []traffic.ReportRow{{Name: "nginx", App: "web", RxBytes: 2400, TxBytes: 240}, {Name: "php", App: "web", RxBytes: 240, TxBytes: 24}},
			Total: traffic.ReportRow{RxBytes: 2640, TxBytes: 264}, From: begin, To: two,
		}},
		{"one hour and a quarter", traffic.Query{By: traffic.ByApp, Name: "web", From: begin.Add(30*time.Hour + 50*time.Minute), To: begin.Add(32*time.Hour + 5*time.Minute)}, traffic.Report{
			Rows:  []traffic.ReportRow{{Name: "web", RxBytes: 220, TxBytes: 22}},
			Total: traffic.ReportRow{RxBytes: 220, TxBytes: 22}, From: begin.Add(30*time.Hour + 50*time.Minute), To: begin.Add(32*time.Hour + 5*time.Minute),
		}},
		{"ends are moved to the ends of pieces", traffic.Query{By: traffic.ByApp, Name: "web", Step: traffic.StepHour, From: begin.Add(30*time.Hour + 50*time.Minute), To: begin.Add(32*time.Hour + 5*time.Minute)}, traffic.Report{
			Times: []time.Time{begin.Add(30 * time.Hour), begin.Add(31 * time.Hour), begin.Add(32 * time.Hour)},
			Rows:  []traffic.ReportRow{{Name: "web", RxBytes: 330, TxBytes: 33, Rx: []uint64{110, 110, 110}, Tx: []uint64{11, 11, 11}}},
			Total: traffic.ReportRow{RxBytes: 330, TxBytes: 33, Rx: []uint64{110, 110, 110}, Tx: []uint64{11, 11, 11}}, From: begin.Add(30 * time.Hour), To: begin.Add(33 * time.Hour),
		}},
		{"a user", traffic.Query{By: traffic.ByUser}, traffic.Report{
			Rows:  []traffic.ReportRow{{Name: "root", RxBytes: 29280, TxBytes: 48528}},
			Total: traffic.ReportRow{RxBytes: 29280, TxBytes: 48528}, From: begin, To: m.at,
		}},
		{"nobody", traffic.Query{By: traffic.ByApp, Name: "never seen"}, traffic.Report{Rows: []traffic.ReportRow{}, From: begin, To: m.at}},
		{"no container", traffic.Query{By: traffic.ByContainer}, traffic.Report{Rows: []traffic.ReportRow{}, From: begin, To: m.at}},
		{"before it began", traffic.Query{By: traffic.ByApp, Name: "web", From: begin.Add(-time.Hour), To: begin.Add(time.Hour)}, traffic.Report{
			Rows:  []traffic.ReportRow{{Name: "web", RxBytes: 110, TxBytes: 11}},
			Total: traffic.ReportRow{RxBytes: 110, TxBytes: 11}, From: begin, To: begin.Add(time.Hour), Detail: "the history begins at 2026-05-01T00:00:00Z",
		}},
		{"all of it before", traffic.Query{By: traffic.ByApp, From: begin.Add(-2 * time.Hour), To: begin.Add(-time.Hour)}, traffic.Report{
			Rows: []traffic.ReportRow{}, From: begin.Add(-2 * time.Hour), To: begin.Add(-time.Hour), Detail: "the history has nothing of that time",
		}},
		{"to come", traffic.Query{By: traffic.ByApp, From: m.at.Add(time.Hour)}, traffic.Report{
			Rows: []traffic.ReportRow{}, From: m.at.Add(time.Hour), To: m.at, Detail: "the time asked about is yet to come",
		}},
	} {
		tt.want.Schema, tt.want.Host, tt.want.Zone, tt.want.By, tt.want.Step = 1, "gw", "UTC", tt.q.By, tt.q.Step
		if diff := cmp.Diff(&tt.want, report(t, s, tt.q)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
}

// TestDaysOfPlaces: days of 23 and 25 hours, days that begin at half past, and a day
// that there was not.
func TestDaysOfPlaces(t *testing.T) {
	long(t)
	for _, tt := range []struct {
		place, begin string
		days         int
		want         []uint64 // bytes, as many as minutes
	}{
		{"Europe/Berlin", "2026-03-27 23:00", 3, []uint64{24 * 60, 23 * 60, 24 * 60}},
		{"Europe/Berlin", "2026-10-23 22:00", 3, []uint64{24 * 60, 25 * 60, 24 * 60}},
		{"Asia/Kolkata", "2026-03-27 18:30", 2, []uint64{24 * 60, 24 * 60}},
		{"Pacific/Apia", "2011-12-28 10:00", 3, []uint64{24 * 60, 24 * 60, 24 * 60}}, // 28, 29, 31 December
	} {
		begin := utc(t, tt.begin)
		m := newMachine(begin)
		s := openStore(t, Options{Location: place(t, tt.place).place, Now: m.now, Keep: unlimited})
		for end := begin.Add(time.Duration(sum(tt.want)) * time.Minute); m.at.Before(end); m.after(time.Minute) {
			m.carry("app", "command", 1, 0)
			s.take(m.snapshot())
			if m.at.Minute()%20 == 0 {
				mustFlush(t, s)
			}
		}
		m.after(-time.Minute)
		r := report(t, s, traffic.Query{By: traffic.ByApp, Step: traffic.StepDay})
		if diff := cmp.Diff(tt.want, r.Rows[0].Rx); diff != "" || r.Zone != tt.place {
			t.Errorf("%s, %s: %v (-want +got):\n%s", tt.place, tt.begin, r.Times, diff)
		}
		hours := report(t, s, traffic.Query{By: traffic.ByApp, Step: traffic.StepHour})
		for i, n := range hours.Rows[0].Rx {
			if n != 60 {
				t.Errorf("%s: the hour of %v has %d bytes", tt.place, hours.Times[i], n)
			}
		}
		if !hours.Times[0].Equal(begin) || hours.Total.RxBytes != r.Total.RxBytes {
			t.Errorf("%s: hours from %v, %d bytes of %d", tt.place, hours.Times[0], hours.Total.RxBytes, r.Total.RxBytes)
		}
		inspect(t, s.opts.Path)
	}
}

func sum(list []uint64) (n uint64) {
	for _, v := range list {
		n += v
	}
	return n
}

// TestPlaceChanges: the days of before stay the days they were, about.
func TestPlaceChanges(t *testing.T) {
	m := newMachine(utc(t, "2026-05-01 22:00"))
	s := openStore(t, Options{Location: place(t, "Europe/Berlin").place, Now: m.now, Keep: Retention{Minute: time.Hour, Hour: 2 * time.Hour}})
	days := func(n int) {
		for range n * 24 * 12 {
			m.carry("app", "command", 1, 0)
			s.take(m.snapshot())
			m.after(5 * time.Minute)
		}
		mustFlush(t, s)
		for range 100 {
			s.tend()
		}
	}
	days(3)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	options := s.opts
	options.Location = time.UTC
	s = openStore(t, options)
	m.elapsed, m.rows = 0, traffic.Snapshot{}
	days(2)
	r := report(t, s, traffic.Query{By: traffic.ByApp, Step: traffic.StepDay})
	if r.Total.RxBytes != 5*288 {
		t.Errorf("%d bytes: %+v", r.Total.RxBytes, r)
	}
	// On the day of the change, which began two hours later, 26 hours count.
	if diff := cmp.Diff([]uint64{288, 288, 288 + 24, 288, 288 - 24}, r.Rows[0].Rx); diff != "" {
		t.Errorf("%v (-want +got):\n%s", r.Times, diff)
	}
	inspect(t, s.opts.Path)
}

// TestWhatIsGoneIsSaid: where the level that is asked for has no more, the report
// begins later, and says so; where only ends are concerned, it takes more.
func TestWhatIsGoneIsSaid(t *testing.T) {
	long(t)
	begin := time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC)
	m := newMachine(begin)
	s := openStore(t, Options{Keep: short, Now: m.now})
	tickMinutes(t, s, m, 30*60)
	r := report(t, s, traffic.Query{By: traffic.ByApp, Step: traffic.StepMinute, From: begin})
	if want := "by minute it is known from 2026-05-02T04:00:00Z on"; r.Detail != want || len(r.Times) != 121 || r.Total.RxBytes != 121*60 {
		t.Errorf("minutes: %q, want %q; %d of them, %d bytes", r.Detail, want, len(r.Times), r.Total.RxBytes)
	}
	r = report(t, s, traffic.Query{By: traffic.ByApp, Step: traffic.StepHour, From: begin})
	if want := "by hour it is known from 2026-05-02T00:00:00Z on"; r.Detail != want || len(r.Times) != 7 {
		t.Errorf("hours: %q, want %q; %d of them", r.Detail, want, len(r.Times))
	}
	r = report(t, s, traffic.Query{By: traffic.ByApp, Step: traffic.StepHour, From: begin, To: begin.Add(5 * time.Hour)})
	if want := "what was used then is no longer known by hour"; r.Detail != want || len(r.Rows) != 0 {
		t.Errorf("hours of yesterday: %+v, want %q", r, want)
	}
	r = report(t, s, traffic.Query{By: traffic.ByApp, From: begin.Add(5*time.Hour + 20*time.Minute), To: begin.Add(7 * time.Hour)})
	if !r.From.Equal(begin) || !r.To.Equal(begin.Add(24*time.Hour)) || r.Total.RxBytes != (24*60-1)*60 {
		t.Errorf("some hours of yesterday: %+v", r)
	}
	r = report(t, s, traffic.Query{By: traffic.ByApp, From: begin.Add(25*time.Hour + 20*time.Minute)})
	if !r.From.Equal(begin.Add(25*time.Hour)) || r.Total.RxBytes != (5*60+1)*60 {
		t.Errorf("today: %+v", r)
	}
}

func TestWrongQuestions(t *testing.T) {
	s := openStore(t, Options{})
	now := time.Now()
	for _, tt := range []struct {
		q    traffic.Query
		want string
	}{
		{traffic.Query{}, "by: want one of app, command, user, container, unit, lan-host, remote-host, interface, pipe, disk, host; got \"\""},
		{traffic.Query{By: "disc"}, "got \"disc\""},
		{traffic.Query{By: traffic.ByApp, Of: "network"}, "of: want traffic or disk; got \"network\""},
		{traffic.Query{By: traffic.ByLANHost, Of: traffic.OfDisk}, "of: disk bytes are known by app, command, user, container, unit, disk: got by lan-host"},
		{traffic.Query{By: traffic.ByApp, Step: "week"}, "step: want minute, hour, day, month or none; got \"week\""},
		{traffic.Query{By: traffic.ByApp, Top: -1}, "top: want a number"},
		{traffic.Query{By: traffic.ByUser, App: "x"}, "want it with by command or host; got by user"},
		{traffic.Query{By: traffic.ByApp, From: now, To: now}, "to: want a time after from"},
		{traffic.Query{By: traffic.ByApp, Percentile: 95}, "percentile: is known of interfaces"},
		{traffic.Query{By: traffic.ByInterface, Percentile: 101}, "percentile: want a number up to 100"},
		{traffic.Query{By: traffic.ByInterface, Percentile: math.NaN()}, "percentile: want a number up to 100"},
	} {
		if _, err := s.Report(t.Context(), tt.q); !errors.Is(err, ErrQuestion) || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%+v: %v, want %q", tt.q, err, tt.want)
		}
	}
	if _, err := s.Percentile(t.Context(), "eth0", now.Add(-time.Hour), now, 0); !errors.Is(err, ErrQuestion) {
		t.Errorf("percentile of 0: %v", err)
	}
}

// TestTooMuch: a report that would be too large is refused, with what would not.
func TestTooMuch(t *testing.T) {
	m := newMachine(time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC))
	s := openStore(t, Options{Now: m.now, MaxCommands: 2000})
	for n := range 1000 {
		m.carry("app", fmt.Sprint("command ", n), 1, 1)
	}
	s.take(m.snapshot())
	m.after(20 * time.Hour)
	s.take(m.snapshot())
	q := traffic.Query{By: traffic.ByCommand, Step: traffic.StepMinute}
	if _, err := s.Report(t.Context(), q); !errors.Is(err, ErrQuestion) || !strings.Contains(err.Error(), "ask for fewer rows, less time, or a coarser step") {
		t.Errorf("got %v", err)
	}
	q.Top = 10
	if r := report(t, s, q); len(r.Rows) != 11 || len(r.Times) != 1201 {
		t.Errorf("%d rows of %d steps", len(r.Rows), len(r.Times))
	}
	m.after(100 * 24 * time.Hour)
	s.take(m.snapshot())
	if _, err := s.Report(t.Context(), q); !errors.Is(err, ErrQuestion) || !strings.Contains(err.Error(), "more than 100000 of a minute") {
		t.Errorf("got %v", err)
	}
}

// TestMovedBytes: what an owner who is learnt late takes from (unattributed) is taken
// from where it was booked, where the report shows that.
func TestMovedBytes(t *testing.T) {
	m := newMachine(time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC))
	s := openStore(t, Options{Now: m.now})
	m.carry(traffic.AppUnattributed, traffic.AppUnattributed, 100, 50)
	s.take(m.snapshot())
	m.after(time.Minute)
	m.carry("app", "command", 90, 50)
	m.rows.Apps[0].Commands[0].RxBytes -= 80
	m.rows.Apps[0].Commands[0].TxBytes -= 50
	s.take(m.snapshot())
	r := report(t, s, traffic.Query{By: traffic.ByApp, Step: traffic.StepMinute})
	want := []traffic.ReportRow{
		{Name: "app", RxBytes: 90, TxBytes: 50, Rx: []uint64{0, 90}, Tx: []uint64{0, 50}},
		{Name: traffic.AppUnattributed, RxBytes: 20, Rx: []uint64{20, 0}, Tx: []uint64{0, 0}},
	}
	if diff := cmp.Diff(want, r.Rows); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	r = report(t, s, traffic.Query{By: traffic.ByApp, From: m.at})
	if got := rowOf(t, r, traffic.AppUnattributed); got.RxBytes != 0 || got.TxBytes != 0 || r.Total.RxBytes != 90 {
		t.Errorf("%+v", r)
	}
}

func TestPercentile(t *testing.T) {
	begin := time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC)
	m := newMachine(begin)
	s := openStore(t, Options{Now: m.now})
	for n := range 100 { // 5 minutes each, of n·300 bytes and n·600
		for i := range 5 {
			if i == 2 {
				m.link("eth0", uint64(n)*300, uint64(n)*600)
			}
			m.link("idle0", 0, 0)
			s.take(m.snapshot())
			m.after(time.Minute)
		}
		if n%7 == 0 {
			mustFlush(t, s)
		}
	}
	want := traffic.Percentile{Of: 95, RxBits: 94 * 8, TxBits: 2 * 94 * 8, Samples: 100}
	got, err := s.Percentile(t.Context(), "eth0", begin, m.at, 95)
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	// Zero is a sample; time in which nothing ran is none; unfinished samples are not
	// counted.
	m.after(50*time.Minute + 30*time.Second)
	got, err = s.Percentile(t.Context(), "idle0", begin.Add(-time.Hour), time.Time{}, 95)
	if want := (traffic.Percentile{Of: 95, Samples: 100, Missing: 10}); got != want || err != nil {
		t.Errorf("idle: %+v, %v; want %+v", got, err, want)
	}
	got, err = s.Percentile(t.Context(), "gone0", begin, m.at, 95)
	if want := (traffic.Percentile{Of: 95, Missing: 110}); got != want || err != nil {
		t.Errorf("no such interface: %+v, %v; want %+v", got, err, want)
	}
	got, err = s.Percentile(t.Context(), "eth0", begin, m.at, 100)
	if got.RxBits != 99*8 || err != nil {
		t.Errorf("the maximum: %+v, %v", got, err)
	}
	r := report(t, s, traffic.Query{By: traffic.ByInterface, Percentile: 50, Top: 1})
	if p := r.Rows[0].Percentile; p == nil || p.RxBits != 49*8 || r.Rows[1].Percentile != nil {
		t.Errorf("in a report: %+v", r.Rows)
	}
}

func TestReportIsCancelled(t *testing.T) {
	s := openStore(t, Options{})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Report(ctx, traffic.Query{By: traffic.ByApp}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}
