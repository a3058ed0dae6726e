package main

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/spf13/cobra"
)

// The states of a finding.
const (
	findingOK      = "ok"
	findingWarn    = "warn"    // bwmon works, and accounts for less or less exactly
	findingMissing = "missing" // what it concerns cannot be accounted for
)

// finding is what doctor found out about one thing.
type finding struct {
	Check string `json:"check"`
	State string `json:"state"`
	Found string `json:"found"`           // what is the case
	Means string `json:"means,omitempty"` // what follows from it for the figures
	Cure  string `json:"cure,omitempty"`  // the command that mends it
	// Essential: while it is missing no traffic is booked to anybody, unless
	// something else that is ok suffices.
	Essential bool `json:"essential,omitempty"`
	Suffices  bool `json:"suffices,omitempty"`
}

// diagnosis is doctor's JSON document.
type diagnosis struct {
	Schema   int       `json:"schema"`
	Accounts bool      `json:"accounts"` // traffic can be booked to somebody
	Findings []finding `json:"findings"`
}

func (p *program) doctorCommand() *cobra.Command {
	var format string
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Tell what this machine can account for, and how to get the rest",
		Long: `doctor looks at everything bwmon's figures rest on: privileges, the kernel's
connection tracking and its accounting, the tables of sockets, buffers. For
each it says what is the case, what that means for the figures, and the
command that mends it. It reads the history through and looks whether it is whole.
Then it keeps the books for two seconds and tells what is left over. It changes
nothing.

Exit status: 0, or 1 when no traffic could be booked to anybody.`,
		Example: `  sudo bwmon doctor
  bwmon doctor --format json | jq '.findings[] | select(.state != "ok")'`,
		Args: cobra.NoArgs,
		RunE: p.runs(func(cmd *cobra.Command) error {
			if format != "text" && format != "json" {
				return usageError{fmt.Errorf("--format: want text or json, got %s", quoted(format))}
			}
			c, err := p.config()
			if err != nil {
				return err
			}
			return p.doctor(cmd.Context(), c, format)
		}),
	}
	cmd.Flags().StringVar(&format, "format", "text", "output `FORMAT`: text or json")
	return cmd
}

func (p *program) doctor(ctx context.Context, c config, format string) error {
	d := diagnosis{Schema: 1}
	for _, check := range checks(ctx, c) {
		d.Findings = append(d.Findings, check()...)
	}
	d.Accounts = accounts(d.Findings)
	if format == "json" {
		if err := p.printJSON(d); err != nil {
			return err
		}
	} else {
		p.printDiagnosis(d)
	}
	if !d.Accounts {
		return errSaid
	}
	return nil
}

// accounts reports whether traffic can be booked to somebody.
func accounts(findings []finding) bool {
	able := true
	for _, f := range findings {
		if f.Suffices && f.State == findingOK {
			return true
		}
		able = able && !(f.Essential && f.State == findingMissing)
	}
	return able
}

// checks are all things doctor looks at, in the order it tells them.
func checks(ctx context.Context, c config) []func() []finding {
	monitor, ok := findMonitor(c.Monitors, kindConntrack)
	if !ok {
		monitor = defaultMonitor(kindConntrack)
	}
	sockets, ok := findMonitor(c.Monitors, kindSocket)
	if !ok {
		sockets = defaultMonitor(kindSocket)
	}
	return []func() []finding{
		checkPrivileges,
		func() []finding { return checkSocketMonitor(sockets) },
		func() []finding { return checkConntrack(monitor) },
		checkReceiveBuffer,
		checkSockets,
		func() []finding { return checkInterfaces("/proc") },
		func() []finding { return checkCgroup("/proc") },
		func() []finding { return checkHistory(ctx, c) },
		func() []finding { return checkBalance(ctx, c) },
	}
}

func (p *program) printDiagnosis(d diagnosis) {
	for _, f := range d.Findings {
		fmt.Fprintf(p.stdout, "%-8s %-18s %s\n", f.State, f.Check, f.Found)
		if f.Means != "" {
			fmt.Fprintf(p.stdout, "%27s which means: %s\n", "", f.Means)
		}
		if f.Cure != "" {
			fmt.Fprintf(p.stdout, "%27s to mend it:  %s\n", "", f.Cure)
		}
	}
	if d.Accounts {
		fmt.Fprintln(p.stdout, "\nTraffic can be booked to applications here.")
	} else {
		fmt.Fprintln(p.stdout, "\nNo traffic can be booked to anybody here until what is missing above is mended.")
	}
}

// printJSON prints one document: indented on a terminal, else on one line.
func (p *program) printJSON(v any) error {
	e := json.NewEncoder(p.stdout)
	e.SetEscapeHTML(false)
	if p.screen {
		e.SetIndent("", "  ")
	}
	if err := e.Encode(v); err != nil {
		return fmt.Errorf("write JSON: %w", err)
	}
	return nil
}
