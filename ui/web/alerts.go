package web

import (
	"errors"
	"net/http"

	"bwmon/traffic"
)

// alertList is the document of alerts where nobody keeps those of the past.
type alertList struct {
	Schema   int             `json:"schema"`
	Current  []traffic.Alert `json:"current"`
	Past     []traffic.Alert `json:"past"`
	Silences []struct{}      `json:"silences"`
}

func (s *Server) getAlerts(w http.ResponseWriter, r *http.Request) {
	if s.opts.Alerts != nil {
		w.Header().Set("Cache-Control", "no-store")
		s.opts.Alerts.ServeHTTP(w, r)
		return
	}
	s.fromSnapshot(w, r, func(now *traffic.Snapshot) any {
		return alertList{
			Schema: traffic.SchemaVersion, Current: orEmpty(now.Alerts),
			Past: []traffic.Alert{}, Silences: []struct{}{},
		}
	})
}

func (s *Server) postSilence(w http.ResponseWriter, r *http.Request) {
	if s.opts.Silence == nil {
		SayProblem(w, http.StatusNotImplemented, errors.New("there are no rules to silence"))
		return
	}
	s.opts.Silence.ServeHTTP(w, r)
}
