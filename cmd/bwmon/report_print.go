package main

import (
	"encoding/csv"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"bwmon/traffic"
)

// barWidth is the width of the bars of a report, in columns.
const barWidth = 20

// printReport prints a report as a table with bars: of its rows or, where the time is
// divided, of its steps.
func (p *program) printReport(r *traffic.Report, word string, zone *time.Location, u units) {
	w := p.stdout
	fmt.Fprintf(w, "%s, %s to %s (%s)\n", r.Host, r.From.In(zone).Format("2006-01-02 15:04"), r.To.In(zone).Format("2006-01-02 15:04"), r.Zone)
	if r.Detail != "" {
		fmt.Fprintf(w, "%s\n", r.Detail)
	}
	fmt.Fprintln(w)
	switch {
	case len(r.Rows) == 0:
		fmt.Fprintln(w, "nothing was carried in that time")
		return
	case word == "billing":
		printBilling(w, r)
	case word == "days":
		printDays(w, r, zone, u)
	case r.Step != "":
		printSteps(w, r, zone, u)
	default:
		printRows(w, r, u)
	}
}

func printRows(w io.Writer, r *traffic.Report, u units) {
	heading := strings.ToUpper(strings.ReplaceAll(r.By, "-", " "))
	ofApp := slices.ContainsFunc(r.Rows, func(row traffic.ReportRow) bool { return row.App != "" })
	titles := []string{heading, "", ">RX", ">TX", ">TOTAL", ">SHARE"}
	if ofApp {
		titles = append([]string{"APP"}, titles...)
	}
	g := newGrid(titles...)
	most := uint64(0)
	for _, row := range r.Rows {
		most = max(most, row.RxBytes+row.TxBytes)
	}
	whole := r.Total.RxBytes + r.Total.TxBytes
	add := func(row traffic.ReportRow, bar string) {
		cells := []string{traffic.CleanText(row.Name, maxShown), bar}
		if ofApp {
			cells = append([]string{traffic.CleanText(row.App, maxShown)}, cells...)
		}
		g.add(append(cells, u.bytes(row.RxBytes), u.bytes(row.TxBytes), u.bytes(row.RxBytes+row.TxBytes), share(row.RxBytes+row.TxBytes, whole))...)
	}
	for _, row := range r.Rows {
		add(row, bar(row.RxBytes, row.TxBytes, most))
	}
	if len(r.Rows) > 1 {
		total := r.Total
		total.Name, total.App = "total", ""
		add(total, "")
	}
	g.print(w)
}

// printBilling prints what would be billed for each interface.
func printBilling(w io.Writer, r *traffic.Report) {
	u := units{bits: true}
	g := newGrid("INTERFACE", ">PERCENTILE", ">RX", ">TX", ">BILLED", ">SAMPLES", ">MISSING")
	for _, row := range r.Rows {
		if p := row.Percentile; p != nil {
			g.add(row.Name, strconv.FormatFloat(p.Of, 'g', -1, 64), u.rate(p.RxBits/8), u.rate(p.TxBits/8), u.rate(max(p.RxBits, p.TxBits)/8),
				strconv.Itoa(p.Samples), strconv.Itoa(p.Missing))
		}
	}
	g.print(w)
}

// printSteps prints the sums of each step, and the row that has most of it.
func printSteps(w io.Writer, r *traffic.Report, zone *time.Location, u units) {
	g := newGrid("FROM", "", ">RX", ">TX", ">TOTAL", ">RATE", "MOST BY")
	most := uint64(0)
	for i := range r.Times {
		rx, tx := r.Total.Rx[i], r.Total.Tx[i]
		most = max(most, rx+tx)
	}
	for i, at := range r.Times {
		rx, tx := r.Total.Rx[i], r.Total.Tx[i]
		end := r.To
		if i+1 < len(r.Times) {
			end = r.Times[i+1]
		}
		rate := 0.0
		if s := end.Sub(at).Seconds(); s > 0 {
			rate = float64(rx+tx) / s
		}
		g.add(stepText(at.In(zone), r.Step), bar(rx, tx, most), u.bytes(rx), u.bytes(tx), u.bytes(rx+tx), u.rate(rate), mostBy(r.Rows, i))
	}
	g.add("total", "", u.bytes(r.Total.RxBytes), u.bytes(r.Total.TxBytes), u.bytes(r.Total.RxBytes+r.Total.TxBytes), "", "")
	g.print(w)
}

