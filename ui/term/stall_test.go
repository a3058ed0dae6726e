package term

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gdamore/tcell/v2"

	"bwmon/traffic"
)

// now is the frame on the screen when everything has come to rest.
func (p *played) now() string {
	synctest.Wait()
	return *p.screen.newest.Load()
}

func (p *played) check(what, text string, want bool) {
	p.t.Helper()
	if got := p.now(); strings.Contains(got, text) != want {
		p.t.Errorf("%s: %q on screen is %v, want %v:\n%s", what, text, !want, want, got)
	}
}

// TestSilentEngine: an engine that hangs with its channel open is noticed,
// the age of the figures counts on, and the notice goes with the next ones.
func TestSilentEngine(t *testing.T) {
	for _, paused := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			ch := make(chan *traffic.Snapshot, 1)
			p := play(t, Options{Snapshots: ch})
			for tick := range 30 {
				ch <- typical(10 + tick)
				time.Sleep(time.Second)
			}
			p.check("one a second", "NO NEWS", false)
			if paused {
				p.screen.InjectKey(tcell.KeyRune, 'p', tcell.ModNone)
			}
			time.Sleep(3 * time.Second)
			p.check("silent for 4s", "NO NEWS", false)
			time.Sleep(2 * time.Second)
			p.check("silent for 6s", "NO NEWS FOR 6s", true)
			p.check("silent for 6s", "! no figures since 03:00:39: the engine", true)
			p.check("the last figures stay", "firefox", true)
			time.Sleep(60 * time.Second)
			p.check("silent for 66s", "NO NEWS FOR 1m 6s", true)
			ch <- typical(106)
			p.check("news", "NO NEWS", false)
			time.Sleep(4 * time.Second)
			close(ch)
			time.Sleep(time.Hour)
			p.check("stopped, not silent", "NO NEWS", false)
			p.check("stopped, not silent", "ENGINE STOPPED", true)
			p.cancel()
			if err := p.end(); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestSlowIntervalIsNotSilence: an engine asked to measure every ten seconds,
// or every hour, is silent for as long.
func TestSlowIntervalIsNotSilence(t *testing.T) {
	for _, interval := range []time.Duration{10 * time.Second, 90 * time.Second, time.Hour} {
		synctest.Test(t, func(t *testing.T) {
			ch := make(chan *traffic.Snapshot, 1)
			p := play(t, Options{Snapshots: ch, Interval: interval})
			elapsed := time.Duration(0)
			for _, wait := range []time.Duration{time.Second, interval - time.Second, interval, interval} { // the first comes as soon as the monitors are heard
				time.Sleep(wait - time.Millisecond)
				p.check("between two", "NO NEWS", false)
				time.Sleep(time.Millisecond)
				elapsed += wait
				ch <- typical(int(elapsed / time.Second))
			}
			time.Sleep(3*interval - time.Second)
			p.check("almost three intervals", "NO NEWS", false)
			time.Sleep(2 * time.Second)
			p.check("more than three intervals", "NO NEWS FOR "+span(3*interval+time.Second), true)
			p.cancel()
			if err := p.end(); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestLateTickIsNotTheInterval: after a delay the overdue tick comes at once
// and the next one in phase; the short time between the two is not taken for
// the engine's interval.
func TestLateTickIsNotTheInterval(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ch := make(chan *traffic.Snapshot, 1)
		p := play(t, Options{Snapshots: ch, Interval: 10 * time.Second})
		began := time.Now()
		for _, at := range []float64{10, 28.5, 30, 40, 50, 60} {
			due := time.Duration(at * float64(time.Second))
			time.Sleep(due - time.Since(began) - time.Millisecond)
			p.check("between two", "NO NEWS", false)
			time.Sleep(time.Millisecond)
			s := typical(int(at))
			s.Elapsed = at
			ch <- s
		}
		time.Sleep(31 * time.Second)
		p.check("31s", "NO NEWS FOR 31s", true)
		p.cancel()
		if err := p.end(); err != nil {
			t.Error(err)
		}
	})
}

// TestNoFirstMeasurement: the first snapshot is given as long as the others.
func TestNoFirstMeasurement(t *testing.T) {
	for _, tt := range []struct{ interval, limit time.Duration }{
		{0, 5 * time.Second}, {time.Second, 5 * time.Second}, {20 * time.Second, time.Minute},
	} {
		synctest.Test(t, func(t *testing.T) {
			p := play(t, Options{Snapshots: make(chan *traffic.Snapshot), Interval: tt.interval})
			time.Sleep(tt.limit - time.Second)
			p.check("within the limit", "waiting for the first measurement…", true)
			time.Sleep(4 * time.Second)
			p.check("beyond it", "waiting for the first measurement, for "+span(tt.limit+3*time.Second)+" now", true)
			p.cancel()
			if err := p.end(); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestSuspend: what Ctrl-Z does to the surface, whatever it was doing; the
// time the process stood still is not held against the engine.
func TestSuspend(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ch := make(chan *traffic.Snapshot, 1)
		stopped := 0
		p := play(t, Options{Snapshots: ch}, func(u *UI) {
			u.stop = func(context.Context) {
				stopped++
				time.Sleep(time.Hour)
			}
		})
		for tick := range 3 {
			ch <- typical(10 + tick)
			time.Sleep(time.Second)
		}
		for _, key := range []rune{'/', '?'} {
			p.screen.InjectKey(tcell.KeyRune, key, tcell.ModNone)
			p.screen.InjectKey(tcell.KeyCtrlZ, 0, tcell.ModCtrl)
			time.Sleep(time.Hour + time.Second)
			p.check("continued", "NO NEWS", false)
			p.screen.InjectKey(tcell.KeyEscape, 0, tcell.ModNone)
		}
		if stopped != 2 {
			t.Errorf("stopped %d times, want 2", stopped)
		}
		p.cancel()
		if err := p.end(); err != nil {
			t.Error(err)
		}
	})
}

// TestLink: a connection that is lost is told of, with how long it has been so,
// and forgotten when it is back.
func TestLink(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ch, links := make(chan *traffic.Snapshot, 1), make(chan Link, 1)
		p := play(t, Options{Snapshots: ch, Link: links, Attached: "gw via /run/bwmon.sock"})
		ch <- typical(10)
		p.check("attached", "attached to gw via /run/bwmon.sock", true)
		links <- Link{Lost: true, At: time.Now(), Detail: "connection refused"}
		p.check("lost", "CONNECTION LOST", true)
		time.Sleep(12*time.Second + time.Millisecond)
		p.check("lost for 12 s", "connection to gw via /run/bwmon.sock lost 12s ago, trying again: connection", true)
		p.check("lost for 12 s", "NO NEWS", false)
		p.check("the last figures stay", "firefox", true)
		links <- Link{}
		p.check("found again", "CONNECTION LOST", false)
		p.check("found again", "NO NEWS", false)
		time.Sleep(6 * time.Second)
		p.check("found, but silent", "NO NEWS FOR", true)
		ch <- typical(30)
		p.check("news", "NO NEWS", false)
		close(links)
		time.Sleep(time.Second)
		p.cancel()
		if err := p.end(); err != nil {
			t.Error(err)
		}
	})
}

// TestIntervalOfTheSnapshots: how often there is news is the engine's to say, which may be
// another machine's.
func TestIntervalOfTheSnapshots(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ch := make(chan *traffic.Snapshot, 1)
		p := play(t, Options{Snapshots: ch})
		s := typical(10)
		s.Interval = 30
		ch <- s
		time.Sleep(80 * time.Second)
		p.check("within three ticks", "NO NEWS", false)
		time.Sleep(20 * time.Second)
		p.check("after three ticks", "NO NEWS", true)
		p.cancel()
		if err := p.end(); err != nil {
			t.Error(err)
		}
	})
}
