package engine

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/common/model"

	"bwmon/traffic"
)

// Report answers a query about a host, or with host "" about the whole fleet, which has
// rows by app and host only, and hosts of one app (Query.App). By host it is what the
// interfaces in the balance carried. What cannot be answered is an ErrQuestion. It
// blocks for as long as the engine takes, at most Options.Timeout for each of a dozen
// questions. All figures are exact, as the package's comment says.
func (r *Reader) Report(ctx context.Context, host string, q traffic.Query) (*traffic.Report, error) {
	if err := r.check(host, &q); err != nil {
		return nil, err
	}
	if err := r.isHost(ctx, host); err != nil {
		return nil, err
	}
	report := &traffic.Report{
		Schema: traffic.SchemaVersion, Host: host, By: q.By, Of: cmp.Or(q.Of, traffic.OfTraffic), Step: q.Step,
		Zone: r.opts.Location.String(), From: q.From.UTC(), To: q.To.UTC(), Rows: []traffic.ReportRow{},
	}
	if q.By == traffic.ByDisk {
		report.Of = traffic.OfDisk
	}
	times, detail, err := r.times(ctx, host, q.From, q.To, q.Step)
	if err != nil || detail != "" {
		report.Detail = detail
		return report, err
	}
	p := planOf(host, &q)
	asked := reading{Reader: r, family: p.family, matchers: p.matchers, ways: []way{p.rx, p.tx}, times: times}
	report.From, report.To = times[0], times[len(times)-1]
	if now := r.opts.Now().UTC(); report.To.After(now) && q.To.IsZero() {
		report.To = now
	}
	if q.Step != "" {
		report.Times = times[:len(times)-1]
	}
	sum := newSum(len(times)-1, q.Step != "")
	if err := asked.addTo(ctx, sum, p, host == "" && q.By == traffic.ByApp); err != nil {
		return nil, err
	}
	sum.report(report, &q)
	return report, report.Check()
}

// addTo adds what is asked for to a sum. Where there are many rows of a name the engine
// adds them up.
func (r *reading) addTo(ctx context.Context, s *sum, p plan, many bool) error {
	if many && len(r.times)-1 <= mostPooled {
		pooled, err := r.pool(ctx, p.name)
		for name, bytes := range pooled {
			s.put(rowName{name: name}, func(w way, i int) int64 { return bytes[w][i] }, p)
		}
		if !errors.Is(err, errRounded) {
			return err
		}
	}
	if err := r.read(ctx); err != nil {
		return err
	}
	for _, c := range r.courses {
		s.put(rowName{p.nameOf(c.metric), p.appOf(c.metric)}, c.carried, p)
	}
	return nil
}

func (p *plan) nameOf(m model.Metric) string { return string(m[p.name]) }

func (p *plan) appOf(m model.Metric) string {
	if !p.withApp {
		return ""
	}
	return string(m["app"])
}

const nothing = "the engine has nothing of that time"

// times are the ends of steps that a question is about. detail says why there are none.
func (r *Reader) times(ctx context.Context, host string, from, to time.Time, step string) (times []time.Time, detail string, err error) {
	now := r.opts.Now()
	if to.IsZero() {
		to = now.Add(time.Millisecond) // what is of this moment is in it
	}
	if earliest := now.Add(-r.opts.Reach); from.Before(earliest) {
		first, err := r.first(ctx, host, earliest, now)
		if err != nil || first.IsZero() {
			return nil, nothing, err
		}
		from = first
	}
	if !from.Before(to) {
		return nil, nothing, nil
	}
	times, err = r.calendar.divide(from, to, step)
	return times, "", err
}

// first is when a host, or any, was seen first; the zero time: never.
func (r *Reader) first(ctx context.Context, host string, from, now time.Time) (time.Time, error) {
	v, err := r.vector(ctx, "min(min_over_time("+selector(metricSeen, hostMatchers(host)...)+span(now.Sub(from))+"))", now)
	if err != nil || len(v) == 0 {
		return time.Time{}, err
	}
	ms := whole(float64(v[0].Value) * 1000)
	// What was written at the beginning has a millisecond more than that.
	return time.UnixMilli(ms).Add(-2 * time.Millisecond).UTC(), nil
}

func hostMatchers(host string) []string {
	if host == "" {
		return nil
	}
	return []string{equal("host", host)}
}

// isHost says that nobody knows a host.
func (r *Reader) isHost(ctx context.Context, host string) error {
	if host == "" {
		return nil
	}
	ctx, stop := context.WithTimeout(ctx, r.opts.Timeout)
	defer stop()
	now := r.opts.Now()
	values, _, _, err := r.api.LabelValues(ctx, "host", []string{selector(metricSeen, equal("host", host))}, now.Add(-r.opts.Reach), now.Add(time.Hour))
	if err != nil {
		return explain(err)
	}
	if len(values) == 0 {
		return question("host: the engine has none of the name %q", traffic.CleanText(host, 128))
	}
	return nil
}

// isFolded reports whether a name stands for others.
func isFolded(by, name string) bool {
	switch name {
	case traffic.Others:
		return true
	case traffic.AppOther:
		return by == traffic.ByApp
	case traffic.CommandsFolded:
		return by == traffic.ByCommand
	case traffic.HostsFolded:
		return by == traffic.ByLANHost
	case traffic.PipesFolded:
		return by == traffic.ByPipe
	}
	return false
}

// isNameless reports whether rows without a name are left out: not all are of one.
func isNameless(by, name string) bool {
	return name == "" && slices.Contains([]string{traffic.ByUser, traffic.ByContainer, traffic.ByUnit}, by)
}

// order puts rows with most bytes first, Others last.
func order(rows []traffic.ReportRow) {
	slices.SortFunc(rows, func(a, b traffic.ReportRow) int {
		if folded := cmp.Compare(last(a.Name), last(b.Name)); folded != 0 {
			return folded
		}
		return cmp.Or(cmp.Compare(b.RxBytes+b.TxBytes, a.RxBytes+a.TxBytes), strings.Compare(a.App, b.App), strings.Compare(a.Name, b.Name))
	})
}

func last(name string) int {
	if name == traffic.Others {
		return 1
	}
	return 0
}
