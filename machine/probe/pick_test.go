package probe

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"math"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"bwmon/traffic"
)

func TestParsePath(t *testing.T) {
	key := func(k string) step { return step{key: k} }
	index := func(i int) step { return step{index: i, isIndex: true} }
	for s, want := range map[string]path{
		".":                     {},
		"a":                     {key("a")},
		"a.b[0].c":              {key("a"), key("b"), index(0), key("c")},
		`["a.b"]`:               {key("a.b")},
		`["a.b"].c[12][3]["d"]`: {key("a.b"), key("c"), index(12), index(3), key("d")},
		`[0]`:                   {index(0)},
		`[""]`:                  {key("")},
		`["\"]\\\u00e9"]`:       {key("\"]\\é")},
		"a-b.ü.0":               {key("a-b"), key("ü"), key("0")},
		"[007]":                 {index(7)},
	} {
		if got, err := parsePath(s); err != nil || !cmp.Equal(got, want, cmp.AllowUnexported(step{})) {
			t.Errorf("%s: got %+v, %v; want %+v", s, got, err, want)
		}
	}
	for _, s := range []string{
		"", "..", ".a", "a.", "a..b", "a[", "a[]", "a[0", "a[-1]", "a[x]", "a[0]b", "a.[0]", `["a]`, `["a"`, `["a\"]`, `["a"x]`,
		"a]b", `a"b`, "a b", "a\tb", "\xff", `["\x"]`, "[1234567890]", strings.Repeat("a", maxPath+1),
	} {
		if got, err := parsePath(s); err == nil {
			t.Errorf("%q: got %+v", s, got)
		}
	}
	if _, err := parsePath("jobs queued"); err == nil || !strings.Contains(err.Error(), `["jobs queued"]`) {
		t.Errorf("no cure: %v", err)
	}
}

func TestPick(t *testing.T) {
	const missing, object, array, text, null, vast = "is not there", "is an object", "is an array", "is a text", "is null", "is a number beyond all measure"
	for _, c := range []struct {
		path, document string
		want           figure
	}{
		{"a", `{"a": 1.5}`, figure{value: 1.5}},
		{"a", "\ufeff{\"a\": 1}", figure{value: 1}},
		{"a.b[1].c", `{"x":[{"a":9}],"a":{"b":[{"c":1},{"c":-2e3,"d":[]}]}}`, figure{value: -2000}},
		{`["a.b"]`, `{"a":{"b":1},"a.b":2}`, figure{value: 2}},
		{"[1]", `[1,2,3]`, figure{value: 2}},
		{"[3]", `[1,2,3]`, figure{wrong: missing}},
		{".", ` 42 `, figure{value: 42}},
		{".", `{}`, figure{wrong: object}},
		{"a", `{"a": true}`, figure{value: 1}},
		{"a", `{"a": false}`, figure{value: 0}},
		{"a", `{"a": "17.5"}`, figure{value: 17.5}},
		{"a", `{"a": "-1e3"}`, figure{value: -1000}},
		{"a", `{"a": ""}`, figure{wrong: text}},
		{"a", `{"a": " 1"}`, figure{wrong: text}},
		{"a", `{"a": "1 "}`, figure{wrong: text}},
		{"a", `{"a": "0x10"}`, figure{wrong: text}},
		{"a", `{"a": "1_000"}`, figure{wrong: text}},
		{"a", `{"a": "NaN"}`, figure{wrong: text}},
		{"a", `{"a": "Inf"}`, figure{wrong: text}},
		{"a", `{"a": "-"}`, figure{wrong: text}},
		{"a", `{"a": "[1]"}`, figure{wrong: text}},
		{"a", `{"a": "1e999"}`, figure{wrong: vast}},
		{"a", `{"a": 1e999}`, figure{wrong: vast}},
		{"a", `{"a": -1e999}`, figure{wrong: vast}},
		{"a", `{"a": 1e-999}`, figure{value: 0}},
		{"a", `{"a": null}`, figure{wrong: null}},
		{"a", `{"a": {"b": 1}}`, figure{wrong: object}},
		{"a", `{"a": [1]}`, figure{wrong: array}},
		{"a", `[1]`, figure{wrong: missing}},
		{"a", `1`, figure{wrong: missing}},
		{"[0]", `{"0": 1}`, figure{wrong: missing}},
		{"a.b", `{"a": 1}`, figure{wrong: missing}},
		{"a", `{"a": 1, "a": 2}`, figure{value: 2}},
		{"a.b", `{"a": {"b": 1}, "a": {}}`, figure{wrong: missing}},
		{"a.b", `{"a": {"b": 1}, "a": 7}`, figure{wrong: missing}},
	} {
		p, err := parsePath(c.path)
		if err != nil {
			t.Fatal(err)
		}
		got, err := pick([]byte(c.document), []field{{"x", p}})
		if err != nil || got[0] != c.want {
			t.Errorf("%s of %s: got %+v, %v; want %+v", c.path, c.document, got, err, c.want)
		}
	}
	deep := strings.Repeat("[", 400_000)
	for _, document := range []string{
		"", "{", "nonsense", "{'a':1}", `{"a":1}x`, `{"a":1}{"a":2}`, `{"a":NaN}`, `{"a":Infinity}`, `{"a":01}`, `[1,]`, `{"a":1,}`,
		"\x1f\x8b\x08", "<html>", deep, deep + strings.Repeat("]", 400_000),
	} {
		if got, err := pick([]byte(document), []field{{"x", path{{key: "a"}}}}); !errors.Is(err, errNotJSON) {
			t.Errorf("%.40q: got %+v, %v", document, got, err)
		}
	}
}

