package notify

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func storedTestEntry(t testing.TB) []byte {
	t.Helper()
	payload, err := encodeJSON(entry{
		Put: time.Unix(1e9, 0).UTC(), Snapshot: snapshotFile(7), Event: Event{Alert: testAlert("a", StateFiring)},
	})
	if err != nil {
		t.Fatal(err)
	}
	return appendFrame(nil, payload)
}

func TestEntryRoundTrip(t *testing.T) {
	data := storedTestEntry(t)
	payload, err := parseFrame(data)
	if err != nil {
		t.Fatal(err)
	}
	e, err := parseEntry(payload)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(testAlert("a", StateFiring), e.Event.Alert); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	for i := range data {
		bad := bytes.Clone(data)
		bad[i] ^= 1
		if _, err := parseFrame(bad); !errors.Is(err, errDamaged) {
			t.Fatalf("byte %d changed: %v", i, err)
		}
		if _, err := parseFrame(data[:i]); !errors.Is(err, errDamaged) {
			t.Fatalf("cut to %d bytes: %v", i, err)
		}
	}
}

func TestEntryDoesNotLeadOutOfTheDirectory(t *testing.T) {
	for _, name := range []string{"../../etc/passwd", "1.snapshot", "00000000000000000001.snapshot/../x", "lock"} {
		payload, err := encodeJSON(entry{Snapshot: name})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := parseEntry(payload); !errors.Is(err, errDamaged) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzEntry(f *testing.F) {
	f.Add(storedTestEntry(f))
	f.Add([]byte("bwmon 1 0 00000000\n"))
	f.Add([]byte("bwmon 1 2 a3830348\n{}"))
	f.Fuzz(func(t *testing.T, data []byte) {
		payload, err := parseFrame(data)
		if err != nil {
			payload = data // the checksum hides what follows from the fuzzer
		}
		e, err := parseEntry(payload)
		if err != nil {
			return
		}
		again, err := encodeJSON(e)
		if err != nil {
			return // a time beyond the year 9999
		}
		if _, err := parseEntry(again); err != nil {
			t.Errorf("%q is written as %q: %v", payload, again, err)
		}
	})
}
