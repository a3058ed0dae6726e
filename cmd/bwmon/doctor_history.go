package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"

	"bwmon/history"
	"bwmon/traffic"
)

// checkHistory reads all of the history that a daemon left, or is writing.
func checkHistory(ctx context.Context, c config) []finding {
	if c.History.Path == "" {
		return nil // it was not wanted
	}
	f := finding{Check: "history", State: findingOK}
	i, err := history.Inspect(ctx, c.History.Path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		f.Found = "there is none yet: a daemon (bwmon run) keeps one"
	case errors.Is(err, fs.ErrPermission):
		f.State, f.Found = findingWarn, c.History.Path+" may not be read by this user"
		f.Means, f.Cure = "it is not known whether it is whole", "sudo bwmon doctor"
	case err != nil:
		f.State, f.Found = findingWarn, traffic.CleanText(err.Error(), 300)
		f.Means = "what was used in the past cannot be told"
	case len(i.Problems) > 0:
		f.State, f.Found = findingWarn, traffic.CleanText(strings.Join(i.Problems, "; "), 1000)
		f.Means = "a daemon sets a damaged file aside when it starts, and begins a new one"
		f.Cure = "restart the daemon"
	default:
		f.Found = fmt.Sprintf("%s is whole: %s, %d names", c.History.Path, units{}.bytes(uint64(i.Size)), i.Names)
		if since := oldest(i.Oldest); !since.IsZero() {
			f.Found += ", since " + since.In(c.Zone).Format(time.DateOnly)
		}
	}
	return []finding{f}
}

// oldest is the earliest of times; zero where there is none.
func oldest(times map[string]time.Time) (first time.Time) {
	for _, t := range times {
		if first.IsZero() || t.Before(first) {
			first = t
		}
	}
	return first
}
