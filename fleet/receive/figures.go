package receive

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"

	"bwmon/traffic"
)

// The bounds of one document of figures.
const (
	maxFigures = 64 << 10 // bytes
	maxCount   = 500
	maxDepth   = 8
	// maxFigure bounds the figures: beyond it not every whole number has a float64 near
	// it, and sums of many stay finite.
	maxFigure = 1 << 63
)

// figure is one number that a host posted.
type figure struct {
	name  string
	value float64
}

// parseFigures reads a JSON object of numbers, in which others may lie: {"mem": {"used":
// 3}} is "mem.used". null is a figure that is missing. Names are made clean.
func parseFigures(document []byte) ([]figure, error) {
	p := figures{d: json.NewDecoder(bytes.NewReader(document)), had: make(map[string]bool)}
	p.d.UseNumber()
	open, err := p.d.Token()
	if err == nil && open != json.Delim('{') {
		err = errors.New("it is no object")
	}
	if err == nil {
		err = p.object("", 1)
	}
	if err == nil {
		if _, end := p.d.Token(); end != io.EOF {
			err = errors.New("something follows after the object")
		}
	}
	if err != nil {
		return nil, fmt.Errorf(`want a JSON object of numbers such as {"mem": 41.5, "disk": {"sda": 3}}: %w`, err)
	}
	return p.list, nil
}

type figures struct {
	d    *json.Decoder
	list []figure
	had  map[string]bool
}

// object reads what is in an object that was opened.
func (p *figures) object(prefix string, depth int) error {
	if depth > maxDepth {
		return fmt.Errorf("there are more than %d objects in one another", maxDepth)
	}
	for p.d.More() {
		key, err := p.d.Token()
		if err != nil {
			return err
		}
		name := key.(string)
		if prefix != "" {
			name = prefix + "." + name
		}
		if len(name) > traffic.MaxWord {
			return fmt.Errorf("the name %q is longer than %d bytes", traffic.CleanText(name, 60), traffic.MaxWord)
		}
		value, err := p.d.Token()
		if err != nil {
			return err
		}
		if err := p.value(name, value, depth); err != nil {
			return err
		}
	}
	_, err := p.d.Token() // }
	return err
}

func (p *figures) value(name string, value json.Token, depth int) error {
	switch v := value.(type) {
	case nil:
		return nil
	case json.Delim:
		if v == '{' {
			return p.object(name, depth+1)
		}
	case json.Number:
		return p.number(name, v)
	}
	return fmt.Errorf("%q is no number", traffic.CleanText(name, 60))
}

func (p *figures) number(name string, text json.Number) error {
	value, err := strconv.ParseFloat(string(text), 64)
	if err != nil || !(value >= -maxFigure && value <= maxFigure) {
		return fmt.Errorf("%q: %s is too large", traffic.CleanText(name, 60), traffic.CleanText(string(text), 60))
	}
	name = traffic.CleanText(name, traffic.MaxWord)
	switch {
	case name == "":
		return errors.New("a figure has no name")
	case p.had[name]:
		return fmt.Errorf("%q is there twice", name)
	case len(p.list) == maxCount:
		return fmt.Errorf("there are more than %d figures", maxCount)
	}
	p.had[name] = true
	p.list = append(p.list, figure{name, value})
	return nil
}

// parseEpoch reads a time in seconds since 1970, or in milliseconds, which is told by
// its size: 10^11 seconds are in the year 5138. It is not in the future, but for what
// clocks may be off.
func parseEpoch(text string, now time.Time, ahead time.Duration) (time.Time, error) {
	const milliseconds = 1e11
	v, err := strconv.ParseFloat(text, 64)
	if err != nil || !(v >= 0 && v < 1e15) {
		return time.Time{}, fmt.Errorf("want the seconds since 1970, or milliseconds, got %q", traffic.CleanText(text, 60))
	}
	if v < milliseconds {
		v *= 1000
	}
	at := time.UnixMilli(int64(v)).UTC()
	switch {
	case at.Sub(now) > ahead:
		return time.Time{}, fmt.Errorf("%s is %v in the future, by the receiver's clock: set yours", at.Format(time.RFC3339), at.Sub(now).Round(time.Second))
	case now.Sub(at) > oldest:
		return time.Time{}, fmt.Errorf("%s is too long ago: want at most a year", at.Format(time.RFC3339))
	case at.After(now):
		at = now.UTC()
	}
	return at, nil
}
