package main

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"bwmon/ui/term"
)

// TestManualHasEveryKey: the manual's table of keys is made of the list that the
// screen itself goes by.
func TestManualHasEveryKey(t *testing.T) {
	const path = "../../docs/manual/screen.md"
	const begin, end = "<!-- keys: written by go test ./cmd/bwmon -run Manual -update -->\n", "<!-- end of keys -->"
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, found := strings.Cut(string(text), begin)
	_, after, ended := strings.Cut(rest, end)
	if !found || !ended {
		t.Fatalf("%s has no table of keys", path)
	}
	want := before + begin + keyTables() + end + after
	if *update {
		if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(want, string(text)); diff != "" {
		t.Errorf("%s: run with -update (-want +got):\n%s", path, diff)
	}
}

// keyTables is a table for each section of the help.
func keyTables() string {
	var b strings.Builder
	section := ""
	escape := strings.NewReplacer("|", `\|`, "<", "&lt;", ">", "&gt;", "\n", " ")
	for _, k := range term.KeyTable() {
		if k.Section != section {
			section = k.Section
			fmt.Fprintf(&b, "\n### %s\n\n| key | command | |\n|---|---|---|\n", section)
		}
		var keys []string
		for _, key := range k.Keys {
			keys = append(keys, "`"+strings.ReplaceAll(key, "|", `\|`)+"`")
		}
		command := k.Name
		if k.Args != "" {
			command += " " + k.Args
		}
		fmt.Fprintf(&b, "| %s | `:%s` | %s |\n", strings.Join(keys, " "), strings.ReplaceAll(command, "|", `\|`), escape.Replace(k.Help))
	}
	return b.String() + "\n"
}
