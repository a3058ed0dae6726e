package traffic

import "testing"

// TestSubscribers: who is slow gets the newest; who comes late gets it at once, also after
// the end.
func TestSubscribers(t *testing.T) {
	var s Subscribers
	quick, gone := s.Add(), s.Add()
	one, two := &Snapshot{Run: "1"}, &Snapshot{Run: "2"}
	s.Publish(one)
	if got := <-quick; got != one {
		t.Errorf("the first is %v", got)
	}
	s.Remove(gone)
	s.Publish(two)
	s.Remove(gone) // again, which is nothing
	if got := <-quick; got != two || s.Newest() != two {
		t.Errorf("the second is %v, the newest %v", got, s.Newest())
	}
	if got := <-gone; got != one {
		t.Errorf("who has gone finds %v", got)
	}
	if _, open := <-gone; open {
		t.Error("the channel of who has gone is open")
	}
	late := s.Add()
	s.Publish(one) // in place of the other
	s.Close()
	after := s.Add()
	for name, c := range map[string]<-chan *Snapshot{"late": late, "after the end": after} {
		if got := <-c; got != one {
			t.Errorf("who came %s finds %v", name, got)
		}
		if _, open := <-c; open {
			t.Errorf("who came %s waits for more", name)
		}
	}
	s.Publish(two) // to nobody
}
