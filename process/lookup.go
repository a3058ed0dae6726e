package process

import (
	"time"

	"bwmon/traffic"
)

// A dump of all sockets answers any number of wants. From manyWants on it is
// made in their place, if the former one took less time than exact look-ups
// would.
const (
	manyWants = 512
	exactTime = 5 * time.Microsecond // for two requests
)

// quickly is how many descriptors are read at most before other flows have
// their turn: about 5 ms.
const quickly = 2048

// lookUp finds the sockets of the flows keys, which may still be open, and
// their holders where they are quickly found. They are fresh when they were
// asked for just now, and not by the retry queue.
func (w *worker) lookUp(keys []key, fresh bool) {
	if w.exact == nil {
		w.r.mu.Lock()
		w.r.ask()
		w.r.mu.Unlock()
		return
	}
	if len(keys) >= manyWants && time.Duration(len(keys))*exactTime > w.lookTime && !w.looking {
		keys = w.lookInstead(keys, fresh)
	}
	w.scan.now = w.r.opts.Now().UnixNano()
	e := &w.fast
	e.leads = e.leads[:0]
	e.want.reset()
	for _, k := range keys {
		w.lookUpOne(k, fresh)
	}
	w.settle(e)
	if len(e.leads) == 0 {
		return
	}
	for i := range e.leads {
		e.want.add(e.leads[i].socket.inode, e.leads[i].socket.uid)
	}
	w.scan.hints(e.want)
	e.left = quickly
	w.scan.warm(&e.search)
	e.left = quickly
	if !e.over() {
		w.fail(w.scan.young(&e.search))
	}
	// A process that has slept for long: on most hosts all descriptors are
	// read while even a short connection lasts, and the process is hot then.
	if e.left = quickly; !e.over() && w.budget.canSpare() {
		w.fail(w.scan.thorough(&e.search))
	}
	w.settle(e)
	w.deferred = append(w.deferred, e.leads[:min(len(e.leads), maxWants-min(len(w.deferred), maxWants))]...)
}

// lookInstead looks at all sockets, verifying the holders of those that keys
// name, and returns the keys that this did not answer.
func (w *worker) lookInstead(keys []key, fresh bool) []key {
	at := w.r.opts.Now().UnixNano()
	for _, k := range keys {
		w.doubted[k] = struct{}{}
	}
	w.look()
	clear(w.doubted)
	now := w.r.opts.Now().UnixNano()
	w.r.mu.Lock()
	defer w.r.mu.Unlock()
	left := keys[:0]
	for _, k := range keys {
		o := w.r.cache.findOwn(k, at)
		if o == nil && k.proto != traffic.TCP {
			// Of TCP that would be the listener, which answers for what is
			// not accepted yet only until it is.
			o = w.r.cache.find(k, at)
		}
		if o == nil {
			left = append(left, k)
			continue
		}
		w.r.cache.recordFlow(k, o, at)
		if _, serves := w.r.cache.soles.get(portKey(k)); fresh && serves && k.proto == traffic.TCP {
			w.retries.add(k, now)
		}
	}
	return left
}

// lookUpOne asks the kernel for k's socket and adds it to the fast errand. A
// connection that came in is looked up again later, but not because of a retry.
func (w *worker) lookUpOne(k key, fresh bool) {
	switch k.proto {
	case traffic.TCP, traffic.UDP, traffic.UDPLite, traffic.SCTP:
	default:
		return // raw and ping sockets are only found by a dump
	}
	at := w.scan.now
	s, ok, err := w.find(k)
	if err != nil {
		w.fail(err)
		return
	}
	if k.proto == traffic.TCP {
		if ok && s.inode == 0 {
			// Not accepted yet, or closed already. The listener tells whose
			// it will be, or was.
			s, ok, err = w.find(k.bound())
			w.fail(err)
		}
		if fresh && ok && (s.state == stateListen || w.serves(k)) {
			w.retries.add(k, at)
		}
	}
	if !ok || s.inode == 0 {
		if fresh { // what a retry does not find was seen before
			w.gone++
		}
		return
	}
	w.verify(s.inode)
	w.fast.leads = append(w.fast.leads, lead{socket: s, asked: k, at: at})
}

// find asks the kernel, if it can be asked.
func (w *worker) find(k key) (socket, bool, error) {
	if w.exact == nil {
		return socket{}, false, nil
	}
	w.exacts++
	return w.exact.find(k)
}

// verify forgets the holder of inode if it no longer holds it, as when a
// server has passed a connection on to a child, and brings its identity up to
// date.
func (w *worker) verify(inode uint32) {
	h, ok := w.scan.holders.get(inode)
	if !ok {
		return
	}
	// In this order, so that an exec in between that closes the descriptor does
	// not make the new program the holder.
	if h.p.gone || !w.scan.identify(h.p) || !w.scan.holds(h, inode) {
		w.scan.holders.drop(inode)
		return
	}
	h.owner = h.p.owner
	w.scan.holders.put(inode, h)
}

// serves reports whether there is a listener on k's local port: k's connection
// came in.
func (w *worker) serves(k key) bool {
	w.r.mu.Lock()
	_, ok := w.r.cache.soles.get(portKey(k))
	w.r.mu.Unlock()
	if ok {
		return true
	}
	// It may be a new one, of which no look has told.
	s, ok, err := w.find(k.bound())
	w.fail(err)
	return ok && s.state == stateListen
}

// retryAfter is when a connection that came in is looked up again: the process
// that accepts it may be another than the one that listens, and may pass it on
// to a child.
var retryAfter = [...]time.Duration{5 * time.Millisecond, 50 * time.Millisecond, 300 * time.Millisecond}

// retry is one connection to look up again.
type retry struct {
	k  key
	at int64 // when it is due
}

// retryQueue holds them, one queue for each delay, so that each is in the
// order in which they are due. What does not fit is not tried again: it has an
// owner already, if not the best.
type retryQueue struct {
	stages [len(retryAfter)][]retry
}

// add plans all retries of k, first looked up at now.
func (q *retryQueue) add(k key, now int64) {
	for i, after := range retryAfter {
		if len(q.stages[i]) < maxWants {
			q.stages[i] = append(q.stages[i], retry{k: k, at: now + int64(after)})
		}
	}
}

// again plans one retry of k, looked up at now and found in the midst of an
// exec.
func (q *retryQueue) again(k key, now int64) {
	const stage = 1 // the shortest delay would ask some fifty times
	if len(q.stages[stage]) < maxWants {
		q.stages[stage] = append(q.stages[stage], retry{k: k, at: now + int64(retryAfter[stage])})
	}
}

// next is when the earliest retry is due.
func (q *retryQueue) next() (at int64, ok bool) {
	for _, stage := range q.stages {
		if len(stage) > 0 && (!ok || stage[0].at < at) {
			at, ok = stage[0].at, true
		}
	}
	return at, ok
}

// due takes what is due at now out of the queue and appends it to keys.
func (q *retryQueue) due(keys []key, now int64) []key {
	for i, stage := range q.stages {
		n := 0
		for n < len(stage) && stage[n].at <= now {
			keys = append(keys, stage[n].k)
			n++
		}
		if n > 0 {
			q.stages[i] = append(stage[:0], stage[n:]...)
		}
	}
	return keys
}
