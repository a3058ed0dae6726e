package term

import (
	"fmt"
	"slices"
	"strings"
)

// bind gives the bindings their keys: those of the configuration, by the names
// of bindings, in place of the usual ones. No key may mean two things.
func bind(list []binding, keys map[string][]string) ([]binding, error) {
	var names []string
	for i := range list {
		if list[i].mode == modeTable {
			names = append(names, list[i].name)
		}
	}
	for _, name := range sortedKeys(keys) {
		if !slices.Contains(names, name) {
			return nil, fmt.Errorf("keys: nothing is called %q%s: the help lists what there is", clean(name), didYouMean(name, names))
		}
	}
	taken := make(map[mode]map[keyPress]string)
	for i := range list {
		b := &list[i]
		words := b.keys
		if chosen, ok := keys[b.name]; ok && b.mode == modeTable {
			words = append(slices.Clone(chosen), b.always...)
		} else {
			words = append(slices.Clone(words), b.always...)
		}
		b.strokes = nil
		for _, word := range words {
			k, err := parseKey(word)
			if err != nil {
				return nil, fmt.Errorf("keys of %s: %w", b.name, err)
			}
			if taken[b.mode] == nil {
				taken[b.mode] = make(map[keyPress]string)
			}
			switch other, ok := taken[b.mode][k]; {
			case ok && other == b.name:
				continue
			case ok:
				return nil, fmt.Errorf("keys: %s is for both %s and %s: give one of them another key", k, other, b.name)
			}
			taken[b.mode][k] = b.name
			b.strokes = append(b.strokes, k)
		}
	}
	return list, nil
}

// label is the first of the keys, as it is written on the screen.
func (b *binding) label() string {
	if len(b.strokes) == 0 {
		return ""
	}
	return b.strokes[0].String()
}

// labels are all keys.
func (b *binding) labels() string {
	var out []string
	for _, s := range b.strokes {
		out = append(out, s.String())
	}
	return strings.Join(out, " ")
}
