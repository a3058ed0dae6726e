package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"bwmon/fleet/trust"

	"github.com/spf13/cobra"
)

func (p *program) fleetListCommand() *cobra.Command {
	dir := &fleetDir{p: p}
	var format string
	cmd := &cobra.Command{
		Use:   "list [flags]",
		Short: "List the hosts of a fleet, and the invitations that are open",
		Example: `  sudo bwmon fleet list
  sudo bwmon fleet list --format json | jq -r '.hosts[] | select(.revoked) | .name'`,
		Args: cobra.NoArgs,
	}
	cmd.RunE = p.runs(func(*cobra.Command) error {
		if !slices.Contains([]string{"table", "json"}, format) {
			return usageError{fmt.Errorf("--format: want table or json, got %s", quoted(format))}
		}
		a, err := dir.open()
		if err != nil {
			return err
		}
		l, err := a.List()
		if err != nil {
			return err
		}
		if format == "json" {
			return p.printJSON(l)
		}
		p.printFleet(l, time.Now())
		return nil
	})
	dir.register(cmd)
	cmd.Flags().StringVar(&format, "format", "table", "output `FORMAT`: table or json")
	return cmd
}

func (p *program) printFleet(l trust.Listing, at time.Time) {
	fmt.Fprintf(p.stdout, "receiver  %s\n", l.Receiver)
	fmt.Fprintf(p.stdout, "          %s, certificate until %s\n", strings.Join(l.ServerNames, ", "), fleetDay(l.ServerExpires))
	fmt.Fprintf(p.stdout, "CA        SHA-256 %s, until %s\n", l.Fingerprint, fleetDay(l.CAExpires))
	if l.Copy {
		fmt.Fprintln(p.stdout, "          without its key: this is a copy, which admits and renews nobody")
	}
	fmt.Fprintln(p.stdout)
	if len(l.Hosts) == 0 {
		fmt.Fprintln(p.stdout, "no host has joined")
	} else {
		g := newGrid("HOST", "STATE", "JOINED", "RENEWED", "EXPIRES", "TOKEN")
		for _, h := range l.Hosts {
			g.add(h.Name, fleetState(h, at), fleetDay(h.Joined), fleetDay(h.Renewed), fleetDay(h.Expires), fleetDay(h.Token))
		}
		g.print(p.stdout)
	}
	if len(l.Invitations) > 0 {
		fmt.Fprintln(p.stdout)
		g := newGrid("INVITED", "UNTIL")
		for _, i := range l.Invitations {
			g.add(i.Host, fleetDay(i.Expires))
		}
		g.print(p.stdout)
	}
}

// fleetState is how a host stands with its receiver.
func fleetState(h trust.Host, at time.Time) string {
	switch {
	case !h.Revoked.IsZero():
		return "revoked " + fleetDay(h.Revoked)
	case !h.Expires.IsZero() && at.After(h.Expires) && h.Token.IsZero():
		return "expired"
	case h.Expires.IsZero(), at.After(h.Expires):
		return "token"
	}
	return "joined"
}

// fleetDay is a moment in the time of who reads it; "-": never.
func fleetDay(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.Local().Format("2006-01-02 15:04")
}
