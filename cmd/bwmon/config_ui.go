package main

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"time"

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
	Details    string              `toml:"details"`
	ReverseDNS bool                `toml:"reverse_dns"`
	Remember   bool                `toml:"remember"`
	Theme      string              `toml:"theme"`
	Colors     map[string]string   `toml:"colors"`
	Columns    map[string][]string `toml:"columns"`
	Keys       map[string][]string `toml:"keys"`
}

// uiConfig is how the full-screen view begins.
type uiConfig rawUI

func defaultUI() uiConfig { return uiConfig(defaultRawUI()) }

func defaultRawUI() rawUI {
	return rawUI{
		View: "apps", Group: "app", Units: "iec", Amounts: "both", Window: "1s", Details: "auto", ReverseDNS: true, Remember: true,
		Theme: "auto",
	}
}

func (c *configReader) ui(r rawUI) uiConfig { return uiConfig(r) }

// options are what the configuration says of the full-screen view.
func (c uiConfig) options(bits bool) (term.Options, error) {
	var o term.Options
	window, err := time.ParseDuration(c.Window)
	if err != nil {
		return o, usageError{fmt.Errorf("ui.window: want 1s, 10s or 1m, got %s", quoted(c.Window))}
	}
	o.Config = term.Config{View: c.View, Group: c.Group, Units: c.Units, Window: window, Amounts: c.Amounts}
	if bits {
		o.Config.Units = "bits"
	}
	if c.ReverseDNS {
		o.Lookup = reverseName
	}
	if c.Remember {
		o.SettingsPath = settingsPath()
	}
	return o, nil
}

// reverseName asks the resolver of this host for the name of an address.
func reverseName(ctx context.Context, a netip.Addr) (string, error) {
	names, err := net.DefaultResolver.LookupAddr(ctx, a.Unmap().WithZone("").String())
	if err != nil || len(names) == 0 {
		return "", err
	}
	return names[0], nil
}
