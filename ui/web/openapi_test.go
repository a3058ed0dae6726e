package web

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"bwmon/traffic"
)

// described is as much of the description of the API as the tests look at.
type described struct {
	OpenAPI string
	Info    struct{ Description string }
	Servers []struct{ URL string }
	Paths   map[string]map[string]operation

	Components struct{ Schemas map[string]*schema }
}

type operation struct {
	OperationID string
	Security    *[]any
	Parameters  []struct {
		Name, In string
		Required bool
		Schema   schema
	}
	RequestBody *struct{ Content map[string]content }
	Responses   map[string]struct {
		Ref     string `json:"$ref"`
		Content map[string]content
	}
	Samples []struct{ Lang, Source string } `json:"x-codeSamples"`
}

type content struct{ Schema schema }

// schema is what of JSON Schema the description uses.
type schema struct {
	Ref         string `json:"$ref"`
	Description string
	Type        any
	Format      string
	Const       any
	Enum        []any
	Default     any
	Pattern     string
	Minimum     *float64
	Items       *schema
	Properties  map[string]*schema
	Required    []string
	Additional  *bool `json:"additionalProperties"`
}

// check tells where v is not what the schema says, and of what the schema does not
// tell.
func (d *described) check(s *schema, v any, where string) (wrong []string) {
	for s.Ref != "" {
		name := strings.TrimPrefix(s.Ref, "#/components/schemas/")
		if s = d.Components.Schemas[name]; s == nil {
			return []string{where + ": no schema " + name}
		}
	}
	complain := func(format string, args ...any) {
		wrong = append(wrong, where+": "+fmt.Sprintf(format, args...))
	}
	if s.Const != nil && v != s.Const {
		complain("%v, want %v", v, s.Const)
	}
	if len(s.Enum) > 0 && !slices.Contains(s.Enum, v) {
		complain("%v, want one of %v", v, s.Enum)
	}
	kinds, _ := s.Type.([]any)
	if s.Type != nil && kinds == nil {
		kinds = []any{s.Type}
	}
	if len(kinds) > 0 && !slices.ContainsFunc(kinds, func(k any) bool { return isKind(v, k) }) {
		complain("%T, want %v", v, s.Type)
	}
	switch v := v.(type) {
	case string:
		if _, err := time.Parse(time.RFC3339, v); s.Format == "date-time" && err != nil {
			complain("%v", err)
		}
	case float64:
		if s.Minimum != nil && v < *s.Minimum {
			complain("%v, want at least %v", v, *s.Minimum)
		}
	case []any:
		for i, e := range v {
			if s.Items != nil {
				wrong = append(wrong, d.check(s.Items, e, fmt.Sprintf("%s[%d]", where, i))...)
			}
		}
	case map[string]any:
		for _, name := range s.Required {
			if _, ok := v[name]; !ok {
				complain("no %s", name)
			}
		}
		for name, e := range v {
			if p := s.Properties[name]; p != nil {
				wrong = append(wrong, d.check(p, e, where+"."+name)...)
			} else if s.Additional != nil && !*s.Additional {
				complain("%s is not described", name)
			}
		}
	}
	return wrong
}

func isKind(v, kind any) bool {
	switch v := v.(type) {
	case nil:
		return kind == "null"
	case bool:
		return kind == "boolean"
	case string:
		return kind == "string"
	case float64:
		return kind == "number" || kind == "integer" && v == float64(int64(v))
	case []any:
		return kind == "array"
	}
	return kind == "object"
}

func description(t *testing.T) *described {
	t.Helper()
	var d described
	if err := json.Unmarshal(openAPI, &d); err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(d.OpenAPI, "3.1.") || len(d.Servers) != 1 {
		t.Fatalf("OpenAPI %q, servers %v", d.OpenAPI, d.Servers)
	}
	return &d
}

