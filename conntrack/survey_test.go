package conntrack

import (
	"slices"
	"testing"

	"bwmon/lab"
)

func TestSurvey(t *testing.T) {
	_, ours, peer := pair(t)
	look := func() (v Survey) {
		t.Helper()
		if err := ours.Do(func() (err error) { v, err = Look("/proc"); return err }); err != nil {
			t.Fatal(err)
		}
		return v
	}
	if v := look(); v.Tracked || v.Tables != nil || len(v.Users) > 0 || v.Flows > 0 {
		t.Errorf("of a new namespace: %+v", v)
	}
	ours.Track()
	server := peer.Serve(lab.Server{Proto: "tcp", Listen: ap("198.18.0.2:0")})
	client := ours.Start(lab.Client{Args: []string{"c"}, Proto: "tcp", Target: server.Addr, Connections: 4, Send: 100, KeepOpen: true})
	client.Wait()
	if v := look(); !v.Tracked || v.Flows != 4 || v.Uncounted != 4 {
		t.Errorf("with 4 flows and no accounting: %+v", v)
	}
	b := watch(t, ours, Options{})
	if v := look(); len(v.Users) != 1 || v.Left != 0 {
		t.Errorf("while a monitor runs: %+v", v)
	}
	if err := ours.Do(func() error {
		users, err := (&setup{proc: "/proc"}).users()
		if err != nil {
			return err
		}
		i := slices.IndexFunc(users, func(u taggedUser) bool { return u.pid > 0 })
		return forgeUser(users[i], user{pid: 1 << 22, start: 1})
	}); err != nil {
		t.Fatal(err)
	}
	if v := look(); len(v.Users) != 0 || v.Left != 1 {
		t.Errorf("after a crash: %+v", v)
	}
	client.Stop()
	b.stop()
}
