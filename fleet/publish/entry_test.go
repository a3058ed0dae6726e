package publish

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"bwmon/fleet"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func someBatch(t testing.TB) *fleet.Batch {
	t.Helper()
	b := fleet.NewRecorder("gw", fleet.Position{Run: "run-0", Seq: 9}).Next(start(1, epoch).next(time.Second))
	if b == nil {
		t.Fatal("nothing changed")
	}
	return b
}

func newTestSealer(t testing.TB) *sealer {
	t.Helper()
	s, err := newSealer()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestSeal: what is written is what is read, and no byte of it can change unnoticed.
func TestSeal(t *testing.T) {
	s, b := newTestSealer(t), someBatch(t)
	e, err := s.seal(b, 7)
	if err != nil {
		t.Fatal(err)
	}
	again, err := s.open(e.sealed)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(totals(b.Changes), totals(again.Changes), cmp.AllowUnexported(total{})); diff != "" {
		t.Errorf("totals (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(b, again, cmpopts.IgnoreFields(fleet.Batch{}, "Changes"), cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	h, _, err := parse(e.sealed)
	if diff := cmp.Diff(e.head, h); err != nil || diff != "" {
		t.Errorf("%v, head (-want +got):\n%s", err, diff)
	}
	for i := range e.sealed {
		other := bytes.Clone(e.sealed)
		other[i] ^= 0x10
		if _, err := s.open(other); !errors.Is(err, errDamaged) {
			t.Errorf("byte %d: %v", i, err)
		}
		if _, err := s.open(e.sealed[:i]); !errors.Is(err, errDamaged) {
			t.Errorf("cut at %d: %v", i, err)
		}
	}
}

// FuzzFile: whatever a file holds, it is a batch that its head describes, or damaged.
func FuzzFile(f *testing.F) {
	s := newTestSealer(f)
	e, err := s.seal(someBatch(f), 7)
	if err != nil {
		f.Fatal(err)
	}
	line, packed, _ := bytes.Cut(e.sealed[bytes.IndexByte(e.sealed, '\n')+1:], []byte("\n"))
	f.Add(line, packed, true)
	f.Add([]byte(`{"host":"gw","run":"r","seq":2,"since":1,"bytes":-1}`), packed, true)
	f.Add([]byte(`{"host":"gw","run":"r","seq":1}`), s.packer.EncodeAll(bytes.Repeat([]byte("{"), 1<<20), nil), true)
	f.Add(e.sealed, []byte(nil), false)
	f.Add([]byte(nil), []byte("bwmon batch 1 0 00000000\n"), false)
	f.Fuzz(func(t *testing.T, line, packed []byte, framed bool) {
		file := append(bytes.Clone(line), packed...)
		if framed { // with a checksum that is right
			file = frame(line, packed)
		}
		h, _, err := parse(file)
		if err == nil && (h.Host == "" || h.Run == "" || h.Seq <= h.Since) {
			t.Errorf("%+v", h)
		}
		b, opened := s.open(file)
		if opened == nil && (err != nil || b.Position() != h.position() || b.Since != h.Since || b.Host != h.Host) {
			t.Errorf("%+v is not %+v: %v", b, h, err)
		}
		if opened != nil && !errors.Is(opened, errDamaged) {
			t.Error(opened)
		}
	})
}
