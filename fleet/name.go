package fleet

import (
	"fmt"
	"strings"

	"bwmon/traffic"
)

// MaxName is how long the name of a host may be, in bytes.
const MaxName = 128

// CheckName says what is wrong with the name that a host publishes under: it stands in
// paths, certificates and labels.
func CheckName(host string) error {
	const others = ".-_"
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune(others, r)
	}
	if host == "" || len(host) > MaxName || host[0] == '.' || strings.ContainsFunc(host, func(r rune) bool { return !plain(r) }) {
		return fmt.Errorf("want the name of a host, 1 to %d letters, digits, %q, not beginning with a dot, got %q", MaxName, others, traffic.CleanText(host, MaxName))
	}
	return nil
}
