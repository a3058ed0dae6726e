package web

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"

	"bwmon/traffic"
)

// wanted is which parts of a snapshot somebody wants.
type wanted struct {
	flows bool
	// of is the app whose commands are wanted, those of others not; all: every app's.
	of  string
	all bool
	// noSeries: what is measured of the machine is not wanted.
	noSeries bool
}

// wantedOf reads the parameters of snapshot and stream.
func wantedOf(r *http.Request) (wanted, error) {
	want := wanted{all: true}
	q, err := parametersOf(r, "flows", "commands", "series")
	if err != nil {
		return want, err
	}
	if want.flows, err = parseSwitch(q, "flows", false); err != nil {
		return want, err
	}
	series, err := parseSwitch(q, "series", true)
	want.noSeries = !series
	if q.Has("commands") {
		want.all, want.of = false, q.Get("commands")
	}
	return want, err
}

func parseSwitch(q url.Values, name string, usual bool) (bool, error) {
	text := q.Get(name)
	if text == "" {
		return usual, nil
	}
	on, err := strconv.ParseBool(text)
	if err != nil {
		return usual, fmt.Errorf("%s: want 1 or 0, got %q", name, text)
	}
	return on, nil
}

// isWhole reports whether nothing is left out but flows.
func (w wanted) isWhole() bool { return w.all && !w.noSeries }

// narrowed is s with what is wanted, but for flows. It shares all else with s.
func (w wanted) narrowed(s *traffic.Snapshot) *traffic.Snapshot {
	n := *s
	if w.noSeries {
		n.Series = []traffic.Series{}
	}
	if w.all {
		return &n
	}
	n.Apps = slices.Clone(s.Apps)
	for i := range n.Apps {
		if n.Apps[i].Name != w.of {
			n.Apps[i].Commands = []traffic.Command{}
		}
	}
	return &n
}
