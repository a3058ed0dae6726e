package traffic

import (
	"errors"
	"fmt"
	"time"
)

// TrendQuery asks the history how figures went: what is measured at a moment has
// means, not sums.
type TrendQuery struct {
	// Series and Metric keep those of exactly that ID and name; "" keeps all.
	Series, Metric string
	// From, To and Step are those of a Query; without a Step all the time is one.
	From, To time.Time
	Step     string
}

// Trend is the answer. Its JSON is a public document.
type Trend struct {
	Schema int       `json:"schema"`
	Host   string    `json:"host"`
	Step   string    `json:"step,omitempty"`
	From   time.Time `json:"from"`
	To     time.Time `json:"to"`
	Zone   string    `json:"zone"`
	// Times are the beginnings of the steps; empty without a Step.
	Times  []time.Time `json:"times,omitempty"`
	Rows   []TrendRow  `json:"rows"` // by series and metric
	Detail string      `json:"detail,omitempty"`
}

// Check makes all text of t clean, and says what makes no sense in it. Whoever reads a
// trend from elsewhere calls it.
func (t *Trend) Check() error {
	if t.Schema != SchemaVersion {
		return fmt.Errorf("read a trend: its schema is %d, this bwmon knows %d: use the same version on both sides", t.Schema, SchemaVersion)
	}
	words(&t.Host, &t.Step, &t.Zone)
	t.Detail = CleanText(t.Detail, MaxCommand)
	for i := range t.Rows {
		r := &t.Rows[i]
		if len(r.Steps) != len(t.Times) {
			return errors.New("read a trend: its rows have other steps than it says")
		}
		r.Series, r.Metric = CleanText(r.Series, MaxCommand), CleanText(r.Metric, MaxWord)
	}
	return nil
}

// TrendRow is one metric of one series. The mean is over the time in which it was
// measured.
type TrendRow struct {
	Series string       `json:"series"` // its ID
	Metric string       `json:"metric"`
	Mean   float64      `json:"mean"`
	Min    float64      `json:"min"`
	Max    float64      `json:"max"`
	Steps  []*TrendStep `json:"steps,omitempty"` // as Times; null where nothing was measured
}

// TrendStep is a row in one step.
type TrendStep struct {
	Mean float64 `json:"mean"`
	Min  float64 `json:"min"`
	Max  float64 `json:"max"`
}
