package receive

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestSettle(t *testing.T) {
	for _, test := range []struct {
		name    string
		totals  []uint64
		changes []int64
		want    []uint64
	}{
		{"nothing moved", []uint64{1, 2}, []int64{3, 0}, []uint64{4, 2}},
		{"what was counted here moved", []uint64{10, 2}, []int64{-4, 5}, []uint64{6, 7}},
		{"what was carried before moved", []uint64{10, 2}, []int64{-14, 20}, []uint64{0, 18}},
		{"one gained it, whoever", []uint64{0, 0, 5}, []int64{-7, 3, 9}, []uint64{0, 0, 10}},
		{"nobody gained it", []uint64{3}, []int64{-7}, []uint64{0}},
		{"the largest", []uint64{most - 1}, []int64{math.MaxInt64}, []uint64{most}},
		{"the least", []uint64{7, 0}, []int64{math.MinInt64, math.MaxInt64}, []uint64{0, 6}},
	} {
		settle(test.totals, test.changes)
		if diff := cmp.Diff(test.want, test.totals); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.name, diff)
		}
	}
}

// TestSettleSum: the sum of totals changes by the sum of the changes, as far as what rows
// lost that was not counted has gone to others.
func TestSettleSum(t *testing.T) {
	rand := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		totals, changes := make([]uint64, 5), make([]int64, 5)
		var before, change, after, owed, gains int64
		for i := range totals {
			totals[i], changes[i] = rand.Uint64N(100), rand.Int64N(200)-100
			before, change = before+int64(totals[i]), change+changes[i]
			gains += max(0, changes[i])
			owed += max(0, -changes[i]-int64(totals[i]))
		}
		settle(totals, changes)
		for _, n := range totals {
			after += int64(n)
		}
		if want := before + change + max(0, owed-gains); after != want {
			t.Fatalf("%d and %d are %d, want %d", before, change, after, want)
		}
	}
}
