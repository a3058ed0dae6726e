package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"bwmon/history"
	"bwmon/traffic"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// reportFlags are those of report alone.
type reportFlags struct {
	remoteFlags
	since, from, to string
	by, of, step    string
	app, name       string
	top             int
	format          string
	percentile      float64
	watch           bool
	every           time.Duration
	bits            bool
}

// historian answers what was used, and how figures went: a daemon, or the file that one left.
type historian interface {
	history(ctx context.Context, q traffic.Query) (*traffic.Report, error)
	trend(ctx context.Context, q traffic.TrendQuery) (traffic.Trend, error)
	close()
}

func (p *program) reportCommand() *cobra.Command {
	var flags reportFlags
	cmd := &cobra.Command{
		Use:   "report [today | yesterday | week | month | last-month | year | days | billing]",
		Short: "What was used: by app, user, host and more, over any time",
		Long: `report tells what the daemon's history has: who carried how much, in the last 24
hours or any other time. It asks the daemon of this host, or that of --connect; where
none runs it reads the history's file, which takes root.

One word answers the common questions: today, yesterday, week, month, last-month and
year are calendar times of the configuration's time zone; days are the ten days with
most bytes; billing is the 95th percentile of each interface this month, in samples of
five minutes, as transit is billed.

Times are written 2026-01-31, "2026-01-31 18:00" or as RFC 3339; spans 90m, 24h, 30d.
JSON and CSV have exact bytes.

Exit status: 0, or 1 when it failed.`,
		Example: `  bwmon report
  bwmon report month --by user
  bwmon report --since 7d --step day --app Backup --by command
  bwmon report --from 2026-01-01 --to 2026-02-01 --by lan-host --top 10
  bwmon report today --of disk
  bwmon report --by disk --since 7d --step day
  bwmon report billing --name eth0
  bwmon report today --watch
  bwmon report --since 30d --step day --format csv > january.csv`,
		ValidArgs: reportWords(),
		Args:      cobra.MaximumNArgs(1),
	}
	cmd.RunE = p.runs(func(cmd *cobra.Command) error {
		c, err := p.config()
		if err != nil {
			return err
		}
		word := cmd.Flags().Arg(0)
		if err := flags.useless(cmd.Flags(), word); err != nil {
			return err
		}
		return p.reports(cmd.Context(), c, word, flags)
	})
	f := cmd.Flags()
	f.StringVar(&flags.since, "since", "", "the last `SPAN` until now, such as 24h (the default) or 30d")
	f.StringVar(&flags.from, "from", "", "from this `TIME` on")
	f.StringVar(&flags.to, "to", "", "until this `TIME`, itself excluded (default now)")
	f.StringVar(&flags.by, "by", traffic.ByApp, "rows are of this `KIND`: "+strings.Join(reportKinds(), ", "))
	f.StringVar(&flags.of, "of", traffic.OfTraffic, "count these bytes (`WHAT`): traffic, or disk, where received is read and sent is written")
	f.StringVar(&flags.step, "step", "", "divide the time by `STEP`: minute, hour, day or month")
	f.StringVar(&flags.app, "app", "", "only commands of this app (`NAME`); it means --by command")
	f.StringVar(&flags.name, "name", "", "only the row of this `NAME`")
	f.IntVar(&flags.top, "top", 20, "the `NUMBER` of rows with most bytes; the others are one sum; 0: all")
	f.StringVar(&flags.format, "format", "table", "output `FORMAT`: table, csv or json")
	f.Float64Var(&flags.percentile, "percentile", 95, "of billing: this `PERCENTILE`")
	f.BoolVar(&flags.watch, "watch", false, "print it again and again, until a signal")
	f.DurationVar(&flags.every, "every", 10*time.Second, "of --watch: this often (`TIME`)")
	f.BoolVar(&flags.bits, "bits", false, "show rates in bits per second")
	flags.remoteFlags.register(f)
	return cmd
}

// useless refuses flags that would do nothing.
func (f *reportFlags) useless(given *pflag.FlagSet, word string) error {
	switch name := f.remoteFlags.useless(); {
	case name != "":
		return usageError{fmt.Errorf("--%s is for --connect: give both", name)}
	case given.Changed("percentile") && word != "billing":
		return usageError{errors.New(`--percentile is of billing: write "bwmon report billing"`)}
	case given.Changed("every") && !f.watch:
		return usageError{errors.New("--every is for --watch: give both")}
	case given.Changed("top") && word == "days":
		return usageError{fmt.Errorf("--top: days are the %d with most bytes: leave it out", topDays)}
	}
	return nil
}

