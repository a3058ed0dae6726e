package main

import (
	"encoding/csv"
	"fmt"
	"io"
	"strconv"
	"strings"

	"bwmon/traffic"
)

// printCSV prints one record for each command, after a header, as RFC 4180
// has it. Lines end in CR LF.
func printCSV(w io.Writer, s *traffic.Snapshot) error {
	out := csv.NewWriter(w)
	out.UseCRLF = true
	out.Write([]string{
		"app", "command", "user", "container", "unit", "pids", "processes", "connections",
		"rx_bytes", "tx_bytes", "rx_rate", "tx_rate",
	})
	for _, a := range s.Apps {
		for _, c := range a.Commands {
			out.Write([]string{
				csvText(a.Name), csvText(c.Command), csvText(c.User), csvText(c.Container), csvText(c.Unit),
				joinInts(c.PIDs), strconv.Itoa(c.Processes), strconv.Itoa(c.Connections),
				strconv.FormatUint(c.RxBytes, 10), strconv.FormatUint(c.TxBytes, 10),
				strconv.FormatFloat(c.RxRate, 'f', 1, 64), strconv.FormatFloat(c.TxRate, 'f', 1, 64),
			})
		}
	}
	out.Flush()
	if err := out.Error(); err != nil {
		return fmt.Errorf("write CSV: %w", err)
	}
	return nil
}

// csvText keeps a spreadsheet from running a cell as a formula: one that
// begins like a formula gets a leading apostrophe.
func csvText(s string) string {
	if s != "" && strings.IndexByte("=+-@\t\r", s[0]) >= 0 {
		return "'" + s
	}
	return s
}

func joinInts(list []int) string {
	words := make([]string, len(list))
	for i, n := range list {
		words[i] = strconv.Itoa(n)
	}
	return strings.Join(words, " ")
}
