package main

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"bwmon/fleet"

	"github.com/spf13/cobra"
)

func (p *program) fleetForgetCommand() *cobra.Command {
	var remote remoteFlags
	cmd := &cobra.Command{
		Use:   "forget HOST",
		Short: "Take a host, and its past, out of a receiver",
		Long: `forget takes a host out of the fleet of the receiver that runs here: out of its list, of
what its rules watch, and of its history. What it carried stays in the sums over all hosts
of the past. If it publishes again it is a new one: "bwmon fleet revoke" keeps it out.

Exit status: 0, 1 when it failed, 2 wrong usage.`,
		Example: `  sudo bwmon fleet revoke web-1 && sudo bwmon fleet forget web-1`,
		Args:    cobra.ExactArgs(1),
	}
	cmd.RunE = p.runs(func(cmd *cobra.Command) error {
		host := cmd.Flags().Arg(0)
		if err := fleet.CheckName(host); err != nil {
			return usageError{err}
		}
		d, err := p.receiverToAsk(remote)
		if err != nil {
			return err
		}
		defer d.close()
		err = d.ask(cmd.Context(), http.MethodPost, "/api/v1/hosts/"+url.PathEscape(host)+"/forget", nil, nil)
		if isAbsent(err) {
			err = errors.New("no receiver runs here: say where one does with --connect")
		}
		if err != nil {
			return fmt.Errorf("forget %s: %w", quoted(host), err)
		}
		fmt.Fprintf(p.stdout, "%s is forgotten\n", host)
		return nil
	})
	remote.register(cmd.Flags())
	return cmd
}

// receiverToAsk is the receiver that flags name, or that of this host.
func (p *program) receiverToAsk(f remoteFlags) (daemon, error) {
	if f.connect != "" {
		return daemonAt(f)
	}
	c, err := p.config()
	return daemonHere(controlConfig{Socket: c.Receive.Control}), err
}
