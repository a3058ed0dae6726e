package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"time"

	"bwmon/pipe"
	"bwmon/process"
	"bwmon/traffic"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"
)

// forwardFlags are those of forward alone.
type forwardFlags struct {
	max     int
	idle    time.Duration
	connect time.Duration
	drain   time.Duration
	format  string
	quiet   bool
	bits    bool
	chatty  bool // the user asked for a summary, whoever else is told
}

func (p *program) forwardCommand() *cobra.Command {
	var flags forwardFlags
	cmd := &cobra.Command{
		Use:   "forward [flags] LISTEN TARGET",
		Short: "Relay TCP connections and count them by client",
		Long: `forward listens, connects each client to the target, and counts what the client
receives and sends. The bytes are never copied to user space. A client on this host
is booked under its command line, any other under its address.

LISTEN is :PORT for the loopback addresses of this host, ADDRESS:PORT, or unix:PATH.
To be reached from elsewhere it must say so: 0.0.0.0:PORT or [::]:PORT. TARGET is
HOST:PORT or unix:PATH; a name is looked up again for each connection.

The end of one direction is passed on, and so is a reset. A target that cannot be
reached resets the client and is counted. On the first signal forward accepts no
more, and waits for the relays to end; a second one ends them at once. Then it
prints what each client received and sent.

Exit status: 0, or 1 when it failed.`,
		Example: `  bwmon forward :8080 backend:80
  bwmon forward 0.0.0.0:5432 [fd00::5]:5432 --max-relays 200 --idle-timeout 10m
  bwmon forward unix:/run/user/1000/db.sock db.example:5432
  bwmon forward :8080 unix:/run/app.sock --format json > counts.json`,
		Args: cobra.ExactArgs(2),
	}
	cmd.RunE = p.runs(func(cmd *cobra.Command) error {
		o, err := flags.options(cmd.Flags().Arg(0), cmd.Flags().Arg(1))
		if err != nil {
			return err
		}
		c, err := p.controlOnly()
		if err != nil {
			return err
		}
		flags.chatty = cmd.Flags().Changed("format")
		return p.forward(cmd.Context(), o, flags, c.Mask, newCourier(c.Control, pipe.KindForward))
	})
	f := cmd.Flags()
	f.IntVar(&flags.max, "max-relays", 10_000, "relay at most this `NUMBER` of connections at a time; reset those beyond")
	f.DurationVar(&flags.idle, "idle-timeout", 0, "reset a connection on which nothing moves for this `TIME`; 0: never")
	f.DurationVar(&flags.connect, "connect-timeout", 10*time.Second, "give the target this `TIME` to answer, the look-up of its name included")
	f.DurationVar(&flags.drain, "drain", 10*time.Second, "when asked to end, give connections this `TIME` to end by themselves")
	f.StringVar(&flags.format, "format", "table", "`FORMAT` of the summary: table or json")
	f.BoolVarP(&flags.quiet, "quiet", "q", false, "print no summary")
	f.BoolVar(&flags.bits, "bits", false, "show rates in bits per second")
	return cmd
}

func (f forwardFlags) options(listen, target string) (pipe.ForwardOptions, error) {
	o := pipe.ForwardOptions{MaxRelays: f.max, IdleTimeout: f.idle, ConnectTimeout: f.connect, Drain: f.drain}
	var err error
	if o.Listen, err = pipe.ParseListen(listen); err != nil {
		return o, usageError{err}
	}
	if o.Target, err = pipe.ParseTarget(target); err != nil {
		return o, usageError{err}
	}
	switch {
	case f.max < 1:
		return o, usageError{fmt.Errorf("--max-relays: want a number above 0, got %d", f.max)}
	case f.idle < 0:
		return o, usageError{fmt.Errorf("--idle-timeout: want a time such as 10m, or 0 for never, got %v", f.idle)}
	case f.connect <= 0:
		return o, usageError{fmt.Errorf("--connect-timeout: want a time above 0, such as 10s, got %v", f.connect)}
	case f.drain < 0:
		return o, usageError{fmt.Errorf("--drain: want a time such as 10s, got %v", f.drain)}
	case !slices.Contains([]string{"table", "json"}, f.format):
		return o, usageError{fmt.Errorf("--format: want table or json, got %s", quoted(f.format))}
	}
	o.Drain = max(o.Drain, time.Nanosecond) // 0 is at once, not the default
	return o, nil
}

// forward relays until ctx is cancelled.
func (p *program) forward(ctx context.Context, o pipe.ForwardOptions, flags forwardFlags, mask *traffic.Mask, k *courier) error {
	owners := process.New(process.Options{Mask: mask})
	o.Owners, o.Processes = owners, newPIDs("/proc", mask)
	f := pipe.NewForwarder(o)
	done := make(chan struct{})
	var g, lookups errgroup.Group
	// Clients can be looked up until the last byte is booked.
	looking, stop := context.WithCancel(context.WithoutCancel(ctx))
	lookups.Go(func() error { return owners.Run(looking) })
	g.Go(func() error {
		cutOnSecond(ctx, f, done)
		return nil
	})
	book := newForwardBook(o, f.Label())
	finish := k.follow(func(bool) []traffic.Sample { return nil }) // all are noted below
	began := time.Now()
	err := f.Run(ctx, func(b traffic.Batch) {
		if addrs := f.Addrs(); !book.said && len(addrs) > 0 && !flags.quiet {
			book.said = true
			var list []string
			for _, a := range addrs {
				list = append(list, a.String())
			}
			fmt.Fprintf(p.stderr, "bwmon: forwarding %s to %s\n", strings.Join(list, " and "), o.Target)
		}
		book.take(b)
		k.Note(b.Samples)
	})
	finish()
	close(done)
	stop()
	if lookErr := lookups.Wait(); lookErr != nil && err == nil {
		p.warn(fmt.Sprintf("clients were booked by their addresses: look up processes: %v", lookErr))
	}
	err = errors.Join(err, g.Wait())
	if failure := k.failure(); failure != nil {
		p.warn(failure.Error())
	}
	if err != nil || flags.quiet || k.took() && !flags.chatty {
		return err
	}
	s := book.summary(f.Stats(), time.Since(began))
	if flags.format == "json" {
		return p.printJSON(s)
	}
	s.print(p.stdout, units{bits: flags.bits})
	return nil
}

// cutOnSecond ends the forwarder's relays on the second signal; the first one has
// cancelled ctx.
func cutOnSecond(ctx context.Context, f *pipe.Forwarder, done <-chan struct{}) {
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, stopSignals()...)
	defer signal.Stop(signals)
	for first := ctx.Err() == nil; ; first = false {
		select {
		case <-signals:
			if !first {
				f.Cut()
				return
			}
		case <-done:
			return
		}
	}
}