// TestEveryRouteIsDescribed: and what is described is there.
func TestEveryRouteIsDescribed(t *testing.T) {
	s := New(Options{})
	defer s.Close()
	var have, told []string
	for _, r := range s.routes(newGuard(Access{})) {
		if strings.HasPrefix(r.Path, "/assets/") {
			continue
		}
		have = append(have, r.Method+" "+strings.TrimSuffix(r.Path, "{$}"))
	}
	ids := make(map[string]bool)
	for path, operations := range description(t).Paths {
		for method, o := range operations {
			told = append(told, strings.ToUpper(method)+" "+path)
			if o.OperationID == "" || ids[o.OperationID] || len(o.Samples) == 0 {
				t.Errorf("%s %s: id %q, %d examples", method, path, o.OperationID, len(o.Samples))
			}
			ids[o.OperationID] = true
			for _, name := range regexp.MustCompile(`\{(\w+)\}`).FindAllStringSubmatch(path, -1) {
				if !slices.ContainsFunc(o.Parameters, func(p struct {
					Name, In string
					Required bool
					Schema   schema
				}) bool {
					return p.In == "path" && p.Required && p.Name == name[1]
				}) {
					t.Errorf("%s: %s is not described", path, name[1])
				}
			}
			if open := o.Security != nil; open != (path == "/" || path == "/healthz") {
				t.Errorf("%s: without the token: %v", path, open)
			}
		}
	}
	slices.Sort(have)
	slices.Sort(told)
	if diff := cmp.Diff(have, told); diff != "" {
		t.Errorf("routes (-there +described):\n%s", diff)
	}
}

// described answers as a daemon does.
func describedSite(t *testing.T) *site {
	var c control
	o := c.options()
	o.Now = func() time.Time { return began.Add(time.Second) }
	o.History = func(_ context.Context, q traffic.Query) (*traffic.Report, error) { return report(q), nil }
	o.Trend = func(_ context.Context, q traffic.TrendQuery) (traffic.Trend, error) { return trend(q), nil }
	o.Things = func(context.Context) []traffic.Thing { return things }
	o.Switch = func(context.Context, string, string, bool) error { return nil }
	o.Reload = func(context.Context) ([]string, error) { return []string{"2 rules"}, nil }
	o.Alerts = keptAlerts(200).list
	s := open(t, o, Access{Token: testToken})
	s.Publish(withFlows(1))
	return s
}

// TestExamplesWork runs every example of the description with curl against a server,
// and holds what comes back against the description.
func TestExamplesWork(t *testing.T) {
	if _, err := exec.LookPath("curl"); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	d := description(t)
	s := describedSite(t)
	var group []string
	for path := range d.Paths {
		group = append(group, path)
	}
	slices.Sort(group)
	t.Run("all", func(t *testing.T) { // the server is there until all have ended
		for _, path := range group {
			for method, o := range d.Paths[path] {
				for i, sample := range o.Samples {
					t.Run(fmt.Sprintf("%s %s %d", method, path, i), func(t *testing.T) {
						t.Parallel()
						if sample.Lang != "Shell" || !strings.HasPrefix(sample.Source, "curl ") {
							t.Fatalf("no curl: %s", sample.Source)
						}
						d.try(t, s, &o, sample.Source)
					})
				}
			}
		}
	})
}

