package history

import (
	"fmt"
	"math"
	"time"
)

// The defaults of Options.
const (
	DefaultMaxSize     = 200 << 20
	DefaultMaxCommands = 100
	DefaultMaxRemotes  = 200
	DefaultMaxNames    = 20000
	DefaultFlushEvery  = 10 * time.Second
)

// MinMaxSize is the least that Options.MaxSize may be.
const MinMaxSize = 1 << 20

// Retention is how long the pieces of each level are kept. In a Retention 0 is the
// default, and less is for ever.
type Retention struct {
	Minute time.Duration // 25 hours
	Five   time.Duration // minutes, of interfaces only, for percentiles: 32 days
	Hour   time.Duration // 32 days
	Day    time.Duration // 5 years
	Month  time.Duration // for ever
}

const aDay = 24 * time.Hour

// keep is r by level, 0 for ever.
func (r Retention) keep() [levels]time.Duration {
	keep := [levels]time.Duration{minute: r.Minute, five: r.Five, hour: r.Hour, day: r.Day, month: r.Month}
	standard := [levels]time.Duration{minute: 25 * time.Hour, five: 32 * aDay, hour: 32 * aDay, day: 5 * 366 * aDay}
	for l := range keep {
		switch {
		case keep[l] == 0:
			keep[l] = standard[l]
		case keep[l] < 0:
			keep[l] = 0
		}
	}
	return keep
}

// Options configure a Store. Path is all that must be set.
type Options struct {
	// Path of the file. Its directory is made where there is none. The file is
	// made with mode 0600; who may read it is who may use OpenReader.
	Path string
	// Host is named in reports; the caller cleans it.
	Host string
	// Location has the hours, days and months; nil: time.Local.
	Location *time.Location

	// MaxSize bounds the file, in bytes: beyond, the oldest of the finest level
	// goes first. What is written before it moves into the file (history.db-wal)
	// comes on top, some MiB.
	MaxSize int64
	Keep    Retention

	// MaxCommands is how many commands of an app a piece of any level has by name,
	// MaxRemotes how many remote hosts: those with most bytes. While its time is
	// not over, a piece may have twice as many, so that newcomers have a chance.
	// Of disk bytes a piece has besides no more than five times MaxCommands of all apps
	// together.
	MaxCommands, MaxRemotes int
	// MaxNames is how many series of each kind are told apart at one time, those
	// idle for an hour apart. What comes beyond is of traffic.Others.
	MaxNames int
	// MaxNamesPerHost is, in a Fleet, how many names of each kind may be kept apart because
	// of one host: those that are called the same on several count for the first.
	MaxNamesPerHost int

	// FlushEvery is how often what was booked is written: what a crash loses at most.
	FlushEvery time.Duration

	Now func() time.Time // time.Now where nil: what "until now" is in reports
}

func (o Options) withDefaults() (Options, error) {
	if o.Path == "" {
		return o, fmt.Errorf("history: no path: name a file")
	}
	if o.MaxSize == 0 {
		o.MaxSize = DefaultMaxSize
	}
	if o.MaxSize < MinMaxSize {
		return o, fmt.Errorf("history: max size: want at least %d bytes, got %d", MinMaxSize, o.MaxSize)
	}
	for _, limit := range []struct {
		value    *int
		standard int
	}{{&o.MaxCommands, DefaultMaxCommands}, {&o.MaxRemotes, DefaultMaxRemotes}, {&o.MaxNames, DefaultMaxNames}} {
		if *limit.value <= 0 {
			*limit.value = limit.standard
		}
	}
	if o.FlushEvery <= 0 {
		o.FlushEvery = DefaultFlushEvery
	}
	if o.Location == nil {
		o.Location = time.Local
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return o, nil
}

// named is how many series of a kind, of commands those of an app, a piece has by
// name when its time is over.
func (o *Options) named(k kind) int {
	switch k.names() {
	case kindCommand:
		return o.MaxCommands
	case kindRemoteHost:
		return o.MaxRemotes
	}
	return o.MaxNames
}

// diskCommands is how many times Options.MaxCommands a piece of disk bytes has commands of
// all apps: nearly all that runs for long writes a little now and then, and few much.
const diskCommands = 5

// together is how many series of a kind, of all groups, a piece has by name when its time
// is over.
func (o *Options) together(k kind) int {
	if k == kindDiskCommand {
		return diskCommands * o.MaxCommands
	}
	return math.MaxInt / 2
}
