package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"bwmon/notify"
	"bwmon/traffic"

	"github.com/spf13/cobra"
)

// ctl is the daemon as it is worked with at run time: one word and what it is about.
type ctl struct {
	p      *program
	daemon daemon
	save   bool
	json   bool
}

// errExit ends the prompt.
var errExit = errors.New("exit")

// ctlVerb is one thing that can be said, at the prompt and as a subcommand.
type ctlVerb struct {
	name, args, short string
	example           string
	things            bool // its arguments are things
	save              bool // it takes --save
	run               func(c *ctl, ctx context.Context, args []string) error
}

// ctlVerbs are all of them but help and exit, which only the prompt has.
func ctlVerbs() []ctlVerb {
	return []ctlVerb{
		{name: "list", short: "List what can be measured: disks and the like, probes, monitors", run: (*ctl).list},
		{name: "active", short: "List what is measured now", run: (*ctl).active},
		{
			name: "start", args: "ID…|all", short: "Start to measure something, or all series", example: "start disk:sda",
			things: true, save: true, run: (*ctl).start,
		},
		{
			name: "stop", args: "ID…|all", short: "Stop measuring something, or all series", example: "stop probe:shop --save",
			things: true, save: true, run: (*ctl).stop,
		},
		{name: "metrics", args: "[ID…]", short: "Dump the figures of all series, or of some", example: "metrics disk:sda", things: true, run: (*ctl).metrics},
		{name: "alerts", short: "Dump what fires now and what fired, the latest first", run: (*ctl).alerts},
		{name: "reload", short: "Read the configuration anew; a wrong one changes nothing", run: (*ctl).reload},
	}
}

func (p *program) ctlCommand() *cobra.Command {
	var remote remoteFlags
	var save, asJSON bool
	with := func(cmd *cobra.Command, do func(*ctl) error) error {
		c, err := p.config()
		if err != nil {
			return err
		}
		if name := remote.useless(); name != "" {
			return usageError{fmt.Errorf("--%s is for --connect: give both", name)}
		}
		d := daemonHere(c.Control)
		if remote.connect != "" {
			if d, err = daemonAt(remote); err != nil {
				return err
			}
		}
		defer d.close()
		return orNoDaemon(do(&ctl{p: p, daemon: d, save: save, json: asJSON}))
	}
	root := &cobra.Command{
		Use:   "ctl",
		Short: "Work with the daemon: start and stop what it measures, dump figures, reload",
		Long: `ctl works with the running daemon: it lists what can be measured (disks, mounts,
processors, memory, probes and more, and the monitors of traffic), starts and stops
one or all of it, dumps figures and alerts, and has the configuration read anew.

Without a subcommand it opens a prompt at which the same words are typed; Tab
completes them. From a pipe it takes them one a line.

What was started or stopped by hand is forgotten when the daemon ends, unless --save
is given: it is then kept, and goes before the configuration.

Exit status: 0, or 1 when it failed.`,
		Example: `  sudo bwmon ctl
  bwmon ctl list
  sudo bwmon ctl stop disk:sda
  sudo bwmon ctl start all --save
  bwmon ctl metrics disk:sda
  sudo bwmon ctl reload`,
		Args: cobra.NoArgs,
		RunE: p.runs(func(cmd *cobra.Command) error {
			return with(cmd, func(c *ctl) error { return c.prompt(cmd.Context()) })
		}),
	}
	remote.register(root.PersistentFlags())
	for _, v := range ctlVerbs() {
		cmd := &cobra.Command{
			Use: strings.TrimSpace(v.name + " " + v.args), Short: v.short, Args: v.cobraArgs(),
			Example: "  bwmon ctl " + cmp.Or(v.example, v.name),
			RunE: p.runs(func(cmd *cobra.Command) error {
				return with(cmd, func(c *ctl) error { return v.run(c, cmd.Context(), cmd.Flags().Args()) })
			}),
		}
		if v.save {
			cmd.Flags().BoolVar(&save, "save", false, "keep it so when the daemon starts again")
		} else if v.name != "reload" {
			cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
		}
		if v.things {
			cmd.ValidArgsFunction = func(cmd *cobra.Command, _ []string, begun string) ([]string, cobra.ShellCompDirective) {
				var ids []string
				_ = with(cmd, func(c *ctl) error { // a shell that completes is told nothing else
					ids = c.complete(cmd.Context(), v, begun)
					return nil
				})
				return ids, cobra.ShellCompDirectiveNoFileComp
			}
		}
		root.AddCommand(cmd)
	}
	return root
}

