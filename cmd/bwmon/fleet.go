package main

import (
	"errors"
	"fmt"
	"net"
	"strings"

	"bwmon/fleet"
	"bwmon/fleet/trust"

	"github.com/spf13/cobra"
)

// receiverPort is that of receivers where nothing else is said.
const receiverPort = "8443"

func (p *program) fleetCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "fleet",
		Short: "Say which hosts a receiver trusts, and join it",
		Long: `fleet keeps the directory of those whom a receiver trusts: a small CA of its own, the
receiver's certificate and the register of hosts. What is changed holds at once, also
for a receiver that runs.

Hosts are invited where the receiver is, and join with what that prints. Their
certificates, and the receiver's, renew by themselves.

Exit status: 0, 1 when it failed, 2 wrong usage.`,
		Example: `  sudo bwmon fleet init --name receiver.example
  sudo bwmon fleet invite web-1          # prints what is to be run on web-1
  sudo bwmon fleet list
  sudo bwmon fleet revoke web-1`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(
		p.fleetInitCommand(),
		p.fleetInviteCommand(),
		p.fleetJoinCommand(),
		p.fleetListCommand(),
		p.fleetRevokeCommand(),
		p.fleetForgetCommand(),
		p.fleetTokenCommand(),
		p.fleetServerCommand(),
	)
	return cmd
}

// fleetDir is the directory of a fleet: that of a flag, or of the configuration.
type fleetDir struct {
	p   *program
	dir string
}

func (d *fleetDir) register(cmd *cobra.Command) {
	cmd.Flags().StringVar(&d.dir, "dir", "", "the fleet's `DIRECTORY` (default receive.dir of the configuration: "+defaultReceive().Dir+")")
}

func (d *fleetDir) path() (string, error) {
	if d.dir != "" {
		return d.dir, nil
	}
	c, err := d.p.config()
	return c.Receive.Dir, err
}

// open opens the fleet that is there.
func (d *fleetDir) open() (*trust.Authority, error) {
	path, err := d.path()
	if err != nil {
		return nil, err
	}
	return trust.Open(path, trust.Options{})
}

// openFor opens the fleet for the host that a command names.
func (d *fleetDir) openFor(cmd *cobra.Command) (host string, a *trust.Authority, err error) {
	host = cmd.Flags().Arg(0)
	if err := fleet.CheckName(host); err != nil {
		return "", nil, usageError{err}
	}
	a, err = d.open()
	return host, a, err
}

func (p *program) fleetInitCommand() *cobra.Command {
	dir := &fleetDir{p: p}
	var names []string
	var url string
	var renew bool
	cmd := &cobra.Command{
		Use:   "init [flags]",
		Short: "Make a fleet: a CA, the receiver's certificate, an empty register",
		Long: `init makes the directory of a fleet. Give the receiver every name and address by which
hosts reach it; the first one stands in what invitations print.

Where there is a fleet already nothing is changed. --renew-server makes a new
certificate of its receiver, for the same names or those that are given: a receiver
that runs shows it to the next who connects. Hosts notice nothing.`,
		Example: `  sudo bwmon fleet init --name receiver.example --name 192.0.2.10
  sudo bwmon fleet init --renew-server --name receiver.example --name 192.0.2.11`,
		Args: cobra.NoArgs,
	}
	cmd.RunE = p.runs(func(*cobra.Command) error {
		path, err := dir.path()
		if err != nil {
			return err
		}
		if renew {
			return p.renewServer(path, names, url)
		}
		if len(names) == 0 {
			return usageError{errors.New("--name: a receiver has a name: give that by which hosts reach it, such as receiver.example, or an address")}
		}
		if url == "" {
			url = "https://" + net.JoinHostPort(names[0], receiverPort)
		}
		a, err := trust.Create(path, url, names, trust.Options{})
		if err != nil {
			return err
		}
		fmt.Fprintf(p.stdout, "made a fleet in %s\nCA  SHA-256 %s\n\nInvite a host with \"bwmon fleet invite HOST\".\n", path, a.Fingerprint())
		return nil
	})
	dir.register(cmd)
	f := cmd.Flags()
	f.StringArrayVar(&names, "name", nil, "a `NAME` or address by which hosts reach the receiver (repeatable)")
	f.StringVar(&url, "url", "", "the `URL` that hosts are told (default https://NAME:"+receiverPort+")")
	f.BoolVar(&renew, "renew-server", false, "make a new certificate of the receiver of a fleet that is there")
	return cmd
}

func (p *program) renewServer(path string, names []string, url string) error {
	a, err := trust.Open(path, trust.Options{})
	if err != nil {
		return err
	}
	if err := a.RenewServer(names, url); err != nil {
		return err
	}
	l, err := a.List()
	if err != nil {
		return err
	}
	fmt.Fprintf(p.stdout, "the receiver has a certificate for %s, until %s\n", strings.Join(l.ServerNames, ", "), fleetDay(l.ServerExpires))
	return nil
}

func (p *program) fleetServerCommand() *cobra.Command {
	dir := &fleetDir{p: p}
	var more []string
	var to string
	cmd := &cobra.Command{
		Use:   "server [flags] NAME",
		Short: "Make the directory of another receiver of the same fleet",
		Long: `server makes a directory for another receiver, which is reached by NAME: the CA's
certificate, the register, and a certificate and key of its own, valid for a year. The
CA's key is not in it: that receiver lets hosts in, and admits and renews none.

Copy it to that machine, as its receive.dir. Whenever hosts are revoked, get tokens or
join anew under a name that was there, copy register.json there, too: until then it lets
in the former machine. Who is new joins and is let in without that.`,
		Example: `  sudo bwmon fleet server second.example --to ./second
  sudo rsync -a ./second/ second.example:/var/lib/bwmon/fleet/`,
		Args: cobra.ExactArgs(1),
	}
	cmd.RunE = p.runs(func(cmd *cobra.Command) error {
		if to == "" {
			return usageError{errors.New("--to: want the directory to make")}
		}
		a, err := dir.open()
		if err != nil {
			return err
		}
		if err := a.Copy(to, append([]string{cmd.Flags().Arg(0)}, more...)); err != nil {
			return err
		}
		fmt.Fprintf(p.stdout, "made %s, the directory of another receiver: it has a key in it\n", to)
		return nil
	})
	dir.register(cmd)
	cmd.Flags().StringArrayVar(&more, "name", nil, "another `NAME` or address of that receiver (repeatable)")
	cmd.Flags().StringVar(&to, "to", "", "the `DIRECTORY` to make")
	return cmd
}
