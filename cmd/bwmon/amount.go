package main

import (
	"errors"
	"slices"
	"strconv"
	"strings"
)

// parseAmount reads a number of bytes: 4096, 64K, 1.5GiB, 10 MB. As with dd and
// head, K, M and so on without a B are powers of 1024.
func parseAmount(s string) (uint64, error) {
	number := strings.TrimRight(s, "BbKkMGTPEi \t")
	unit := strings.TrimSpace(s[len(number):])
	v, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
	if err != nil || v < 0 || v != v {
		return 0, errors.New("no number")
	}
	step := 1024.0
	prefix := strings.TrimSuffix(unit, "B")
	switch {
	case strings.HasSuffix(prefix, "i"):
		prefix = strings.TrimSuffix(prefix, "i")
		if prefix == "" {
			return 0, errors.New("no unit")
		}
	case prefix != unit:
		step = 1000
	}
	power := slices.Index([]string{"", "K", "M", "G", "T", "P", "E"}, strings.Replace(prefix, "k", "K", 1))
	if power < 0 {
		return 0, errors.New("no unit")
	}
	for range power {
		v *= step
	}
	if v >= 1<<63 {
		return 0, errors.New("too much")
	}
	return uint64(v), nil
}
