package history

import (
	"bytes"
	"math"
	"testing"

	"bwmon/traffic"

	"github.com/google/go-cmp/cmp"
)

var partFields = cmp.AllowUnexported(part{}, figure{}, octets{}, gauge{}, measure{})

// somePart has something of each sort.
func somePart() *part {
	p := &part{span: span{1774738800, 1774738800, 1774735200, 1774652400, 0}}
	p.figures[kindTime] = []figure{{octets: octets{30000, 0}}}
	p.figures[kindApp] = []figure{{id: 0, octets: octets{-1, 2}}, {id: 7, octets: octets{math.MaxInt64, math.MinInt64}}}
	p.figures[kindAppHost] = []figure{{group: 3, id: 9, octets: octets{1, 2}}, {group: 4, id: 9, octets: octets{3, 4}}}
	p.figures[kindDiskCommand] = []figure{{group: 3, id: 10, octets: octets{4096, 1}}}
	p.gauges[themeOf(traffic.SeriesPerf)] = []gauge{{group: 5, id: 6, measure: measured(1.5, 1000)}}
	return p
}

func TestPart(t *testing.T) {
	want := somePart()
	data := encodePart([]byte("before"), want)[len("before"):]
	got, err := decodePart(data, everyKind, true)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(*want, got, partFields); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	some, err := decodePart(data, func(k kind) bool { return k == kindApp }, false)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(part{span: want.span, figures: [kinds][]figure{kindApp: want.figures[kindApp]}}, some, partFields); diff != "" {
		t.Errorf("some (-want +got):\n%s", diff)
	}
	for i := range data {
		damaged := bytes.Clone(data)
		damaged[i] ^= 1
		if _, err := decodePart(damaged, everyKind, true); err == nil {
			t.Errorf("byte %d may be any", i)
		}
		if _, err := decodePart(data[:i], everyKind, true); err == nil {
			t.Errorf("%d bytes are enough", i)
		}
	}
}

// FuzzPart: any bytes are read or refused, and what is read is written as it was.
func FuzzPart(f *testing.F) {
	f.Add(encodePart(nil, somePart())[4:])
	f.Add(encodePart(nil, &part{})[4:])
	f.Fuzz(func(t *testing.T, body []byte) {
		sum := checksum(body) // else nothing would get beyond it
		data := append([]byte{byte(sum), byte(sum >> 8), byte(sum >> 16), byte(sum >> 24)}, body...)
		p, err := decodePart(data, everyKind, true)
		if err != nil {
			return
		}
		again, err := decodePart(encodePart(nil, &p), everyKind, true)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(p, again, partFields); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}

// FuzzUnpack: any bytes are a member's last Snapshot or an error.
func FuzzUnpack(f *testing.F) {
	p, err := newPacker()
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(p.close)
	m := newMachine(noon)
	m.carry("app", "command", 1, 2)
	for _, s := range []*traffic.Snapshot{nil, m.snapshot()} {
		packed, err := p.pack(s, beside{Disks: map[string][2]uint64{"sda": {1, 2}}, Changed: []float64{1, 2.5}})
		if err != nil {
			f.Fatal(err)
		}
		f.Add(bytes.Clone(packed))
	}
	f.Fuzz(func(t *testing.T, packed []byte) {
		s, b, err := p.unpack(packed)
		if err != nil || s == nil {
			return
		}
		newIntake(newRoster(100)).resume(s, b)
	})
}
