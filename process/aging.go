package process

// aging is a map that forgets what was not put for a while: it has two
// generations, and turning it drops the older. An entry so lives at least one
// turn and at most two after it was last put, and the map never holds more
// than limit entries; when it is full the oldest half goes.
type aging[K comparable, V any] struct {
	young, old map[K]V
	limit      int
}

func newAging[K comparable, V any](limit int) aging[K, V] {
	return aging[K, V]{young: make(map[K]V), limit: limit}
}

func (a *aging[K, V]) get(k K) (V, bool) {
	v, ok := a.young[k]
	if !ok {
		v, ok = a.old[k]
	}
	return v, ok
}

func (a *aging[K, V]) put(k K, v V) {
	if len(a.young) >= max(a.limit/2, 1) {
		if _, ok := a.young[k]; !ok {
			a.turn()
		}
	}
	a.young[k] = v
}

// drop forgets k now.
func (a *aging[K, V]) drop(k K) {
	delete(a.young, k)
	delete(a.old, k)
}

// turn forgets what was not put since the former turn.
func (a *aging[K, V]) turn() {
	spare := a.old
	a.old = a.young
	if spare == nil || len(spare) > 2*len(a.old) {
		spare = make(map[K]V) // it would keep the room of what is long gone
	}
	clear(spare)
	a.young = spare
}

// len is how many entries there are, those put in both generations twice.
func (a *aging[K, V]) len() int { return len(a.young) + len(a.old) }
