// Command load is many hosts that publish to receivers of this machine, all in one
// process:
//
//	go run ./fleet/load --hosts 1000 --apps 50 --interval 10s --for 2m --url http://127.0.0.1:8000 --verify
//
// Each has books of its own that grow as a host's do: of 50 apps some 20 move in an
// interval, 20 series of its machine are measured, commands end and others begin. Batches
// are made by fleet.Recorder, sent compressed and evenly over the interval, kept until
// the receiver has kept them and sent again where it asks for them. It prints how many were
// answered, how soon, and what they took.
//
// With --verify it asks the receivers at the end, and compares all totals of all hosts
// with what was sent, and the sums of their history. Its exit status is 1 where one
// differs, or batches were late or failed.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/signal"
	"time"

	"golang.org/x/sys/unix"
)

// options say what to simulate.
type options struct {
	hosts, apps, alike, workers int
	interval, span, warm        time.Duration
	fresh                       float64
	urls                        []*url.URL
	prefix                      string
	seed                        uint64
	verify, shared              bool
	patience                    time.Duration
}

// name of the host of that number. All are of the same length.
func (o *options) name(n int) string { return fmt.Sprintf("%s-%05d", o.prefix, n+1) }

func main() {
	o, err := parse(os.Args[1:], os.Stderr)
	if errors.Is(err, flag.ErrHelp) {
		os.Exit(0)
	}
	if err == nil {
		ctx, stop := signal.NotifyContext(context.Background(), unix.SIGINT, unix.SIGTERM)
		err = run(ctx, o)
		stop()
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "load: %v\n", err)
		os.Exit(1)
	}
}

// parse reads arguments. What is wrong with them, or how they are used, is said to out.
func parse(args []string, out io.Writer) (o options, err error) {
	f := flag.NewFlagSet("load", flag.ContinueOnError)
	f.SetOutput(out)
	f.IntVar(&o.hosts, "hosts", 1000, "how many `hosts` there are")
	f.IntVar(&o.apps, "apps", 50, "how many `apps` each has")
	f.IntVar(&o.alike, "alike", 1, "so many `hosts` have the same figures, which saves this program's time")
	f.IntVar(&o.workers, "workers", 64, "how many `requests` may be under way at a time")
	f.DurationVar(&o.interval, "interval", 10*time.Second, "`time` between two batches of a host")
	f.DurationVar(&o.span, "for", 2*time.Minute, "for how `long`, after the warm-up")
	f.DurationVar(&o.warm, "warm", 20*time.Second, "`time` before that, which is not measured: every host's first batch has all its rows")
	f.Float64Var(&o.fresh, "fresh", 0, "how many new `apps` each host has in an hour")
	f.StringVar(&o.prefix, "prefix", "host", "what their `names` begin with")
	f.Uint64Var(&o.seed, "seed", 1, "another `number` makes other figures")
	f.BoolVar(&o.verify, "verify", false, "compare what the receivers have with what was sent")
	f.BoolVar(&o.shared, "shared", false, "the receivers share an engine: each knows the past of all hosts")
	f.DurationVar(&o.patience, "patience", 2*time.Minute, "how `long` it may take at the end until all is kept")
	f.Func("url", "of a receiver; given several times, hosts are spread over them", func(text string) error {
		u, err := parseReceiver(text)
		o.urls = append(o.urls, u)
		return err
	})
	if err := f.Parse(args); err != nil {
		return o, err
	}
	switch {
	case f.NArg() > 0:
		return o, fmt.Errorf("want no arguments, got %q", f.Arg(0))
	case len(o.urls) == 0:
		return o, errors.New("want --url of a receiver, such as http://127.0.0.1:8000")
	case o.hosts < 1 || o.hosts > 99_999 || o.apps < 1 || o.alike < 1 || o.workers < 1:
		return o, errors.New("want numbers above 0, and at most 99999 hosts")
	case o.interval < time.Second/10 || o.span < o.interval || o.fresh < 0:
		return o, errors.New("want an interval from 100ms up, and at least one of them")
	}
	return o, nil
}

func run(ctx context.Context, o options) error {
	c, err := newCrowd(o, time.Now())
	if err != nil {
		return err
	}
	defer c.close()
	during, stop := context.WithTimeout(ctx, o.warm+o.span)
	defer stop()
	done := make(chan error, 1)
	go func() { done <- c.run(during) }()
	sleep(during, o.warm)
	first, begun := c.figures.cut(), time.Now()
	worked := busy()
	fmt.Fprintf(os.Stderr, "load: warmed up: %d requests, %d late, %d kinds of failures\n", first.requests, first.late(), len(first.failures))
	err = <-done
	measured, took := c.figures.cut(), time.Since(begun)
	worked = busy() - worked
	if err == nil {
		err = ctx.Err()
	}
	if err != nil {
		return err
	}
	fmt.Printf("hosts            %10d, apps %d, interval %v, receivers %d, measured %.0f s\n", o.hosts, o.apps, o.interval, len(o.urls), took.Seconds())
	measured.print(os.Stdout, o.hosts, took)
	fmt.Printf("waiting          %10d batches\n", c.behind())
	fmt.Printf("this program     %10.1f %% of a core\n", 100*worked.Seconds()/took.Seconds())
	var bad error
	if n, failed := measured.late(), len(measured.failures); n > 0 || failed > 0 {
		bad = fmt.Errorf("%d batches were answered later than %v after they were due, requests failed in %d ways", n, o.interval, failed)
	}
	return errors.Join(bad, c.end(ctx))
}

// end waits until all is kept, and compares.
func (c *crowd) end(ctx context.Context) error {
	begun := time.Now()
	settling, stop := context.WithTimeout(ctx, c.o.patience)
	defer stop()
	if err := c.settle(settling); err != nil {
		return err
	}
	fmt.Printf("all kept after   %10.1f s\n", time.Since(begun).Seconds())
	if !c.o.verify {
		return nil
	}
	begun = time.Now()
	n, err := c.verify(ctx)
	for err != nil && c.o.shared && time.Since(begun) < c.o.patience && sleep(ctx, 5*time.Second) {
		n, err = c.verify(ctx) // an engine may take its time until what is new is found
	}
	if err != nil {
		return err
	}
	fmt.Printf("compared         %10d totals: all as sent, %.0f s later\n", n, time.Since(begun).Seconds())
	return nil
}
