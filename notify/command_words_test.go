package notify

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestSplitWords(t *testing.T) {
	for _, c := range []struct {
		line string
		want []string
	}{
		{"", nil},
		{" \t\n ", nil},
		{"page --urgent", []string{"page", "--urgent"}},
		{"  a  b\tc\nd ", []string{"a", "b", "c", "d"}},
		{`say 'two words' "and three"`, []string{"say", "two words", "and three"}},
		{`a'b'"c"d`, []string{"abcd"}},
		{`'' ""`, []string{"", ""}},
		{`'a\b"c' "d'e"`, []string{`a\b"c`, "d'e"}},
		{`\a\ b\\ \'`, []string{`a b\`, "'"}},
		{`"\a\"\\\$\` + "`" + `"`, []string{`\a"\$` + "`"}},
		{"a\\\nb \"c\\\nd\"", []string{"ab", "cd"}},
		{`$HOME *.txt ~ a;b|c > d`, []string{"$HOME", "*.txt", "~", "a;b|c", ">", "d"}},
	} {
		got, err := SplitWords(c.line)
		if err != nil {
			t.Errorf("%q: %v", c.line, err)
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%q: -want +got\n%s", c.line, diff)
		}
	}
	for _, line := range []string{`it's`, `say "hello`, `end\`, `"a\"`} {
		if got, err := SplitWords(line); err == nil {
			t.Errorf("%q: got %q, want an error", line, got)
		}
	}
}

// What has no operators and nothing to expand is split as sh does.
func TestSplitWordsAsShell(t *testing.T) {
	sh, err := exec.LookPath("sh")
	if err != nil {
		t.Skip("there is no sh")
	}
	pieces := []string{"a", " ", "'", `"`, `\`, "\t", "b c", `\"`}
	n := len(pieces)
	for i := range n * n * n * n {
		line := "x" + pieces[i%n] + pieces[i/n%n] + pieces[i/n/n%n] + pieces[i/n/n/n] + "y"
		if i%7 != 0 && testing.Short() || i%5 != 0 {
			continue
		}
		words, err := SplitWords(line)
		out, shErr := exec.Command(sh, "-c", `printf '<%s>' `+line).Output()
		if (err == nil) != (shErr == nil) {
			t.Fatalf("%q: we say %v, sh says %v", line, err, shErr)
		}
		if want := "<" + strings.Join(words, "><") + ">"; err == nil && string(out) != want {
			t.Fatalf("%q: we say %s, sh says %s", line, want, out)
		}
	}
}

func FuzzSplitWords(f *testing.F) {
	f.Add(`a 'b c' "d\"e" \f`)
	f.Add(`"\`)
	f.Fuzz(func(t *testing.T, line string) {
		words, err := SplitWords(line)
		if err != nil {
			return
		}
		// Quoted again they are the same words.
		var quoted []string
		for _, w := range words {
			quoted = append(quoted, "'"+strings.ReplaceAll(w, "'", `'\''`)+"'")
		}
		again, err := SplitWords(strings.Join(quoted, " "))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(words, again); diff != "" {
			t.Errorf("-want +got\n%s", diff)
		}
	})
}
