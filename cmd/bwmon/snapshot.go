package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"bwmon/traffic"

	"github.com/spf13/cobra"
)

// snapshotFlags are those of snapshot alone.
type snapshotFlags struct {
	span    time.Duration
	format  string
	flows   bool
	machine bool
}

func (p *program) snapshotCommand() *cobra.Command {
	var measure measureFlags
	var flags snapshotFlags
	cmd := &cobra.Command{
		Use:   "snapshot",
		Short: "Measure for a while and print once",
		Long: `snapshot measures for a while and prints what was carried in that time, as a
table, as JSON or as CSV. A signal (Ctrl-C) ends the measurement and prints
what there is so far.

JSON is the whole document: indented on a terminal, else on one line. CSV has
one record for each command. With --machine there is also what apps use of disks,
processors and memory, and what is measured of the machine (JSON has it always). Totals are bytes since the start; rates are bytes
per second over the last interval.

Exit status: 0, or 1 when a monitor failed: what the others counted is printed.`,
		Example: `  sudo bwmon snapshot
  sudo bwmon snapshot --for 1m --format json > usage.json
  sudo bwmon snapshot --flows
  bwmon snapshot --monitor machine --machine
  sudo bwmon snapshot --format csv --monitor conntrack
  sudo bwmon snapshot --format json | jq -r '.apps[] | [.app, .rx_bytes, .tx_bytes] | @tsv'`,
		Args: cobra.NoArgs,
		RunE: p.runs(func(cmd *cobra.Command) error {
			if err := flags.check(); err != nil {
				return err
			}
			c, err := p.settings(measure)
			if err != nil {
				return err
			}
			if err := p.mayMeasure(c, cmd.CommandPath()); err != nil {
				return err
			}
			s, err := measureFor(cmd.Context(), c, flags)
			if err != nil {
				return err
			}
			return p.printSnapshot(s, flags, units{bits: measure.bits})
		}),
	}
	measure.register(cmd)
	measure.registerUnits(cmd)
	cmd.Flags().DurationVar(&flags.span, "for", 5*time.Second, "measure for this `TIME`")
	cmd.Flags().StringVar(&flags.format, "format", "table", "output `FORMAT`: table, json or csv")
	cmd.Flags().BoolVar(&flags.flows, "flows", false, "list single connections as well (table and json)")
	cmd.Flags().BoolVar(&flags.machine, "machine", false, "also what apps use of disks, processors and memory, and what is measured of the machine (table and csv)")
	return cmd
}

func (f snapshotFlags) check() error {
	switch {
	case !slices.Contains([]string{"table", "json", "csv"}, f.format):
		return usageError{fmt.Errorf("--format: want table, json or csv, got %s", quoted(f.format))}
	case f.span <= 0:
		return usageError{fmt.Errorf(`--for: want a time above 0, such as 10s, got %v`, f.span)}
	case f.flows && f.format == "csv":
		return usageError{errors.New("--flows: CSV has one record for each command and no flows: use --format json or table")}
	}
	return nil
}

// mayMeasure refuses without the privileges it takes, and warns where they
// are only just enough.
func (p *program) mayMeasure(c config, command string) error {
	caps, err := effectiveCapabilities()
	if err != nil {
		return err
	}
	if err := needPrivileges(c, caps, command); err != nil {
		return err
	}
	_, conntrack := findMonitor(c.Monitors, kindConntrack)
	_, sockets := findMonitor(c.Monitors, kindSocket)
	if conntrack && !sockets && !caps.seesAllProcesses() {
		p.warn("the processes of other users cannot be seen: their traffic is (unattributed); see \"bwmon doctor\"")
	}
	return nil
}

func (p *program) warn(text string) {
	fmt.Fprintf(p.stderr, "bwmon: warning: %s\n", traffic.CleanText(text, 2000))
}

// startLimit bounds the wait for monitors that do not get going.
const startLimit = 10 * time.Second

// measureFor runs a session for the span, which begins when every monitor has
// been heard of, or until ctx is cancelled, and returns its last snapshot.
func measureFor(ctx context.Context, c config, flags snapshotFlags) (*traffic.Snapshot, error) {
	s, err := newSession(c, false, nil)
	if err != nil {
		return nil, err
	}
	if flags.flows {
		defer s.engine.WantFlows()()
	}
	snapshots := s.engine.Subscribe()
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	ended := make(chan error, 1)
	go func() { ended <- s.run(ctx) }()

	var last *traffic.Snapshot
	var over <-chan time.Time
	patience := time.After(startLimit)
	for {
		select {
		case snapshot, open := <-snapshots:
			if !open {
				err := <-ended
				if err == nil && last == nil {
					err = errors.New("nothing was measured")
				}
				return last, err
			}
			last = snapshot
			if over == nil && allStarted(snapshot) {
				over = time.After(flags.span)
			}
		case <-patience:
			if over == nil {
				over = time.After(flags.span)
			}
		case <-over:
			stop()
		}
	}
}

func allStarted(s *traffic.Snapshot) bool {
	return !slices.ContainsFunc(s.Monitors, func(m traffic.MonitorStatus) bool { return m.State == traffic.StateStarting })
}

// printSnapshot prints it; monitors that failed are an error after that.
func (p *program) printSnapshot(s *traffic.Snapshot, flags snapshotFlags, u units) error {
	var err error
	switch flags.format {
	case "json":
		err = p.printJSON(s)
	case "csv":
		err = printCSV(p.stdout, s, flags.machine)
	default:
		printTable(p.stdout, s, u, flags.flows, flags.machine)
	}
	for _, m := range s.Monitors {
		if m.State == traffic.StateFailed {
			err = errors.Join(err, fmt.Errorf("monitor %s failed: %s", m.Name, m.Detail))
		}
	}
	return err
}
