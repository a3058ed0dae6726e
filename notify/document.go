package notify

import (
	"bytes"
	"encoding/json"
	"fmt"

	"bwmon/traffic"
)

// document is what a command gets on its standard input and a webhook as the
// body of its POST, and the data of a webhook's template: the fields of the
// Alert beside the schema's number.
type document struct {
	Schema int  `json:"schema"`
	Test   bool `json:"test,omitempty"`
	Alert
}

func newDocument(e Event) document {
	return document{Schema: traffic.SchemaVersion, Test: e.Test, Alert: e.Alert}
}

// encodeJSON is JSON as all surfaces write it: on one line, without a line end,
// and with < and & as they are.
func encodeJSON(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, fmt.Errorf("encode: %w", err)
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}
