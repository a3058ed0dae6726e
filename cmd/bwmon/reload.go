package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/signal"
	"reflect"
	"slices"
	"strings"
	"sync"

	"bwmon/aggregate"
	"bwmon/pipe"

	"golang.org/x/sys/unix"
)

// reloader has a daemon work by what the configuration says now. Any goroutine may use
// it.
type reloader struct {
	read    func() (config, error)
	session *session
	lookout *lookout
	log     *daemonLog
	beacon  *beacon
	running context.Context // of what is started by it

	mu      sync.Mutex // held while it reloads
	current config
}

// takeHangups has SIGHUP, which else asks for the end, come to the channel.
func takeHangups() chan os.Signal {
	hangups := make(chan os.Signal, 1)
	signal.Reset(unix.SIGHUP)
	signal.Notify(hangups, unix.SIGHUP)
	return hangups
}

// run reloads at each hangup, until ctx is cancelled.
func (r *reloader) run(ctx context.Context, hangups <-chan os.Signal) error {
	for {
		select {
		case <-hangups:
			_, _ = r.reload(ctx) // it has been logged
		case <-ctx.Done():
			return nil
		}
	}
}

// reload reads the configuration, and says in the log and to the service manager what
// came of it. The notes say what has changed, and what waits for the next start; an
// error says that nothing has.
func (r *reloader) reload(ctx context.Context) (notes []string, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.beacon.Reloading()
	notes, err = r.change(ctx)
	r.beacon.Reloaded(err)
	if err != nil {
		r.log.Error("the configuration stays as it was", "error", err)
		return nil, fmt.Errorf("the configuration stays as it was: %w", err)
	}
	r.log.Info("the configuration was read anew", "changes", strings.Join(notes, "; "))
	return notes, nil
}

// change does it. What is wrong with it, or cannot be made, changes
// nothing.
func (r *reloader) change(ctx context.Context) (notes []string, err error) {
	now, err := r.read()
	if err == nil {
		err = checkDeliveries(now)
	}
	if err != nil {
		return nil, err
	}
	former := r.current
	if notes, err = r.session.apply(ctx, now); err != nil {
		return nil, err
	}
	if !sameRules(former, now) {
		if err := r.lookout.relieve(r.running, former, now); err != nil {
			_, again := r.session.apply(ctx, former)
			return nil, errors.Join(err, again)
		}
		notes = append(notes, fmt.Sprintf("%d rules, %d deliveries", len(now.Rules), len(now.Deliveries)))
	}
	r.current = now
	if err := r.log.Reload(now.Log); err != nil {
		notes = append(notes, err.Error())
	}
	if waits := waiting(former.Raw, now.Raw); len(waits) > 0 {
		notes = append(notes, waits...)
	}
	if len(notes) == 0 {
		notes = []string{"nothing has changed"}
	}
	return notes, nil
}

// sameRules reports whether two configurations agree on what was agreed.
func sameRules(a, b config) bool {
	return reflect.DeepEqual(a.Raw.Rule, b.Raw.Rule) && reflect.DeepEqual(a.Raw.Notify, b.Raw.Notify)
}

// waiting says which settings are others and take effect at the next start.
func waiting(former, now *rawConfig) []string {
	var notes []string
	for _, k := range []struct {
		key         string
		former, now any
	}{
		{"interval", former.Interval, now.Interval}, {"time_zone", former.TimeZone, now.TimeZone},
		{"state_dir", former.StateDir, now.StateDir}, {"[control]", former.Control, now.Control}, {"[mask]", former.Mask, now.Mask},
		{"[history]", former.History, now.History}, {"[http]", former.HTTP, now.HTTP},
		{"log.to and log.file", [2]string{former.Log.To, former.Log.File}, [2]string{now.Log.To, now.Log.File}},
	} {
		if !reflect.DeepEqual(k.former, k.now) {
			notes = append(notes, k.key+" takes effect at the next start")
		}
	}
	return notes
}

// apply has the session work by another configuration. It is called by one goroutine at a
// time while the engine runs. An error says that nothing has changed.
func (s *session) apply(ctx context.Context, c config) (notes []string, err error) {
	if c.Auto && s.config.Without != nil {
		c.without(s.config.Without) // nothing has changed about that
	}
	posts := s.plan(c)
	change := aggregate.Change{Rules: engineOptions(c).Rules, Filters: engineOptions(c).Filters}
	for _, name := range slices.Sorted(maps.Keys(s.posts)) {
		if now, there := posts[name]; !there || now.key != s.posts[name].key {
			change.Remove = append(change.Remove, name)
		}
	}
	var added []string
	for _, name := range slices.Sorted(maps.Keys(posts)) {
		if former, there := s.posts[name]; there && former.key == posts[name].key {
			continue
		}
		m, err := posts[name].make()
		if err != nil {
			s.relays.keep(s.posts)
			return nil, err
		}
		change.Add, added = append(change.Add, m), append(added, name)
	}
	if err := s.engine.Apply(ctx, change); err != nil {
		s.relays.keep(s.posts)
		return nil, err
	}
	s.relays.keep(posts)
	for _, name := range change.Remove {
		if !slices.Contains(added, name) {
			notes = append(notes, "stopped "+name)
		}
	}
	for _, name := range added {
		notes = append(notes, "started "+name)
	}
	if m, ok := findMonitor(c.Monitors, kindMachine); ok {
		s.things.choose(m.Series)
	}
	if traffickers(s.config) != traffickers(c) {
		notes = append(notes, "which monitors of traffic run, and how, takes effect at the next start")
	}
	if !reflect.DeepEqual(appTexts(s.config), appTexts(c)) {
		notes = append(notes, fmt.Sprintf("%d app rules", len(c.Apps)))
	}
	s.config, s.posts = c, posts
	return notes, nil
}

// traffickers is what decides on the monitors of traffic.
func traffickers(c config) (text string) {
	for _, m := range c.Monitors {
		if m.Kind == kindForward {
			continue
		}
		m.Include, m.Exclude, m.IgnoreLocal = nil, nil, false // filters are the ledger's
		m.Series, m.Processes, m.Forward = seriesChoice{}, false, pipe.ForwardOptions{}
		text += fmt.Sprintf("%+v\n", m)
	}
	return text
}

func appTexts(c config) (list []string) {
	for _, a := range c.Apps {
		list = append(list, fmt.Sprintf("%+v", a))
	}
	return append(list, fmt.Sprint(c.AutoGroup))
}
