package web

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"bwmon/traffic"
)

// pastAlert is one as it is kept, with what a snapshot does not tell of it.
type pastAlert struct {
	ID    string    `json:"id"`
	Host  string    `json:"host"`
	At    time.Time `json:"at"`
	Count int       `json:"count"`
	traffic.Alert
}

// keptAlerts answers as a daemon does that has told of so many, one a minute until
// began, of two rules in turn.
type keptAlerts int

func (n keptAlerts) list(q AlertQuery) (any, error) {
	list := struct {
		Schema   int              `json:"schema"`
		Current  []pastAlert      `json:"current"`
		Past     []pastAlert      `json:"past"`
		Silences []map[string]any `json:"silences"`
	}{1, []pastAlert{}, []pastAlert{}, []map[string]any{{"rule": "backup cap", "until": began}}}
	rule, subject := regexp.MustCompile(q.Rule), regexp.MustCompile(q.Subject)
	for i := range int(n) {
		a := pastAlert{ID: fmt.Sprint(i), Host: "gw", At: began.Add(-time.Duration(i) * time.Minute), Count: 1, Alert: typical(1).Alerts[0]}
		if i%2 == 1 {
			a.Rule, a.Subject, a.State = "video", "tv", "resolved"
		}
		switch {
		case !rule.MatchString(a.Rule) || !subject.MatchString(a.Subject) || q.Since > 0 && began.Sub(a.At) > q.Since:
		case i == 0:
			list.Current = append(list.Current, a)
		case q.Limit == 0 || len(list.Past) < q.Limit:
			list.Past = append(list.Past, a)
		}
	}
	return list, nil
}

func TestParseAlertQuery(t *testing.T) {
	for _, c := range []struct {
		query string
		want  AlertQuery
		wrong string // is in the error
	}{
		{"", AlertQuery{Limit: 100}, ""},
		{"rule=^back&subject=a%7Cb", AlertQuery{Rule: "^back", Subject: "a|b", Limit: 100}, ""},
		{"since=1.5d&limit=0", AlertQuery{Since: 36 * time.Hour}, ""},
		{"since=2w&limit=5", AlertQuery{Since: 336 * time.Hour, Limit: 5}, ""},
		// as the command asks where nothing is given
		{"rule=&subject=&since=0s&limit=100", AlertQuery{Limit: 100}, ""},

		{"rule=(", AlertQuery{}, "rule: want a regex"},
		{"subject=a%7B1001%7D", AlertQuery{}, "subject: want a regex"},
		{"subject=%FF", AlertQuery{}, "subject: want a regex"},
		{"since=yesterday", AlertQuery{}, "since: want a time like"},
		{"since=-1h", AlertQuery{}, "since: want a time like"},
		{"limit=-1", AlertQuery{}, "limit: want a number"},
		{"limit=1e3", AlertQuery{}, "limit: want a number"},
		{"limit=99999999999999999999", AlertQuery{}, "limit: want a number"},
		{"top=5", AlertQuery{}, `no parameter "top"`},
		{"rule=a&rule=b", AlertQuery{}, "given 2 times"},
		{"rule=a;subject=b", AlertQuery{}, "cannot be read"},
	} {
		got, err := parseAlertQuery(asked(c.query))
		if c.wrong != "" {
			if err == nil || !strings.Contains(err.Error(), c.wrong) {
				t.Errorf("%q: %v, want %q", c.query, err, c.wrong)
			}
			continue
		}
		if diff := cmp.Diff(c.want, got); err != nil || diff != "" {
			t.Errorf("%q: %v (-want +got):\n%s", c.query, err, diff)
		}
	}
}

func FuzzAlertQuery(f *testing.F) {
	f.Add("rule=%5Eback&since=24h&limit=10")
	f.Add("subject=(a%7Cb)*&since=1y")
	f.Fuzz(func(t *testing.T, text string) {
		q, err := parseAlertQuery(asked(text))
		if err != nil {
			return
		}
		q.ofSnapshot(typical(1)) // panics where a regex does not compile
		if q.Since < 0 || q.Limit < 0 {
			t.Errorf("%q asks for %+v", text, q)
		}
	})
}

