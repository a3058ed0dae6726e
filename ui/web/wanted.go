package web

import (
	"fmt"
	"net/http"
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
}

// wantedOf reads the parameters of snapshot and stream.
func wantedOf(r *http.Request) (wanted, error) {
	want := wanted{all: true}
	q, err := parametersOf(r, "flows", "commands")
	if err != nil {
		return want, err
	}
	if text := q.Get("flows"); text != "" {
		if want.flows, err = strconv.ParseBool(text); err != nil {
			return want, fmt.Errorf("flows: want 1 or 0, got %q", text)
		}
	}
	if q.Has("commands") {
		want.all, want.of = false, q.Get("commands")
	}
	return want, nil
}

// narrowed is s with the commands of one app alone, which may be none. It shares all else
// with s.
func narrowed(s *traffic.Snapshot, app string) *traffic.Snapshot {
	n := *s
	n.Apps = slices.Clone(s.Apps)
	for i := range n.Apps {
		if n.Apps[i].Name != app {
			n.Apps[i].Commands = []traffic.Command{}
		}
	}
	return &n
}
