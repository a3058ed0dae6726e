package probe

import (
	"context"
	"errors"
	"fmt"
	"time"

	"bwmon/traffic"
)

// listenLooker asks the kernel who listens at a place.
type listenLooker struct {
	place   place
	timeout time.Duration
	// asked is a look at the path that has not come back, as on a network file system
	// whose server is gone: there is no end to that, and no other is begun before.
	asked chan located
}

// located is what locate returns.
type located struct {
	at  location
	err error
}

// look waits for the file system alone: the kernel answers at once who listens.
func (l *listenLooker) look(ctx context.Context) (traffic.Metrics, string) {
	count, detail := 0, ""
	var err error
	if l.place.proto == 0 {
		var at location
		if at, err = l.locate(ctx); err == nil {
			count, err = countUnix(at, l.timeout)
		}
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

// locate looks at the file of the path, and gives it up when ctx ends.
func (l *listenLooker) locate(ctx context.Context) (location, error) {
	for {
		late := l.asked != nil // what it has found is of an earlier probe
		if !late {
			asked, path := make(chan located, 1), l.place.path
			go func() {
				at, err := locate(path)
				asked <- located{at, err}
			}()
			l.asked = asked
		}
		select {
		case found := <-l.asked:
			l.asked = nil
			if !late {
				return found.at, found.err
			}
		case <-ctx.Done():
			return location{}, &pathError{fmt.Sprintf("the path did not answer within %v", l.timeout)}
		}
	}
}
