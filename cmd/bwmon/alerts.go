package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"path/filepath"
	"regexp"
	"strconv"
	"time"

	"bwmon/notify"
	"bwmon/traffic"
	"bwmon/ui/web"

	"github.com/spf13/cobra"
)

// alertFlags are those of alerts alone.
type alertFlags struct {
	format  string
	rule    string
	subject string
	since   time.Duration
	limit   int
}

func (p *program) alertsCommand() *cobra.Command {
	var flags alertFlags
	cmd := &cobra.Command{
		Use:   "alerts",
		Short: "List what fires now, and what fired",
		Long: `alerts asks the daemon for the alerts that are pending or firing, and lists them
with those of the past, newest first. Where no daemon runs it reads the history
alone, which takes root.

Exit status: 0, or 1 when it failed.`,
		Example: `  bwmon alerts
  bwmon alerts --rule backup --since 24h
  bwmon alerts --format json | jq '.current[].subject'`,
		Args: cobra.NoArgs,
		RunE: p.runs(func(cmd *cobra.Command) error {
			c, err := p.config()
			if err != nil {
				return err
			}
			return p.alerts(cmd.Context(), c, flags)
		}),
	}
	f := cmd.Flags()
	f.StringVar(&flags.format, "format", "table", "output `FORMAT`: table or json")
	f.StringVar(&flags.rule, "rule", "", "only alerts of rules in whose name this `REGEX` is found")
	f.StringVar(&flags.subject, "subject", "", "only alerts of subjects in whose name this `REGEX` is found")
	f.DurationVar(&flags.since, "since", 0, "only what was told in this `TIME` until now, such as 24h")
	f.IntVar(&flags.limit, "limit", defaultPast, "list at most this `NUMBER` of the past; 0: all")
	return cmd
}

func (f alertFlags) filter(now time.Time) (func(notify.Alert) bool, error) {
	rule, err := regexp.Compile(f.rule)
	if err != nil {
		return nil, usageError{fmt.Errorf("--rule: %w", err)}
	}
	subject, err := regexp.Compile(f.subject)
	if err != nil {
		return nil, usageError{fmt.Errorf("--subject: %w", err)}
	}
	switch {
	case f.format != "table" && f.format != "json":
		return nil, usageError{fmt.Errorf("--format: want table or json, got %s", quoted(f.format))}
	case f.since < 0 || f.limit < 0:
		return nil, usageError{errors.New("--since, --limit: want no negative value")}
	}
	return func(a notify.Alert) bool {
		return rule.MatchString(a.Rule) && subject.MatchString(a.Subject) && (f.since == 0 || now.Sub(a.At) <= f.since)
	}, nil
}

func (p *program) alerts(ctx context.Context, c config, flags alertFlags) error {
	keep, err := flags.filter(time.Now())
	if err != nil {
		return err
	}
	list, err := askAlerts(ctx, c, flags)
	if isAbsent(err) {
		p.warn("no daemon runs: what fires now is not known")
		list = newAlertList()
		if list.Past, err = notify.ReadJournal(filepath.Join(c.StateDir, "alerts"), keep, flags.limit); errors.Is(err, fs.ErrNotExist) {
			err = nil // there never was one
		}
	}
	if errors.Is(err, fs.ErrPermission) {
		err = fmt.Errorf(`may not ask the daemon, nor read the history: run "sudo bwmon alerts", or join the group of the control socket: %w`, err)
	}
	if err != nil {
		return err
	}
	if list.Past == nil {
		list.Past = []notify.Alert{}
	}
	if flags.format == "json" {
		return p.printJSON(list)
	}
	printAlerts(p.stdout, list)
	return nil
}

// askAlerts asks the daemon.
func askAlerts(ctx context.Context, c config, flags alertFlags) (list alertList, err error) {
	if c.Control.Socket == "" && c.Control.Receiver == "" {
		return list, fs.ErrNotExist
	}
	query := url.Values{
		"rule": {flags.rule}, "subject": {flags.subject}, "since": {flags.since.String()}, "limit": {strconv.Itoa(flags.limit)},
	}
	err = askDaemon(ctx, c.Control, http.MethodGet, "/api/v1/alerts?"+query.Encode(), nil, &list)
	list.clean()
	return list, err
}

// clean makes all text of a list harmless that may come from elsewhere.
func (l *alertList) clean() {
	for _, alerts := range [][]notify.Alert{l.Current, l.Past} {
		for i := range alerts {
			alerts[i].Clean()
		}
	}
	for i := range l.Silences {
		s := &l.Silences[i]
		s.Rule, s.Subject = traffic.CleanText(s.Rule, traffic.MaxWord), traffic.CleanText(s.Subject, traffic.MaxCommand)
	}
}

func printAlerts(w io.Writer, list alertList) {
	for _, s := range list.Silences {
		of := ""
		if s.Subject != "" {
			of = " of " + traffic.CleanText(s.Subject, maxShown)
		}
		fmt.Fprintf(w, "%s%s is silent until %s\n", s.Rule, of, s.Until.Local().Format(time.DateTime))
	}
	if len(list.Current)+len(list.Past) == 0 {
		fmt.Fprintln(w, "no alerts")
		return
	}
	for _, part := range []struct {
		title  string
		alerts []notify.Alert
	}{{"NOW", list.Current}, {"PAST", list.Past}} {
		if len(part.alerts) == 0 {
			continue
		}
		g := newGrid(part.title, "STATE", "RULE", "SUBJECT", ">VALUE", ">AGREED", "SINCE")
		for _, a := range part.alerts {
			value, agreed := alertFigures(a)
			g.add(a.At.Local().Format(time.DateTime), string(a.State), a.Rule, a.Kind+" "+traffic.CleanText(a.Subject, maxShown), value, agreed,
				a.Since.Local().Format(time.DateTime))
		}
		g.print(w)
		fmt.Fprintln(w)
	}
}

// alertFigures are the value and what was agreed, for people.
func alertFigures(a notify.Alert) (value, agreed string) {
	u := units{}
	if a.Condition == string(notify.Quota) {
		return u.bytes(uint64(a.Value)), fmt.Sprintf("%s %s a %s (%s)", a.Direction, u.bytes(uint64(a.Threshold)), a.Period, levelText(a.Level))
	}
	return notify.MetricText(a.Metric, a.Value),
		fmt.Sprintf("%s %s %s", cmp.Or(a.Metric, a.Direction), a.Condition, notify.MetricText(a.Metric, a.Threshold))
}

// listAlerts answers GET /api/v1/alerts.
func (w *watch) listAlerts(q web.AlertQuery) (any, error) {
	flags := alertFlags{format: "json", rule: q.Rule, subject: q.Subject, since: q.Since, limit: q.Limit}
	keep, err := flags.filter(time.Now())
	if err != nil {
		return nil, fmt.Errorf("%w: %w", web.ErrQuestion, err)
	}
	list, err := w.alerts(keep, q.Limit)
	if list.Past == nil {
		list.Past = []notify.Alert{}
	}
	return list, err
}

// defaultPast is how many alerts of the past are listed where nobody says how many.
const defaultPast = 100
