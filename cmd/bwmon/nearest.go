package main

// nearest returns the candidate that word most likely was meant to be, or ""
// where none is close: at most a third of its letters differ, and never more
// than three.
func nearest(word string, candidates []string) string {
	best, distance := "", 4
	for _, c := range candidates {
		if d := editDistance(word, c); d < distance && 3*d <= max(len(word), len(c))+1 {
			best, distance = c, d
		}
	}
	return best
}

// editDistance is Levenshtein's: insertions, deletions and replacements of
// bytes that make b of a.
func editDistance(a, b string) int {
	if len(a) > 64 || len(b) > 64 { // no key is that long: do not spend n*m on it
		return 64
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
