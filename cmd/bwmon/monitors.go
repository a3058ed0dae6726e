package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"

	"bwmon/traffic"

	"github.com/spf13/cobra"
)

func (p *program) monitorsCommand() *cobra.Command {
	format := "table"
	cmd := &cobra.Command{
		Use:   "monitors",
		Short: "List the daemon's monitors and their health; start or stop one",
		Long: `monitors lists the monitors of the running daemon with their state, what they
know that they lost, and their condition in a line; and so the deliveries of alerts
and the history. With start or stop it starts or stops one. A monitor that is stopped
undoes what it set up; its rows stay, and it goes on with them when it is started.

Exit status: 0, or 1 when it failed.`,
		Example: `  bwmon monitors
  bwmon monitors --format json | jq -r '.[] | select(.state != "running") | .name'
  sudo bwmon monitors stop conntrack
  sudo bwmon monitors start conntrack`,
		Args: cobra.NoArgs,
	}
	cmd.RunE = p.runs(func(cmd *cobra.Command) error {
		if format != "table" && format != "json" {
			return usageError{fmt.Errorf("--format: want table or json, got %s", quoted(format))}
		}
		c, err := p.config()
		if err != nil {
			return err
		}
		list, err := askMonitors(cmd.Context(), c)
		if err != nil {
			return err
		}
		if format == "json" {
			return p.printJSON(list)
		}
		printHealth(p.stdout, list)
		return nil
	})
	cmd.Flags().StringVar(&format, "format", "table", "output `FORMAT`: table or json")
	for _, action := range []struct{ name, short string }{
		{"start", "Start a monitor that was stopped"}, {"stop", "Stop a monitor; it undoes what it set up"},
	} {
		cmd.AddCommand(&cobra.Command{
			Use: action.name + " NAME", Short: action.short, Args: cobra.ExactArgs(1),
			Example: "  sudo bwmon monitors " + action.name + " conntrack",
			RunE: p.runs(func(cmd *cobra.Command) error {
				c, err := p.config()
				if err != nil {
					return err
				}
				path := "/api/v1/monitors/" + url.PathEscape(cmd.Flags().Arg(0)) + "/" + action.name
				return orNoDaemon(askDaemon(cmd.Context(), c.Control, http.MethodPost, path, nil, nil))
			}),
		})
	}
	return cmd
}

// askMonitors asks the daemon of this host.
func askMonitors(ctx context.Context, c config) ([]traffic.MonitorStatus, error) {
	var document json.RawMessage
	if err := askDaemon(ctx, c.Control, http.MethodGet, "/api/v1/snapshot", nil, &document); err != nil {
		return nil, orNoDaemon(err)
	}
	s, err := traffic.DecodeSnapshot(document)
	if err != nil {
		return nil, err
	}
	return s.Monitors, nil
}

// orNoDaemon says in place of an error of the network that nobody was there.
func orNoDaemon(err error) error {
	if isAbsent(err) {
		return errors.New(`no daemon runs: start "bwmon run"`)
	}
	return err
}

func printHealth(w io.Writer, list []traffic.MonitorStatus) {
	g := newGrid("MONITOR", "STATE", ">LOST", "DETAIL")
	for _, m := range list {
		g.add(m.Name, m.State, strconv.FormatUint(m.Lost, 10), m.Detail)
	}
	g.print(w)
}
