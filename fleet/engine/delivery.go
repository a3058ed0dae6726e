package engine

import "context"

// delivery is what is to be written, sample by sample, in order.
type delivery struct {
	encoded []byte
	items   []item
	group   int
}

// item is where one sample lies in what is encoded. Those of one host and one time are a
// group.
type item struct{ begin, end, group int }

// add adds a group.
func (d *delivery) add(list []series) {
	d.group++
	for i := range list {
		begin := len(d.encoded)
		d.encoded = appendSeries(d.encoded, &list[i])
		d.items = append(d.items, item{begin, len(d.encoded), d.group})
	}
}

// trial is what became of groups of which something was refused.
type trial struct {
	taken   map[int]bool
	refused map[int]int
}

// enough is how many samples of a group are tried by themselves and refused before the
// rest of it is given up: where all are too old there is no use in trying each.
const enough = 16

// deliver writes all of d, in requests that are not too large.
func (w *Writer) deliver(ctx context.Context, d *delivery) error {
	t := &trial{make(map[int]bool), make(map[int]int)}
	for items := d.items; len(items) > 0; {
		n := 1
		for n < len(items) && items[n].end-items[0].begin <= w.opts.MaxBytes {
			n++
		}
		if err := w.try(ctx, d, items[:n], t); err != nil {
			return err
		}
		items = items[n:]
	}
	return nil
}

// try writes items. Where the engine refuses them for good, which with Prometheus means
// all for the sake of one, it finds out which.
func (w *Writer) try(ctx context.Context, d *delivery, items []item, t *trial) error {
	err := w.post(ctx, len(items), d.encoded[items[0].begin:items[len(items)-1].end])
	if err == nil {
		for _, i := range items {
			t.taken[i.group] = true
		}
		return nil
	}
	if !isRefusal(err) {
		return err
	}
	first, last := items[0].group, items[len(items)-1].group
	if hopeless := first == last && !t.taken[first] && t.refused[first] >= enough; hopeless || len(items) == 1 {
		t.refused[first] += len(items)
		w.refuse(len(items), err)
		return nil
	}
	middle := half(items)
	if err := w.try(ctx, d, items[:middle], t); err != nil {
		return err
	}
	return w.try(ctx, d, items[middle:], t)
}

// half is where to divide items: between groups, if there are several.
func half(items []item) int {
	middle := len(items) / 2
	if items[0].group == items[len(items)-1].group {
		return middle
	}
	for n := range middle + 1 {
		for _, i := range []int{middle - n, middle + n} {
			if i > 0 && i < len(items) && items[i-1].group != items[i].group {
				return i
			}
		}
	}
	return middle
}
