package web

import (
	"errors"
	"fmt"
	"net/http"

	"bwmon/traffic"
)

// monitorList is the document of monitors.
type monitorList struct {
	Schema   int                     `json:"schema"`
	Monitors []traffic.MonitorStatus `json:"monitors"`
}

func (s *Server) getMonitors(w http.ResponseWriter, r *http.Request) {
	if _, err := parametersOf(r); err != nil {
		SayProblem(w, http.StatusBadRequest, err)
		return
	}
	s.fromSnapshot(w, r, func(now *traffic.Snapshot) any {
		return monitorList{Schema: traffic.SchemaVersion, Monitors: orEmpty(now.Monitors)}
	})
}

// fromSnapshot answers with a small document made of the newest snapshot.
func (s *Server) fromSnapshot(w http.ResponseWriter, r *http.Request, make func(*traffic.Snapshot) any) {
	if now := s.snapshotFor(w); now != nil {
		s.sendDocument(w, r, make(now))
	}
}

// snapshotFor is the newest snapshot; nil before the first, which has been said to w.
func (s *Server) snapshotFor(w http.ResponseWriter) *traffic.Snapshot {
	d := s.now.Load().document
	if d == nil {
		w.Header().Set("Retry-After", "1")
		SayProblem(w, http.StatusServiceUnavailable, errNothingYet)
		return nil
	}
	return d.snapshot
}

// sendDocument answers with a document made for this question alone.
func (s *Server) sendDocument(w http.ResponseWriter, r *http.Request, document any) {
	text, err := encode(document)
	if err != nil {
		SayProblem(w, http.StatusInternalServerError, fmt.Errorf("write the answer: %w", err))
		return
	}
	s.newBody("application/json", text).send(w, r)
}

// orEmpty is list as JSON has it: never null.
func orEmpty[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

// postMonitor starts or stops a monitor.
func (s *Server) postMonitor(w http.ResponseWriter, r *http.Request) {
	name, action := r.PathValue("name"), r.PathValue("action")
	if action != "start" && action != "stop" {
		SayProblem(w, http.StatusNotFound, fmt.Errorf("want start or stop, got %q", action))
		return
	}
	if s.opts.Control == nil {
		SayProblem(w, http.StatusNotImplemented, errors.New("monitors cannot be started and stopped here"))
		return
	}
	if err := s.opts.Control(r.Context(), name, action); err != nil {
		status := statusOf(err)
		if status == http.StatusInternalServerError {
			status = http.StatusConflict // it is not in the state for it
		}
		SayProblem(w, status, fmt.Errorf("%s the monitor %q: %w", action, name, err))
		return
	}
	w.WriteHeader(http.StatusNoContent)
}
