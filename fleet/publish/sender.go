package publish

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"bwmon/fleet"
)

// Sender brings batches to whoever keeps them.
type Sender interface {
	// Send sends batches, which are in order, and says what is there now. Without batches
	// it only asks. It is called by one goroutine at a time, and ends soon after ctx does.
	// waiting is how many there are to send, these included.
	//
	// A *fleet.GapError says that what batches follow is not there; the Answer holds then,
	// too. An error with HTTPStatus is what that status says: see fleet.PathPublish. All
	// others pass.
	Send(ctx context.Context, batches []*fleet.Batch, waiting int) (fleet.Answer, error)
}

// renewer is a Sender that knows when its credentials are others than those of the last
// Send.
type renewer interface{ Renewed() bool }

// StatusError is an answer that is none of batches.
type StatusError struct {
	Status int // of HTTP
	// Own says that it is a receiver's, and not that of a proxy or of anybody else: only
	// then a batch is given up for it.
	Own    bool
	Reason string
	// After is how long the receiver asks to be left alone.
	After time.Duration
}

func (e *StatusError) Error() string {
	text := fmt.Sprintf("the receiver answered %d %s", e.Status, http.StatusText(e.Status))
	if e.Reason != "" {
		text += ": " + e.Reason
	}
	return text
}

// HTTPStatus and RetryAfter are how other rooms' senders say the same.
func (e *StatusError) HTTPStatus() int           { return e.Status }
func (e *StatusError) RetryAfter() time.Duration { return e.After }

// verdict is what an error of a Sender means for the batches.
type verdict int

const (
	passing          verdict = iota // the same again, later
	untrusted                       // the same again with other credentials
	unproven                        // the same again, when the receiver proves who it is
	refused                         // never
	tooLarge                        // fewer at a time
	elsewhere                       // nobody there knows batches
	tooLargeOnTheWay                // fewer at a time; a proxy says so, which can be changed
)

// judge says what an error means, and how long to wait at least.
func judge(err error) (verdict, time.Duration) {
	var unknown *tls.CertificateVerificationError
	var alert *net.OpError
	switch {
	case errors.As(err, &unknown):
		return unproven, 0
	case errors.As(err, &alert) && alert.Op == "remote error": // so crypto/tls calls alerts
		return untrusted, 0
	}
	var status interface{ HTTPStatus() int }
	if !errors.As(err, &status) {
		return passing, 0
	}
	var after time.Duration
	if asked, ok := status.(interface{ RetryAfter() time.Duration }); ok {
		after = min(max(asked.RetryAfter(), 0), longestAsked)
	}
	var from *StatusError
	stranger := errors.As(err, &from) && !from.Own
	switch code := status.HTTPStatus(); {
	case code == http.StatusUnauthorized || code == http.StatusForbidden:
		return untrusted, after
	case stranger && code == http.StatusRequestEntityTooLarge:
		return tooLargeOnTheWay, after
	case stranger && code/100 == 4 && code != http.StatusRequestTimeout && code != http.StatusTooEarly && code != http.StatusTooManyRequests:
		return elsewhere, after
	case code == http.StatusBadRequest || code == http.StatusUnprocessableEntity:
		return refused, after
	case code == http.StatusRequestEntityTooLarge:
		return tooLarge, after
	case code == http.StatusRequestTimeout || code == http.StatusTooEarly || code == http.StatusTooManyRequests:
		return passing, after
	case code >= 300 && code < 500:
		return elsewhere, after
	}
	return passing, after
}
