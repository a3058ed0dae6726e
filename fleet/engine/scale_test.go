package engine

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"testing"
	"time"

	"bwmon/fleet"
	"bwmon/traffic"
)

// TestManyHosts asks for reports of as many hosts as BWMON_ENGINE_HOSTS says, of 50 apps
// each, and says what they cost.
func TestManyHosts(t *testing.T) {
	n, _ := strconv.Atoi(os.Getenv("BWMON_ENGINE_HOSTS"))
	if n == 0 {
		t.Skip("it measures: set BWMON_ENGINE_HOSTS to the number of hosts")
	}
	onEngines(t, func(t *testing.T, e *stand) {
		w := e.writer(t, Options{})
		now := time.Now().Truncate(time.Second)
		timed := func(what string, do func() error) {
			t.Helper()
			begin := time.Now()
			if err := do(); err != nil {
				t.Fatal(err)
			}
			t.Logf("%s: %v", what, time.Since(begin).Round(time.Millisecond))
		}
		for i, ago := range []time.Duration{3 * time.Hour, 30 * time.Minute, 40 * time.Second, 10 * time.Second} {
			timed("written", func() error {
				for h := range n {
					s := &traffic.Snapshot{Balance: traffic.Balance{InterfaceRx: uint64(i+1) * 5000}}
					for a := range 50 {
						s.Apps = append(s.Apps, traffic.App{Name: fmt.Sprint("app", a), Usage: traffic.Usage{RxBytes: uint64(i+1) * 100, TxBytes: uint64(i+1) * 10}})
					}
					b := &fleet.Batch{Host: fmt.Sprint("host", h), Run: "r", Seq: uint64(i) + 1, Since: uint64(i), From: now.Add(-ago - 10*time.Second), At: now.Add(-ago), HasBalance: true, Changes: s}
					if err := w.Write(context.Background(), []*fleet.Batch{b}); err != nil {
						return err
					}
				}
				return nil
			})
		}
		e.settle()
		r := e.reader(t, Options{MaxSeries: 10_000_000})
		for _, q := range []traffic.Query{{By: traffic.ByHost}, {By: traffic.ByHost, App: "app7"}, {By: traffic.ByApp}, {By: traffic.ByApp, Step: traffic.StepHour}} {
			q.From, q.To = now.Add(-time.Hour), now
			timed(fmt.Sprintf("by %s %s %s", q.By, q.App, q.Step), func() error {
				got, err := r.Report(context.Background(), "", q)
				if err == nil && q.By == traffic.ByApp && got.Total.RxBytes != uint64(n)*50*300 {
					err = fmt.Errorf("%d bytes", got.Total.RxBytes)
				}
				return err
			})
		}
	})
}