func TestPickSeveral(t *testing.T) {
	fields, err := parseFields(map[string]string{"z": "a.b", "whole": "a", "c": "a.c", "same": "a.b", "gone": "x"})
	if err != nil {
		t.Fatal(err)
	}
	got, err := pick([]byte(`{"a":{"b":1,"c":2}}`), fields)
	want := []figure{{value: 2}, absentFigure, {value: 1}, {wrong: "is an object"}, {value: 1}}
	if err != nil || !cmp.Equal(got, want, cmp.AllowUnexported(figure{})) {
		t.Errorf("got %+v, %v; want %+v", got, err, want)
	}
	if got := wrongFigures(fields, got); got != "field gone is not there (and 1 more fields)" {
		t.Error(got)
	}
}

func FuzzParsePath(f *testing.F) {
	for _, s := range []string{".", "a.b[0].c", `["a.b"].c`, `["\u00e9"][3]`, "a..b", "[0", `["`, `["\"]`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		p, err := parsePath(s)
		if err != nil {
			if text := err.Error(); traffic.CleanText(text, len(text)) != text {
				t.Errorf("an error that is not clean: %q", text)
			}
			return
		}
		if len(written(p)) > maxPath { // by its quotes
			return
		}
		if again, err := parsePath(written(p)); err != nil || !cmp.Equal(again, p, cmp.AllowUnexported(step{})) {
			t.Errorf("%q is %+v, %q is %+v, %v", s, p, written(p), again, err)
		}
	})
}

// written is a path with all keys quoted.
func written(p path) string {
	if len(p) == 0 {
		return "."
	}
	var b strings.Builder
	for _, s := range p {
		b.WriteByte('[')
		if s.isIndex {
			b.WriteString(strconv.Itoa(s.index))
		} else {
			key, err := json.Marshal(s.key)
			if err != nil {
				panic(err) // no text is without JSON
			}
			b.Write(key)
		}
		b.WriteByte(']')
	}
	return b.String()
}

// FuzzPick compares with a reader that has the whole document in memory.
func FuzzPick(f *testing.F) {
	f.Add([]byte(`{"a":{"b":[1,{"c":"2"}]}}`), "a.b[1].c", "a")
	f.Add([]byte(`{"a":1,"a":{"b":null}}`), "a.b", "a")
	f.Add([]byte(`[1e999,true,"x"]`), "[0]", ".")
	f.Add([]byte(`{"a":NaN}`), "a", "a")
	f.Fuzz(func(t *testing.T, document []byte, one, two string) {
		var fields []field
		for _, s := range []string{one, two} {
			p, err := parsePath(s)
			if err != nil {
				return
			}
			fields = append(fields, field{"x", p})
		}
		got, err := pick(document, fields)
		tree, ok := decode(document)
		if ok != (err == nil) {
			t.Fatalf("JSON: %v, but %v", ok, err)
		}
		for i := range got {
			if want := walk(tree, fields[i].path); got[i] != want {
				t.Errorf("%s of %q: got %+v, want %+v", written(fields[i].path), document, got[i], want)
			}
			if math.IsNaN(got[i].value) || math.IsInf(got[i].value, 0) {
				t.Errorf("not finite: %+v", got[i])
			}
		}
	})
}

func decode(document []byte) (tree any, ok bool) {
	d := json.NewDecoder(bytes.NewReader(bytes.TrimPrefix(document, []byte("\ufeff"))))
	d.UseNumber()
	if d.Decode(&tree) != nil {
		return nil, false
	}
	_, err := d.Token()
	return tree, err == io.EOF
}

func walk(tree any, p path) figure {
	for _, s := range p {
		switch v := tree.(type) {
		case map[string]any:
			member, ok := v[s.key]
			if !ok || s.isIndex {
				return absentFigure
			}
			tree = member
		case []any:
			if !s.isIndex || s.index >= len(v) {
				return absentFigure
			}
			tree = v[s.index]
		default:
			return absentFigure
		}
	}
	switch v := tree.(type) {
	case map[string]any:
		return figure{wrong: "is an object"}
	case []any:
		return figure{wrong: "is an array"}
	case nil:
		return figure{wrong: "is null"}
	case bool:
		if v {
			return figure{value: 1}
		}
		return figure{}
	case string:
		var n json.Number
		if json.Unmarshal([]byte(v), &n) != nil || strings.TrimSpace(v) != v || strings.ContainsAny(v[:1], `n"`) {
			return figure{wrong: "is a text"}
		}
		tree = n
	}
	value, err := tree.(json.Number).Float64()
	if err != nil {
		return figure{wrong: "is a number beyond all measure"}
	}
	return figure{value: value}
}