// TestAlertsAreADocument: they are found, sent and refused as all others are.
func TestAlertsAreADocument(t *testing.T) {
	var fails error
	s := open(t, Options{Alerts: func(q AlertQuery) (any, error) {
		if fails != nil {
			return nil, fails
		}
		return keptAlerts(200).list(q)
	}}, Access{})
	const path = "/api/v1/alerts?rule=^video$&since=1h&limit=20"
	plain := s.get(path).want(t, 200)
	var list struct{ Current, Past []pastAlert }
	if err := json.Unmarshal([]byte(plain.body), &list); err != nil || len(list.Current) != 0 || len(list.Past) != 20 {
		t.Fatalf("%d now, %d of the past, %v", len(list.Current), len(list.Past), err)
	}
	for _, a := range list.Past {
		if a.Rule != "video" || began.Sub(a.At) > time.Hour {
			t.Errorf("listed: %+v", a)
		}
	}
	description(t).checkText(t, &schema{Ref: "#/components/schemas/Alerts"}, []byte(plain.body))

	zipped := s.get(path, "Accept-Encoding: gzip").want(t, 200)
	if zipped.Header.Get("Content-Encoding") != "gzip" || zipped.Header.Get("Vary") != "Accept-Encoding" || unzip(t, []byte(zipped.body)) != plain.body {
		t.Errorf("compressed: %v", zipped.Header)
	}
	tag := plain.Header.Get("ETag")
	if a := s.get(path, "If-None-Match: "+tag).want(t, http.StatusNotModified); tag == "" || a.body != "" {
		t.Errorf("the tag is %q, and %q is sent to who has it", tag, a.body)
	}
	if a := s.ask(http.MethodHead, path, "").want(t, 200); a.body != "" || a.ContentLength != int64(len(plain.body)) {
		t.Errorf("HEAD: %d of %d bytes", len(a.body), a.ContentLength)
	}
	for _, query := range []string{"rules=a", "rule=(", "since=x", "limit=x"} {
		problemIn(t, s.get("/api/v1/alerts?"+query).want(t, 400))
	}
	for _, c := range []struct {
		err  error
		want int
	}{
		{fmt.Errorf("%w: no such rule", ErrQuestion), 400}, {fmt.Errorf("%w: it is being rotated", ErrUnavailable), 503},
		{errors.New("read alert history: input/output error"), 500},
	} {
		fails = c.err
		if p := problemIn(t, s.get(path).want(t, c.want)); !strings.Contains(p.Detail, c.err.Error()) {
			t.Errorf("%v: said %q", c.err, p.Detail)
		}
	}
}

// TestAlertsOfTheSnapshot: where nobody keeps any, those of now are found.
func TestAlertsOfTheSnapshot(t *testing.T) {
	s := open(t, Options{}, Access{})
	problemIn(t, s.get("/api/v1/alerts").want(t, 503))
	problemIn(t, s.get("/api/v1/alerts?rule=(").want(t, 400))
	s.Publish(typical(1))
	d := description(t)
	for query, want := range map[string]int{"": 1, "?rule=cap&subject=^restic$": 1, "?rule=video": 0, "?subject=curl": 0, "?since=1h&limit=5": 1} {
		a := s.get("/api/v1/alerts"+query).want(t, 200)
		d.checkText(t, &schema{Ref: "#/components/schemas/Alerts"}, []byte(a.body))
		var list alertList
		if err := json.Unmarshal([]byte(a.body), &list); err != nil || len(list.Current) != want {
			t.Errorf("%q: %d, want %d: %v", query, len(list.Current), want, err)
		}
	}
	s.Publish(hostile(2))
	if a := s.get("/api/v1/alerts").want(t, 200); !json.Valid([]byte(a.body)) {
		t.Errorf("said %q", a.body)
	}
}
