package receive

import (
	"net/http"
	"sync"
	"testing"
	"time"
)

// TestBodiesThatWait: a body that waits for room for its document has room itself, and is
// one of those that its host may send at a time.
func TestBodiesThatWait(t *testing.T) {
	s := newSite(t, Options{Limits: generous, Now: (&testClock{at: epoch}).now}, newLedger())
	var held int64
	if err := s.documents.enter(t.Context(), documentRoom, &held); err != nil {
		t.Fatal(err)
	}
	batch := one(t, "gw")
	if _, err := s.admit("gw", epoch); err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for range maxSending {
		wg.Go(func() {
			if got := s.publish(t, "gw", 0, batch); got.status != http.StatusOK {
				t.Errorf("%d %s", got.status, got.body)
			}
		})
	}
	all := uint64(maxSending * len(packer.EncodeAll(encoded(t, batch), nil)))
	for deadline := time.Now().Add(5 * time.Second); s.counters.bytes.Load() < all && time.Now().Before(deadline); {
		time.Sleep(time.Millisecond)
	}
	for range 50 { // while they wait
		if s.bodies.TryAcquire(bodyRoom) {
			t.Error("a body that waits has no room")
			s.bodies.Release(bodyRoom)
			break
		}
		time.Sleep(time.Millisecond)
	}
	done := make(chan reply, 1)
	wg.Go(func() { done <- s.publish(t, "gw", 0, batch) })
	select {
	case got := <-done:
		if got.status != http.StatusTooManyRequests {
			t.Errorf("one more: %d %s", got.status, got.body)
		}
	case <-time.After(2 * time.Second):
		t.Error("one more waits, too")
	}
	s.documents.leave(&held, held)
	wg.Wait()
	if !s.bodies.TryAcquire(bodyRoom) || !s.documents.TryAcquire(documentRoom) {
		t.Error("room is not given back")
	}
}
