package main

import (
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// rawHistory is [history].
type rawHistory struct {
	Path           string `toml:"path"`
	Flush          string `toml:"flush"`
	MaxSize        string `toml:"max_size"`
	KeepMinutes    string `toml:"keep_minutes"`
	KeepFive       string `toml:"keep_five_minutes"`
	KeepHours      string `toml:"keep_hours"`
	KeepDays       string `toml:"keep_days"`
	KeepMonths     string `toml:"keep_months"`
	MaxCommands    int    `toml:"max_commands"`
	MaxRemoteHosts int    `toml:"max_remote_hosts"`
}

// historyConfig is what a daemon keeps of the past. A time to keep of 0 is for ever.
type historyConfig struct {
	Path    string // "": nothing is kept
	Flush   time.Duration
	MaxSize uint64 // bytes

	KeepMinutes, KeepFive, KeepHours, KeepDays, KeepMonths time.Duration
	MaxCommands, MaxRemoteHosts                            int
}

const day = 24 * time.Hour

func defaultHistory() historyConfig {
	return historyConfig{
		Path: "/var/lib/bwmon/history.db", Flush: 10 * time.Second, MaxSize: 200 << 20,
		KeepMinutes: 25 * time.Hour, KeepFive: 32 * day, KeepHours: 32 * day, KeepDays: 5 * 366 * day,
		MaxCommands: 100, MaxRemoteHosts: 200,
	}
}

func defaultRawHistory() rawHistory {
	d := defaultHistory()
	return rawHistory{
		Path: d.Path, Flush: d.Flush.String(), MaxSize: "200 MiB",
		KeepMinutes: "25h", KeepFive: "32d", KeepHours: "32d", KeepDays: "5y", KeepMonths: "0",
		MaxCommands: d.MaxCommands, MaxRemoteHosts: d.MaxRemoteHosts,
	}
}

func (c *configReader) history(r rawHistory) historyConfig {
	at := place("history")
	out := historyConfig{
		Path: r.Path, Flush: c.span(r.Flush, at.key("flush"), false),
		KeepMinutes: c.keep(r.KeepMinutes, at.key("keep_minutes"), time.Hour),
		KeepFive:    c.keep(r.KeepFive, at.key("keep_five_minutes"), time.Hour),
		KeepHours:   c.keep(r.KeepHours, at.key("keep_hours"), day),
		KeepDays:    c.keep(r.KeepDays, at.key("keep_days"), 31*day),
		KeepMonths:  c.keep(r.KeepMonths, at.key("keep_months"), 366*day),
		MaxCommands: r.MaxCommands, MaxRemoteHosts: r.MaxRemoteHosts,
	}
	if r.Path != "" && !filepath.IsAbs(r.Path) {
		c.problem(at.key("path"), at.key("path"), `want a path that begins with /, or "" for no history, got %s`, quoted(r.Path))
	}
	if out.Flush < time.Second || out.Flush > time.Hour {
		c.problem(at.key("flush"), at.key("flush"), "want a time from 1s to 1h, got %s", quoted(r.Flush))
	}
	const least = 1 << 20
	size, err := parseAmount(r.MaxSize)
	if err != nil || size < least {
		c.problem(at.key("max_size"), at.key("max_size"), `want a number of bytes from "1 MiB" up, got %s`, quoted(r.MaxSize))
	}
	out.MaxSize = size
	for key, n := range map[string]int{"max_commands": r.MaxCommands, "max_remote_hosts": r.MaxRemoteHosts} {
		if n < 1 || n > 100_000 {
			c.problem(at.key(key), at.key(key), "want a number from 1 to 100000, got %d", n)
		}
	}
	return out
}

// keep is how long something is kept: 0 for ever, else at least so long.
func (c *configReader) keep(s string, at place, least time.Duration) time.Duration {
	d, err := parseLong(s)
	if err != nil || d != 0 && d < least {
		c.problem(at, at, `want a time from %s up such as "25h", "32d" or "5y", or "0" for ever, got %s`, longText(least), quoted(s))
	}
	return d
}

// parseLong reads a time that may be in days (d), weeks (w) and years (y, of 366
// days), too.
func parseLong(s string) (time.Duration, error) {
	s = strings.TrimSpace(s)
	for suffix, unit := range map[string]time.Duration{"d": day, "w": 7 * day, "y": 366 * day} {
		number, ok := strings.CutSuffix(s, suffix)
		if !ok {
			continue
		}
		n, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
		if err != nil || !(n >= 0) || n*float64(unit) > float64(200*366*day) {
			return 0, fmt.Errorf("want a time such as 90m, 24h, 32d or 5y, got %s", quoted(s))
		}
		return time.Duration(n * float64(unit)), nil
	}
	d, err := time.ParseDuration(s)
	if err != nil || d < 0 {
		return 0, fmt.Errorf("want a time such as 90m, 24h, 32d or 5y, got %s", quoted(s))
	}
	return d, nil
}

// longText writes a time that is whole hours or days.
func longText(d time.Duration) string {
	if d >= day && d%day == 0 {
		return strconv.Itoa(int(d/day)) + "d"
	}
	return strconv.Itoa(int(d/time.Hour)) + "h"
}
