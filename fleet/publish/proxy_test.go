package publish

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"bwmon/traffic"
)

// TestProxyRefuses: whoever is between host and receiver costs no batch, whatever they
// answer. They are asked seldom.
func TestProxyRefuses(t *testing.T) {
	for _, answer := range []struct {
		status     int
		kind, body string
		says       string
	}{
		{400, "text/html", "<html>No required SSL certificate was sent</html>", "address of a bwmon receiver?"},
		{413, "text/html", "<html>Request Entity Too Large</html>", "client_max_body_size"},
		{422, "text/html", "<html>", "address of a bwmon receiver?"},
		{422, "application/json", `{"status": 422, "detail": "no"}`, "address of a bwmon receiver?"},
		{422, "application/problem+json", `{"status": 400, "detail": "no"}`, "address of a bwmon receiver?"},
		{422, "application/problem+json", `<html>`, "address of a bwmon receiver?"},
	} {
		s := newSchedule(t, 11)
		s.r.locked(func() {
			s.r.meddle = func(w http.ResponseWriter, _ []byte) bool {
				w.Header().Set("Content-Type", answer.kind)
				w.WriteHeader(answer.status)
				io.WriteString(w, answer.body)
				return true
			}
		})
		for range 60 { // 10 minutes
			s.tick()
			s.exchange(true)
		}
		name := fmt.Sprintf("%d %s %s", answer.status, answer.kind, answer.body)
		st := s.p.Stats()
		if st.Refused+st.Dropped > 0 || st.Waiting != 60 || st.State != traffic.StateFailed || !strings.Contains(st.Detail, answer.says) {
			t.Errorf("%s: %+v", name, st)
		}
		s.r.locked(func() {
			if s.r.requests > 30 {
				t.Errorf("%s: it was asked %d times", name, s.r.requests)
			}
		})
		s.settleDown()
		s.compare(name)
	}
}
