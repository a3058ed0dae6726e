package main

import (
	"regexp"
	"testing"

	"bwmon/pipe"
)

// withRelays is a configuration with two relays, each of which leaves others out.
func withRelays() config {
	c := defaultConfig()
	for port, exclude := range map[uint16]string{8001: "^one", 8002: "^two"} {
		m := defaultMonitor(kindForward)
		m.Forward.Listen, m.Forward.Target = pipe.Address{Port: port}, pipe.Address{Host: "backend", Port: 80}
		m.Exclude = []*regexp.Regexp{regexp.MustCompile(exclude)}
		c.Monitors = append(c.Monitors, m)
	}
	return c
}

// TestRelaysAreTheDaemons: what only looks does not listen.
func TestRelaysAreTheDaemons(t *testing.T) {
	for _, tt := range []struct {
		name  string
		flags measureFlags
		want  int
	}{
		{"snapshot", measureFlags{}, 0},
		{"run", measureFlags{relays: true}, 2},
		{"snapshot --monitor forward", measureFlags{monitors: []string{kindForward}}, 2},
	} {
		c, err := tt.flags.apply(withRelays())
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		for _, m := range c.Monitors {
			if m.Kind == kindForward {
				n++
			}
		}
		if n != tt.want {
			t.Errorf("%s: %d relays, want %d", tt.name, n, tt.want)
		}
	}
}

// TestEachRelayHasItsFilter.
func TestEachRelayHasItsFilter(t *testing.T) {
	filters := engineOptions(withRelays()).Filters
	for name, excluded := range map[string]string{"forward:8001:backend:80": "^one", "forward:8002:backend:80": "^two"} {
		f := filters[name]
		if len(f.Exclude) != 1 || f.Exclude[0].String() != excluded {
			t.Errorf("%s: %+v", name, f)
		}
	}
}
