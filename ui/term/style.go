package term

import "github.com/gdamore/tcell/v2"

// palette is every style in use. The terminal's own foreground and background
// are kept everywhere, so light and dark both work, and no meaning is carried
// by colour alone: what is coloured is also bold, reversed, marked or worded.
type palette struct {
	plain, bold, dim tcell.Style
	title            tcell.Style // column titles: underlined, they are the table's rule
	sorted           tcell.Style // the title of the column sorted by
	selected         tcell.Style
	alarm            tcell.Style // something is wrong
	flag             tcell.Style // a state that must not be overlooked
	spark            tcell.Style
	key              tcell.Style // a key in the hint line and the help
	active, passive  tcell.Style // tabs
	tabKey           tcell.Style
	chip             tcell.Style // how the rows are seen
	heading          tcell.Style // in the details
	rx, tx           tcell.Style // of charts
	meter            tcell.Style
	warn             tcell.Style // something may go wrong
	filter           tcell.Style
}

func newPalette(noColor bool) palette {
	plain := tcell.StyleDefault
	p := palette{
		plain:    plain,
		bold:     plain.Bold(true),
		dim:      plain.Dim(true),
		title:    plain.Underline(true),
		sorted:   plain.Underline(true).Bold(true),
		selected: plain.Reverse(true),
		alarm:    plain.Bold(true),
		flag:     plain.Bold(true).Reverse(true),
		spark:    plain,
		key:      plain.Bold(true),
		active:   plain.Bold(true).Reverse(true),
		tabKey:   plain.Dim(true),
		chip:     plain.Bold(true),
		heading:  plain.Bold(true),
		rx:       plain,
		tx:       plain,
		meter:    plain,
		warn:     plain.Bold(true),
		passive:  plain,
		filter:   plain.Bold(true),
	}
	if noColor {
		return p
	}
	// Of the sixteen colours these keep their contrast on white and on black.
	p.alarm = p.alarm.Foreground(tcell.ColorMaroon)
	p.spark = p.spark.Foreground(tcell.ColorTeal)
	p.rx, p.tx, p.meter = p.spark, plain.Foreground(tcell.ColorPurple), p.spark
	return p
}
