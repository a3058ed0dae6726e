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

// exportCSV makes records after a header, as RFC 4180 has it: of a rule about bytes
// one for each app of that moment, of one about a metric one for each figure. Each
// says what was violated too, so that files can be put together.
func exportCSV(e Event) ([]byte, error) {
	var b bytes.Buffer
	out := csv.NewWriter(&b)
	out.UseCRLF = true
	if e.Alert.Metric != "" {
		writeFigures(out, e)
	} else {
		writeApps(out, e)
	}
	out.Flush()
	if err := out.Error(); err != nil {
		return nil, fmt.Errorf("write CSV: %w", err)
	}
	return b.Bytes(), nil
}

// writeApps writes the apps; of an event without a snapshot one record without an
// app.
func writeApps(out *csv.Writer, e Event) {
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
}

// writeFigures writes the figures of the source, which is the subject of the rule,
// and then those of all other series.
func writeFigures(out *csv.Writer, e Event) {
	out.Write([]string{
		"timestamp", "source", "metric", "value", "threshold", "rule", "condition", "host", "kind",
		"series", "name", "figure",
	})
	a := e.Alert
	number := func(f float64) string { return strconv.FormatFloat(f, 'f', -1, 64) }
	violation := []string{
		a.At.UTC().Format(time.RFC3339), csvCell(a.Subject), csvCell(a.Metric), number(a.Value), number(a.Threshold),
		csvCell(a.Rule), csvCell(a.Condition), csvCell(a.Host), csvCell(a.Kind),
	}
	write := func(of string, metrics traffic.Metrics) {
		for _, m := range metrics {
			out.Write(append(violation[:len(violation):len(violation)], csvCell(of), csvCell(m.Name), number(m.Value)))
		}
	}
	own := a.Metrics
	if len(own) == 0 { // an event that somebody tries out, perhaps
		own = traffic.Metrics{{Name: a.Metric, Value: a.Value}}
	}
	write(a.Subject, own)
	if e.Snapshot == nil {
		return
	}
	for i := range e.Snapshot.Series {
		s := &e.Snapshot.Series[i]
		if own := a.Kind == string(KindSubject) && s.ID() == a.Subject ||
			a.Kind == string(KindHost) && s.Kind == traffic.SeriesHost && s.Name == a.Subject; !own {
			write(s.ID(), s.Metrics)
		}
	}
}

// csvCell keeps a spreadsheet from running a cell as a formula: one that begins
// like a formula gets a leading apostrophe.
func csvCell(s string) string {
	if s != "" && strings.IndexByte("=+-@\t\r", s[0]) >= 0 {
		return "'" + s
	}
	return s
}
