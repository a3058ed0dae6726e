package main

import "testing"

// TestHeadersOfOneName: of two headers one would disappear. Names are compared as HTTP
// does, and what a header says is not shown.
func TestHeadersOfOneName(t *testing.T) {
	const headers = "headers = [\"X-Key: s3cret\", \"Accept: */*\", \"x-key : s3cret2\"]\n"
	const why = `headers: number 3 has the name of number 1, "x-key": leave one of them out`
	for src, want := range map[string]string{
		"[[notify]]\nname = \"a\"\ntype = \"webhook\"\nurl = \"http://h\"\n" + headers: `x:5: [[notify]] 1 ("a"): ` + why,
		"[[probe]]\nname = \"a\"\nurl = \"http://h\"\n" + headers:                      `x:4: [[probe]] 1 ("a"): ` + why,
	} {
		if _, err := parseConfig("x", src); err == nil || err.Error() != want {
			t.Errorf("%v, want %s", err, want)
		}
	}
}
