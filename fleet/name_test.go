package fleet

import (
	"strings"
	"testing"
)

func TestCheckName(t *testing.T) {
	for _, good := range []string{"gw", "web-1.example.org", "A_b", "10.0.0.1", strings.Repeat("x", MaxName)} {
		if err := CheckName(good); err != nil {
			t.Errorf("%q: %v", good, err)
		}
	}
	for _, bad := range []string{"", ".", "..", "../etc", "a/b", "a b", "a\nb", "é", "a\x00", "[::1]", strings.Repeat("x", MaxName+1)} {
		if CheckName(bad) == nil {
			t.Errorf("%q was taken for a name", bad)
		}
	}
}