func (v ctlVerb) cobraArgs() cobra.PositionalArgs {
	switch {
	case v.args == "":
		return cobra.NoArgs
	case strings.HasPrefix(v.args, "["):
		return cobra.ArbitraryArgs
	}
	return cobra.MinimumNArgs(1)
}

// complete is the IDs that begin so and make sense for a verb.
func (c *ctl) complete(ctx context.Context, v ctlVerb, begun string) []string {
	list, err := c.daemon.things(ctx)
	if err != nil {
		return nil
	}
	var ids []string
	for _, t := range list {
		if v.save && t.Active == (v.name == "start") || v.name == "metrics" && t.Kind == "monitor" {
			continue
		}
		if strings.HasPrefix(t.ID, begun) {
			ids = append(ids, t.ID)
		}
	}
	if v.save && strings.HasPrefix(allThings, begun) {
		ids = append(ids, allThings)
	}
	return ids
}

func (c *ctl) list(ctx context.Context, _ []string) error { return c.printThings(ctx, false) }

func (c *ctl) active(ctx context.Context, _ []string) error { return c.printThings(ctx, true) }

func (c *ctl) printThings(ctx context.Context, onlyActive bool) error {
	list, err := c.daemon.things(ctx)
	if err != nil {
		return err
	}
	if onlyActive {
		list = slices.DeleteFunc(list, func(t traffic.Thing) bool { return !t.Active })
	}
	if c.json {
		return c.p.printJSON(orNone(list))
	}
	g := newGrid("ID", "KIND", "STATE", "DETAIL")
	for _, t := range list {
		state := "off"
		if t.Active {
			state = "on"
		}
		g.add(traffic.CleanText(t.ID, maxShown), t.Kind, state, t.Detail)
	}
	g.print(c.p.stdout)
	return nil
}

func orNone[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

func (c *ctl) start(ctx context.Context, ids []string) error { return c.change(ctx, ids, "start") }

func (c *ctl) stop(ctx context.Context, ids []string) error { return c.change(ctx, ids, "stop") }

// change tries all of them, and says what it did.
func (c *ctl) change(ctx context.Context, ids []string, action string) error {
	var errs []error
	for _, id := range ids {
		change := c.daemon.change
		if c.save {
			change = c.daemon.changeForGood
		}
		if err := change(ctx, id, action); err != nil {
			errs = append(errs, err)
			continue
		}
		done := map[string]string{"start": "started", "stop": "stopped"}[action]
		fmt.Fprintf(c.p.stdout, "%s %s\n", done, traffic.CleanText(id, maxShown))
	}
	return errors.Join(errs...)
}

// metrics prints the figures of the snapshot's series.
func (c *ctl) metrics(ctx context.Context, ids []string) error {
	list, err := c.daemon.series(ctx)
	if err != nil {
		return err
	}
	if len(ids) > 0 {
		for _, id := range ids {
			if !slices.ContainsFunc(list, func(s traffic.Series) bool { return s.ID() == id }) {
				return fmt.Errorf("%s is not measured: \"list\" says what can be, \"active\" what is", quoted(id))
			}
		}
		list = slices.DeleteFunc(list, func(s traffic.Series) bool { return !slices.Contains(ids, s.ID()) })
	}
	if c.json {
		return c.p.printJSON(orNone(list))
	}
	printSeries(c.p.stdout, list)
	return nil
}

func (c *ctl) alerts(ctx context.Context, _ []string) error {
	list := newAlertList()
	if err := c.daemon.ask(ctx, http.MethodGet, "/api/v1/alerts", nil, &list); err != nil {
		return err
	}
	list.clean()
	latest := func(a, b notify.Alert) int { return b.At.Compare(a.At) }
	slices.SortStableFunc(list.Current, latest)
	slices.SortStableFunc(list.Past, latest)
	if c.json {
		return c.p.printJSON(list)
	}
	printAlerts(c.p.stdout, list)
	return nil
}

func (c *ctl) reload(ctx context.Context, _ []string) error {
	var answer struct {
		Notes []string `json:"notes"`
	}
	began := time.Now()
	patient := c.daemon // relays are let end by themselves
	patient.client = patient.endless
	if err := patient.ask(ctx, http.MethodPost, "/api/v1/reload", nil, &answer); err != nil {
		return err
	}
	fmt.Fprintf(c.p.stdout, "reloaded in %v\n", time.Since(began).Round(time.Millisecond))
	for _, note := range answer.Notes {
		fmt.Fprintf(c.p.stdout, "  %s\n", traffic.CleanText(note, traffic.MaxCommand))
	}
	return nil
}
