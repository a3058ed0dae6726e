package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"bwmon/fleet"
	"bwmon/traffic"
)

// maxReports bounds how many hosts are asked for a report of their own.
const maxReports = 100

// verify compares what the receivers have with what was sent, and says how many
// totals it compared: of all hosts their books and, of a hundred, what the history
// has of their apps; of hosts whose receivers share an engine, which have no books of
// them, the latter.
func (c *crowd) verify(ctx context.Context) (int, error) {
	asker := &asker{client: &http.Client{Timeout: time.Minute}}
	sums := make(map[*url.URL]*sums, len(c.o.urls))
	for _, u := range c.o.urls {
		sums[u] = newSums()
	}
	for _, w := range c.workers {
		for i, g := range w.groups {
			for j, h := range g.hosts {
				to := c.receiver(w.first[i] + j)
				if err := c.verifyHost(ctx, asker, w.first[i]+j, h.name, g); err != nil {
					return asker.compared, err
				}
				for _, u := range c.o.urls {
					if u == to || c.o.shared {
						sums[u].add(h.name, g)
					}
				}
			}
		}
	}
	for u, want := range sums {
		for by, want := range map[string]map[string]total{traffic.ByHost: want.hosts, traffic.ByApp: want.apps} {
			if err := asker.compareReport(ctx, u, by, c.start, want); err != nil {
				return asker.compared, err
			}
		}
	}
	return asker.compared, nil
}

func (c *crowd) verifyHost(ctx context.Context, asker *asker, n int, name string, g *group) error {
	to := c.receiver(n)
	if !c.o.shared {
		if err := asker.compareHost(ctx, to, name, g); err != nil {
			return err
		}
	}
	if n%max(1, c.o.hosts/maxReports) != 0 {
		return nil
	}
	want := newSums()
	want.add(name, g)
	return asker.compareReport(ctx, to.JoinPath("hosts", name), traffic.ByApp, c.start, want.apps)
}

// total is what was carried, in bytes.
type total struct{ rx, tx uint64 }

func (t total) add(u *traffic.Usage) total { return total{t.rx + u.RxBytes, t.tx + u.TxBytes} }

// sums are what a receiver's history should have.
type sums struct{ hosts, apps map[string]total }

func newSums() *sums { return &sums{make(map[string]total), make(map[string]total)} }

func (s *sums) add(host string, g *group) {
	for i := range g.last.Interfaces {
		if n := &g.last.Interfaces[i]; n.Balanced {
			s.hosts[host] = s.hosts[host].add(&n.Usage)
		}
	}
	for i := range g.last.Apps {
		a := &g.last.Apps[i]
		s.apps[a.Name] = s.apps[a.Name].add(&a.Usage)
	}
}

// asker asks receivers.
type asker struct {
	client   *http.Client
	compared int
}

// compareHost compares all totals of a host with its last batch.
func (a *asker) compareHost(ctx context.Context, to *url.URL, name string, g *group) error {
	u := to.JoinPath("hosts", name, "api/v1/snapshot")
	var got traffic.Snapshot
	if err := a.ask(ctx, u, &got); err != nil {
		return err
	}
	want := rows(g.last)
	for key, is := range rows(&got) {
		a.compared++
		if should, there := want[key]; !there || is != should {
			return fmt.Errorf("%s: %s %q has %+v, and %+v was sent", name, key.Kind, key.Name, is, should)
		}
		delete(want, key)
	}
	for key := range want {
		return fmt.Errorf("%s: %s %q is missing", name, key.Kind, key.Name)
	}
	if got.Balance != g.last.Balance {
		return fmt.Errorf("%s: the balance is %+v, and %+v was sent", name, got.Balance, g.last.Balance)
	}
	return nil
}

// bytesOf are all totals of a row.
type bytesOf struct{ rx, tx, read, wrote, cacheRead, cacheWrote uint64 }

func rows(s *traffic.Snapshot) map[fleet.Key]bytesOf {
	all := make(map[fleet.Key]bytesOf)
	fleet.Rows(s, func(k fleet.Key, u *traffic.Usage, used *traffic.Resources) {
		t := bytesOf{rx: u.RxBytes, tx: u.TxBytes}
		if used != nil {
			t.read, t.wrote, t.cacheRead, t.cacheWrote = used.DiskReadBytes, used.DiskWriteBytes, used.CacheReadBytes, used.CacheWriteBytes
		}
		all[k] = t
	})
	return all
}

// compareReport compares a report of all that was since start.
func (a *asker) compareReport(ctx context.Context, to *url.URL, by string, start time.Time, want map[string]total) error {
	u := to.JoinPath("api/v1/history")
	u.RawQuery = url.Values{"by": {by}, "top": {"0"}, "from": {start.Add(-time.Minute).UTC().Format(time.RFC3339)}}.Encode()
	var got traffic.Report
	if err := a.ask(ctx, u, &got); err != nil {
		return err
	}
	left := 0
	for _, t := range want {
		if t != (total{}) { // what carried nothing has no row
			left++
		}
	}
	for _, row := range got.Rows {
		should := want[row.Name]
		is := total{row.RxBytes, row.TxBytes}
		if is == (total{}) && should == is {
			continue
		}
		a.compared++
		left--
		if is != should {
			return fmt.Errorf("%s: %s %q has %d, %d bytes, and %d, %d were sent", u, by, row.Name, is.rx, is.tx, should.rx, should.tx)
		}
	}
	if left > 0 {
		return fmt.Errorf("%s: %d of %d are missing", u, left, len(want))
	}
	return nil
}

// maxDocument bounds what is read of an answer.
const maxDocument = 256 << 20

func (a *asker) ask(ctx context.Context, u *url.URL, into any) error {
	q, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return err
	}
	r, err := a.client.Do(q)
	if err != nil {
		return err
	}
	defer r.Body.Close()
	body, err := io.ReadAll(io.LimitReader(r.Body, maxDocument))
	if err != nil {
		return fmt.Errorf("%s: %w", u, err)
	}
	if r.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s: %s", u, r.Status, body[:min(len(body), 300)])
	}
	if err := json.Unmarshal(body, into); err != nil {
		return fmt.Errorf("%s: %w", u, err)
	}
	return nil
}
