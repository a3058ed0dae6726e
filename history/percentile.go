package history

import (
	"context"
	"math"
	"slices"
	"time"

	"bwmon/traffic"
)

const sampleSeconds = 300

// Percentile answers for one interface what part of its time's rates do not exceed:
// of is in per cent, 95 for what transit is billed by. Samples are of five minutes of
// UTC; of those at the ends of the time only whole ones count. They are kept for
// Retention.Five.
func (s *Store) Percentile(ctx context.Context, name string, from, to time.Time, of float64) (traffic.Percentile, error) {
	if !(of > 0) {
		return traffic.Percentile{}, noPercentile(of)
	}
	r, err := s.Report(ctx, percentileQuery(name, from, to, of))
	return percentileOf(r, of), err
}

func noPercentile(of float64) error {
	return question("percentile: want a number above 0, up to 100; got %v", of)
}

func percentileQuery(name string, from, to time.Time, of float64) traffic.Query {
	return traffic.Query{By: traffic.ByInterface, Name: name, From: from, To: to, Percentile: of}
}

// percentileOf is what a report of one interface has. Without a row there are no
// samples.
func percentileOf(r *traffic.Report, of float64) traffic.Percentile {
	if r == nil {
		return traffic.Percentile{}
	}
	for _, row := range r.Rows {
		if row.Percentile != nil {
			return *row.Percentile
		}
	}
	n := wholeSamples(r.From, r.To)
	return traffic.Percentile{Of: of, Missing: n}
}

func wholeSamples(from, to time.Time) int {
	first, last := five.ceil(calendar{}, from), five.begin(calendar{}, to)
	return max(0, int(last.Sub(first)/(sampleSeconds*time.Second)))
}

// percentiles adds to the report's rows, of which the first are named, what the query
// asks for.
func (a *asking) percentiles(named []tallied) error {
	from, to := a.report.From, a.report.To
	want := wholeSamples(from, to)
	index := make(map[uint32]int, len(named))
	samples := make([][]octets, len(named))
	for i := range named {
		if named[i].id > 0 {
			index[named[i].id] = i
		}
	}
	if want > 0 {
		s := stretch{five, five.ceil(a.calendar, from), five.begin(a.calendar, to)}
		if err := a.samples(s, index, samples); err != nil {
			return err
		}
	}
	for _, i := range index {
		rx, tx := ways(samples[i])
		a.report.Rows[i].Percentile = &traffic.Percentile{
			Of: a.query.Percentile, Samples: len(rx), Missing: want - len(rx),
			RxBits: percentile(rx, a.query.Percentile), TxBits: percentile(tx, a.query.Percentile),
		}
	}
	return nil
}

// samples reads the five minutes of interfaces. What is pending of five minutes that
// are in the file too is one sample with it.
func (a *asking) samples(s stretch, index map[uint32]int, samples [][]octets) error {
	type at struct {
		row   int
		start int64
	}
	seen := make(map[at]int)
	return a.each(kindInterface, s, func(start int64, list []figure) {
		for _, f := range list {
			row, ok := index[f.id]
			if !ok {
				continue
			}
			i, again := seen[at{row, start}]
			if !again {
				i = len(samples[row])
				seen[at{row, start}] = i
				samples[row] = append(samples[row], octets{})
			}
			samples[row][i] = samples[row][i].add(f.octets)
		}
	})
}

// ways are the sorted bytes of samples in both directions.
func ways(samples []octets) (rx, tx []int64) {
	for _, o := range samples {
		o = o.shown()
		rx, tx = append(rx, o.rx), append(tx, o.tx)
	}
	slices.Sort(rx)
	slices.Sort(tx)
	return rx, tx
}

// percentile is the rate, in bits per second, that so many per cent of the samples do
// not exceed: the rest, rounded down, is not billed.
func percentile(sorted []int64, of float64) float64 {
	if len(sorted) == 0 {
		return 0
	}
	i := int(math.Ceil(of*float64(len(sorted))/100)) - 1
	return float64(sorted[max(0, min(i, len(sorted)-1))]) * 8 / sampleSeconds
}
