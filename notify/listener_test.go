package notify

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// listener hears what a Book says.
type listener struct {
	t    *testing.T
	book *Book
	said []string // events as "tick rule subject state", and the count or the value
}

func (l *listener) wantSaid(want ...string) {
	l.t.Helper()
	if diff := cmp.Diff(want, l.said); diff != "" {
		l.t.Errorf("said (-want +got):\n%s", diff)
	}
	l.said = nil
}

func (l *listener) wantAlerts(want ...string) {
	l.t.Helper()
	got := []string{}
	for _, a := range l.book.Alerts() {
		got = append(got, fmt.Sprint(a.Rule, " ", a.Subject, " ", a.State))
	}
	if diff := cmp.Diff(append([]string{}, want...), got); diff != "" {
		l.t.Errorf("alerts (-want +got):\n%s", diff)
	}
}
