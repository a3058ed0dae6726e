package web

import (
	"errors"
	"fmt"
	"net/http"

	"bwmon/traffic"
)

// reloaded is what a reload answers.
type reloaded struct {
	Schema int      `json:"schema"`
	Notes  []string `json:"notes"` // for people
}

// postReload has the configuration read anew. One that is wrong changes nothing.
func (s *Server) postReload(w http.ResponseWriter, r *http.Request) {
	if _, err := parametersOf(r); err != nil {
		SayProblem(w, http.StatusBadRequest, err)
		return
	}
	if s.opts.Reload == nil {
		SayProblem(w, http.StatusNotImplemented, errors.New("the configuration cannot be read anew here"))
		return
	}
	notes, err := s.opts.Reload(r.Context())
	if err != nil {
		status := statusOf(err)
		if status == http.StatusInternalServerError {
			status = http.StatusUnprocessableEntity // the configuration is at fault
		}
		SayProblem(w, status, fmt.Errorf("reload the configuration: %w", err))
		return
	}
	s.sendDocument(w, r, reloaded{Schema: traffic.SchemaVersion, Notes: orEmpty(notes)})
}
