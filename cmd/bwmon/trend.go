package main

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"bwmon/notify"
	"bwmon/traffic"

	"github.com/spf13/cobra"
)

// trendFlags are those of trend alone.
type trendFlags struct {
	remoteFlags
	since, from, to string
	step, format    string
}

func (p *program) trendCommand() *cobra.Command {
	var flags trendFlags
	cmd := &cobra.Command{
		Use:   "trend [SERIES [METRIC]]",
		Short: "How figures of the machine went: disks, processors, memory, probes",
		Long: `trend tells what the daemon's history knows of the figures of the machine: of each
metric of each series the mean, the least and the most in the last 24 hours, or in any
other time. It asks the daemon of this host, or that of --connect; where none runs it
reads the history's file, which takes root.

Times and spans are written as for "bwmon report".

Exit status: 0, or 1 when it failed.`,
		Example: `  bwmon trend
  bwmon trend disk:sda --since 7d
  bwmon trend disk:sda await_ms --since 24h --step hour
  bwmon trend probe:shop response_ms --from 2026-01-01 --step day --format csv`,
		Args: cobra.MaximumNArgs(2),
		ValidArgsFunction: func(cmd *cobra.Command, args []string, begun string) ([]string, cobra.ShellCompDirective) {
			return p.completeTrend(cmd.Context(), args, begun), cobra.ShellCompDirectiveNoFileComp
		},
	}
	cmd.RunE = p.runs(func(cmd *cobra.Command) error {
		c, err := p.config()
		if err != nil {
			return err
		}
		if name := flags.useless(); name != "" {
			return usageError{fmt.Errorf("--%s is for --connect: give both", name)}
		}
		return p.trend(cmd.Context(), c, cmd.Flags().Arg(0), cmd.Flags().Arg(1), flags)
	})
	f := cmd.Flags()
	f.StringVar(&flags.since, "since", "", "the last `SPAN` until now, such as 24h (the default) or 30d")
	f.StringVar(&flags.from, "from", "", "from this `TIME` on")
	f.StringVar(&flags.to, "to", "", "until this `TIME`, itself excluded (default now)")
	f.StringVar(&flags.step, "step", "", "divide the time by `STEP`: minute, hour, day or month")
	f.StringVar(&flags.format, "format", "table", "output `FORMAT`: table, csv or json")
	flags.remoteFlags.register(f)
	return cmd
}

// completeTrend offers what the daemon of this host measures now.
func (p *program) completeTrend(ctx context.Context, args []string, begun string) []string {
	c, err := p.config()
	if err != nil {
		return nil
	}
	d := daemonHere(c.Control)
	defer d.close()
	measured, err := d.series(ctx)
	if err != nil {
		return nil
	}
	var list []string
	for i := range measured {
		s := &measured[i]
		if len(args) == 0 {
			list = append(list, s.ID())
		} else if s.ID() == args[0] {
			for _, m := range s.Metrics {
				list = append(list, m.Name)
			}
		}
	}
	return slices.DeleteFunc(list, func(w string) bool { return !strings.HasPrefix(w, begun) })
}

func (p *program) trend(ctx context.Context, c config, series, metric string, flags trendFlags) error {
	if flags.format != "table" && flags.format != "csv" && flags.format != "json" {
		return usageError{fmt.Errorf("--format: want table, csv or json, got %s", quoted(flags.format))}
	}
	if flags.step != "" && !slices.Contains(reportSteps(), flags.step) {
		return usageError{fmt.Errorf("--step: want %s, got %s%s", strings.Join(reportSteps(), ", "), quoted(flags.step), didYouMean(flags.step, reportSteps()))}
	}
	times := reportFlags{since: flags.since, from: flags.from, to: flags.to}
	if times.since != "" && (times.from != "" || times.to != "") {
		return usageError{errors.New("--since is until now: use either --since, or --from and --to")}
	}
	q, err := times.query("", time.Now(), c.Zone)
	if err != nil {
		return err
	}
	h, err := p.historian(ctx, c, flags.remoteFlags)
	if err != nil {
		return err
	}
	defer h.close()
	done := p.waiting("the history is being asked")
	t, err := h.trend(ctx, traffic.TrendQuery{Series: series, Metric: metric, From: q.From, To: q.To, Step: flags.step})
	done()
	if err != nil {
		return err
	}
	switch flags.format {
	case "json":
		return p.printJSON(t)
	case "csv":
		return printTrendCSV(p.stdout, &t)
	}
	zone := c.Zone
	if theirs, err := time.LoadLocation(t.Zone); err == nil {
		zone = theirs
	}
	p.printTrend(&t, zone)
	return nil
}

// printTrend prints a line for each metric or, where the time is divided, for each
// step of it.
func (p *program) printTrend(t *traffic.Trend, zone *time.Location) {
	if len(t.Rows) == 0 {
		fmt.Fprintln(p.stdout, "nothing of that was measured in this time")
	}
	head := []string{"SERIES", "METRIC", ">MEAN", ">LEAST", ">MOST"}
	if t.Step != "" {
		head = slices.Insert(head, 2, strings.ToUpper(t.Step))
	}
	g := newGrid(head...)
	for _, r := range t.Rows {
		id, text := traffic.CleanText(r.Series, maxShown), func(v float64) string { return notify.MetricText(r.Metric, v) }
		if t.Step == "" {
			g.add(id, r.Metric, text(r.Mean), text(r.Min), text(r.Max))
		}
		for i, s := range r.Steps {
			if s != nil {
				g.add(id, r.Metric, t.Times[i].In(zone).Format("2006-01-02 15:04"), text(s.Mean), text(s.Min), text(s.Max))
			}
		}
	}
	if len(t.Rows) > 0 {
		g.print(p.stdout)
	}
	if t.Detail != "" {
		fmt.Fprintln(p.stdout, t.Detail)
	}
}

func printTrendCSV(w io.Writer, t *traffic.Trend) error {
	out := csv.NewWriter(w)
	number := func(v float64) string { return strconv.FormatFloat(v, 'g', -1, 64) }
	_ = out.Write([]string{"series", "metric", "time", "mean", "min", "max"})
	for _, r := range t.Rows {
		id := csvText(r.Series)
		if t.Step == "" {
			_ = out.Write([]string{id, csvText(r.Metric), t.From.UTC().Format(time.RFC3339), number(r.Mean), number(r.Min), number(r.Max)})
		}
		for i, s := range r.Steps {
			if s != nil {
				_ = out.Write([]string{id, csvText(r.Metric), t.Times[i].UTC().Format(time.RFC3339), number(s.Mean), number(s.Min), number(s.Max)})
			}
		}
	}
	out.Flush()
	if err := out.Error(); err != nil {
		return fmt.Errorf("write output: %w", err)
	}
	return nil
}

// trend asks a daemon.
func (d daemon) trend(ctx context.Context, q traffic.TrendQuery) (traffic.Trend, error) {
	v := url.Values{}
	for name, text := range map[string]string{"series": q.Series, "metric": q.Metric, "step": q.Step} {
		if text != "" {
			v.Set(name, text)
		}
	}
	for name, at := range map[string]time.Time{"from": q.From, "to": q.To} {
		if !at.IsZero() {
			v.Set(name, at.Format(time.RFC3339))
		}
	}
	var t traffic.Trend
	if err := d.ask(ctx, http.MethodGet, "/api/v1/trend?"+v.Encode(), nil, &t); err != nil {
		return t, err
	}
	return t, t.Check()
}
