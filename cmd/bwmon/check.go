package main

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"bwmon/notify"
	"bwmon/traffic"

	"github.com/spf13/cobra"
)

func (p *program) checkCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "check",
		Short: "Validate the configuration and print what was understood",
		Long: `check reads the configuration that bwmon would use here and prints what it
understood of it. It lists everything that is wrong, as FILE:LINE: what and
how to mend it, and then exits with status 2. It measures nothing.`,
		Example: `  bwmon check
  bwmon check -c /etc/bwmon/bwmon.toml
  bwmon check -c /etc/bwmon/bwmon.toml -c try.toml`,
		Args: cobra.NoArgs,
		RunE: p.runs(func(*cobra.Command) error {
			c, err := p.config()
			if err == nil {
				err = checkDeliveries(c)
			}
			if err == nil {
				err = checkProbes(c)
			}
			if err != nil {
				return err
			}
			p.printConfig(c)
			return nil
		}),
	}
}

func (p *program) printConfig(c config) {
	source := "configuration " + strings.Join(c.Files, ", ")
	if len(c.Files) == 0 {
		source = "no configuration file: the built-in defaults"
	}
	grouping := "by program"
	if !c.AutoGroup {
		grouping = "none: each command line by itself"
	}
	fmt.Fprintf(p.stdout, "ok: %s\n\ninterval  %v\ngrouping  %s\n", source, c.Interval, grouping)
	if c.Auto {
		fmt.Fprintln(p.stdout, "monitors  socket where the kernel lets it, else conntrack in its place:")
	}
	for _, m := range c.Monitors {
		fmt.Fprintf(p.stdout, "monitor   %s\n", strings.Join(describeMonitor(m), ", "))
	}
	if _, ok := findMonitor(c.Monitors, kindMachine); !ok {
		fmt.Fprintln(p.stdout, "          without the machine monitor no interfaces and no balance are shown")
	}
	if c.Control.Socket != "" {
		fmt.Fprintf(p.stdout, "control   %q, group %q\n", c.Control.Socket, c.Control.Group)
	}
	if c.History.Path != "" {
		fmt.Fprintf(p.stdout, "history   %q, up to %s\n", c.History.Path, units{}.bytes(c.History.MaxSize))
	}
	if c.HTTP.Listen != "" {
		fmt.Fprintf(p.stdout, "page      %s\n", strings.Join(describeHTTP(c.HTTP), ", "))
	}
	if to := cmp.Or(c.Publish.URL, c.Publish.Engine); to != "" {
		fmt.Fprintf(p.stdout, "publish   to %q as %q every %v, queue %q\n", to, cmp.Or(c.Publish.ThisHost, engineOptions(c).Host), c.Publish.Interval, c.Publish.Queue)
	}
	fmt.Fprintf(p.stdout, "log       %s\n", describeLog(c.Log))
	if len(c.Rules)+len(c.Deliveries) > 0 {
		fmt.Fprintf(p.stdout, "state     %q, calendars and hours of %s\n", c.StateDir, c.Zone)
	}
	for i, pr := range c.Probes {
		fmt.Fprintf(p.stdout, "probe %-3d %q: %s\n", i+1, pr.Name, describeProbe(pr))
	}
	for i, r := range c.Rules {
		fmt.Fprintf(p.stdout, "rule %-4d %q: %s\n", i+1, r.Name, describeRule(r))
	}
	if slices.ContainsFunc(c.Rules, notify.Rule.OfHosts) {
		fmt.Fprintln(p.stdout, "          hosts are those of a fleet: such rules hold where \"bwmon receive\" runs, and nothing anywhere else")
	}
	for i, n := range c.Deliveries {
		fmt.Fprintf(p.stdout, "notify %-2d %q: %s\n", i+1, n.Name, n.Type)
	}
	for i, a := range c.Apps {
		fmt.Fprintf(p.stdout, "app %-5d %q: %s\n", i+1, a.Name, strings.Join(describeApp(a), " and "))
	}
}

func describeLog(l logConfig) string {
	text := l.To
	if l.To == logFile {
		text = fmt.Sprintf("%q, %d files of up to %s", l.File, l.MaxFiles, units{}.bytes(l.MaxSize))
	}
	return text + ", " + strings.ToLower(l.Level.String()) + " and worse"
}

