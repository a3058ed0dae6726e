package main

import (
	"encoding/json"
	"errors"
	"os/exec"
	"testing"

	"bwmon/conntrack"

	"github.com/google/go-cmp/cmp"
)

func TestJudgeSurvey(t *testing.T) {
	yes, no := defaultMonitor(kindConntrack), defaultMonitor(kindConntrack)
	no.Setup = false
	for name, tt := range map[string]struct {
		monitor monitorConfig
		survey  conntrack.Survey
		want    map[string]string
	}{
		"all there":        {yes, conntrack.Survey{Tracked: true, Flows: 3}, map[string]string{"tracking": "ok", "offload": "ok"}},
		"own table":        {yes, conntrack.Survey{}, map[string]string{"tracking": "warn", "offload": "ok"}},
		"no set-up":        {no, conntrack.Survey{}, map[string]string{"tracking": "missing", "offload": "ok"}},
		"no nftables":      {yes, conntrack.Survey{Tables: errors.New("no such file")}, map[string]string{"tracking": "missing", "offload": "ok"}},
		"left by a crash":  {yes, conntrack.Survey{Tracked: true, Left: 1}, map[string]string{"tracking": "ok", "set-up": "warn", "offload": "ok"}},
		"in use":           {yes, conntrack.Survey{Tracked: true, Users: []int{7}}, map[string]string{"tracking": "ok", "set-up": "ok", "offload": "ok"}},
		"old and offload ": {yes, conntrack.Survey{Tracked: true, Flows: 9, Uncounted: 4, Offloaded: 5}, map[string]string{"tracking": "ok", "old flows": "warn", "offload": "warn"}},
	} {
		t.Run(name, func(t *testing.T) {
			got := make(map[string]string)
			for _, f := range judgeSurvey(tt.monitor, tt.survey) {
				got[f.Check] = f.State
				if f.State != findingOK && (f.Means == "" || f.Cure == "") {
					t.Errorf("%s: no meaning or no cure: %+v", f.Check, f)
				}
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}

// On a new host nothing tracks yet, and doctor neither minds nor changes it.
func TestDoctorOnANewHost(t *testing.T) {
	here, _ := pair(t)
	cmd := command(t, t.Context(), "doctor", "--format", "json")
	var out []byte
	err := here.Do(func() (err error) { out, err = cmd.Output(); return err })
	var failed *exec.ExitError
	if err != nil && !errors.As(err, &failed) {
		t.Fatal(err)
	}
	var d diagnosis
	if err := json.Unmarshal(out, &d); err != nil {
		t.Fatalf("%v in %s", err, out)
	}
	got := make(map[string]string)
	for _, f := range d.Findings {
		got[f.Check] = f.State
	}
	for check, state := range map[string]string{"privileges": "ok", "conntrack": "ok", "accounting": "warn", "tracking": "warn", "events": "ok", "offload": "ok", "balance": "ok"} {
		if got[check] != state {
			t.Errorf("%s is %q, want %q; all: %v", check, got[check], state, got)
		}
	}
	if !d.Accounts {
		t.Errorf("nothing could be accounted: %+v", d.Findings)
	}
	if acct := accounting(here); acct != "0" {
		t.Errorf("doctor left accounting at %s", acct)
	}
}
