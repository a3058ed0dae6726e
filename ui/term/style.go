package term

import (
	"os"

	"github.com/gdamore/tcell/v2"
)

// palette is every style in use. The terminal's own background is kept, so
// light and dark both work, and no meaning is carried by colour alone: what is
// coloured is also bold, reversed, marked or worded.
type palette struct {
	plain, bold, dim tcell.Style
	title            tcell.Style // column titles: underlined, they are the table's rule
	sorted           tcell.Style // the title of the column sorted by
	selected         tcell.Style
	alarm            tcell.Style // something is wrong
	warn             tcell.Style // something may go wrong
	flag             tcell.Style // a state that must not be overlooked
	spark            tcell.Style
	rx, tx           tcell.Style // of charts
	meter            tcell.Style
	key              tcell.Style // a key in the hint line and the help
	active, passive  tcell.Style // tabs
	tabKey           tcell.Style
	chip             tcell.Style // how the rows are seen
	heading          tcell.Style // in the details and the help
	filter           tcell.Style
}

// newPalette is the styles of a theme. Colours are left out when the
// environment has NO_COLOR (https://no-color.org).
func newPalette(t Theme) (palette, error) {
	s, err := t.styles(os.Getenv("NO_COLOR") != "")
	if err != nil {
		return palette{}, err
	}
	return palette{
		plain: s[stylePlain], bold: s[styleBold], dim: s[styleDim],
		title: s[styleTitle], sorted: s[styleSorted], selected: s[styleSelected],
		alarm: s[styleAlarm], warn: s[styleWarn], flag: s[styleFlag],
		spark: s[styleSpark], rx: s[styleRx], tx: s[styleTx], meter: s[styleMeter],
		key: s[styleKey], active: s[styleActive], passive: s[stylePassive], tabKey: s[styleTabKey],
		chip: s[styleChip], heading: s[styleHeading], filter: s[styleFilter],
	}, nil
}
