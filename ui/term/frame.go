package term

import (
	"os"

	"github.com/gdamore/tcell/v2"

	"bwmon/traffic"
)

// frame draws one frame and brings it to the terminal.
func (u *UI) frame(screen tcell.Screen) {
	if u.copied != "" {
		if err := copyText(screen, u.copied, os.Getenv); err != nil {
			u.said = err.Error()
		}
		u.copied = ""
	}
	if u.sync {
		u.sheet.forget() // nobody knows what the screen has
	}
	u.draw(screen)
	u.tellFlows(u.wantsFlows())
	if u.sync {
		u.sync = false
		screen.Sync()
		return
	}
	screen.Show()
}

// The least terminal the tables are laid out for.
const (
	leastWidth  = 60
	leastHeight = 15
)

// draw puts everything into the screen's cells. What is not visible costs
// nothing here.
func (u *UI) draw(screen tcell.Screen) {
	u.sheet.begin(screen)
	defer u.sheet.show(screen)
	c, w, h := canvas{screen, &u.sheet}, u.sheet.w, u.sheet.h
	u.past.wanted = traffic.Query{}
	screen.HideCursor()
	u.body, u.tabs = area{}, u.tabs[:0]
	u.small = w < leastWidth || h < leastHeight
	switch {
	case u.small:
		if u.mode == modeChoose { // nobody answers what cannot be read
			u.mode = modeTable
		}
		u.tooSmall(c, w, h)
	case u.mode == modeHelp:
		u.drawHelp(c, w, h)
	default:
		u.drawTable(c, w, h)
	}
}

func (u *UI) drawTable(c canvas, w, h int) {
	y := u.header(c, 0, w, h)
	if h >= 28 {
		y++ // room to breathe
	}
	l := u.page().base()
	table, _ := u.split(area{0, 0, w, h}, w, h)
	u.wide = table.w - 1 - gutter(table.w, w)
	l.slots = l.layout(u.wide)
	tabs, state := true, true
	if h < 20 { // there is one line for both
		state = u.stateMatters()
		tabs = !state
	}
	if tabs {
		u.drawTabs(c, y, w)
		y++
	}
	if state {
		y++ // drawn when it is known how many rows there are
	}
	keys := 1
	if u.mode == modeFilter || u.mode == modeCommand {
		keys = 2
	}
	table, pane := u.split(area{0, y, w, max(h-y-keys, 1)}, w, h)
	u.pane = area{}
	rows := table.h - 1 // without titles
	if pane.h == 0 {
		if note := u.noteLines(u.page(), w-2, rows); note != nil {
			rows -= len(note) + 1
			u.drawNote(c, y+1+rows, w, note)
		}
	}
	l.window(rows)
	if !l.follow && (l.sel < l.top || l.sel >= l.top+rows) && rows > 0 {
		u.page().choose(l.top) // nobody chose the row that went out of sight
	}
	if state {
		u.drawState(c, y-1, w, rows)
	}
	u.table(c, area{table.x, table.y, table.w, rows + 1})
	if pane.h > 0 {
		u.drawDetails(c, pane)
	}
	if keys > 1 {
		u.drawPrompt(c, h-2, w)
	} else {
		u.drawKeys(c, h-1, w)
	}
}

// gutter keeps the table apart from what is beside it.
func gutter(table, w int) int {
	if table < w {
		return 2
	}
	return 0
}

func (u *UI) tooSmall(c canvas, w, h int) {
	for i, line := range wrap("this terminal is too small for the tables: they need 60 columns and 15 lines. q quits.", w) {
		if i < h {
			c.text(0, i, w, line, u.colors.plain)
		}
	}
}

// The most connections for which the details of a row ask the engine to list
// them all: it does so for every tick.
const (
	listedConnections = 5_000
	stillListed       = 2 * listedConnections // once they are
)

// wantsFlows reports whether single connections are on screen, or the details
// are made of them.
func (u *UI) wantsFlows() bool {
	if u.page().flows() {
		return true
	}
	if u.pane.h == 0 || u.shown == nil {
		return false
	}
	if about := u.detailed().about; about == nil || about.tops == nil {
		return false
	}
	n := 0
	for i := range u.shown.Apps {
		n += u.shown.Apps[i].Connections
	}
	for i := range u.shown.LANHosts {
		n += u.shown.LANHosts[i].Connections
	}
	return n <= listedConnections || u.wanted && n <= stillListed
}
