package web

import (
	"context"
	"testing"
	"time"
)

// runDemo publishes a minute of the made-up gateway, a tick each 25 ms, so that the
// chart is full and ends now.
func runDemo(b *tab, s *site) {
	start := time.Now().Add(-12*24*time.Hour - 3*time.Hour)
	const ticks = 62
	for i := range ticks {
		s.Publish(demo(time.Now().Add(time.Duration(i-ticks+1)*time.Second), start))
		time.Sleep(25 * time.Millisecond)
	}
	b.until(`document.querySelectorAll("#table-app tbody tr").length > 10`)
}

func chromiumLook(t *testing.T, browser context.Context) {
	s := open(t, demoOptions(), Access{})
	b := newTab(t, browser)
	s.Publish(demo(time.Now().Add(-70*time.Second), time.Now().Add(-12*24*time.Hour)))
	b.open(s, "/")
	runDemo(b, s)
	b.picture("light")
	b.dark(true)
	b.picture("dark")
	b.dark(false)
	b.size(360, 740)
	time.Sleep(300 * time.Millisecond)
	b.picture("phone")
	b.size(2560, 1440)
	time.Sleep(300 * time.Millisecond)
	b.picture("wide")
}
