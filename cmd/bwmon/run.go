package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"bwmon/traffic"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"
	"golang.org/x/term"
)

// The exit codes of every subcommand.
const (
	exitOK     = 0
	exitFailed = 1 // failed while running
	exitUsage  = 2 // wrong usage or configuration
)

// program is one run of the command.
type program struct {
	stdin  io.Reader
	stdout *bufio.Writer // flushed at the end; its first error is kept until then
	stderr io.Writer
	screen bool // stdout is a terminal

	configPaths []string
	running     bool // the flags were right: errors are no longer those of usage
}

func newProgram(stdout io.Writer) *program {
	return &program{stdout: bufio.NewWriter(stdout), screen: isTerminal(stdout)}
}

// run is the whole program but for the signals, which cancel ctx: it returns
// the exit code.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	p := newProgram(stdout)
	p.stdin, p.stderr = stdin, stderr
	root := p.rootCommand()
	root.SetArgs(args)
	root.SetIn(stdin)
	root.SetOut(p.stdout)
	root.SetErr(stderr)
	cmd, err := root.ExecuteContextC(ctx)
	if flushed := p.stdout.Flush(); err == nil && flushed != nil {
		p.running = true
		err = fmt.Errorf("write output: %w", flushed)
	}
	return p.report(cmd, err)
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

func isTerminalReader(r io.Reader) bool {
	f, ok := r.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// usageError is one that the user mends on the command line or in the
// configuration.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

// errSaid ends the program with exitFailed after all has been said.
var errSaid = errors.New("failed")

// report says what went wrong and returns the exit code.
func (p *program) report(cmd *cobra.Command, err error) int {
	var wrong problems
	var usage usageError
	var status exitStatus
	switch {
	case err == nil, errors.Is(err, unix.EPIPE): // who read our output has seen enough
		return exitOK
	case errors.Is(err, errSaid):
		return exitFailed
	case errors.As(err, &status):
		if status.err != nil {
			p.complain("bwmon: ", status.err)
		}
		return status.code
	case errors.As(err, &wrong): // already headed by file and line
		p.complain("", wrong)
		return exitUsage
	case errors.As(err, &usage):
		p.complain("bwmon: ", err)
		return exitUsage
	case p.running:
		p.complain("bwmon: ", err)
		return exitFailed
	}
	p.complain("bwmon: ", err)
	fmt.Fprintf(p.stderr, "Run \"%s --help\" for how it is used.\n", cmd.CommandPath())
	return exitUsage
}

// complain writes an error, in which anything from the command line may stand.
func (p *program) complain(head string, err error) {
	for line := range strings.Lines(err.Error()) {
		fmt.Fprintf(p.stderr, "%s%s\n", head, traffic.CleanText(strings.TrimRight(line, "\n"), 2000))
		head = ""
	}
}

// runs makes a subcommand of a function: what that returns is a failure while
// running unless it is a usageError or problems.
func (p *program) runs(f func(cmd *cobra.Command) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, _ []string) error {
		p.running = true
		return f(cmd)
	}
}

// config loads the configuration that the flags name.
func (p *program) config() (config, error) {
	c, err := loadConfig(p.configPaths, defaultConfigPaths())
	if err != nil {
		return config{}, usageError{err}
	}
	return c, nil
}
