// Command bwmon shows which applications use the bandwidth of a Linux host or
// router, and keeps the books balanced: what the interfaces carried is what
// was booked to somebody, plus a remainder that is shown.
//
// This package reads flags and bwmon.toml, wires the rooms together and
// handles signals; each subcommand has a file of its own.
package main

import (
	"context"
	"os"
	"os/signal"
	"slices"

	"golang.org/x/sys/unix"
)

func main() {
	// A reader of ours that goes away is an error of a write, not a death:
	// what was set up in the kernel has to be undone.
	signal.Ignore(unix.SIGPIPE)
	ctx, stop := signal.NotifyContext(context.Background(), stopSignals()...)
	// The first signal asks for a clean end. From then on signals have their
	// default effect again, so that a second one forces the end.
	context.AfterFunc(ctx, stop)
	os.Exit(run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// stopSignals are those that ask for the end, less those that are ignored on our
// behalf: by nohup, or for a job in the background of a script.
func stopSignals() []os.Signal {
	return append(heeded(unix.SIGINT, unix.SIGHUP), unix.SIGTERM)
}

func heeded(all ...os.Signal) []os.Signal { return slices.DeleteFunc(all, signal.Ignored) }