// reportWords are the questions that have a word.
func reportWords() []string {
	return []string{"today", "yesterday", "week", "month", "last-month", "year", "days", "billing"}
}

func reportKinds() []string {
	return []string{
		traffic.ByApp, traffic.ByCommand, traffic.ByUser, traffic.ByContainer, traffic.ByUnit,
		traffic.ByLANHost, traffic.ByRemoteHost, traffic.ByInterface, traffic.ByPipe, traffic.ByDisk, traffic.ByHost,
	}
}

func reportSteps() []string {
	return []string{traffic.StepMinute, traffic.StepHour, traffic.StepDay, traffic.StepMonth}
}

func (f *reportFlags) check(word string) error {
	oneOf := func(flag, value string, list []string) error {
		if value == "" || slices.Contains(list, value) {
			return nil
		}
		return usageError{fmt.Errorf("%s: want %s, got %s%s", flag, strings.Join(list, ", "), quoted(value), didYouMean(value, list))}
	}
	if f.app != "" && f.by == traffic.ByApp {
		f.by = traffic.ByCommand
	}
	err := errors.Join(
		oneOf("report", word, reportWords()), oneOf("--by", f.by, reportKinds()),
		oneOf("--of", f.of, []string{traffic.OfTraffic, traffic.OfDisk}), oneOf("--step", f.step, reportSteps()), oneOf("--format", f.format, []string{"table", "csv", "json"}))
	switch {
	case err != nil:
		return usageError{err}
	case f.app != "" && f.by != traffic.ByCommand && f.by != traffic.ByHost:
		return usageError{fmt.Errorf("--app: commands are known by app, and hosts of a fleet: leave out --by %s, or use --by command or host", f.by)}
	case f.since != "" && (f.from != "" || f.to != ""):
		return usageError{errors.New("--since is until now: use either --since, or --from and --to")}
	case word != "" && word != "days" && word != "billing" && (f.since != "" || f.from != "" || f.to != ""):
		return usageError{fmt.Errorf("%s is a time already: leave out --since, --from and --to", word)}
	case word == "billing" && f.by != traffic.ByApp && f.by != traffic.ByInterface:
		return usageError{errors.New("--by: what is billed is interfaces: leave it out")}
	case word == "days" && f.step != "" && f.step != traffic.StepDay:
		return usageError{errors.New("--step: days are days: leave it out")}
	case f.top < 0:
		return usageError{fmt.Errorf("--top: want 0 or more, got %d", f.top)}
	case !(f.percentile > 0 && f.percentile <= 100):
		return usageError{fmt.Errorf("--percentile: want a number above 0 and up to 100, got %v", f.percentile)}
	case f.every < time.Second:
		return usageError{fmt.Errorf("--every: want a time from 1s up, got %v", f.every)}
	}
	return nil
}

// query is what is asked of a word and the flags, at a moment.
func (f *reportFlags) query(word string, now time.Time, zone *time.Location) (traffic.Query, error) {
	q := traffic.Query{By: f.by, Of: f.of, Name: f.name, App: f.app, Step: f.step, Top: f.top}
	now = now.In(zone)
	y, m, d := now.Date()
	switch word {
	case "today":
		q.From = history.Midnight(y, m, d, zone)
	case "yesterday":
		q.From, q.To = history.Midnight(y, m, d-1, zone), history.Midnight(y, m, d, zone)
	case "week": // from Monday
		q.From = history.Midnight(y, m, d-(int(now.Weekday())+6)%7, zone)
	case "month":
		q.From = history.Midnight(y, m, 1, zone)
	case "last-month":
		q.From, q.To = history.Midnight(y, m-1, 1, zone), history.Midnight(y, m, 1, zone)
	case "year":
		q.From = history.Midnight(y, 1, 1, zone)
	case "days":
		q.Step, q.Top = traffic.StepDay, 1
	case "billing":
		q.From, q.By, q.Percentile = history.Midnight(y, m, 1, zone), traffic.ByInterface, f.percentile
	default:
		q.From = now.Add(-24 * time.Hour)
	}
	if f.since != "" {
		span, err := parseLong(f.since)
		if err != nil || span == 0 {
			return q, usageError{fmt.Errorf("--since: want a time such as 90m, 24h or 30d, got %s", quoted(f.since))}
		}
		q.From = now.Add(-span)
	}
	for _, end := range []struct {
		flag, text string
		at         *time.Time
	}{{"--from", f.from, &q.From}, {"--to", f.to, &q.To}} {
		if end.text == "" {
			continue
		}
		at, err := parseTime(end.text, zone)
		if err != nil {
			return q, usageError{fmt.Errorf("%s: %w", end.flag, err)}
		}
		*end.at = at
	}
	if f.to != "" && f.from == "" && word == "" {
		q.From = q.To.Add(-24 * time.Hour)
	}
	if !q.To.IsZero() && !q.To.After(q.From) {
		return q, usageError{fmt.Errorf("--to: want a time after %s, got %s", q.From.Format(time.DateTime), q.To.Format(time.DateTime))}
	}
	return q, nil
}

