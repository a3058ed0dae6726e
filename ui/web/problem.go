package web

import (
	"errors"
	"net/http"

	"bwmon/traffic"
)

// problem is an error as HTTP APIs tell it (RFC 9457).
type problem struct {
	Title  string `json:"title"`
	Status int    `json:"status"`
	Detail string `json:"detail"`
}

// comeAgain is when to ask again where nobody knows better, in seconds.
const comeAgain = "10"

// SayProblem answers with an error as problem details. 503 says when to ask again: the
// header Retry-After, if it has been set.
func SayProblem(w http.ResponseWriter, status int, err error) {
	text, _ := encode(problem{ // it has no value that cannot be encoded
		Title: http.StatusText(status), Status: status, Detail: traffic.CleanText(err.Error(), 1000),
	})
	h := w.Header()
	h.Del("ETag")
	if status == http.StatusServiceUnavailable && h.Get("Retry-After") == "" {
		h.Set("Retry-After", comeAgain)
	}
	h.Set("Content-Type", "application/problem+json")
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write(text) // who asked may have gone; to HEAD nothing is written
}

// statusOf tells whose fault an error of those who are asked is.
func statusOf(err error) int {
	switch {
	case errors.Is(err, ErrQuestion):
		return http.StatusBadRequest
	case errors.Is(err, ErrUnknown):
		return http.StatusNotFound
	case errors.Is(err, ErrConflict):
		return http.StatusConflict
	case errors.Is(err, ErrUnavailable):
		return http.StatusServiceUnavailable
	}
	return http.StatusInternalServerError
}
