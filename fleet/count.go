package fleet

import (
	"bytes"
	"fmt"
)

const (
	// maxItems bounds the items of all lists in one request, where Limits allow no more.
	// The most that a host publishes at once, a whole run of thousands of rows, is about half of it.
	maxItems = 20 * DefaultRows
	// maxDepth is how deep lists and objects may lie in each other. In a snapshot it is 7.
	maxDepth = 64
	// spareItems are those of lists that are not bounded by Limits.
	spareItems = 1000
)

// budget is how many items the lists of a request may have: "[0,0,…]" takes two
// bytes for each, and hundreds once it is read as rows. So they are counted before.
type budget struct{ head, changes, all int }

func (l Limits) budget() budget {
	rows := l.rows()
	return budget{
		head:    3*8*rows + spareItems,
		changes: 9*rows + MaxMetrics + spareItems,
		all:     max(maxItems, 20*rows),
	}
}

// spend takes a line's items from the budget. most is how many that line may have.
func (b *budget) spend(line []byte, most int, what string) error {
	most = min(most, b.all)
	n, ok := items(line, most)
	if !ok {
		return fmt.Errorf("its %s: lists of more than %d items, or too deep in each other: send fewer at a time", what, most)
	}
	b.all -= n
	return nil
}

// items counts the items of all lists in a JSON document, or a few more. It is not ok where
// there are more than most, or where they lie too deep. Of what is no JSON it says
// nothing.
func items(document []byte, most int) (n int, ok bool) {
	var lists [maxDepth]bool // or objects
	depth := 0
	for i := 0; i < len(document); i++ {
		switch document[i] {
		case '"':
			if i = closing(document, i+1); i < 0 {
				return n, true // it is cut, and no JSON
			}
		case '[', '{':
			if depth == maxDepth {
				return n, false
			}
			if lists[depth] = document[i] == '['; lists[depth] {
				n++
			}
			depth++
		case ']', '}':
			depth = max(depth-1, 0)
		case ',':
			if depth > 0 && lists[depth-1] {
				n++
			}
		}
		if n > most {
			return n, false
		}
	}
	return n, true
}

// closing is where the text ends that begins at i; -1: nowhere.
func closing(document []byte, i int) int {
	for {
		quote := bytes.IndexByte(document[i:], '"')
		if quote < 0 {
			return -1
		}
		at := i + quote
		escapes := 0
		for at-escapes > i && document[at-escapes-1] == '\\' {
			escapes++
		}
		if escapes%2 == 0 {
			return at
		}
		i = at + 1
	}
}
