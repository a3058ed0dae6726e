package engine

import (
	"context"
	"time"

	"github.com/prometheus/common/model"

	"bwmon/traffic"
)

// run is the present run of a host.
type run struct {
	name string
	seen time.Time
}

// recently is how far back what is known now is looked for.
const recently = 48 * time.Hour

// runs are the present runs of hosts that were seen recently: of one, or with "" of all.
func (r *Reader) runs(ctx context.Context, host string, now time.Time) (map[string]run, error) {
	all, err := r.runsWithin(ctx, host, recently, 0, now)
	if err != nil || host == "" || len(all) > 0 {
		return all, err
	}
	if all, err = r.runsWithin(ctx, host, r.opts.Reach, 0, now); err == nil && len(all) == 0 {
		err = question("host: the engine has none of the name %q", traffic.CleanText(host, 128))
	}
	return all, err
}

// runsWithin are likewise those of a window that ended so long ago.
func (r *Reader) runsWithin(ctx context.Context, host string, window, ago time.Duration, now time.Time) (map[string]run, error) {
	of := selector(metricSeen, hostMatchers(host)...) + span(window)
	if ago > 0 {
		of += " offset " + seconds(ago)
	}
	v, err := r.vector(ctx, "max_over_time("+of+")", now)
	all := make(map[string]run)
	for _, s := range v {
		name, seen := string(s.Metric["host"]), time.UnixMilli(whole(float64(s.Value)*1000)).UTC()
		if seen.After(all[name].seen) {
			all[name] = run{string(s.Metric["run"]), seen}
		}
	}
	return all, err
}

// known is a row as it is now.
type known struct {
	metric model.Metric
	bytes  amounts
	rate   [ways]float64 // bytes per second over the last minute
}

func (k *known) usage() traffic.Usage {
	return traffic.Usage{RxBytes: k.bytes[received], TxBytes: k.bytes[sent], RxRate: k.rate[received], TxRate: k.rate[sent]}
}

func (k *known) resources() traffic.Resources {
	return traffic.Resources{DiskReadBytes: k.bytes[read], DiskWriteBytes: k.bytes[written], DiskReadRate: k.rate[read], DiskWriteRate: k.rate[written]}
}

// now returns the rows of a family of the present runs that changed within a window.
func (r *Reader) now(ctx context.Context, f *family, matchers []string, runs map[string]run, now time.Time, window time.Duration) ([]*known, error) {
	rows := make(map[string]*known)
	gather := func(metric string, take func(k *known, n int64)) error {
		v, err := r.vector(ctx, "max_over_time("+selector(metric, matchers...)+span(window)+")", now)
		for _, s := range v {
			if runs[string(s.Metric["host"])].name != string(s.Metric["run"]) {
				continue
			}
			id := rowID(s.Metric)
			if rows[id] == nil {
				rows[id] = &known{metric: s.Metric}
			}
			take(rows[id], whole(float64(s.Value)))
		}
		return err
	}
	for _, w := range f.ways {
		if err := gather(f.total(w), func(k *known, n int64) { k.bytes[w] = uint64(max(n, 0)) }); err != nil {
			return nil, err
		}
		if f.isLevel {
			continue
		}
		if err := gather(f.moved(w), func(k *known, n int64) { k.bytes[w] -= min(k.bytes[w], uint64(max(n, 0))) }); err != nil {
			return nil, err
		}
	}
	end := now.Truncate(time.Second).Add(time.Second)
	lately := reading{Reader: r, family: f, matchers: matchers, ways: f.ways, times: []time.Time{end.Add(-time.Minute), end}}
	if err := lately.read(ctx); err != nil {
		return nil, err
	}
	var list []*known
	for id, k := range rows {
		if c := lately.courses[id]; c != nil {
			for _, w := range f.ways {
				k.rate[w] = float64(max(c.carried(w, 1), 0)) / time.Minute.Seconds()
			}
		}
		if k.bytes != (amounts{}) {
			list = append(list, k)
		}
	}
	return list, nil
}

// newest are the latest values of a level's series.
func (r *Reader) newest(ctx context.Context, metric string, matchers []string, now time.Time, window time.Duration) (model.Vector, error) {
	return r.vector(ctx, "last_over_time("+selector(metric, matchers...)+span(window)+")", now)
}
