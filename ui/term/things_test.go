package term

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"bwmon/traffic"
)

// TestSwitching: what is off is shown, started and stopped beside the event loop.
func TestSwitching(t *testing.T) {
	s := newStage(t, 120, 28)
	s.take(working(100)).press("0")
	s.lacks("nobody lists things", "(off)")
	s.press("+")
	s.has("nothing to start", "start is off")
	list := idleThings()
	var asked []string
	s.ui.opts.Things = func(context.Context) ([]traffic.Thing, error) { return slices.Clone(list), nil }
	s.ui.opts.Switch = func(_ context.Context, id, action string) error {
		asked = append(asked, action+" "+id)
		if id == "disk:nvme0n1" && action == "start" {
			return errors.New("disk:nvme0n1 is active already")
		}
		for i := range list {
			if list[i].ID == id {
				list[i].Active = action == "start"
			}
		}
		return nil
	}
	s.ui.askThings(start)
	s.settle()
	s.has("listed", "sdc (off)", "4 rows")
	s.press("<End>")
	s.has("offered", "+ start")
	s.press("+")
	s.has("under way", "starting disk:sdc…")
	s.settle()
	s.has("done", "disk:sdc is measured")
	s.ui.askThings(start)
	s.settle()
	s.lacks("started", "(off)")
	s.press("<Home>")
	s.press("+")
	s.settle()
	s.has("a second time", "is active already")
	s.press(":start mount", "<Tab>", "<Enter>")
	s.settle()
	s.has("completed", "mount:/mnt/backup is measured")
	s.press(":stop no:such", "<Enter>")
	s.has("no such thing", `there is no "no:such"`)
	s.press("<Esc>", "M", "o")
	s.has("all", "s start", "t stop")
	s.press("t")
	s.settle()
	s.has("all stopped", "all is no longer measured")
	s.press(":start all", "<Enter>")
	s.settle()
	if diff := cmp.Diff([]string{"start disk:sdc", "start disk:nvme0n1", "start mount:/mnt/backup", "stop all", "start all"}, asked); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	s.press("1", "+")
	s.has("no thing", "select what to start")
	s.press("9", "-")
	s.has("a monitor", "stop the monitor conntrack?")
	s.press("y")
	s.settle()
	s.has("a monitor", "conntrack is no longer measured")
}

// TestSwitchIsSlow: while something is being started keys and figures go on, and no
// second one is begun.
func TestSwitchIsSlow(t *testing.T) {
	s := newStage(t, 120, 28)
	s.take(working(100)).things().press("0", "<End>")
	release := make(chan struct{})
	s.ui.opts.Switch = func(ctx context.Context, _, _ string) error {
		select {
		case <-release:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	s.press("+")
	s.take(working(101)).press("<Home>")
	s.has("goes on", "›nvme0n1", "03:01:41")
	s.press("-")
	s.has("one at a time", "still at what was asked for before")
	close(release)
	s.settle()
	s.has("in the end", "disk:sdc is measured")
}

// TestThingsThatFail: an error leaves what was known, and what is gone is not asked
// for again and again.
func TestThingsThatFail(t *testing.T) {
	s := newStage(t, 120, 28)
	s.take(working(100)).things().press("0")
	n := 0
	s.ui.opts.Things = func(context.Context) ([]traffic.Thing, error) { n++; return nil, errors.New("no daemon") }
	for i := range 10 {
		s.ui.askThings(start.Add(time.Duration(i) * time.Second))
		s.settle()
	}
	if n != 2 {
		t.Errorf("asked %d times in ten seconds", n)
	}
	s.has("still known", "sdc (off)", "what could be measured is not known: no daemon")
	s.press("1")
	s.ui.askThings(start.Add(time.Hour))
	s.settle()
	if n != 2 {
		t.Error("asked while nobody looks at it")
	}
}