// parseTime reads a time as people write it.
func parseTime(s string, zone *time.Location) (time.Time, error) {
	for _, layout := range []string{time.DateOnly, "2006-01-02 15:04", time.DateTime, "2006-01-02T15:04", time.RFC3339} {
		if at, err := time.ParseInLocation(layout, s, zone); err == nil {
			return at, nil
		}
	}
	return time.Time{}, fmt.Errorf(`want a time such as 2026-01-31, "2026-01-31 18:00" or 2026-01-31T18:00:00Z, got %s`, quoted(s))
}

func (p *program) reports(ctx context.Context, c config, word string, flags reportFlags) error {
	if err := flags.check(word); err != nil {
		return err
	}
	if _, err := flags.query(word, time.Now(), c.Zone); err != nil {
		return err
	}
	h, err := p.historian(ctx, c, flags.remoteFlags)
	if err != nil {
		return err
	}
	defer h.close()
	for {
		err := p.reportOnce(ctx, c, h, word, flags)
		if !flags.watch || ctx.Err() != nil || errors.As(err, new(usageError)) {
			return err
		}
		if err != nil { // a daemon that is started anew, perhaps
			p.complain("bwmon: ", err)
		}
		if err := p.stdout.Flush(); err != nil {
			return fmt.Errorf("write output: %w", err)
		}
		if !sleepFor(ctx, flags.every) {
			return nil
		}
		if p.screen && flags.format == "table" {
			fmt.Fprint(p.stdout, "\x1b[H\x1b[2J") // anew on an empty screen
		}
	}
}

func (p *program) reportOnce(ctx context.Context, c config, h historian, word string, flags reportFlags) error {
	now, zone := time.Now(), c.Zone
	q, err := flags.query(word, now, zone)
	if err != nil {
		return err
	}
	done := p.waiting("the history is being asked")
	defer done()
	r, err := h.history(ctx, q)
	if err != nil {
		return err
	}
	// Days and months are those of the history, which may be kept elsewhere.
	if theirs, err := time.LoadLocation(r.Zone); err == nil {
		zone = theirs
	}
	if again, err := flags.query(word, now, zone); err == nil && (!again.From.Equal(q.From) || !again.To.Equal(q.To)) {
		if r, err = h.history(ctx, again); err != nil {
			return err
		}
	}
	done()
	switch flags.format {
	case "json":
		return p.printJSON(r)
	case "csv":
		return printReportCSV(p.stdout, r)
	}
	p.printReport(r, word, zone, units{bits: flags.bits})
	return nil
}

// waiting says on a terminal that something takes its time, once it does.
func (p *program) waiting(what string) (done func()) {
	if !isTerminal(p.stderr) {
		return func() {}
	}
	over, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		for seconds := 0; ; seconds++ {
			select {
			case <-over:
				if seconds > 0 {
					fmt.Fprint(p.stderr, "\r\x1b[K")
				}
				return
			case <-time.After(time.Second):
				fmt.Fprintf(p.stderr, "\r%s… %d s", what, seconds+1)
			}
		}
	}()
	return sync.OnceFunc(func() {
		close(over)
		<-ended
	})
}
