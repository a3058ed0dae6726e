package main

import (
	"strings"
	"time"

	"bwmon/traffic"
	"bwmon/ui/term"
)

// rawUI is [ui].
type rawUI struct {
	View       string              `toml:"view"`
	Group      string              `toml:"group"`
	Units      string              `toml:"units"`
	Amounts    string              `toml:"amounts"`
	Window     string              `toml:"window"`
	HideIdle   bool                `toml:"hide_idle"`
	Machine    bool                `toml:"machine"`
	Details    string              `toml:"details"`
	ReverseDNS bool                `toml:"reverse_dns"`
	Remember   bool                `toml:"remember"`
	Theme      string              `toml:"theme"`
	Colors     map[string]string   `toml:"colors"`
	Columns    map[string][]string `toml:"columns"`
	Sort       map[string]string   `toml:"sort"`
	Keys       map[string][]string `toml:"keys"`
}

// uiConfig is how the full-screen view begins.
type uiConfig struct {
	term.Config
	Remember bool // what is changed with keys
}

func defaultRawUI() rawUI {
	return rawUI{
		View: "apps", Group: "app", Units: "iec", Amounts: "both", Window: "1s", Details: "auto", ReverseDNS: true, Remember: true,
		Theme: "auto",
	}
}

func defaultUI() uiConfig {
	r := defaultRawUI()
	return r.config(time.Second)
}

func (r rawUI) config(window time.Duration) uiConfig {
	return uiConfig{Remember: r.Remember, Config: term.Config{
		View: r.View, Group: r.Group, Units: r.Units, Window: window, Amounts: r.Amounts, Details: r.Details,
		HideIdle: r.HideIdle, Machine: r.Machine, NoNames: !r.ReverseDNS, Theme: term.Theme{Name: r.Theme, Colors: r.Colors},
		Keys: r.Keys, Columns: r.Columns, Sort: r.Sort,
	}}
}

func (c *configReader) ui(r rawUI) uiConfig {
	at := place("ui")
	window := c.span(r.Window, at.key("window"), false)
	out := r.config(window)
	if c.blamedBelow(at) {
		return out
	}
	if err := out.Check(); err != nil {
		// What is wrong stands at the head, as a key or as "columns of apps".
		head, text, _ := strings.Cut(traffic.CleanText(err.Error(), 1000), ": ")
		key, name, below := strings.Cut(head, " of ")
		switch where := at.key(key); {
		case c.lines[where] == 0:
			c.problem(at, at, "%s: %s", head, text)
		case below && c.lines[where.key(name)] > 0:
			c.problem(where.key(name), where.key(name), "%s", text)
		default:
			c.problem(where, where, "%s", text)
		}
	}
	return out
}

// options are what the configuration says of the full-screen view.
func (c uiConfig) options(bits bool) term.Options {
	o := term.Options{Config: c.Config, Version: versionText(), Lookup: term.LookupName()}
	if bits {
		o.Config.Units = "bits"
	}
	if c.Remember {
		o.SettingsPath = term.SettingsPath()
	}
	return o
}
