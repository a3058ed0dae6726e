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
	"bwmon/traffic"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"
)

// pipeFlags are those of pipe alone.
type pipeFlags struct {
	name   string
	quiet  bool
	size   string
	rate   string
	format string
	bits   bool
}

func (p *program) pipeCommand() *cobra.Command {
	var flags pipeFlags
	cmd := &cobra.Command{
		Use:   "pipe [flags] [-- COMMAND ARG…]",
		Short: "Count what goes through a pipe",
		Long: `pipe moves its standard input to its standard output, as cat does, and counts.
The bytes are never copied where the kernel can move them itself. They are booked
to the commands that write and read, which are found through /proc, or under --name.

With a COMMAND it runs that and counts its standard input and output. Signals are
passed on to it. Where standard input is a terminal, COMMAND reads it itself, and
what is typed is not counted.

On a terminal it shows its progress on standard error. Where a daemon runs ("bwmon
run") it is told what is carried. Where none does, and on a terminal, or with
--format, one line on standard error says at the end what was carried, unless
--quiet.

Exit status: as cat's: 0, or 1 when reading or writing failed; a signal ends it, as
does a reader that has gone away. With a COMMAND that command's: 128+N when it was
ended by signal N, 126 when it cannot be run, 127 when it is not found.`,
		Example: `  tar c / | bwmon pipe --name backup | ssh host 'cat > backup.tar'
  bwmon pipe --size 4GiB --rate-limit 10MiB/s < disk.img > /mnt/disk.img
  zcat dump.gz | bwmon pipe -- psql shop
  bwmon pipe --format json < file 2> counts.json | wc -c`,
		Args: cobra.ArbitraryArgs,
	}
	cmd.RunE = p.runs(func(cmd *cobra.Command) error {
		job, err := flags.job(p)
		if err != nil {
			return err
		}
		job.chatty = job.progress.fd >= 0 || cmd.Flags().Changed("format")
		if args := cmd.Flags().Args(); len(args) > 0 || cmd.ArgsLenAtDash() == 0 {
			return job.command(args)
		}
		return job.filter(cmd.Context())
	})
	f := cmd.Flags()
	f.SetInterspersed(false) // what follows COMMAND is its own
	f.StringVar(&flags.name, "name", "", "book the bytes under this `NAME`")
	f.BoolVarP(&flags.quiet, "quiet", "q", false, "show no progress and no summary")
	f.StringVar(&flags.size, "size", "", "expect this many `BYTES`, such as 4GiB: show percent and the time left")
	f.StringVar(&flags.rate, "rate-limit", "", "move at most this much, such as 10MiB/s, each way (`RATE`)")
	f.StringVar(&flags.format, "format", "text", "`FORMAT` of the summary: text or json")
	f.BoolVar(&flags.bits, "bits", false, "show rates in bits per second")
	return cmd
}

// pipeJob is one run of pipe.
type pipeJob struct {
	*program
	flags     pipeFlags
	rate      uint64
	progress  progress
	processes pipe.Processes
	mask      *traffic.Mask
	courier   *courier
	chatty    bool // the user asked for a summary, whoever else is told
}

func (f pipeFlags) job(p *program) (*pipeJob, error) {
	c, err := p.controlOnly()
	if err != nil {
		return nil, err
	}
	j := &pipeJob{program: p, flags: f, processes: newPIDs("/proc", c.Mask), mask: c.Mask, courier: newCourier(c.Control, pipe.KindPipe)}
	if j.rate, err = parseAmount(strings.TrimSuffix(f.rate, "/s")); f.rate != "" && (err != nil || j.rate == 0) {
		return nil, usageError{fmt.Errorf("--rate-limit: want a rate such as 10MiB/s, got %s", quoted(f.rate))}
	}
	size, err := parseAmount(f.size)
	switch {
	case f.size != "" && (err != nil || size == 0):
		return nil, usageError{fmt.Errorf("--size: want a number of bytes such as 4GiB, got %s", quoted(f.size))}
	case !slices.Contains([]string{"text", "json"}, f.format):
		return nil, usageError{fmt.Errorf("--format: want text or json, got %s", quoted(f.format))}
	case f.name != "" && (strings.TrimSpace(f.name) == "" || traffic.CleanText(f.name, traffic.MaxWord) != f.name):
		return nil, usageError{fmt.Errorf("--name: want at most %d bytes of printable text, got %s", traffic.MaxWord, quoted(f.name))}
	}
	j.progress = progress{out: p.stderr, fd: -1, name: f.name, size: size, units: units{bits: f.bits}, began: time.Now()}
	if file, ok := p.stderr.(*os.File); ok && isTerminal(file) && !f.quiet {
		j.progress.fd = int(file.Fd())
	}
	return j, nil
}

// controlOnly is the configuration for those who need no more of it than where the
// daemon is, and are to work all the same where it cannot be read, unless it was named.
func (p *program) controlOnly() (config, error) {
	c, err := p.config()
	if err != nil && len(p.configPaths) == 0 {
		p.warn("the built-in defaults are taken: " + err.Error())
		return defaultConfig(), nil
	}
	return c, err
}

// stopPatience is how long a mover that was told to stop may be in the midst of a
// write that cannot be interrupted.
const stopPatience = 200 * time.Millisecond

// filter is pipe without a command.
func (j *pipeJob) filter(ctx context.Context) error {
	f := pipe.NewFilter(pipe.FilterOptions{Name: j.flags.name, Rate: j.rate, Processes: j.processes})
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, stopSignals()...)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- f.Run(ctx) }()
	finish := j.courier.follow(f.Samples)

	ticks, stop := j.ticks()
	defer stop()
	var got unix.Signal
	var late <-chan time.Time
	for {
		select {
		case <-ticks:
			j.progress.tick(time.Now(), f.Moved())
			continue
		case s := <-signals:
			got = s.(unix.Signal)
			cancel()
			late = time.After(stopPatience)
			continue
		case err := <-done:
			if err == nil && got == 0 && ctx.Err() != nil { // it came before we listened
				got = unix.SIGTERM
			}
			finish()
			return j.filtered(f, got, err)
		case <-late:
			finish()
			return j.filtered(f, got, nil)
		}
	}
}

// ticks is when progress is to be drawn, never where it is not.
func (j *pipeJob) ticks() (<-chan time.Time, func()) {
	if j.progress.fd < 0 {
		return nil, func() {}
	}
	t := time.NewTicker(progressEvery)
	return t.C, t.Stop
}

// speaks reports whether there is to be a summary: a daemon that was told of
// everything makes it needless.
func (j *pipeJob) speaks() bool { return !j.flags.quiet && (j.chatty || !j.courier.took()) }

// filtered says what was moved and ends as cat would: of the signal, of SIGPIPE,
// or with the error.
func (j *pipeJob) filtered(f *pipe.Filter, got unix.Signal, err error) error {
	if got == 0 && errors.Is(err, unix.EPIPE) {
		got = unix.SIGPIPE
	}
	j.progress.clear()
	if j.speaks() {
		writer, reader := f.Ends()
		s := newPipeSummary(j.flags.name, f.Moved(), time.Since(j.progress.began))
		s.Writer, s.Reader = newPipeEnd(writer), newPipeEnd(reader)
		if got == 0 && err != nil {
			s.Error = explain(err)
		}
		if got != 0 {
			s.Signal = unix.SignalName(got)
		}
		j.say(s)
	}
	if got != 0 {
		dieOf(got)
	}
	return j.failed(err)
}
