package notify

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"text/template"
	"time"

	"bwmon/traffic"
)

// maxContent bounds what a template makes.
const maxContent = 8 << 20

// parseTemplate compiles a webhook's template and tries it out on an alert with
// awkward texts in it: better now than when it counts.
func parseTemplate(text, contentType string) (*template.Template, error) {
	t, err := template.New("template").Funcs(template.FuncMap{
		"json":      func(v any) (string, error) { b, err := encodeJSON(v); return string(b), err },
		"headline":  headlineOf,
		"rate":      rateText,
		"bytes":     bytesText,
		"value":     func(d document) string { return amount(d.Alert, d.Value) },
		"threshold": func(d document) string { return amount(d.Alert, d.Threshold) },
		"rfc3339":   func(t time.Time) string { return t.UTC().Format(time.RFC3339) },
	}).Option("missingkey=error").Parse(text)
	if err != nil {
		return nil, err
	}
	awkward := `a "name" \ with <signs> & %s`
	at := time.Unix(1e9, 0).UTC()
	trial := Alert{
		ID: "0", Host: awkward, Rule: awkward, Kind: "app", Subject: awkward, State: StateFiring,
		App: awkward, Command: awkward, User: awkward, Container: awkward, Unit: awkward,
		Direction: "rx", Condition: "above", Value: 2, Threshold: 1, Window: 1, Since: at, At: at, Count: 1,
	}
	resolved, measured := trial, trial
	resolved.State = StateResolved
	measured.Direction, measured.Metric, measured.Metrics = "", awkward, traffic.Metrics{{Name: awkward, Value: 2}}
	for _, a := range []Alert{trial, resolved, measured} {
		content, err := execute(t, newDocument(Event{Alert: a}))
		if err != nil {
			return nil, err
		}
		if strings.Contains(contentType, "json") && !json.Valid(content) {
			return nil, errors.New(`the template makes invalid JSON of a name with quotes in it: write {{json .Subject}} in place of "{{.Subject}}"`)
		}
	}
	return t, nil
}

// headlineOf is headline for a template: {{headline .}}.
func headlineOf(d document) string { return headline(d.Alert) }

func execute(t *template.Template, d document) ([]byte, error) {
	var b limitedBuffer
	if err := t.Execute(&b, d); err != nil {
		return nil, fmt.Errorf("execute template: %w", err)
	}
	return b.Bytes(), nil
}

// limitedBuffer takes maxContent bytes and no more.
type limitedBuffer struct{ bytes.Buffer }

func (b *limitedBuffer) Write(p []byte) (int, error) {
	if b.Len()+len(p) > maxContent {
		return 0, fmt.Errorf("it makes more than %d bytes", maxContent)
	}
	return b.Buffer.Write(p)
}
