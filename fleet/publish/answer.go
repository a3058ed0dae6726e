package publish

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"

	"bwmon/fleet"
	"bwmon/traffic"
)

// maxAnswer is how much of an answer is read.
const maxAnswer = 64 << 10

// readAnswer reads what a receiver answered. Who that is nobody knows for sure.
func readAnswer(r *http.Response) (fleet.Answer, error) {
	body, err := io.ReadAll(io.LimitReader(r.Body, maxAnswer))
	if err != nil {
		return fleet.Answer{}, fmt.Errorf("its answer broke off: %w", withoutURL(err))
	}
	switch r.StatusCode {
	case http.StatusOK:
		return parseAnswer(body)
	case http.StatusConflict:
		a, err := parseAnswer(body)
		if err != nil {
			return a, err
		}
		return a, &fleet.GapError{Have: a.Have}
	}
	reason, own := parseProblem(body, r)
	e := &StatusError{Status: r.StatusCode, Own: own, Reason: reason, After: parseAfter(r.Header.Get("Retry-After"))}
	if to := r.Header.Get("Location"); to != "" && r.StatusCode/100 == 3 {
		e.Reason = "it has moved to " + traffic.CleanText(to, 200)
	}
	return fleet.Answer{}, e
}

// parseAnswer reads an Answer.
func parseAnswer(body []byte) (fleet.Answer, error) {
	var said struct {
		Have *fleet.Position `json:"have"`
		Kept fleet.Position  `json:"kept"`
	}
	if json.Unmarshal(body, &said) != nil || said.Have == nil {
		return fleet.Answer{}, errors.New("its answer is not a receiver's: is that the address of a bwmon receiver?")
	}
	a := fleet.Answer{Have: *said.Have, Kept: said.Kept}
	for _, p := range []fleet.Position{a.Have, a.Kept} {
		if p.Run != traffic.CleanText(p.Run, traffic.MaxWord) || (p.Run == "") != (p.Seq == 0) {
			return fleet.Answer{}, errors.New("its answer names a position that cannot be")
		}
	}
	return a, nil
}

// parseProblem is what problem details (RFC 9457) say, clean; "" where the body is none.
// They are a receiver's own where they come as it writes them: proxies answer with pages.
func parseProblem(body []byte, r *http.Response) (reason string, own bool) {
	var problem struct {
		Title  string `json:"title"`
		Status int    `json:"status"`
		Detail string `json:"detail"`
	}
	if json.Unmarshal(body, &problem) != nil {
		return "", false
	}
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	own = err == nil && kind == "application/problem+json" && problem.Status == r.StatusCode
	text := problem.Detail
	if text == "" {
		text = problem.Title
	}
	return traffic.CleanText(text, 300), own
}

// parseAfter reads a Retry-After in seconds; a date, which needs two clocks to agree, is
// taken for none.
func parseAfter(text string) time.Duration {
	seconds, err := strconv.ParseUint(strings.TrimSpace(text), 10, 31)
	if err != nil {
		return 0
	}
	return time.Duration(seconds) * time.Second
}
