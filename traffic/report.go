package traffic

import (
	"errors"
	"fmt"
	"time"
)

// Query asks the history what was used. It is what `bwmon report`, the API and
// the surfaces ask with.
type Query struct {
	// By says what the rows are: a series kind, see the By constants.
	By string
	// Of says which bytes: OfTraffic, or OfDisk for what was read (rx) and written
	// (tx) by apps, commands, users, containers and units. "" is OfTraffic.
	Of string
	// Name keeps the series of exactly that name; of commands App keeps those of
	// one app. "" keeps all.
	Name, App string
	// From and To are the time asked about, To excluded. A zero From is the
	// beginning of the history, a zero To is now.
	From, To time.Time
	// Step divides the time: minute, hour, day or month, of the history's time
	// zone; "" does not.
	Step string
	// Top keeps the series with most bytes, rx and tx together, and sums the
	// others in one row; 0 keeps all.
	Top int
	// Percentile asks of interfaces for that percentile of their rates, too, as
	// transit is billed: 95 usually; 0: for none.
	Percentile float64
}

// What a report's rows may be.
const (
	ByApp        = "app"
	ByCommand    = "command"
	ByUser       = "user"
	ByContainer  = "container"
	ByUnit       = "unit"
	ByLANHost    = "lan-host"
	ByRemoteHost = "remote-host"
	ByInterface  = "interface"
	ByPipe       = "pipe"
	ByDisk       = "disk" // rx is read, tx written
	ByHost       = "host" // of a fleet; Query.App keeps what one app used on each
)

// Which bytes a report is of.
const (
	OfTraffic = "traffic"
	OfDisk    = "disk"
)

// The steps of a report.
const (
	StepMinute = "minute"
	StepHour   = "hour"
	StepDay    = "day"
	StepMonth  = "month"
)

// Others is the row of a report that sums what Query.Top left out, and of the
// history what was too much to be kept by name.
const Others = "(others)"

// Report is the answer. Its JSON is a public document.
type Report struct {
	Schema int       `json:"schema"`
	Host   string    `json:"host"`
	By     string    `json:"by"`
	Of     string    `json:"of,omitempty"`
	Step   string    `json:"step,omitempty"`
	From   time.Time `json:"from"` // what is covered: whole pieces of the finest level that still has it
	To     time.Time `json:"to"`
	Zone   string    `json:"zone"` // whose days and months these are
	// Times are the beginnings of the steps, the same for all rows; empty
	// without a Step.
	Times []time.Time `json:"times,omitempty"`
	Rows  []ReportRow `json:"rows"` // most bytes first, Others last
	// Total is the sum of the rows.
	Total ReportRow `json:"total"`
	// Detail says what of the time asked about the history does not have; "" where
	// it has all.
	Detail string `json:"detail,omitempty"`
}

// ReportRow is one series.
type ReportRow struct {
	Name    string `json:"name"`
	App     string `json:"app,omitempty"` // of a command
	RxBytes uint64 `json:"rx_bytes"`
	TxBytes uint64 `json:"tx_bytes"`
	// Rx and Tx are the bytes of each step.
	Rx []uint64 `json:"rx,omitempty"`
	Tx []uint64 `json:"tx,omitempty"`
	// Percentile is what Query.Percentile asked for.
	Percentile *Percentile `json:"percentile,omitempty"`
}

// Percentile is the rate that a share of a time's samples does not exceed, each the
// mean of five minutes. What is billed is the larger of the two.
type Percentile struct {
	Of      float64 `json:"of"`      // per cent, as asked for
	RxBits  float64 `json:"rx_bits"` // per second
	TxBits  float64 `json:"tx_bits"`
	Samples int     `json:"samples"` // there were
	Missing int     `json:"missing"` // of the time asked about, which has passed: nothing was counted then
}

// Check makes all text of r clean, and says what makes no sense in it. Whoever reads a
// report from elsewhere calls it.
func (r *Report) Check() error {
	if r.Schema != SchemaVersion {
		return fmt.Errorf("read a report: its schema is %d, this bwmon knows %d: use the same version on both sides", r.Schema, SchemaVersion)
	}
	for _, row := range append([]ReportRow{r.Total}, r.Rows...) {
		if len(row.Rx) != len(r.Times) || len(row.Tx) != len(r.Times) {
			return errors.New("read a report: its rows have other steps than it says")
		}
	}
	r.clean()
	return nil
}

func (r *Report) clean() {
	words(&r.Host, &r.By, &r.Of, &r.Step, &r.Zone)
	r.Detail = CleanText(r.Detail, MaxCommand)
	r.Total.clean()
	for i := range r.Rows {
		r.Rows[i].clean()
	}
}

func (r *ReportRow) clean() {
	r.Name, r.App = CleanText(r.Name, MaxCommand), CleanText(r.App, MaxCommand)
}
