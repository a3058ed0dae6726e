package aggregate

import (
	"reflect"
	"testing"

	"bwmon/traffic"
)

// TestFlowsOfOneHashAreToldApart: two keys may have the same hash.
func TestFlowsOfOneHashAreToldApart(t *testing.T) {
	first, second, third := &flow{key: flowKey(1)}, &flow{key: flowKey(2)}, &flow{key: flowKey(3)}
	for _, removed := range []*flow{first, second, third} {
		x := newFlowIndex()
		hash := x.hash(&first.key)
		x.insert(first)
		for _, f := range []*flow{second, third} { // as if theirs was the same
			f.hash, f.same = hash, x.byHash[hash]
			x.byHash[hash] = f
			x.n++
		}
		if f := x.find(&first.key); f != first {
			t.Errorf("found %v, want the first", f)
		}
		x.remove(removed)
		left := 0
		for f := x.byHash[hash]; f != nil; f = f.same {
			if left++; f == removed {
				t.Error("found what was removed")
			}
		}
		if left != 2 || x.n != 2 {
			t.Errorf("%d left, counted as %d, want 2", left, x.n)
		}
	}
	x := newFlowIndex()
	other := &flow{key: flowKey(9), hash: x.hash(&first.key)}
	x.byHash[other.hash] = other
	if x.find(&first.key) != nil {
		t.Error("found what is not there")
	}
	x.insert(first)
	if x.find(&first.key) != first || first.same != other {
		t.Error("the second of one hash is not in the chain")
	}
}

func TestHashTakesInAllOfTheKey(t *testing.T) {
	x := newFlowIndex()
	key := flowKey(1)
	seen := map[uint32]bool{x.hash(&key): true}
	for _, change := range []func(*traffic.Flow){
		func(k *traffic.Flow) { k.Proto++ },
		func(k *traffic.Flow) { k.Zone++ },
		func(k *traffic.Flow) { k.ID++ },
		func(k *traffic.Flow) { k.Local, k.Remote = k.Remote, k.Local },
		func(k *traffic.Flow) { k.Remote = k.Local },
		func(k *traffic.Flow) { k.Local = k.Remote },
	} {
		other := key
		change(&other)
		seen[x.hash(&other)] = true
	}
	if len(seen) != 7 {
		t.Errorf("%d hashes of 7 keys", len(seen))
	}
}

// TestListShrinksAfterABurst: an account that once had many flows does not
// hold their place for ever.
func TestListShrinksAfterABurst(t *testing.T) {
	var a account
	var flows []*flow
	for range 10000 {
		f := new(flow)
		flows = append(flows, f)
		a.list(f)
	}
	for i, f := range flows[:9990] {
		a.unlist(f)
		if len(a.flows) != 9999-i {
			t.Fatalf("%d flows, want %d", len(a.flows), 9999-i)
		}
	}
	if cap(a.flows) > 64 {
		t.Errorf("room for %d flows is held for 10", cap(a.flows))
	}
	for _, f := range flows[9990:] {
		if a.flows[f.pos] != f {
			t.Error("a flow is not where it says")
		}
	}
}

// TestFlowFitsItsSizeClass: the next one is 288 bytes, and there may be a
// million flows.
func TestFlowFitsItsSizeClass(t *testing.T) {
	if size := reflect.TypeFor[flow]().Size(); size > 256 {
		t.Errorf("a flow takes %d bytes, want at most 256", size)
	}
}
