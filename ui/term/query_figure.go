package term

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// joinUnit extends a figure that ends at end by a unit that stands behind a
// space, as in "rx>5 MiB/s", and returns where both end.
func (p *queryParser) joinUnit(end int) int {
	if strings.Trim(p.text[p.pos:end], "0123456789.") != "" {
		return end
	}
	from := end
	for from < len(p.text) && strings.IndexByte(queryBlanks, p.text[from]) >= 0 {
		from++
	}
	to := p.wordEnd(from)
	if u, err := parseUnit(p.text[from:to]); err == nil && u.word {
		return to
	}
	return end
}

// figureUnit is what a figure is multiplied with to be bytes, or bytes per
// second.
type figureUnit struct {
	scale     float64
	perSecond bool
	word      bool // more than a mere prefix, so that it can stand alone
}

// parseUnit reads a unit of bytes or bits, of a total or of a rate: "",
// "k", "MiB", "MB", "Mbit", "kbit/s". Prefixes alone are powers of 1024, as
// the sizes on the screen.
func parseUnit(unit string) (figureUnit, error) {
	bad := fmt.Errorf("no unit %q: write KiB, MB, Mbit, with /s for a rate", unit)
	u := figureUnit{scale: 1}
	rest, perSecond := strings.CutSuffix(unit, "/s")
	u.perSecond, u.word = perSecond, perSecond
	step := 1024.0
	lower := strings.ToLower(rest)
	switch {
	case strings.HasSuffix(lower, "bit"), strings.HasSuffix(lower, "bits"):
		u.scale, u.word, step = 1.0/8, true, 1000
		lower = strings.TrimSuffix(strings.TrimSuffix(lower, "s"), "bit")
		if strings.HasSuffix(lower, "i") {
			return u, bad
		}
	case strings.HasSuffix(lower, "ib"):
		u.word, lower = true, strings.TrimSuffix(lower, "b")
	case strings.HasSuffix(rest, "B"):
		u.word, step, lower = true, 1000, strings.TrimSuffix(lower, "b")
	case strings.HasSuffix(rest, "b"):
		return u, errors.New(`"b" may be bytes or bits: write B for bytes, bit for bits`)
	}
	prefix, _ := strings.CutSuffix(lower, "i")
	if prefix == "" {
		if lower != "" {
			return u, bad
		}
		return u, nil
	}
	power := strings.Index("kmgtpe", prefix)
	if power < 0 || len(prefix) != 1 {
		return u, bad
	}
	u.scale *= math.Pow(step, float64(power+1))
	return u, nil
}

// setFigure takes a number with its unit.
func (t *queryTerm) setFigure(text string) error {
	t.mode, t.text = takeFigures, text
	end := 0
	for end < len(text) && strings.IndexByte("0123456789.", text[end]) >= 0 {
		end++
	}
	if t.op == opHas && (t.field.sort() == fieldAmount || t.field.sort() == fieldSize) {
		return fmt.Errorf("%s is a figure: %s", t.field, wantValue(t))
	}
	number, err := strconv.ParseFloat(text[:end], 64)
	if err != nil {
		return fmt.Errorf("%q is no number: %s", text, wantValue(t))
	}
	if t.field.sort() == fieldCount {
		return t.setCount(number, text[end:])
	}
	u, err := parseUnit(text[end:])
	if err != nil {
		return err
	}
	if u.perSecond && t.field.sort() == fieldSize {
		return fmt.Errorf("%s is no rate: %s", t.field, wantValue(t))
	}
	t.figure, t.perSecond = number*u.scale, u.perSecond
	return nil
}

// setCount takes how many; k and M are thousands and millions, as on the
// screen.
func (t *queryTerm) setCount(number float64, prefix string) error {
	prefix = strings.TrimSuffix(prefix, queryUnits[t.field])
	power := strings.Index(" kMG", prefix)
	switch {
	case prefix == "":
		power = 0
	case power < 1 || len(prefix) != 1:
		return fmt.Errorf("%q is no number: %s", t.text, wantValue(t))
	}
	t.figure = number * math.Pow(1000, float64(power))
	return nil
}
