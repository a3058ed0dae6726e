package fleet

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
)

// TestManyItems: what is short and becomes large once it is read is refused before.
func TestManyItems(t *testing.T) {
	list := func(item string) string {
		return "[" + strings.Repeat(item+",", 7<<20/(len(item)+1)) + item + "]"
	}
	batch := func(head, rows string) string {
		return strings.Replace(goodHead, `"seq":2`, `"seq":2`+head, 1) + "\n" + strings.Replace(goodRows, `"elapsed_s":10`, `"elapsed_s":10`+rows, 1) + "\n"
	}
	small := batch(`,"gone":[`+strings.TrimSuffix(strings.Repeat("{},", 39_000), ",")+`]`, "")
	for name, document := range map[string]string{
		"keys":             batch(`,"gone":`+list("{}"), ""),
		"what is no key":   batch(`,"gone":`+list("1"), ""),
		"nulls":            batch(`,"moved":`+list("null"), ""),
		"after a text":     batch(`,"x":"\\\"[\\","gone":`+list("{}"), ""),
		"alerts":           batch("", `,"alerts":`+list("{}")),
		"commands":         batch("", `,"apps":[{"commands":`+list("{}")+"}]"),
		"processes":        batch("", `,"apps":[{"commands":[{"pids":`+list("1")+"}]}]"),
		"lists":            batch("", `,"apps":`+list("[]")),
		"many batches":     strings.Repeat(small, 7<<20/len(small)),
		"deep":             batch("", `,"x":`+strings.Repeat("[", 5<<20)),
		"deep, of objects": batch("", `,"x":`+strings.Repeat(`{"x":`, 1<<20)),
	} {
		if len(document) > MaxEncoded {
			t.Fatalf("%s: %d bytes", name, len(document))
		}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := Decode([]byte(document), Limits{})
		runtime.ReadMemStats(&after)
		took := after.TotalAlloc - before.TotalAlloc
		if err == nil || !strings.Contains(err.Error(), "send fewer at a time") || took > 6*MaxEncoded {
			t.Errorf("%s: %d MB were taken: %v", name, took>>20, err)
		}
	}
}

// TestItems: items are counted as encoding/json would make them, or somewhat more.
func TestItems(t *testing.T) {
	for document, want := range map[string]string{
		``: "0 true", `{}`: "0 true", `[]`: "1 true", `[1]`: "1 true", `[1,2]`: "2 true", `{"a":1,"b":[{"c":1,"d":2},{}]}`: "2 true",
		`["[,,,","\"[,,","\\"]`: "3 true", `"[,,`: "0 true", `[[1,2],[3]]`: "5 true", `]]],,`: "0 true", `[1,2,3,4,5,6]`: "6 false",
	} {
		n, ok := items([]byte(document), 5)
		if got := fmt.Sprint(n, ok); got != want {
			t.Errorf("%s: %s, want %s", document, got, want)
		}
	}
}

// TestOwnRequests: all that a host may have to say at once is taken.
func TestOwnRequests(t *testing.T) {
	if n := 3*maxGone + 3*MaxPublished + MaxMetrics + DefaultRows; n > maxItems {
		t.Errorf("a host says up to %d items, %d are taken", n, maxItems)
	}
}
