package receive

// settle adds changes to totals, of which none falls below zero. What the totals of a
// host's rows fall by in its books may be more than was counted of them here: it was
// carried before, and moved to another row since. So it is taken from what the others
// gained, and the sum is right. Both lists are changed.
func settle(totals []uint64, changes []int64) {
	var owed uint64
	for i, change := range changes {
		if fall := uint64(-change); change < 0 {
			owed += fall - min(fall, totals[i])
			totals[i] -= min(fall, totals[i])
			changes[i] = 0
		}
	}
	for i, change := range changes {
		if change > 0 {
			gain := uint64(change)
			paid := min(gain, owed)
			owed -= paid
			totals[i] = sum(totals[i], gain-paid)
		}
	}
}

// most bounds sums. Honest totals come nowhere near; of others no sum turns over.
const most = 1 << 62

func sum(a, b uint64) uint64 { return min(a+b, most) }
