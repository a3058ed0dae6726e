package notify

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestQuotaFile(t *testing.T) {
	f := QuotaFile{filepath.Join(t.TempDir(), "state", "quota.json")}
	if got, err := f.Load(); err != nil || got != nil {
		t.Fatalf("no file: %v, %v", got, err)
	}
	want := []Usage{{
		Rule: "r", Kind: KindCommand, Subject: "curl \"x\" é", App: "curl", User: "ann", Direction: Tx, Period: Month,
		Start: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), Bytes: 1<<63 + 1, Level: 0.8,
		Since: time.Date(2026, 1, 2, 3, 4, 5, 678901234, time.UTC),
	}, {Rule: "s", Bytes: 1}}
	for range 2 {
		if err := f.Save(want); err != nil {
			t.Fatal(err)
		}
	}
	got, err := f.Load()
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("loaded (-want +got):\n%s%v", diff, err)
	}
	if files, _ := os.ReadDir(filepath.Dir(f.Path)); len(files) != 1 {
		t.Errorf("left behind: %v", files)
	}
	os.WriteFile(f.Path, []byte(`{"schema":1,"usage":[{`), 0o600)
	if got, err := f.Load(); got != nil || err == nil || !strings.Contains(err.Error(), "is now "+f.Path+".bad") {
		t.Errorf("a torn file: %v, %v", got, err)
	}
	if got, err := f.Load(); got != nil || err != nil {
		t.Errorf("after that: %v, %v", got, err)
	}
	blocked := QuotaFile{filepath.Join(f.Path+".bad", "quota.json")}
	if err := blocked.Save(want); err == nil {
		t.Error("saved below a file")
	}
}

func FuzzParseUsage(f *testing.F) {
	f.Add([]byte(`{"schema":1,"usage":[{"rule":"q","kind":"app","subject":"a","direction":"rx","period":"day",` +
		`"start":"2026-01-05T00:00:00Z","bytes":900,"level":0.8,"since":"2026-01-05T01:00:00Z"}]}`))
	f.Add([]byte(`{}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		usage, err := parseUsage(text)
		if err != nil {
			return
		}
		// Whatever it holds, a book lives with it.
		inBubble(t, Options{Rules: []Rule{quotaRule("q", 1000, Day)}, Quotas: &memoryStore{kept: usage}}, func(h *household) {
			h.rates["a"] = 1
			h.seconds(3)
			h.book.Alerts()
		})
	})
}