func mostBy(rows []traffic.ReportRow, step int) string {
	name, most := "", uint64(0)
	for _, row := range rows {
		if n := row.Rx[step] + row.Tx[step]; n > most {
			name, most = row.Name, n
		}
	}
	return traffic.CleanText(name, maxShown)
}

func stepText(at time.Time, step string) string {
	switch step {
	case traffic.StepMonth:
		return at.Format("2006-01")
	case traffic.StepDay:
		return at.Format("Mon 2006-01-02")
	}
	return at.Format("2006-01-02 15:04")
}

// topDays is how many days are listed.
const topDays = 10

func printDays(w io.Writer, r *traffic.Report, zone *time.Location, u units) {
	order := make([]int, 0, len(r.Times))
	for i := range r.Times {
		if r.Total.Rx[i]+r.Total.Tx[i] > 0 {
			order = append(order, i)
		}
	}
	slices.SortStableFunc(order, func(i, j int) int {
		a, b := r.Total.Rx[i]+r.Total.Tx[i], r.Total.Rx[j]+r.Total.Tx[j]
		switch {
		case a > b:
			return -1
		case a < b:
			return 1
		}
		return 0
	})
	order = order[:min(len(order), topDays)]
	g := newGrid(">#", "DAY", "", ">RX", ">TX", ">TOTAL")
	for n, i := range order {
		rx, tx := r.Total.Rx[i], r.Total.Tx[i]
		first := order[0]
		g.add(strconv.Itoa(n+1), stepText(r.Times[i].In(zone), traffic.StepDay), bar(rx, tx, r.Total.Rx[first]+r.Total.Tx[first]), u.bytes(rx), u.bytes(tx), u.bytes(rx+tx))
	}
	g.print(w)
}

// bar draws rx and then tx against the most there is, to an eighth of a column.
func bar(rx, tx, most uint64) string {
	if most == 0 || rx+tx == 0 {
		return ""
	}
	eighths := func(n uint64) int { return int(float64(n)/float64(most)*8*barWidth + 0.5) }
	const parts = "▏▎▍▌▋▊▉"
	full := eighths(rx + tx)
	ofRx := eighths(rx) / 8
	out := strings.Repeat("█", ofRx)
	rest := full - 8*ofRx
	if eighths(tx) == 0 || ofRx == barWidth {
		if rest%8 > 0 {
			out += string([]rune(parts)[rest%8-1])
		}
		return out
	}
	return out + strings.Repeat("▒", (rest+7)/8)
}

func share(part, whole uint64) string {
	if whole == 0 {
		return ""
	}
	return fmt.Sprintf("%.1f %%", 100*float64(part)/float64(whole))
}

// printReportCSV prints a record for each row, or for each step of each row.
func printReportCSV(w io.Writer, r *traffic.Report) error {
	out := csv.NewWriter(w)
	out.UseCRLF = true
	out.Write([]string{"from", "to", "by", "name", "app", "rx_bytes", "tx_bytes"})
	add := func(from, to time.Time, row traffic.ReportRow, rx, tx uint64) {
		out.Write([]string{
			from.UTC().Format(time.RFC3339), to.UTC().Format(time.RFC3339), r.By, csvText(row.Name), csvText(row.App),
			strconv.FormatUint(rx, 10), strconv.FormatUint(tx, 10),
		})
	}
	for _, row := range r.Rows {
		if len(r.Times) == 0 {
			add(r.From, r.To, row, row.RxBytes, row.TxBytes)
		}
		for i, at := range r.Times {
			end := r.To
			if i+1 < len(r.Times) {
				end = r.Times[i+1]
			}
			add(at, end, row, row.Rx[i], row.Tx[i])
		}
	}
	out.Flush()
	if err := out.Error(); err != nil {
		return fmt.Errorf("write CSV: %w", err)
	}
	return nil
}
