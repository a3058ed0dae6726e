package web

import (
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"time"

	"bwmon/traffic"
)

// AlertQuery asks for alerts. It has been checked: the regexes compile, and nothing is
// negative.
type AlertQuery struct {
	Rule    string        // regex (RE2), searched in the rule's name
	Subject string        // likewise in the subject's
	Since   time.Duration // only what was told in this time until now; 0: all
	Limit   int           // so many of the past; 0: all
}

// alertList is the document of alerts where nobody keeps those of the past.
type alertList struct {
	Schema   int             `json:"schema"`
	Current  []traffic.Alert `json:"current"`
	Past     []traffic.Alert `json:"past"`
	Silences []struct{}      `json:"silences"`
}

func (s *Server) getAlerts(w http.ResponseWriter, r *http.Request) {
	q, err := parseAlertQuery(r)
	if err != nil {
		SayProblem(w, http.StatusBadRequest, err)
		return
	}
	if s.opts.Alerts == nil {
		s.fromSnapshot(w, r, q.ofSnapshot)
		return
	}
	list, err := s.opts.Alerts(q)
	if err != nil {
		SayProblem(w, statusOf(err), fmt.Errorf("list the alerts: %w", err))
		return
	}
	s.sendDocument(w, r, list)
}

// defaultAlerts is how many of the past are listed where nobody says how many.
const defaultAlerts = 100

// parseAlertQuery reads the parameters of alerts: those of `bwmon alerts`.
func parseAlertQuery(r *http.Request) (AlertQuery, error) {
	v, err := parametersOf(r, "rule", "subject", "since", "limit")
	if err != nil {
		return AlertQuery{}, err
	}
	q := AlertQuery{Rule: v.Get("rule"), Subject: v.Get("subject"), Limit: defaultAlerts}
	for _, name := range []string{"rule", "subject"} {
		if _, err := regexp.Compile(v.Get(name)); err != nil {
			return q, fmt.Errorf("%s: want a regex: %w", name, err)
		}
	}
	if since := v.Get("since"); since != "" {
		if q.Since, err = parseSpan(since); err != nil {
			return q, fmt.Errorf("since: %w", err)
		}
	}
	if limit := v.Get("limit"); limit != "" {
		if q.Limit, err = strconv.Atoi(limit); err != nil || q.Limit < 0 {
			return q, fmt.Errorf("limit: want a number from 0 (all) up, got %q", limit)
		}
	}
	return q, nil
}

// ofSnapshot answers with what a snapshot has, which is of now.
func (q AlertQuery) ofSnapshot(now *traffic.Snapshot) any {
	rule, subject := regexp.MustCompile(q.Rule), regexp.MustCompile(q.Subject)
	list := alertList{
		Schema: traffic.SchemaVersion, Current: []traffic.Alert{}, Past: []traffic.Alert{}, Silences: []struct{}{},
	}
	for _, a := range now.Alerts {
		if rule.MatchString(a.Rule) && subject.MatchString(a.Subject) {
			list.Current = append(list.Current, a)
		}
	}
	return list
}

func (s *Server) postSilence(w http.ResponseWriter, r *http.Request) {
	if s.opts.Silence == nil {
		SayProblem(w, http.StatusNotImplemented, errors.New("there are no rules to silence"))
		return
	}
	s.opts.Silence.ServeHTTP(w, r)
}