// try runs one example.
func (d *described) try(t *testing.T, s *site, o *operation, example string) {
	file := filepath.Join(t.TempDir(), "body")
	command := strings.ReplaceAll(example, d.Servers[0].URL, s.url) + ` -o "$FILE" -w '%{http_code} %{content_type}'`
	run := exec.CommandContext(t.Context(), "bash", "-c", command)
	run.Env = append(os.Environ(), "TOKEN="+testToken, "FILE="+file)
	out, err := run.Output()
	if err != nil && !strings.Contains(example, "--max-time") {
		t.Fatalf("%s: %v: %s", example, err, out)
	}
	status, kind, _ := strings.Cut(string(out), " ")
	kind, _, _ = strings.Cut(kind, ";")
	response, ok := o.Responses[status]
	if !ok {
		t.Fatalf("%s: status %s is not described", example, status)
	}
	if len(response.Content) == 0 {
		if kind != "" {
			t.Errorf("%s: %s is not described", example, kind)
		}
		return
	}
	c, ok := response.Content[kind]
	if !ok {
		t.Fatalf("%s: %q is not described", example, kind)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	switch kind {
	case "application/json":
		d.checkText(t, &c.Schema, text)
	case "text/event-stream":
		data := regexp.MustCompile(`(?m)^data: (.*)$`).FindAllSubmatch(text, -1)
		if len(data) == 0 {
			t.Fatalf("no event in %q", text)
		}
		for _, m := range data {
			d.checkText(t, &schema{Ref: "#/components/schemas/Snapshot"}, m[1])
		}
	default:
		if len(text) == 0 {
			t.Error("nothing came")
		}
	}
}

func (d *described) checkText(t *testing.T, s *schema, text []byte) {
	t.Helper()
	var v any
	if err := json.Unmarshal(text, &v); err != nil {
		t.Fatalf("%v: %q", err, text)
	}
	for _, wrong := range d.check(s, v, "") {
		t.Error(wrong)
	}
}

// TestDescribedWordsAreKnown: every word that a parameter is said to take is taken.
func TestDescribedWordsAreKnown(t *testing.T) {
	s := describedSite(t)
	tried := 0
	for path, operations := range description(t).Paths {
		o, ok := operations["get"]
		if !ok || path == "/api/v1/stream" {
			continue
		}
		for _, p := range o.Parameters {
			for _, word := range p.Schema.Enum {
				s.get(path+"?"+url.Values{p.Name: {word.(string)}}.Encode(), bearer(testToken)).want(t, 200)
				tried++
			}
		}
	}
	if tried < 15 {
		t.Errorf("tried %d words", tried)
	}
	d := description(t)
	for _, word := range kinds {
		if !slices.Contains(d.enum("/api/v1/history", "by"), any(word)) {
			t.Errorf("by=%s is not described", word)
		}
	}
	for _, word := range diskKinds {
		s.get("/api/v1/history?of=disk&by="+word, bearer(testToken)).want(t, 200)
	}
	for _, word := range steps {
		if !slices.Contains(d.enum("/api/v1/history", "step"), any(word)) {
			t.Errorf("step=%s is not described", word)
		}
	}
}

func (d *described) enum(path, name string) []any {
	for _, p := range d.Paths[path]["get"].Parameters {
		if p.Name == name {
			return p.Schema.Enum
		}
	}
	return nil
}

// TestProblemsAreDescribed: errors, too.
func TestProblemsAreDescribed(t *testing.T) {
	s := describedSite(t)
	d := description(t)
	a := s.get("/none", bearer(testToken)).want(t, 404)
	d.checkText(t, &schema{Ref: "#/components/schemas/Problem"}, []byte(a.body))
	for path, operations := range d.Paths {
		for method, o := range operations {
			if o.Responses["default"].Ref != "#/components/responses/Problem" {
				t.Errorf("%s %s: errors are not described", method, path)
			}
		}
	}
	// What is described of a snapshot is all that it has.
	for _, snapshot := range []*traffic.Snapshot{typical(1), withFlows(1), empty(1), fleet(1, 3)} {
		text, err := encode(snapshot)
		if err != nil {
			t.Fatal(err)
		}
		d.checkText(t, &schema{Ref: "#/components/schemas/Snapshot"}, text)
	}
}

// TestCheckFindsWhatIsWrong: the tests above rely on it.
func TestCheckFindsWhatIsWrong(t *testing.T) {
	d := description(t)
	right := map[string]any{"schema": 1.0, "monitors": []any{
		map[string]any{"name": "a", "kind": "b", "state": "running", "lost": 0.0, "detail": ""},
	}}
	monitors := &schema{Ref: "#/components/schemas/Monitors"}
	if wrong := d.check(monitors, right, ""); len(wrong) > 0 {
		t.Fatal(wrong)
	}
	for _, v := range []any{
		nil, "x", []any{}, map[string]any{"schema": 2.0, "monitors": []any{}}, map[string]any{"schema": 1.0},
		map[string]any{"schema": 1.0, "monitors": nil}, map[string]any{"schema": 1.0, "monitors": []any{}, "more": 1.0},
		map[string]any{"schema": 1.0, "monitors": []any{map[string]any{"name": "a", "kind": "b", "state": "odd", "lost": 0.0, "detail": ""}}},
		map[string]any{"schema": 1.0, "monitors": []any{map[string]any{"name": "a", "kind": "b", "state": "running", "lost": -1.0, "detail": ""}}},
		map[string]any{"schema": 1.0, "monitors": []any{map[string]any{"name": "a", "kind": "b", "state": "running", "lost": 0.5, "detail": ""}}},
		map[string]any{"schema": 1.0, "monitors": []any{map[string]any{"name": 1.0, "kind": "b", "state": "running", "lost": 0.0, "detail": ""}}},
	} {
		if len(d.check(monitors, v, "")) == 0 {
			t.Errorf("nothing is wrong with %v", v)
		}
	}
}
