package notify

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"strconv"
	"strings"
	"time"

	"bwmon/traffic"
)

// exportCSV makes one record for each app of that moment, after a header, as
// RFC 4180 has it; each says what was violated too, so that files can be put
// together. Of an event without a snapshot there is one record without an app.
func exportCSV(e Event) ([]byte, error) {
	var b bytes.Buffer
	out := csv.NewWriter(&b)
	out.UseCRLF = true
	out.Write([]string{
		"at", "host", "rule", "kind", "subject", "metric", "value", "threshold",
		"app", "rx_bytes", "tx_bytes", "rx_rate", "tx_rate", "processes", "connections",
	})
	a := e.Alert
	number := func(f float64) string { return strconv.FormatFloat(f, 'f', 1, 64) }
	violation := []string{
		a.At.UTC().Format(time.RFC3339), csvCell(a.Host), csvCell(a.Rule), csvCell(a.Kind), csvCell(a.Subject),
		csvCell(a.Direction + "_" + a.Condition), number(a.Value), number(a.Threshold),
	}
	apps := []traffic.App{{}}
	if e.Snapshot != nil && len(e.Snapshot.Apps) > 0 {
		apps = e.Snapshot.Apps
	}
	for _, app := range apps {
		record := append(violation[:len(violation):len(violation)], csvCell(app.Name),
			strconv.FormatUint(app.RxBytes, 10), strconv.FormatUint(app.TxBytes, 10),
			number(app.RxRate), number(app.TxRate), strconv.Itoa(app.Processes), strconv.Itoa(app.Connections))
		out.Write(record)
	}
	out.Flush()
	if err := out.Error(); err != nil {
		return nil, fmt.Errorf("write CSV: %w", err)
	}
	return b.Bytes(), nil
}

// csvCell keeps a spreadsheet from running a cell as a formula: one that begins
// like a formula gets a leading apostrophe.
func csvCell(s string) string {
	if s != "" && strings.IndexByte("=+-@\t\r", s[0]) >= 0 {
		return "'" + s
	}
	return s
}
