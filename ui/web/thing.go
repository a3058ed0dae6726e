package web

import (
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strconv"

	"bwmon/traffic"
)

// thingList is the document of things.
type thingList struct {
	Schema int             `json:"schema"`
	Things []traffic.Thing `json:"things"`
}

var errNoSwitch = errors.New("nothing can be started and stopped here")

// getThings lists what can be measured.
func (s *Server) getThings(w http.ResponseWriter, r *http.Request) {
	if _, err := parametersOf(r); err != nil {
		SayProblem(w, http.StatusBadRequest, err)
		return
	}
	if s.opts.Things == nil {
		SayProblem(w, http.StatusNotImplemented, errNoSwitch)
		return
	}
	s.sendDocument(w, r, thingList{Schema: traffic.SchemaVersion, Things: orEmpty(s.opts.Things(r.Context()))})
}

// postThing starts or stops the measuring of one, or of all.
func (s *Server) postThing(w http.ResponseWriter, r *http.Request) {
	id, action := r.PathValue("id"), r.PathValue("action")
	if action != "start" && action != "stop" {
		SayProblem(w, http.StatusNotFound, fmt.Errorf("want start or stop, got %q", action))
		return
	}
	if s.opts.Switch == nil {
		SayProblem(w, http.StatusNotImplemented, errNoSwitch)
		return
	}
	save, err := saveAsked(r)
	if err != nil {
		SayProblem(w, http.StatusBadRequest, err)
		return
	}
	if err := s.opts.Switch(r.Context(), id, action, save); err != nil {
		SayProblem(w, statusOf(err), fmt.Errorf("%s %q: %w", action, id, err))
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// saveAsked reads the one parameter of things, from the address or a form in the body.
func saveAsked(r *http.Request) (bool, error) {
	v, err := parametersOf(r, "save")
	if err != nil {
		return false, err
	}
	text := v.Get("save")
	if body, err := formOf(r); err != nil {
		return false, err
	} else if len(body) > 0 {
		if len(body) != 1 || len(body["save"]) != 1 || text != "" {
			return false, errors.New("want nothing but save=true, in the address or in the body")
		}
		text = body.Get("save")
	}
	if text == "" {
		return false, nil
	}
	save, err := strconv.ParseBool(text)
	if err != nil {
		return false, fmt.Errorf("save: want true or false, got %q", text)
	}
	return save, nil
}

// formOf reads the form in a body; nil where there is none.
func formOf(r *http.Request) (url.Values, error) {
	text, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, fmt.Errorf("read the body: %w", err)
	}
	if len(text) == 0 {
		return nil, nil
	}
	kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")) // one that cannot be read is none of ours
	if kind != "application/x-www-form-urlencoded" {
		return nil, fmt.Errorf("the body: want application/x-www-form-urlencoded, such as save=true, got %q", kind)
	}
	form, err := url.ParseQuery(string(text))
	if err != nil {
		err = fmt.Errorf("the body: want save=true: %w", err)
	}
	return form, err
}
