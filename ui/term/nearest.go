package term

// nearestName is the candidate that word was probably meant to be; "" where
// none comes close. Of equals the first wins.
func nearestName(word string, candidates []string) string {
	const most = 32 // bytes: no name is longer, and distances cost their product
	best, least := "", 3
	for _, c := range candidates {
		if len(word) > most || len(c) > most {
			continue
		}
		// A third of the letters wrong is the most that is a slip.
		if d := distance(word, c); d < least && 3*d <= max(len(word), len(c)) {
			best, least = c, d
		}
	}
	return best
}

// distance is how many bytes have to be put in, left out, replaced or swapped
// with their neighbour to make b of a.
func distance(a, b string) int {
	before, row := make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		above := append([]int(nil), row...)
		row[0] = i + 1
		for j := range len(b) {
			cost := above[j]
			if a[i] != b[j] {
				cost++
			}
			cost = min(cost, row[j]+1, above[j+1]+1)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				cost = min(cost, before[j-1]+1)
			}
			row[j+1] = cost
		}
		before = above
	}
	return row[len(b)]
}

// didYouMean is the end of an error about a name nobody knows.
func didYouMean(word string, candidates []string) string {
	if n := nearestName(word, candidates); n != "" {
		return ` (did you mean "` + n + `"?)`
	}
	return ""
}
