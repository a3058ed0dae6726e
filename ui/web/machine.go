package web

import (
	"fmt"
	"net/http"

	"bwmon/traffic"
)

// machineList is the document of what is measured of the machine.
type machineList struct {
	Schema int              `json:"schema"`
	Series []traffic.Series `json:"series"`
}

// getSeries answers with the newest snapshot's series alone, or with one of them.
func (s *Server) getSeries(w http.ResponseWriter, r *http.Request) {
	v, err := parametersOf(r, "series")
	if err != nil {
		SayProblem(w, http.StatusBadRequest, err)
		return
	}
	now := s.snapshotFor(w)
	if now == nil {
		return
	}
	id := v.Get("series")
	list := machineList{Schema: traffic.SchemaVersion, Series: []traffic.Series{}}
	for _, each := range now.Series {
		if id == "" || each.ID() == id {
			list.Series = append(list.Series, each)
		}
	}
	if id != "" && len(list.Series) == 0 {
		SayProblem(w, http.StatusNotFound, fmt.Errorf("there is no series %q: /api/v1/series without it lists all", id))
		return
	}
	s.sendDocument(w, r, list)
}
