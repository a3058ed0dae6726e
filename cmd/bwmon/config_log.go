package main

import (
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
)

// rawLog is [log].
type rawLog struct {
	To       string `toml:"to"`
	Level    string `toml:"level"`
	File     string `toml:"file"`
	MaxSize  string `toml:"max_size"`
	MaxFiles int    `toml:"max_files"`
}

// logConfig is what a daemon says of itself, and where.
type logConfig struct {
	To       string // one of logTargets
	Level    slog.Level
	File     string
	MaxSize  uint64 // bytes of one file
	MaxFiles int    // the one that is written included
}

// Where a daemon's log goes.
const (
	logAuto    = "auto" // the journal, if stderr goes there; else stderr
	logJournal = "journal"
	logStderr  = "stderr"
	logFile    = "file"
)

func logTargets() []string { return []string{logAuto, logJournal, logStderr, logFile} }

func logLevels() map[string]slog.Level {
	return map[string]slog.Level{"debug": slog.LevelDebug, "info": slog.LevelInfo, "warn": slog.LevelWarn, "error": slog.LevelError}
}

func defaultLog() logConfig {
	return logConfig{To: logAuto, Level: slog.LevelInfo, File: "/var/log/bwmon/bwmon.log", MaxSize: 10 << 20, MaxFiles: 5}
}

func defaultRawLog() rawLog {
	d := defaultLog()
	return rawLog{To: d.To, Level: strings.ToLower(d.Level.String()), File: d.File, MaxSize: "10 MiB", MaxFiles: d.MaxFiles}
}

func (c *configReader) log(r rawLog) logConfig {
	at := place("log")
	out := logConfig{To: r.To, File: r.File, MaxFiles: r.MaxFiles}
	if !slices.Contains(logTargets(), r.To) {
		c.problem(at.key("to"), at.key("to"), "want one of %s, got %s", strings.Join(logTargets(), ", "), quoted(r.To))
	}
	level, known := logLevels()[r.Level]
	if !known {
		c.problem(at.key("level"), at.key("level"), "want debug, info, warn or error, got %s", quoted(r.Level))
	}
	out.Level = level
	if !filepath.IsAbs(r.File) {
		c.problem(at.key("file"), at.key("file"), "want a path that begins with /, got %s", quoted(r.File))
	}
	const least = 64 << 10
	size, err := parseAmount(r.MaxSize)
	if err != nil || size < least {
		c.problem(at.key("max_size"), at.key("max_size"), `want a number of bytes from "64 KiB" up, got %s`, quoted(r.MaxSize))
	}
	out.MaxSize = size
	if r.MaxFiles < 1 || r.MaxFiles > 1000 {
		c.problem(at.key("max_files"), at.key("max_files"), "want a number from 1 to 1000, got %d", r.MaxFiles)
	}
	return out
}
