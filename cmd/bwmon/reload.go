package main

import (
	"context"
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
	"bwmon/traffic"

	"golang.org/x/sys/unix"
)

// reloader has a daemon work by what the configuration says now. Any goroutine may use
// it.
type reloader struct {
	read func() (config, error)
	// prepare makes what another configuration takes beside its rules, and changes nothing
	// until apply is called.
	prepare func(config) (apply func(context.Context) (notes []string, err error), err error)
	waiting func(begun, now config) []string // what takes effect at the next start
	lookout *lookout
	log     *daemonLog
	beacon  *beacon
	running context.Context // of what is started by it
	begun   config          // what the daemon was started with

	mu sync.Mutex // held while it reloads
	// mu protects the field below.
	current config
}

// takeHangups has SIGHUP, which else asks for the end, come to the channel; where it is
// ignored on our behalf, by nohup, it stays so.
func takeHangups() chan os.Signal {
	hangups := make(chan os.Signal, 1)
	if !signal.Ignored(unix.SIGHUP) {
		signal.Ignore(unix.SIGHUP) // for a moment, and for those who were told of it
		signal.Notify(hangups, unix.SIGHUP)
	}
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

// change does it. What is wrong with the configuration, or cannot be made, changes
// nothing: monitors are made and the rules change hands before anything ends.
func (r *reloader) change(ctx context.Context) (notes []string, err error) {
	now, err := r.read()
	if err == nil {
		err = checkDeliveries(now)
	}
	if err != nil {
		return nil, err
	}
	// These wait for the next start.
	now.StateDir, now.Zone = r.begun.StateDir, r.begun.Zone
	apply, err := r.prepare(now)
	if err != nil {
		return nil, err
	}
	former := r.current
	relieved := !sameRules(former, now) || r.lookout.bare()
	if relieved {
		if err := r.lookout.relieve(r.running, former, now); err != nil {
			return nil, err
		}
	}
	if notes, err = apply(ctx); err != nil {
		return nil, err // the engine has ended
	}
	if relieved {
		notes = append(notes, fmt.Sprintf("%d rules, %d deliveries", len(now.Rules), len(now.Deliveries)))
	}
	r.current = now
	if err := r.log.Reload(now.Log); err != nil {
		notes = append(notes, err.Error())
	}
	notes = append(notes, r.waiting(r.begun, now)...)
	if len(notes) == 0 {
		notes = []string{"nothing has changed"}
	}
	return notes, nil
}

// sameRules reports whether two configurations agree on what was agreed.
func sameRules(a, b config) bool {
	return reflect.DeepEqual(a.Raw.Rule, b.Raw.Rule) && reflect.DeepEqual(a.Raw.Notify, b.Raw.Notify)
}

// waiting says which settings are others than those the daemon began with, and take
// effect at the next start.
func waiting(begun, now config) []string {
	a, b := begun.Raw, now.Raw
	return differing([]setting{
		{"interval", a.Interval, b.Interval}, {"time_zone", a.TimeZone, b.TimeZone}, {"state_dir", a.StateDir, b.StateDir},
		{"[control]", a.Control, b.Control}, {"[mask]", a.Mask, b.Mask}, {"[history]", a.History, b.History}, {"[http]", a.HTTP, b.HTTP}, {"[publish]", a.Publish, b.Publish},
		{"log.to and log.file", [2]string{a.Log.To, a.Log.File}, [2]string{b.Log.To, b.Log.File}},
		{"which monitors of traffic run, and how,", traffickers(begun), traffickers(now)},
	})
}

// setting is one that a configuration had, and has now.
type setting struct {
	key         string
	former, now any
}

// differing says of those that are others now that they wait for the next start.
func differing(list []setting) (notes []string) {
	for _, s := range list {
		if !reflect.DeepEqual(s.former, s.now) {
			notes = append(notes, s.key+" takes effect at the next start")
		}
	}
	return notes
}

// reloads has a session prepare as a reloader wants it.
func (s *session) reloads(c config) (func(context.Context) ([]string, error), error) {
	p, err := s.prepare(c)
	return func(ctx context.Context) ([]string, error) { return s.apply(ctx, p) }, err
}

// preparation is another configuration with the monitors that it takes, which do not run
// yet.
type preparation struct {
	config config
	posts  map[string]post
	change aggregate.Change
}

// prepare makes what another configuration takes. It changes nothing.
func (s *session) prepare(c config) (preparation, error) {
	if c.Auto && s.config.Without != nil {
		c.without(s.config.Without) // nothing has changed about that
	}
	p := preparation{config: c, posts: s.plan(c)}
	o := engineOptions(c)
	p.change.Rules, p.change.Filters = o.Rules, o.Filters
	for _, name := range slices.Sorted(maps.Keys(s.posts)) {
		if now, there := p.posts[name]; !there || now.key != s.posts[name].key {
			p.change.Remove = append(p.change.Remove, name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(p.posts)) {
		if former, there := s.posts[name]; there && former.key == p.posts[name].key {
			continue
		}
		m, err := p.posts[name].make()
		if err != nil {
			return p, err
		}
		p.change.Add = append(p.change.Add, m)
	}
	return p, nil
}

// apply has the session work by what was prepared. It is called by one goroutine at a
// time while the engine runs; an error says that this has ended.
func (s *session) apply(ctx context.Context, p preparation) (notes []string, err error) {
	s.relays.set(slices.Concat(s.monitors, p.change.Add)) // in good time, and those that end until they have
	if err := s.engine.Apply(ctx, p.change); err != nil {
		s.relays.set(s.monitors)
		return nil, err
	}
	kept := slices.DeleteFunc(slices.Clone(s.monitors), func(m traffic.Monitor) bool { return slices.Contains(p.change.Remove, m.Name()) })
	s.monitors = append(kept, p.change.Add...)
	s.relays.set(s.monitors)
	added := make(map[string]bool)
	for _, m := range p.change.Add {
		added[m.Name()] = true
		notes = append(notes, "started "+m.Name())
	}
	for _, name := range p.change.Remove {
		if !added[name] {
			notes = append(notes, "stopped "+name)
		}
	}
	if m, ok := findMonitor(p.config.Monitors, kindMachine); ok {
		s.things.choose(m.Series)
	}
	if !slices.Equal(appTexts(s.config), appTexts(p.config)) {
		notes = append(notes, fmt.Sprintf("%d app rules", len(p.config.Apps)))
	}
	s.config, s.posts = p.config, p.posts
	return notes, nil
}

// traffickers is what decides on the monitors of traffic.
func traffickers(c config) (text string) {
	for _, m := range c.Monitors {
		if m.Kind == kindForward {
			continue
		}
		m.Include, m.Exclude = nil, nil // filters are the ledger's
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
