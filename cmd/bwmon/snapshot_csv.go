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
// has it; with machine also for those without traffic, and what each uses of the
// machine. Lines end in CR LF.
func printCSV(w io.Writer, s *traffic.Snapshot, machine bool) error {
	out := csv.NewWriter(w)
	out.UseCRLF = true
	head := []string{
		"app", "command", "user", "container", "unit", "pids", "processes", "connections",
		"rx_bytes", "tx_bytes", "rx_rate", "tx_rate",
	}
	if machine {
		head = append(head, "disk_read_bytes", "disk_write_bytes", "disk_read_rate", "disk_write_rate",
			"cache_read_bytes", "cache_write_bytes", "cpu_percent", "memory_bytes")
	}
	out.Write(head)
	whole := func(n uint64) string { return strconv.FormatUint(n, 10) }
	tenths := func(v float64) string { return strconv.FormatFloat(v, 'f', 1, 64) }
	for _, a := range s.Apps {
		for i := range a.Commands {
			c := &a.Commands[i]
			if !machine && c.MachineOnly() {
				continue
			}
			record := []string{
				csvText(a.Name), csvText(c.Command), csvText(c.User), csvText(c.Container), csvText(c.Unit),
				joinInts(c.PIDs), strconv.Itoa(c.Processes), strconv.Itoa(c.Connections),
				whole(c.RxBytes), whole(c.TxBytes), tenths(c.RxRate), tenths(c.TxRate),
			}
			if machine {
				record = append(record, whole(c.DiskReadBytes), whole(c.DiskWriteBytes), tenths(c.DiskReadRate), tenths(c.DiskWriteRate),
					whole(c.CacheReadBytes), whole(c.CacheWriteBytes), tenths(c.CPUPercent), whole(c.MemoryBytes))
			}
			out.Write(record)
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
