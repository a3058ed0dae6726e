// Package term is the full-screen terminal surface: a header that says whether
// the figures can be trusted, one table at a time, what is known of the row
// selected, and a line of keys.
//
// Three lists say what there is, and everything else follows from them: the
// columns of each kind of row (header, sort, filter, cells and export), the
// bindings (keys, hint line, help and the command line) and the views (tabs,
// Tab and number keys).
//
// The package runs its own event loop around a tcell.Screen. A frame is drawn
// once for all events that wait, tcell sends the cells that changed, and only
// what is visible costs anything. Whatever may take long (the history, names,
// files, signals) runs beside the loop, see errands.
package term

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"time"

	"github.com/gdamore/tcell/v2"

	"bwmon/traffic"
)

// mode is what the keyboard is talking to.
type mode uint8

const (
	modeTable mode = iota
	modeFilter
	modeCommand
	modeChoose
	modeHelp
)

// UI is the terminal surface. Its state belongs to the goroutine in Run.
type UI struct {
	opts     Options
	colors   palette
	bindings []binding
	kinds    *kinds
	views    []*view
	current  int // index into views

	mode   mode
	prompt prompt
	choice choice
	help   helpPage

	units    units
	window   time.Duration // rates are averages over it
	amounts  amountsShown
	hideIdle bool
	machine  bool // columns of the machine are shown
	frozen   bool
	namesOff bool
	columns  map[string][]string // chosen, by the name of the kind
	theme    Theme
	// configured is how the configuration has it, before what is in the file.
	configured, before settings
	copied             string // to be handed to the terminal with the next frame
	group              grouping
	said               string // a message in the line of keys, until the next key

	memory *memory
	scene  *scene            // what pages are loaded from; nil before the first
	shown  *traffic.Snapshot // what is on screen; nil before the first
	newest *traffic.Snapshot // what came last; differs from shown while paused
	paused bool
	gone   bool // the engine has closed the channel
	link   Link

	// late is how long the engine has been silent, once that is too long.
	late time.Duration

	wanted  bool // what WantFlows was last told
	quit    bool
	resting bool                      // Ctrl-Z was pressed
	stop    func(ctx context.Context) // stops the process until it is continued
	sync    bool                      // redraw every cell of the next frame
	sheet   sheet                     // the frame, and the one before

	errands *errands
	rules   rulebook
	past    past
	things  things
	names   *names // nil where none are looked up
	details detailsWish
	detail  detail
	pane    area             // of the details, as last drawn; of no height where they are not
	plain   bool             // the screen has no braille and blocks
	clock   func() time.Time // nil: the wall clock

	wide  int  // cells for the table's columns, as last drawn
	small bool // the screen, as last drawn: nothing is to be seen on it
	body  area // of the table's rows, as last drawn; for paging and the mouse
	tabs  []tab
	click click

	noted      noteOf // what the last note was of
	noteHeight int    // its lines so far
}

// New makes a surface; it touches neither the terminal nor the channel before
// Run. What is wrong with the configuration is its error.
func New(opts Options) (*UI, error) {
	if opts.Location == nil {
		opts.Location = time.Local
	}
	u := &UI{
		opts:    opts,
		kinds:   newKinds(),
		memory:  newMemory(opts.Interval),
		errands: newErrands(),
		stop:    stopGroup,
	}
	if opts.Lookup != nil {
		u.names = newNames()
		u.names.lookup = opts.Lookup
	}
	u.views = newViews(u.kinds)
	if err := u.configure(opts.Config); err != nil {
		return nil, err
	}
	u.recall()
	return u, nil
}

// Run shows the surface until the user quits or ctx is cancelled, and then
// returns nil. The terminal is restored on every way out. A panic in the
// surface is returned as an error with its stack, so that the monitors beside
// it can still undo what they set up.
func (u *UI) Run(ctx context.Context) (err error) {
	screen := u.opts.Screen
	if screen == nil {
		if screen, err = tcell.NewScreen(); err != nil {
			return fmt.Errorf("open the terminal (TERM=%q): %w: run it in a terminal, or use \"bwmon snapshot\"", os.Getenv("TERM"), err)
		}
	}
	if err := screen.Init(); err != nil {
		return fmt.Errorf("set up the terminal: %w: run it in a terminal, or use \"bwmon snapshot\"", err)
	}
	u.plain = plainGlyphs(screen.CharacterSet())
	running, stop := context.WithCancel(ctx)
	u.errands.ctx = running
	if u.names != nil {
		u.errands.run(func(ctx context.Context) func(*UI) {
			u.names.run(ctx)
			return nil
		})
	}
	// Bounded: when 128 events wait, tcell stops reading the terminal.
	events := make(chan tcell.Event, 128)
	defer func() {
		p := recover()
		screen.Fini()
		stop()
		u.errands.wg.Wait()
		for range events { // until its writer has ended
		}
		if saved := u.remember(); p == nil && err == nil {
			err = saved
		}
		if p != nil {
			err = fmt.Errorf("terminal surface: panic: %v\n%s", p, debug.Stack())
			return
		}
		u.tellFlows(false)
	}()
	go screen.ChannelEvents(events, nil) // ends, closing events, when the screen is finished
	screen.EnableMouse(tcell.MouseButtonEvents)
	screen.EnablePaste()
	return u.loop(ctx, screen, events)
}

