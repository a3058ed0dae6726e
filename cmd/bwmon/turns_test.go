package main

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

// TestTurns: one user's reports wait for each other, and for nobody else's.
func TestTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := turns{most: 2}
		first, _ := s.take(t.Context(), 7)
		second, _ := s.take(t.Context(), 7)
		ctx, stop := context.WithTimeout(t.Context(), time.Second)
		defer stop()
		if _, ok := s.take(ctx, 7); ok {
			t.Error("a third one was let in")
		}
		other, ok := s.take(t.Context(), 8)
		if !ok {
			t.Error("another user had to wait")
		}
		time.AfterFunc(time.Second, first)
		third, ok := s.take(t.Context(), 7)
		if !ok {
			t.Error("the third had no turn when the first was done")
		}
		second()
		third()
		other()
		if len(s.users) != 0 {
			t.Errorf("%d users are remembered", len(s.users))
		}
	})
}
