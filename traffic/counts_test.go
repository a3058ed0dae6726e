package traffic

import "testing"

func TestCounts(t *testing.T) {
	a := Counts{RxBytes: 10, TxBytes: 20, RxPackets: 1, TxPackets: 2}
	b := Counts{RxBytes: 3, TxBytes: 4, RxPackets: 1, TxPackets: 1}
	if got := a.Add(b).Sub(b); got != a {
		t.Errorf("a + b - b = %+v, want %+v", got, a)
	}
	if got := a.Swap(); got != (Counts{RxBytes: 20, TxBytes: 10, RxPackets: 2, TxPackets: 1}) {
		t.Errorf("swapped %+v", got)
	}
	if !a.AtLeast(b) || b.AtLeast(a) || !a.AtLeast(a) {
		t.Error("AtLeast is wrong")
	}
	if one := (Counts{RxBytes: 100}); one.AtLeast(Counts{TxPackets: 1}) {
		t.Error("one field below must be enough")
	}
	if got := a.Per(2); got != (Rate{Rx: 5, Tx: 10}) || a.Per(0) != (Rate{}) || a.Per(-1) != (Rate{}) {
		t.Errorf("rates %+v", got)
	}
}
