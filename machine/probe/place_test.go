package probe

import (
	"net/netip"
	"strings"
	"testing"

	"bwmon/traffic"
)

func TestParsePlace(t *testing.T) {
	addr := netip.MustParseAddr
	for s, want := range map[string]place{
		"tcp:443":                    {proto: traffic.TCP, port: 443},
		"tcp::443":                   {proto: traffic.TCP, port: 443},
		"tcp:127.0.0.1:443":          {proto: traffic.TCP, addr: addr("127.0.0.1"), port: 443},
		"tcp:[::1]:443":              {proto: traffic.TCP, addr: addr("::1"), port: 443},
		"tcp:[::ffff:127.0.0.1]:443": {proto: traffic.TCP, addr: addr("127.0.0.1"), port: 443},
		"udp:53":                     {proto: traffic.UDP, port: 53},
		"udp:0.0.0.0:53":             {proto: traffic.UDP, addr: addr("0.0.0.0"), port: 53},
		"unix:/run/x.sock":           {path: "/run/x.sock"},
		"unix:/run/a:b":              {path: "/run/a:b"},
		"unix:@abstract":             {path: "@abstract"},
		"unix:@/run/x":               {path: "@/run/x"},
		"unix:@" + strings.Repeat("x", maxSocketName): {path: "@" + strings.Repeat("x", maxSocketName)},
	} {
		if got, err := parsePlace(s); err != nil || got != want {
			t.Errorf("%s: got %+v, %v; want %+v", s, got, err, want)
		}
	}
	for _, s := range []string{
		"", "443", "tcp", "tcp:", "tcp:0", "tcp:-1", "tcp:+1", "tcp:65536", "tcp:https", "tcp:localhost:443", "tcp:::1:443",
		"tcp:127.0.0.1", "tcp:127.0.0.1:0", "tcp:[fe80::1%eth0]:443", "tcp:*:443", "TCP:443", "sctp:1",
		"unix:", "unix:@", "unix:run/x", "unix:/" + strings.Repeat("x", maxSocketName), "unix:/a\x00b",
	} {
		if got, err := parsePlace(s); err == nil {
			t.Errorf("%q: got %+v", s, got)
		}
	}
}

// What comes to an address, and who gets it.
func TestTakes(t *testing.T) {
	for _, c := range []struct {
		wanted, bound string
		six, only6    bool
		want          bool
	}{
		{"", "127.0.0.1", false, false, true},
		{"", "::", true, true, true},
		{"127.0.0.1", "127.0.0.1", false, false, true},
		{"127.0.0.1", "127.0.0.2", false, false, false},
		{"127.0.0.1", "0.0.0.0", false, false, true},
		{"127.0.0.1", "::", true, false, true},
		{"127.0.0.1", "::", true, true, false},
		{"127.0.0.1", "::1", true, false, false},
		{"127.0.0.1", "::ffff:127.0.0.1", true, false, true},
		{"127.0.0.1", "::ffff:0.0.0.0", true, false, true},
		{"::1", "::1", true, true, true},
		{"::1", "::", true, true, true},
		{"::1", "::", true, false, true},
		{"::1", "0.0.0.0", false, false, false},
		{"::1", "::ffff:0.0.0.0", true, false, false},
		{"0.0.0.0", "127.0.0.1", false, false, false},
		{"0.0.0.0", "::", true, false, true},
		{"0.0.0.0", "::", true, true, false},
		{"::", "::", true, true, true},
		{"::", "0.0.0.0", false, false, false},
	} {
		var p place
		if c.wanted != "" {
			p.addr = netip.MustParseAddr(c.wanted)
		}
		if got := p.takes(netip.MustParseAddr(c.bound), c.six, c.only6); got != c.want {
			t.Errorf("%+v: got %v", c, got)
		}
	}
}

func FuzzParsePlace(f *testing.F) {
	for _, s := range []string{"tcp:443", "udp:[::1]:53", "unix:/run/x", "unix:@x", "tcp:[::ffff:1.2.3.4]:1", "tcp:[fe80::1%a]:1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		p, err := parsePlace(s)
		if err != nil {
			if text := err.Error(); traffic.CleanText(text, len(text)) != text {
				t.Errorf("an error that is not clean: %q", text)
			}
			return
		}
		switch p.proto {
		case 0:
			if len(strings.TrimPrefix(p.path, "@")) > maxSocketName || p.path[0] != '/' && p.path[0] != '@' || p.port != 0 {
				t.Errorf("%q: %+v", s, p)
			}
		default:
			if p.port == 0 || p.path != "" || p.addr.Is4In6() || p.addr.Zone() != "" {
				t.Errorf("%q: %+v", s, p)
			}
		}
	})
}
