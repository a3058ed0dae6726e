package main

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

func (p *program) rootCommand() *cobra.Command {
	var measure measureFlags
	var screen screenFlags
	root := &cobra.Command{
		Use:   "bwmon",
		Short: "Which application uses the bandwidth, and do the books balance?",
		Long: `bwmon shows, live and per application, who uses the bandwidth of this host
and, on a router, of the hosts behind it. What the interfaces carried always
equals what was booked to somebody plus a remainder that is shown.

Without a subcommand it opens the full-screen view: of the daemon ("bwmon run") where
one runs, which takes no more than to be in the group of its control socket; of a
daemon elsewhere with --connect; else it counts by itself. That needs CAP_NET_ADMIN;
"bwmon doctor" tells what this machine can account for.

Exit status: 0 ok, 1 failed while running, 2 wrong usage or configuration.`,
		Example: `  sudo bwmon                       # the full-screen view
  bwmon --connect https://gw.example:8000 --token-file ~/.gw-token
  sudo bwmon --lookback            # count also what open connections carried before
  sudo bwmon snapshot --for 10s    # measure ten seconds, print once
  bwmon doctor                     # what can be accounted for here`,
		SilenceErrors: true,
		SilenceUsage:  true,
		RunE: p.runs(func(cmd *cobra.Command) error {
			return p.fullScreen(cmd, measure, screen)
		}),
	}
	root.PersistentFlags().StringArrayVarP(&p.configPaths, "config", "c", nil,
		"configuration `FILE`, or a directory of *.toml; repeatable: what the later one says holds "+
			"(default ./bwmon.toml, else /etc/bwmon/bwmon.toml, else the built-in defaults)")
	measure.register(root)
	measure.registerUnits(root)
	screen.register(root.Flags())
	root.Flags().BoolVar(&screen.standalone, "standalone", false, "count with monitors of its own, also where a daemon runs")
	root.AddCommand(
		p.runCommand(),
		p.receiveCommand(),
		p.ctlCommand(),
		p.monitorsCommand(),
		p.reportCommand(),
		p.trendCommand(),
		p.alertsCommand(),
		p.silenceCommand(),
		p.notifyCommand(),
		p.snapshotCommand(),
		p.pipeCommand(),
		p.forwardCommand(),
		p.fleetCommand(),
		p.checkCommand(),
		p.doctorCommand(),
		p.manCommand(),
		p.versionCommand(),
	)
	return root
}

// measureFlags are those of the commands that measure.
type measureFlags struct {
	monitors []string
	cgroup   string
	noSetup  bool
	lookback bool
	interval string
	bits     bool
	relays   bool // those of the configuration run, also where none is asked for
}

func (f *measureFlags) register(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringArrayVar(&f.monitors, "monitor", nil, "run this `KIND` of monitor in place of what the configuration lists: socket, conntrack, machine, forward (repeatable)")
	flags.StringVar(&f.cgroup, "cgroup", "", "the socket monitor counts the sockets below this cgroup `DIRECTORY` (default the root of cgroup v2)")
	flags.BoolVar(&f.noSetup, "no-setup", false, "change nothing in the kernel: fail where accounting or tracking is off")
	flags.BoolVar(&f.lookback, "lookback", false, "count also what open connections carried before the start")
	flags.StringVar(&f.interval, "interval", "", "`TIME` between updates, such as 500ms (default from the configuration: 1s)")
}

// given is the name of a flag that only monitors of its own can follow; "": none is
// given.
func (f *measureFlags) given(flags *pflag.FlagSet) (name string) {
	for _, n := range []string{"monitor", "cgroup", "no-setup", "lookback", "interval"} {
		if flags.Changed(n) {
			name = n
		}
	}
	return name
}

// registerUnits registers those of the commands that show what they measure.
func (f *measureFlags) registerUnits(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&f.bits, "bits", false, "show rates in bits per second")
}

// apply puts the flags over the configuration. Its error is one of usage.
func (f *measureFlags) apply(c config) (config, error) {
	if len(f.monitors) > 0 {
		listed := c.Monitors
		c.Monitors, c.Auto, c.Probes = nil, false, nil
		for _, kind := range f.monitors {
			if err := checkKind(kind); err != nil {
				return c, usageError{fmt.Errorf("--monitor: %w", err)}
			}
			if _, twice := findMonitor(c.Monitors, kind); twice {
				continue
			}
			n := len(c.Monitors)
			for _, m := range listed { // there may be several relays
				if m.Kind == kind {
					c.Monitors = append(c.Monitors, m)
				}
			}
			switch {
			case len(c.Monitors) > n:
			case kind == kindForward:
				return c, usageError{errors.New(`--monitor: the configuration lists no relay: add a [[monitor]] of type "forward", or use "bwmon forward"`)}
			default:
				c.Monitors = append(c.Monitors, defaultMonitor(kind))
			}
		}
	}
	if f.interval != "" {
		d, err := parseInterval(f.interval)
		if err != nil {
			return c, usageError{fmt.Errorf("--interval: %w", err)}
		}
		c.Interval = d
	}
	monitors := make([]monitorConfig, len(c.Monitors))
	for i, m := range c.Monitors {
		m.Setup = m.Setup && !f.noSetup
		m.Lookback = m.Lookback || f.lookback
		if m.Kind == kindSocket && f.cgroup != "" {
			m.Cgroup = f.cgroup
		}
		monitors[i] = m
	}
	c.Monitors = monitors
	if !f.relays && !slices.Contains(f.monitors, kindForward) {
		c.withoutRelays() // they are the daemon's
	}
	if f.lookback && c.Auto { // only conntrack knows what was before
		c.without(errors.New("--lookback"))
	}
	return c, nil
}

func findMonitor(list []monitorConfig, kind string) (monitorConfig, bool) {
	for _, m := range list {
		if m.Kind == kind {
			return m, true
		}
	}
	return monitorConfig{}, false
}

// settings is what to run with: the configuration under the flags.
func (p *program) settings(f measureFlags) (config, error) {
	c, err := p.config()
	if err != nil {
		return c, err
	}
	return f.apply(c)
}

// without leaves the socket monitor out.
func (c *config) without(why error) {
	c.Without, c.Auto = why, false
	c.Monitors = slices.DeleteFunc(slices.Clone(c.Monitors), func(m monitorConfig) bool { return m.Kind == kindSocket })
}

// withoutRelays leaves the relays of the configuration out.
func (c *config) withoutRelays() {
	c.Monitors = slices.DeleteFunc(slices.Clone(c.Monitors), func(m monitorConfig) bool { return m.Kind == kindForward })
}

// now is the clock of everything published: RFC 3339 in UTC.
func now() time.Time { return time.Now().UTC() }
