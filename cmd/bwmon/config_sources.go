package main

import (
	"fmt"
	"reflect"
	"strconv"
	"strings"
)

// source is the text of one file of a configuration.
type source struct{ file, text string }

// tableNumber is where a table of an array stands.
type tableNumber struct {
	file   string
	number int // in that file, from 1
}

// tablesIn counts the tables of each array of tables that raw has, by key.
func tablesIn(raw reflect.Value) map[string]int {
	n := make(map[string]int)
	for i := range raw.NumField() {
		if f := raw.Field(i); f.Kind() == reflect.Slice && f.Type().Elem().Kind() == reflect.Struct {
			n[raw.Type().Field(i).Tag.Get("toml")] = f.Len()
		}
	}
	return n
}

// learn notes where the file that is being read says what, and the labels of its
// tables. before has the tables of earlier files, behind which its own come.
func (c *configReader) learn(lines map[place]int, labels map[place]string, before map[string]int) {
	for at, line := range lines {
		to, number := at.behind(before)
		c.lines[to], c.files[to] = line, c.file
		if number > 0 {
			c.counts[to] = tableNumber{c.file, number}
		}
	}
	for at, label := range labels {
		to, _ := at.behind(before)
		c.labels[to] = label
	}
}

// behind is the place where before has the tables that come before its own: of
// rule[1].name behind two rules rule[3].name. number is that of the table in its
// own file, from 1, if the place is that of a table, else 0.
func (p place) behind(before map[string]int) (moved place, number int) {
	key, rest, inArray := strings.Cut(string(p), "[")
	n, known := before[key]
	if !inArray || !known {
		return p, 0
	}
	index, rest, _ := strings.Cut(rest, "]")
	i, err := strconv.Atoi(index)
	if err != nil {
		return p, 0
	}
	if rest == "" {
		number = i + 1
	}
	return place(key).index(n+i) + place(rest), number
}

// other names a table of an array for a message about another one; i is its index
// among those of all files.
func (c *configReader) other(table string, i int, of place) string {
	at := place(table).index(i)
	t := c.counts[at]
	text := fmt.Sprintf("[[%s]] %d", table, t.number)
	if file, _ := c.spot(of); file != t.file {
		text += fmt.Sprintf(" (%s:%d)", t.file, c.lines[at])
	}
	return text
}
