package fleet

import "bwmon/traffic"

// overlay is old with the rows of news in place of those of the same key, and without
// those that are gone; join makes one of an old and a new one, the old being zero where
// there was none. It changes neither.
func overlay[T any](old, news []T, key func(*T) Key, gone map[Key]bool, join func(old, news *T) T) []T {
	if len(news) == 0 && len(gone) == 0 {
		return old
	}
	at := make(map[Key]int, len(news))
	for i := range news {
		at[key(&news[i])] = i
	}
	used := make([]bool, len(news))
	list := make([]T, 0, max(len(old), len(news))) // a receiver holds it for each of its hosts: mostly nothing is fresh
	for i := range old {
		k := key(&old[i])
		n, changed := at[k]
		switch {
		case changed && !used[n]:
			used[n] = true
			list = append(list, join(&old[i], &news[n]))
		case !changed && !gone[k]:
			list = append(list, old[i])
		}
	}
	var none T
	for i := range news {
		if n := at[key(&news[i])]; n == i && !used[i] {
			list = append(list, join(&none, &news[i]))
		}
	}
	return list
}

func newer[T any](_, news *T) T { return *news }

// overlayAll puts the rows of news over those of s. Everything else is that of s.
func overlayAll(s, news *traffic.Snapshot, gone map[Key]bool) {
	s.Apps = overlay(s.Apps, news.Apps, AppKey, gone, func(old, news *traffic.App) traffic.App {
		a := *news
		a.Commands = overlay(old.Commands, news.Commands, func(c *traffic.Command) Key { return CommandKey(a.Name, c) },
			gone, newer[traffic.Command])
		if a.Commands == nil {
			a.Commands = news.Commands // which may be empty, and is a list in the document
		}
		return a
	})
	s.LANHosts = overlay(s.LANHosts, news.LANHosts, LANHostKey, gone, newer[traffic.LANHost])
	s.Pipes = overlay(s.Pipes, news.Pipes, PipeKey, gone, newer[traffic.PipeRow])
	s.Interfaces = overlay(s.Interfaces, news.Interfaces, InterfaceKey, gone, newer[traffic.Interface])
	s.Series = overlay(s.Series, news.Series, SeriesKey, gone, newer[traffic.Series])
}

// setOf is keys as a set.
func setOf(keys []Key) map[Key]bool {
	if len(keys) == 0 {
		return nil
	}
	set := make(map[Key]bool, len(keys))
	for _, k := range keys {
		set[k] = true
	}
	return set
}

// Rows yields all rows of s with a total: what they carried and, of apps and commands,
// what they used of disks.
func Rows(s *traffic.Snapshot, yield func(Key, *traffic.Usage, *traffic.Resources)) {
	for i := range s.Apps {
		a := &s.Apps[i]
		yield(AppKey(a), &a.Usage, &a.Resources)
		for j := range a.Commands {
			c := &a.Commands[j]
			yield(CommandKey(a.Name, c), &c.Usage, &c.Resources)
		}
	}
	for i := range s.LANHosts {
		yield(LANHostKey(&s.LANHosts[i]), &s.LANHosts[i].Usage, nil)
	}
	for i := range s.Pipes {
		yield(PipeKey(&s.Pipes[i]), &s.Pipes[i].Usage, nil)
	}
	for i := range s.Interfaces {
		yield(InterfaceKey(&s.Interfaces[i]), &s.Interfaces[i].Usage, nil)
	}
}
