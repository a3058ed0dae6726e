package term

import (
	"context"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gdamore/tcell/v2"

	"bwmon/traffic"
)

// played is a surface running in its event loop on a simulated screen.
type played struct {
	t      *testing.T
	screen *watched
	cancel context.CancelFunc
	done   chan error
}

// watched is a simulated screen that publishes its frames and remembers
// whether it was finished.
type watched struct {
	tcell.SimulationScreen
	frames   chan string // holds the newest that nobody has taken
	newest   atomic.Pointer[string]
	finished chan struct{}
}

func (w *watched) Show() {
	w.SimulationScreen.Show()
	w.publish()
}

func (w *watched) Sync() {
	w.SimulationScreen.Sync()
	w.publish()
}

func (w *watched) publish() {
	text := screenText(w.SimulationScreen)
	w.newest.Store(&text)
	select {
	case <-w.frames:
	default:
	}
	w.frames <- text
}

func (w *watched) Fini() {
	w.SimulationScreen.Fini()
	close(w.finished)
}

// play starts a surface, changed by prepare before.
func play(t *testing.T, opts Options, prepare ...func(*UI)) *played {
	t.Helper()
	w := &watched{SimulationScreen: tcell.NewSimulationScreen("UTF-8"), frames: make(chan string, 1), finished: make(chan struct{})}
	opts.Screen, opts.Location = w, time.UTC
	ctx, cancel := context.WithCancel(t.Context())
	p := &played{t: t, screen: w, cancel: cancel, done: make(chan error, 1)}
	u := mustNew(t, opts)
	for _, f := range prepare {
		f(u)
	}
	go func() { p.done <- u.Run(ctx) }()
	t.Cleanup(cancel)
	return p
}

// until waits for a frame that contains text.
func (p *played) until(text string) {
	p.t.Helper()
	deadline := time.After(10 * time.Second)
	last := ""
	for {
		select {
		case last = <-p.screen.frames:
			if strings.Contains(last, text) {
				return
			}
		case <-deadline:
			p.t.Fatalf("no frame with %q; the last one:\n%s", text, last)
		}
	}
}

// end waits for Run to return and checks that the screen was restored.
func (p *played) end() error {
	p.t.Helper()
	select {
	case err := <-p.done:
		select {
		case <-p.screen.finished:
		default:
			p.t.Error("the terminal was not restored")
		}
		return err
	case <-time.After(10 * time.Second):
		p.t.Fatal("Run does not return")
		return nil
	}
}

func TestRunUntilQuit(t *testing.T) {
	for _, key := range []tcell.Key{tcell.KeyRune, tcell.KeyCtrlC} {
		ch := make(chan *traffic.Snapshot, 1)
		p := play(t, Options{Snapshots: ch})
		p.until("waiting for the first measurement")
		ch <- typical(10)
		p.until("firefox")
		p.screen.InjectKey(key, 'q', tcell.ModNone)
		if err := p.end(); err != nil {
			t.Error(err)
		}
	}
}

// TestCtrlCInEveryMode: Ctrl-C leaves, whatever the keyboard is talking to.
func TestCtrlCInEveryMode(t *testing.T) {
	for _, tt := range []struct {
		key  rune
		then string
	}{{'/', " filter:"}, {'?', "close the help"}} {
		p := play(t, Options{})
		p.until("waiting")
		p.screen.InjectKey(tcell.KeyRune, tt.key, tcell.ModNone)
		p.until(tt.then)
		p.screen.InjectKey(tcell.KeyCtrlC, 'c', tcell.ModCtrl)
		if err := p.end(); err != nil {
			t.Error(err)
		}
	}
}

func TestRunUntilCancelled(t *testing.T) {
	p := play(t, Options{Snapshots: make(chan *traffic.Snapshot)})
	p.until("waiting")
	p.cancel()
	if err := p.end(); err != nil {
		t.Error(err)
	}
}

func TestEngineGone(t *testing.T) {
	ch := make(chan *traffic.Snapshot, 1)
	p := play(t, Options{Snapshots: ch})
	ch <- typical(10)
	p.until("firefox")
	p.screen.InjectKey(tcell.KeyRune, 'p', tcell.ModNone)
	p.until("PAUSED")
	close(ch)
	p.until("ENGINE STOPPED")
	p.screen.InjectKey(tcell.KeyRune, 'p', tcell.ModNone)
	p.screen.InjectKey(tcell.KeyRune, '6', tcell.ModNone)
	p.until("BALANCED")
	p.screen.InjectKey(tcell.KeyRune, 'q', tcell.ModNone)
	if err := p.end(); err != nil {
		t.Error(err)
	}
}

// TestPanicRestoresTheTerminal: a panic in the event loop comes out as an
// error with its stack, after the terminal was restored.
func TestPanicRestoresTheTerminal(t *testing.T) {
	ch := make(chan *traffic.Snapshot, 1)
	p := play(t, Options{Snapshots: ch, WantFlows: func(bool) { panic("told about flows") }})
	ch <- typical(10)
	p.until("firefox")
	p.screen.InjectKey(tcell.KeyEnter, 0, tcell.ModNone)
	p.screen.InjectKey(tcell.KeyEnter, 0, tcell.ModNone)
	err := p.end()
	if err == nil || !strings.Contains(err.Error(), "told about flows") || !strings.Contains(err.Error(), "tellFlows") {
		t.Errorf("got %v, want the panic and its stack", err)
	}
}

// TestFlowsAreNoLongerWantedAtTheEnd: whoever quits among connections leaves
// nobody collecting them.
func TestFlowsAreNoLongerWantedAtTheEnd(t *testing.T) {
	ch := make(chan *traffic.Snapshot, 1)
	told := make(chan bool, 10)
	p := play(t, Options{Snapshots: ch, WantFlows: func(on bool) { told <- on }})
	ch <- typical(10)
	p.until("firefox")
	p.screen.InjectKey(tcell.KeyEnter, 0, tcell.ModNone)
	p.screen.InjectKey(tcell.KeyEnter, 0, tcell.ModNone)
	p.until("198.19.7.1:80")
	p.screen.InjectKey(tcell.KeyRune, 'q', tcell.ModNone)
	if err := p.end(); err != nil {
		t.Error(err)
	}
	close(told)
	var got []bool
	for on := range told {
		got = append(got, on)
	}
	if len(got) != 2 || !got[0] || got[1] {
		t.Errorf("WantFlows was told %v, want [true false]", got)
	}
}

// TestResizeWhileRunning: a new size is laid out anew at once.
func TestResizeWhileRunning(t *testing.T) {
	ch := make(chan *traffic.Snapshot, 1)
	p := play(t, Options{Snapshots: ch})
	ch <- typical(10)
	p.until("RECENT")
	p.screen.SetSize(60, 15)
	ch <- typical(11) // the simulation finds its new size at the next frame only
	p.until("2 monitors run")
	p.cancel()
	if err := p.end(); err != nil {
		t.Error(err)
	}
}

// TestNoTerminal: without a terminal the error says what to do instead.
func TestNoTerminal(t *testing.T) {
	if f, err := os.Open("/dev/tty"); err == nil {
		f.Close()
		t.Skip("this test process has a terminal")
	}
	err := mustNew(t, Options{}).Run(t.Context())
	if err == nil || !strings.Contains(err.Error(), "bwmon snapshot") {
		t.Errorf("got %v, want an error that names bwmon snapshot", err)
	}
}
