package web

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"bwmon/traffic"
)

// getHealth says that the process is alive, and nothing else.
func (s *Server) getHealth(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	_, _ = io.WriteString(w, "ok\n") // who asked may have gone
}

// readiness is the document of /readyz. What keeps one monitor from counting is a
// problem, and no reason to restart all.
type readiness struct {
	Ready    bool     `json:"ready"`
	Problems []string `json:"problems"`
}

// getReadiness answers 200 while there is a recent snapshot.
func (s *Server) getReadiness(w http.ResponseWriter, r *http.Request) {
	d := s.now.Load().document
	if d == nil {
		SayProblem(w, http.StatusServiceUnavailable, errNothingYet)
		return
	}
	if age, most := s.opts.Now().Sub(d.taken), staleAfter(s.opts.Interval); age > most {
		SayProblem(w, http.StatusServiceUnavailable, fmt.Errorf("the last measurement is %v old, more than %v: look at the daemon's log", age.Round(time.Second), most))
		return
	}
	text, err := encode(readiness{Ready: true, Problems: problemsOf(d.snapshot.Monitors)})
	if err != nil {
		SayProblem(w, http.StatusInternalServerError, errors.New("write the answer"))
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	if r.Method != http.MethodHead {
		_, _ = w.Write(text)
	}
}

// staleAfter is the age at which a snapshot says nothing about now.
func staleAfter(interval time.Duration) time.Duration { return max(3*interval, 3*time.Second) }

func problemsOf(monitors []traffic.MonitorStatus) []string {
	list := []string{}
	for _, m := range monitors {
		if m.State == traffic.StateFailed {
			list = append(list, strings.TrimSuffix(fmt.Sprintf("%s failed: %s", m.Name, m.Detail), ": "))
		}
	}
	return list
}
