package main

import (
	"strings"
	"testing"

	"bwmon/traffic"
)

// TestFleetOfTwoMachines: a host joins, publishes over TLS, is revoked and comes back,
// while the receiver runs.
func TestFleetOfTwoMachines(t *testing.T) {
	here, there := cable(t, false)
	const host = "web-1"
	r := startFleet(t, there, "198.18.1.2", "")
	dir := t.TempDir()

	// Who did not join does not know the receiver, and learns nothing by asking.
	d := startDaemon(t, here, r.published(host, dir), "--monitor", kindMachine)
	d.until("the daemon says that it trusts nobody there", func(s *traffic.Snapshot) bool {
		m := publishStatus(s)
		return m.State == traffic.StateFailed && strings.Contains(m.Detail, "unknown authority") && strings.Contains(m.Detail, "bwmon fleet invite")
	})
	d.stop()
	r.join(here, host, dir)
	d.start()
	poll(t, "the host is in the fleet", func() bool { return r.member(host).Host != "" })

	r.fleet("revoke", host)
	d.until("the daemon says that it was revoked", func(s *traffic.Snapshot) bool {
		m := publishStatus(s)
		return m.State == traffic.StateFailed && strings.Contains(m.Detail, `host "web-1" was revoked`)
	})
	poll(t, "the receiver shows that it was refused", func() bool { return r.member(host).State == traffic.MemberRefused })
	d.stop()
	seen := r.member(host).Seen
	r.join(here, host, dir)
	d.start()
	poll(t, "the host has come back", func() bool { return r.member(host).Seen.After(seen) })
	if list := r.fleet("list"); !strings.Contains(list, "web-1  joined") {
		t.Errorf("the list says\n%s", list)
	}
	d.stop()
}
