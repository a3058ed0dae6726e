package aggregate

// queue is a first-in first-out list that its items can also leave from the
// middle, in constant time and without allocation: the links are in the items.
// Each type here is in one queue at most.
type queue[T linked[T]] struct {
	first, last T
	n           int
}

type links[T any] struct{ prev, next T }

type linked[T any] interface {
	comparable
	link() *links[T]
}

func (q *queue[T]) push(item T) {
	var none T
	item.link().prev = q.last
	if q.last == none {
		q.first = item
	} else {
		q.last.link().next = item
	}
	q.last = item
	q.n++
}

// holds reports whether item is in.
func (q *queue[T]) holds(item T) bool {
	var none T
	return q.first == item || item.link().prev != none
}

// remove takes item out; nothing happens when it is not in.
func (q *queue[T]) remove(item T) {
	var none T
	l := item.link()
	if !q.holds(item) {
		return
	}
	if l.prev == none {
		q.first = l.next
	} else {
		l.prev.link().next = l.next
	}
	if l.next == none {
		q.last = l.prev
	} else {
		l.next.link().prev = l.prev
	}
	*l = links[T]{}
	q.n--
}
