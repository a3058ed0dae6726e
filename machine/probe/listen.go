package probe

import (
	"context"
	"errors"
	"time"

	"bwmon/traffic"
)

// listenLooker asks the kernel who listens at a place.
type listenLooker struct {
	place   place
	timeout time.Duration
}

// look does not look at ctx: the kernel answers at once.
func (l *listenLooker) look(context.Context) (traffic.Metrics, string) {
	count, detail := 0, ""
	var err error
	if l.place.proto == 0 {
		count, err = countUnix(l.place, l.timeout)
	} else {
		count, err = countInet(l.place, l.timeout)
	}
	var where *pathError
	switch {
	case errors.As(err, &where):
		detail = where.Error()
	case err != nil:
		return nil, err.Error() // nobody knows
	case count == 0:
		detail = "nothing listens there"
	}
	listening := 0.0
	if count > 0 {
		listening = 1
	}
	return traffic.Metrics{{Name: "listening", Value: listening}, {Name: "sockets", Value: float64(count)}}, detail
}
