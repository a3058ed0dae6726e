package main

import (
	"context"
	"errors"
	"log/slog"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"bwmon/traffic"

	"github.com/google/go-cmp/cmp"
)

// recorded is a beacon whose messages are kept.
func recorded(watchdog, patience time.Duration) (*beacon, *[]string) {
	var said []string
	b := &beacon{log: slog.New(slog.DiscardHandler), watchdog: watchdog, patience: patience, send: func(state string) error {
		said = append(said, state)
		return nil
	}}
	return b, &said
}

// TestBeaconBeats: at half the manager's time, from the first snapshot on, and not
// when the latest one is too old.
func TestBeaconBeats(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, said := recorded(10*time.Second, 4*time.Second)
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- b.run(ctx) }()
		time.Sleep(20 * time.Second)
		synctest.Wait()
		if len(*said) != 0 {
			t.Errorf("before there was a snapshot: %q", *said)
		}
		for range 30 {
			b.published(&traffic.Snapshot{}, time.Now())
			time.Sleep(time.Second)
		}
		time.Sleep(101 * time.Second)
		b.published(&traffic.Snapshot{}, time.Now())
		time.Sleep(5500 * time.Millisecond)
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
		want := []string{"READY=1\nSTATUS=0 monitors, 0 apps"}
		for range 6 + 1 { // the last one when the snapshot is as old as may be
			want = append(want, "WATCHDOG=1")
		}
		want = append(want, "STOPPING=1")
		if diff := cmp.Diff(want, *said); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}

// TestBeaconStatus: a line on what the daemon does, told when it is another one and
// seldom.
func TestBeaconStatus(t *testing.T) {
	b, said := recorded(0, 0)
	ready := 0
	b.onReady = func() { ready++ }
	s := traffic.Snapshot{
		Monitors: []traffic.MonitorStatus{{Kind: "socket", State: "running"}, {Kind: "machine", State: "failed"}, {Kind: "notify", State: "running"}},
		Apps:     make([]traffic.App, 120),
	}
	now := time.Now()
	at := func(seconds int, alerts ...traffic.Alert) {
		s.Alerts = alerts
		b.published(&s, now.Add(time.Duration(seconds)*time.Second))
	}
	firing := traffic.Alert{State: "firing"}
	at(0)
	at(1, firing)
	at(9, firing, firing)
	at(10, firing, firing, traffic.Alert{State: "pending"})
	at(30, firing, firing)
	want := []string{"READY=1\nSTATUS=1 monitor, 120 apps", "STATUS=1 monitor, 120 apps, 2 alerts firing"}
	if diff := cmp.Diff(want, *said); diff != "" || ready != 1 {
		t.Errorf("ready %d times, (-want +got):\n%s", ready, diff)
	}
}

// TestBeaconReloads: a reload is told of from its begin to its end, also one that is
// refused, and is no first start.
func TestBeaconReloads(t *testing.T) {
	b, said := recorded(0, 0)
	b.Reloading()
	b.published(&traffic.Snapshot{}, time.Now())
	b.Reloaded(nil)
	b.published(&traffic.Snapshot{}, time.Now())
	b.Reloading()
	b.published(&traffic.Snapshot{}, time.Now())
	b.Reloaded(errors.New("x.toml:1: no\nx.toml:2: no"))
	text := regexp.MustCompile(`=[1-9][0-9]+`).ReplaceAllString(strings.Join(*said, "|"), "=N")
	want := "RELOADING=1\nMONOTONIC_USEC=N|READY=1\nSTATUS=0 monitors, 0 apps|" +
		"RELOADING=1\nMONOTONIC_USEC=N|READY=1\nSTATUS=the new configuration was refused: x.toml:1: no"
	if diff := cmp.Diff(want, text); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestBeaconTriesAgain: a manager that does not hear that the daemon is ready is told
// again.
func TestBeaconTriesAgain(t *testing.T) {
	b, said := recorded(0, 0)
	send, deaf := b.send, true
	b.send = func(state string) error {
		if deaf {
			return errors.New("deaf")
		}
		return send(state)
	}
	b.published(&traffic.Snapshot{}, time.Now())
	deaf = false
	b.published(&traffic.Snapshot{}, time.Now())
	b.published(&traffic.Snapshot{}, time.Now())
	if want := []string{"READY=1\nSTATUS=0 monitors, 0 apps"}; !cmp.Equal(want, *said) {
		t.Errorf("%q", *said)
	}
}
