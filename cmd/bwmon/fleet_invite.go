package main

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"time"

	"bwmon/fleet/trust"

	"github.com/spf13/cobra"
)

func (p *program) fleetInviteCommand() *cobra.Command {
	dir := &fleetDir{p: p}
	var ttl time.Duration
	var url string
	cmd := &cobra.Command{
		Use:   "invite [flags] HOST",
		Short: "Invite a host: print what is to be run on it",
		Long: `invite prints one command, which is to be run on the host. What stands in it is good
once, for a limited time, and lets whoever has it join under that name: hand it on like a
password. It holds the fingerprint of the CA, so that the host knows that it talks to
this receiver.

What stands on a command line any user of that host can read while it runs. Where there
are others, hand what this prints to "bwmon fleet join URL -", which reads it from its
standard input.

Another invitation of the same host that was not used is withdrawn. A host of that
name that is there goes on until the invitation is used; its certificate and its token
end then. Other receivers need the register anew when it is used: see "bwmon fleet server".`,
		Example: `  sudo bwmon fleet invite web-1
  sudo bwmon fleet invite --ttl 24h web-1
  sudo bwmon fleet invite web-1 | ssh web-1 sudo bwmon fleet join https://receiver.example:8443 -`,
		Args: cobra.ExactArgs(1),
	}
	cmd.RunE = p.runs(func(cmd *cobra.Command) error {
		host, a, err := dir.openFor(cmd)
		if err != nil {
			return err
		}
		invitation, err := a.Invite(host, ttl)
		if err != nil {
			return err
		}
		l, err := a.List()
		if err != nil {
			return err
		}
		fmt.Fprintf(p.stdout, "bwmon fleet join %s %s\n", cmp.Or(url, l.Receiver), invitation)
		fmt.Fprintf(p.stderr, "to be run on %s, once, by %s\n", host, time.Now().Add(ttl).Format("2006-01-02 15:04 MST"))
		return nil
	})
	dir.register(cmd)
	cmd.Flags().DurationVar(&ttl, "ttl", time.Hour, "how long it is good (`TIME`), from 1m to 720h")
	cmd.Flags().StringVar(&url, "url", "", "the `URL` of the receiver as that host reaches it (default that of \"fleet init\")")
	return cmd
}

func (p *program) fleetJoinCommand() *cobra.Command {
	var dir string
	cmd := &cobra.Command{
		Use:   "join [flags] URL INVITATION|-",
		Short: "Join the fleet of a receiver, on a host that was invited",
		Long: `join makes a key on this host and gets a certificate for it from the receiver. It is
what "bwmon fleet invite" prints. It trusts only a receiver of the CA that the
invitation names. Where it fails on the way, run it again.

With - the invitation is read from standard input, where no other user of this host sees
it: the invitation itself, or the line that "bwmon fleet invite" printed.

It prints what to put into bwmon.toml.`,
		Example: `  sudo bwmon fleet join https://receiver.example:8443 bwmon-invitation-…
  sudo bwmon fleet join https://receiver.example:8443 - < invitation`,
		Args: cobra.ExactArgs(2),
	}
	cmd.RunE = p.runs(func(cmd *cobra.Command) error {
		if dir == "" {
			c, err := p.config()
			if err != nil {
				return err
			}
			dir = c.Publish.Identity
		}
		invitation := cmd.Flags().Arg(1)
		if invitation == "-" {
			var err error
			if invitation, err = readInvitation(p.stdin); err != nil {
				return err
			}
		}
		return p.fleetJoin(cmd.Context(), dir, cmd.Flags().Arg(0), invitation)
	})
	cmd.Flags().StringVar(&dir, "dir", "", "the `DIRECTORY` for key and certificate (default publish.identity of the configuration: "+defaultPublish().Identity+")")
	return cmd
}

// maxInvitationLine bounds the line that an invitation is read from, in bytes.
const maxInvitationLine = 4 << 10

// readInvitation reads the first line: an invitation, or the command that ends with it.
func readInvitation(in io.Reader) (string, error) {
	line, err := bufio.NewReader(io.LimitReader(in, maxInvitationLine)).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return "", fmt.Errorf("read the invitation from standard input: %w", err)
	}
	words := strings.Fields(line)
	if len(words) == 0 {
		return "", errors.New(`standard input begins with nothing: want an invitation there, as "bwmon fleet invite" prints it`)
	}
	return words[len(words)-1], nil
}

func (p *program) fleetJoin(ctx context.Context, dir, url, invitation string) error {
	dir, err := filepath.Abs(dir) // as the configuration wants it
	if err != nil {
		return err
	}
	i, err := trust.Join(ctx, dir, url, invitation, trust.Options{})
	if err != nil {
		return err
	}
	fmt.Fprintf(p.stdout, "%s has joined the fleet of %s: its certificate is in %s, and renews by itself.\nPut this into bwmon.toml:\n\n",
		i.Host(), i.Receiver(), dir)
	fmt.Fprintf(p.stdout, "[publish]\nurl = %q\nthis_host = %q\n", i.Receiver(), i.Host())
	if dir != defaultPublish().Identity {
		fmt.Fprintf(p.stdout, "identity = %q\n", dir)
	}
	return nil
}

func (p *program) fleetRevokeCommand() *cobra.Command {
	dir := &fleetDir{p: p}
	cmd := &cobra.Command{
		Use:   "revoke [flags] HOST",
		Short: "Let a host in no more",
		Long: `revoke ends what a host may do, with the next thing that it asks for, also over
connections that are open: its certificates, its token and invitations that were not used
are worth nothing. What it has published stays. It comes back by "fleet invite" or
"fleet token"; its former certificates do not.`,
		Example: `  sudo bwmon fleet revoke web-1`,
		Args:    cobra.ExactArgs(1),
	}
	cmd.RunE = p.runs(func(cmd *cobra.Command) error {
		a, err := dir.open()
		if err != nil {
			return err
		}
		host := cmd.Flags().Arg(0)
		if err := a.Revoke(host); err != nil {
			return err
		}
		fmt.Fprintf(p.stdout, "revoked %s\n", host)
		return nil
	})
	dir.register(cmd)
	return cmd
}

func (p *program) fleetTokenCommand() *cobra.Command {
	dir := &fleetDir{p: p}
	cmd := &cobra.Command{
		Use:   "token [flags] HOST",
		Short: "Make a token that a host may publish with, in place of a certificate",
		Long: `token prints a token, which a host may publish with over TLS, and the one it had
before is worth nothing. It cannot be printed again: only a hash of it is kept. It has no
end but "fleet revoke", another token, or an invitation of that name that is used. Write
it to a file that nobody else may read, also not for a moment (umask).

On the host it stands in publish.token, and ca.pem of the fleet's directory in
publish.ca_file, unless a certificate that everybody trusts is in front.`,
		Example: `  (umask 077; sudo bwmon fleet token nas > nas.token)`,
		Args:    cobra.ExactArgs(1),
	}
	cmd.RunE = p.runs(func(cmd *cobra.Command) error {
		host, a, err := dir.openFor(cmd)
		if err != nil {
			return err
		}
		token, err := a.Token(host)
		if err != nil {
			return err
		}
		fmt.Fprintln(p.stdout, token)
		return nil
	})
	dir.register(cmd)
	return cmd
}
