package web

import (
	_ "embed"
	"net/http"
)

//go:embed openapi.json
var openAPI []byte

// getOpenAPI tells what can be asked for (OpenAPI 3.1). The file is written by hand;
// its examples are run by a test.
func (s *Server) getOpenAPI(w http.ResponseWriter, r *http.Request) {
	if _, err := parametersOf(r); err != nil {
		SayProblem(w, http.StatusBadRequest, err)
		return
	}
	s.api.send(w, r)
}
