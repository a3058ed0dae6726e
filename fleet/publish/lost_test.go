package publish

import (
	"math"
	"slices"
	"strings"
	"testing"

	"bwmon/traffic"
)

// TestNoBatch: a snapshot that no batch can be made of is shown, until one can; nothing of it
// is missing then.
func TestNoBatch(t *testing.T) {
	s := newSchedule(t, 14)
	s.tick()
	s.exchange(true)
	bad := *s.m.next(1)
	good := bad.Series
	bad.Series = slices.Clone(good)
	bad.Series[0].Metrics = traffic.Metrics{{Name: "load1", Value: math.NaN()}}
	bad.Interfaces = slices.Clone(bad.Interfaces)
	bad.Interfaces[0].RxRate = math.NaN()
	s.p.latest = &bad
	s.p.tick()
	s.p.note()
	if row := s.p.Status(); row.State != traffic.StateFailed || !strings.Contains(row.Detail, "a batch cannot be made") {
		t.Errorf("%+v", row)
	}
	s.tick()
	s.p.note()
	if row := s.p.Status(); row.State != traffic.StateRunning {
		t.Errorf("%+v", row)
	}
	s.settleDown()
	s.compare("after a snapshot that cannot be")
}

// closer is a Sender that is closed.
type closer struct {
	Sender
	closed int
}

func (c *closer) Close() { c.closed++ }

// TestCloseSender: the one who sends is closed with the Publisher.
func TestCloseSender(t *testing.T) {
	s := newSchedule(t, 15)
	c := &closer{Sender: s.o.Sender}
	s.o.Sender = c
	s.kill()
	if err := s.p.Close(); err != nil || c.closed != 1 {
		t.Errorf("closed %d times, %v", c.closed, err)
	}
}

// TestCheckURL: it is the check that NewHTTP makes.
func TestCheckURL(t *testing.T) {
	for url, says := range map[string]string{
		"https://receiver.example:8443": "", "http://127.0.0.1:1": "",
		"http://receiver.example": "use https", "receiver": "want an address like", "https://a:b@c": "without a password",
	} {
		err := CheckURL(url)
		if (says == "") != (err == nil) || err != nil && !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v", url, err)
		}
	}
}