// loop is the event loop. Every event that already waits is handled before
// the next frame, so a held key or a burst of snapshots costs one frame.
func (u *UI) loop(ctx context.Context, screen tcell.Screen, events <-chan tcell.Event) error {
	snapshots, links := u.opts.Snapshots, u.opts.Link
	var named <-chan struct{}
	if u.names != nil {
		named = u.names.changed
	}
	watch := newWatch(u.opts.Interval)
	defer watch.stop()
	dirty := true
	for {
		if dirty {
			u.frame(screen)
			u.askPast(u.now())
			u.askThings(u.now())
		}
		select {
		case <-ctx.Done():
			return nil
		case s, ok := <-snapshots:
			dirty = !u.paused || !ok || u.late > 0
			u.late = 0
			snapshots = u.receive(snapshots, s, ok)
			if s != nil {
				watch.expect(s.Interval)
			}
		case l, ok := <-links:
			dirty = true
			if links = u.relink(links, l, ok); u.link.Lost {
				watch.nag()
			} else {
				u.late = 0
				watch.rearm()
			}
		case apply := <-u.errands.done:
			dirty = true
			apply(u)
		case <-named:
			dirty = true
			u.reload()
		case <-watch.timer.C:
			// One that waits came in time: it is this process that was held up.
			dirty = !u.gone && len(snapshots) == 0
			if dirty {
				u.late = watch.fired()
			}
		case ev, alive := <-events:
			dirty = true
			if err := u.handleAll(ev, alive, events); err != nil || u.quit {
				return err
			}
			if u.resting {
				if err := u.suspend(ctx, screen); err != nil {
					return err
				}
				watch.rearm()
			}
		}
	}
}

// handleAll handles an event and those that already wait behind it.
func (u *UI) handleAll(ev tcell.Event, alive bool, events <-chan tcell.Event) error {
	for {
		if !alive {
			return errors.New("the terminal is gone")
		}
		if err := u.handle(ev); err != nil || u.quit {
			return err
		}
		select {
		case ev, alive = <-events:
		default:
			return nil
		}
	}
}

// receive takes a snapshot, or the news that there will be none any more, and
// returns the channel to go on with.
func (u *UI) receive(ch <-chan *traffic.Snapshot, s *traffic.Snapshot, ok bool) <-chan *traffic.Snapshot {
	if !ok {
		u.gone = true
		return nil
	}
	if s != nil {
		u.take(s)
	}
	return ch
}

// relink takes the condition of the way to the engine, and returns the channel
// to go on with.
func (u *UI) relink(ch <-chan Link, l Link, ok bool) <-chan Link {
	if !ok {
		return nil
	}
	u.link = l
	return ch
}

// take makes s the newest snapshot and, unless paused, the one shown.
func (u *UI) take(s *traffic.Snapshot) {
	u.newest = s
	if !u.paused {
		u.show(s)
	}
}

func (u *UI) show(s *traffic.Snapshot) {
	u.memory.observe(s, u.wanted)
	first := u.shown == nil
	u.shown = s
	u.settleView(first)
	u.reload()
}

// reload takes the page's rows anew out of what is shown.
func (u *UI) reload() {
	if u.shown == nil {
		return
	}
	u.scene = &scene{Snapshot: u.shown, memory: u.memory, window: u.window, names: u.names, units: u.units}
	if u.page().base().things {
		if u.scene.idle = u.things.off; len(u.scene.idle) > 0 {
			u.scene.measured = measuredOf(u.shown)
		}
	}
	u.page().load(u.scene)
}

// handle does what one event of the terminal asks for.
func (u *UI) handle(ev tcell.Event) error {
	switch ev := ev.(type) {
	case *tcell.EventKey:
		u.said = ""
		u.key(ev)
	case *tcell.EventMouse:
		u.mouse(ev)
	case *tcell.EventPaste:
		u.paste(ev)
	case *tcell.EventResize:
		u.sync = true
	case *tcell.EventError:
		return fmt.Errorf("read the terminal: %w", ev)
	}
	u.tellFlows(u.wantsFlows())
	return nil
}

// tellFlows passes on whether connections are on screen, when that changed.
func (u *UI) tellFlows(want bool) {
	if want == u.wanted {
		return
	}
	u.wanted = want
	if u.opts.WantFlows != nil {
		u.opts.WantFlows(want)
	}
}