func describeHTTP(h httpConfig) []string {
	words := []string{h.Listen}
	if h.TLSCert != "" {
		words = append(words, "TLS")
	}
	if !h.Token.IsZero() {
		words = append(words, "for those with the token")
	}
	if h.ClientCA != "" {
		words = append(words, "for those with a certificate")
	}
	return words
}

func describeMonitor(m monitorConfig) []string {
	words := []string{m.Kind}
	if m.Kind == kindMachine {
		if len(m.Series.Include) > 0 {
			words = append(words, "series "+patterns(m.Series.Include))
		}
		if len(m.Series.Exclude) > 0 {
			words = append(words, "without series "+patterns(m.Series.Exclude))
		}
		if !m.Processes {
			words = append(words, "without what processes use")
		}
		return words
	}
	if m.Kind == kindForward {
		words = append(words, fmt.Sprintf("%s to %s", m.Forward.Listen, m.Forward.Target))
	}
	if len(m.Include) > 0 {
		words = append(words, "include "+patterns(m.Include))
	}
	if len(m.Exclude) > 0 {
		words = append(words, "exclude "+patterns(m.Exclude))
	}
	if m.IgnoreLocal {
		words = append(words, "without loopback")
	}
	if m.Lookback {
		words = append(words, "counting what was carried before the start")
	}
	if m.Cgroup != "" {
		words = append(words, "sockets below "+m.Cgroup)
	}
	if !m.Setup {
		words = append(words, "changing nothing in the kernel")
	}
	if m.Kind == kindForward {
		return append(words, fmt.Sprintf("at most %d relays", m.Forward.MaxRelays))
	}
	return append(words, fmt.Sprintf("at most %g %% of a core for reading the kernel's tables", 100*m.MaxShare))
}

func describeProbe(p probeConfig) string {
	what := "listens at " + p.Listen
	switch {
	case p.Target != "":
		what = "connects to " + p.Target
	case p.URL != "":
		what = "gets " + traffic.CleanText(p.URL, maxShown)
	}
	return fmt.Sprintf("%s, every %v", what, p.Interval)
}

// checkProbes finds what is only found by making them, such as files.
func checkProbes(c config) error {
	for _, p := range c.Probes {
		if _, err := p.open(); err != nil {
			return usageError{fmt.Errorf("[[probe]] %s: %w", quoted(p.Name), err)}
		}
	}
	return nil
}

func describeApp(a appConfig) []string {
	var words []string
	if len(a.Match) > 0 {
		words = append(words, "command matches "+patterns(a.Match))
	}
	for _, f := range []struct {
		name string
		re   *regexp.Regexp
	}{{"user", a.User}, {"container", a.Container}, {"unit", a.Unit}} {
		if f.re != nil {
			words = append(words, f.name+" matches "+patterns([]*regexp.Regexp{f.re}))
		}
	}
	return words
}

// patterns lists regexes as alternatives.
func patterns(list []*regexp.Regexp) string {
	quoted := make([]string, len(list))
	for i, re := range list {
		quoted[i] = fmt.Sprintf("%q", re.String())
	}
	return strings.Join(quoted, " or ")
}

func describeRule(r notify.Rule) string {
	u := units{}
	text := fmt.Sprintf("%s %q", r.Subject.Kind, r.Subject.Match)
	if r.Subject.Host != nil {
		text += fmt.Sprintf(" on each host %q", r.Subject.Host)
	}
	of := cmp.Or(r.Metric, string(r.Direction))
	switch {
	case r.Condition == notify.Quota:
		text += fmt.Sprintf(": %s quota of %s a %s", of, u.bytes(r.Quota.Bytes), r.Quota.Period)
	case r.Silent():
		text += fmt.Sprintf(": silent for %v", time.Duration(r.Threshold*float64(time.Second)))
	default:
		text += fmt.Sprintf(": %s %s %s over %v", of, r.Condition, notify.MetricText(r.Metric, r.Threshold), r.Window)
	}
	if hours := r.Hours.String(); hours != "" {
		text += ", " + hours
	}
	if len(r.Notify) == 0 {
		return text + "; nobody is told"
	}
	return text + "; tell " + strings.Join(r.Notify, ", ")
}
