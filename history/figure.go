package history

import (
	"cmp"
	"slices"
)

// octets is bytes both ways. They may be negative, see the package comment.
type octets struct{ rx, tx int64 }

func (o octets) add(p octets) octets { return octets{o.rx + p.rx, o.tx + p.tx} }

// size is what series are ranked by.
func (o octets) size() int64 { return o.rx + o.tx }

// figure is what one series has in one piece.
type figure struct {
	group uint32 // the id of a command's app; else 0
	id    uint32 // 0: what has no name
	octets
}

func (f figure) compare(g figure) int {
	return cmp.Or(cmp.Compare(f.group, g.group), cmp.Compare(f.id, g.id))
}

func (f figure) same(g figure) bool { return f.group == g.group && f.id == g.id }

// tidy sorts figures and adds up those of one series. It works in place.
func tidy(list []figure) []figure {
	slices.SortFunc(list, figure.compare)
	kept := list[:0]
	for _, f := range list {
		if n := len(kept); n > 0 && kept[n-1].same(f) {
			kept[n-1].octets = kept[n-1].add(f.octets)
			continue
		}
		kept = append(kept, f)
	}
	return kept
}

// merge appends to into the sums of two tidy lists, tidy.
func merge(into, a, b []figure) []figure {
	for len(a) > 0 && len(b) > 0 {
		switch c := a[0].compare(b[0]); {
		case c < 0:
			into, a = append(into, a[0]), a[1:]
		case c > 0:
			into, b = append(into, b[0]), b[1:]
		default:
			f := a[0]
			f.octets = f.add(b[0].octets)
			into, a, b = append(into, f), a[1:], b[1:]
		}
	}
	return append(append(into, a...), b...)
}

// bound makes a tidy list name at most keep series of each group where it names more
// than limit. Those with most bytes stay; the others are added to the group's id 0.
func bound(list []figure, keep, limit int) []figure {
	kept := list[:0]
	for len(list) > 0 {
		n := 1
		for n < len(list) && list[n].group == list[0].group {
			n++
		}
		kept = append(kept, boundGroup(list[:n], keep, limit)...)
		list = list[n:]
	}
	return kept
}

// boundTogether makes a tidy list name at most keep series of all groups where it names
// more than limit, like bound.
func boundTogether(list []figure, keep, limit int) []figure {
	if len(list) <= limit {
		return list
	}
	var named []figure
	for _, f := range list {
		if f.id > 0 {
			named = append(named, f)
		}
	}
	if len(named) <= limit {
		return list
	}
	bySize := func(f, g figure) int { return cmp.Or(cmp.Compare(g.size(), f.size()), f.compare(g)) }
	slices.SortFunc(named, bySize)
	last := named[keep-1]
	for i := range list {
		if f := &list[i]; f.id > 0 && bySize(*f, last) > 0 {
			f.id = 0
		}
	}
	return tidy(list)
}

func boundGroup(group []figure, keep, limit int) []figure {
	others := figure{group: group[0].group}
	named := group
	if group[0].id == 0 {
		others.octets, named = group[0].octets, group[1:]
	}
	if len(named) <= limit {
		return group
	}
	ranked := slices.Clone(named)
	slices.SortFunc(ranked, func(f, g figure) int {
		return cmp.Or(cmp.Compare(g.size(), f.size()), cmp.Compare(f.id, g.id))
	})
	for _, f := range ranked[keep:] {
		others.octets = others.add(f.octets)
	}
	return append([]figure{others}, tidy(ranked[:keep])...)
}
