package web

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"bwmon/traffic"
)

// things are some that can be measured.
var things = []traffic.Thing{
	{ID: "disk:sda", Kind: "disk", Name: "sda", Active: true}, {ID: "mount:/var", Kind: "mount", Name: "/var"},
	{ID: "memory", Kind: "memory", Detail: "/proc/meminfo: no such file"},
}

func TestThings(t *testing.T) {
	var said []string
	s := open(t, Options{
		Things: func(context.Context) []traffic.Thing { return things },
		Switch: func(_ context.Context, id, action string, save bool) error {
			said = append(said, fmt.Sprint(action, " ", id, " ", save))
			switch id {
			case "disk:sda":
				return fmt.Errorf("%w: it is active already", ErrConflict)
			case "disk:none":
				return fmt.Errorf("%w: there is no such disk", ErrUnknown)
			case "broken":
				return errors.New("damaged")
			}
			return nil
		},
	}, Access{Token: testToken})
	want, err := encode(thingList{Schema: 1, Things: things})
	if a := s.get("/api/v1/things", bearer(testToken)).want(t, 200); err != nil || a.body != string(want) {
		t.Errorf("there are %s, want %s", a.body, want)
	}
	s.get("/api/v1/things?x=1", bearer(testToken)).want(t, 400)
	const form = "Content-Type: application/x-www-form-urlencoded"
	for _, c := range []struct {
		path, body, kind string
		status           int
		said, detail     string
	}{
		{"mount:%2Fvar/start", "", form, 204, "start mount:/var false", ""},
		{"mount:%2F/stop", "", form, 204, "stop mount:/ false", ""},
		{"all/stop?save=true", "", form, 204, "stop all true", ""},
		{"all/start?save=false", "", form, 204, "start all false", ""},
		{"disk:%22%3Cb%3E%20%0A/start", "save=true", form, 204, "start disk:\"<b> \n true", ""},
		{"disk:sda/start", "", form, 409, "start disk:sda false", "active already"},
		{"disk:none/start", "", form, 404, "start disk:none false", "no such disk"},
		{"broken/stop", "", form, 500, "stop broken false", ""},
		{"disk:sda/pause", "", form, 404, "", "want start or stop"},
		{"disk:sda/start?save=perhaps", "", form, 400, "", "want true or false"},
		{"disk:sda/start?force=1", "", form, 400, "", "no parameter"},
		{"disk:sda/start?save=1", "save=1", form, 400, "", "nothing but save=true"},
		{"disk:sda/start", "save=1&x=2", form, 400, "", "nothing but save=true"},
		{"disk:sda/start", "save=%zz", form, 400, "", "want save=true"},
		{"disk:sda/start", "{}", "Content-Type: application/json", 400, "", "want application/x-www-form-urlencoded"},
		{"mount:/var/start", "", form, 404, "", "there is no"},
	} {
		said = nil
		a := s.ask("POST", "/api/v1/things/"+c.path, c.body, bearer(testToken), c.kind).want(t, c.status)
		if got := strings.Join(said, "|"); got != c.said {
			t.Errorf("%s: said %q, want %q", c.path, got, c.said)
		}
		if c.status >= 400 {
			if p := problemIn(t, a); !strings.Contains(p.Detail, c.detail) {
				t.Errorf("%s: %q, want %q", c.path, p.Detail, c.detail)
			}
		}
	}
	said = nil
	s.ask("POST", "/api/v1/things/all/stop", "").want(t, 401)
	if said != nil {
		t.Errorf("without a token: %q", said)
	}
	none := open(t, Options{}, Access{Token: testToken})
	problemIn(t, none.get("/api/v1/things", bearer(testToken)).want(t, 501))
	problemIn(t, none.ask("POST", "/api/v1/things/all/stop", "", bearer(testToken)).want(t, 501))
}

func TestReload(t *testing.T) {
	var notes []string
	var fails error
	s := open(t, Options{Reload: func(context.Context) ([]string, error) { return notes, fails }}, Access{Token: testToken})
	reload := func() answer { return s.ask("POST", "/api/v1/reload", "", bearer(testToken)) }
	if a := reload().want(t, 200); a.body != `{"schema":1,"notes":[]}`+"\n" {
		t.Errorf("without notes: %s", a.body)
	}
	notes = []string{"http.listen: takes a restart"}
	if diff := cmp.Diff(`{"schema":1,"notes":["http.listen: takes a restart"]}`+"\n", reload().want(t, 200).body); diff != "" {
		t.Error(diff)
	}
	fails = errors.New(`bwmon.toml:3: rule 1: rx: want a rate like "5 MiB/s", got "5"`)
	if p := problemIn(t, reload().want(t, 422)); !strings.Contains(p.Detail, "bwmon.toml:3: rule 1") {
		t.Errorf("it says %q", p.Detail)
	}
	fails = ErrUnavailable
	problemIn(t, reload().want(t, 503))
	s.ask("POST", "/api/v1/reload?x=1", "", bearer(testToken)).want(t, 400)
	s.ask("POST", "/api/v1/reload", "").want(t, 401)
	s.get("/api/v1/reload", bearer(testToken)).want(t, 405)
	problemIn(t, open(t, Options{}, Access{Token: testToken}).ask("POST", "/api/v1/reload", "", bearer(testToken)).want(t, 501))
}

func TestSeries(t *testing.T) {
	s := open(t, Options{}, Access{})
	problemIn(t, s.get("/api/v1/series").want(t, 503))
	s.Publish(empty(1))
	if a := s.get("/api/v1/series").want(t, 200); a.body != `{"schema":1,"series":[]}`+"\n" {
		t.Errorf("without any: %s", a.body)
	}
	s.Publish(typical(2))
	all, err := encode(machineList{Schema: 1, Series: machine(2)})
	a := s.get("/api/v1/series").want(t, 200)
	if err != nil || a.body != string(all) {
		t.Errorf("there are %s, want %s", a.body, all)
	}
	s.get("/api/v1/series", "If-None-Match: "+a.Header.Get("ETag")).want(t, 304)
	if a := s.get("/api/v1/series?series=mount:%2Fvar").want(t, 200); a.body !=
		`{"schema":1,"series":[{"kind":"mount","name":"/var","metrics":{"used_percent":71,"free_bytes":3221225472}}]}`+"\n" {
		t.Errorf("one is %s", a.body)
	}
	problemIn(t, s.get("/api/v1/series?series=disk:none").want(t, 404))
	s.get("/api/v1/series?kind=disk").want(t, 400)
}
