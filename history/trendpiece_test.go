package history

import (
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

func randomMeasure(r *rand.Rand) measure {
	m := measured((r.Float64()-0.3)*math.Exp2(float64(r.IntN(60)-20)), 1+r.Int64N(1<<r.IntN(40)))
	switch r.IntN(4) {
	case 0:
		m.mean = math.Round(m.mean)
		m.min, m.max = m.mean, m.mean
	case 1: // it hardly moves
		m.min, m.max = m.mean-math.Abs(m.mean)/1e4, m.mean+math.Abs(m.mean)/1e5
	case 2:
		m.min, m.max = m.mean-r.ExpFloat64()*math.Abs(m.mean), m.mean*2+r.ExpFloat64()*math.Abs(m.mean)
	}
	return measure{m.weight, m.mean, min(m.min, m.mean), max(m.max, m.mean)}
}

func randomGauges(r *rand.Rand) []gauge {
	var list []gauge
	for range r.IntN(10) {
		group := 1 + uint32(r.Uint64N(1<<r.IntN(33)))
		m := randomMeasure(r)
		if n := len(list); n > 0 && r.IntN(2) == 0 { // it has the metrics of another
			for _, g := range list[max(0, n-10):] {
				list = append(list, gauge{group: max(1, group), id: g.id, measure: m})
			}
			continue
		}
		for range r.IntN(20) {
			g := gauge{group: max(1, group), id: max(1, uint32(r.Uint64N(1<<r.IntN(33)))), measure: randomMeasure(r)}
			if r.IntN(5) > 0 {
				g.weight = m.weight // that of a series's metrics is mostly the same
			}
			list = append(list, g)
		}
	}
	return tidyGauges(list, maxGauges)
}

// near reports whether a figure is what it was, as exactly as pieces have them: to half
// of the last bit of 24, or of 16 where it moves.
func near(got, want float64, moves bool) bool {
	within := math.Exp2(-24)
	if moves {
		within = math.Exp2(-16) // twice rounded
	}
	return math.Abs(got-want) <= within*math.Abs(want)+math.SmallestNonzeroFloat32
}

func checkNear(t *testing.T, want, got []gauge, open bool) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%d gauges, want %d", len(got), len(want))
	}
	for i, w := range want {
		g := got[i]
		moves := w.max-w.min >= math.Abs(w.mean)*shortFrom
		if g.key() != w.key() || g.weight != w.weight || open && g.mean != w.mean ||
			!near(g.mean, w.mean, moves) || !near(g.min, w.min, moves) || !near(g.max, w.max, moves) {
			t.Fatalf("open %v: %+v became %+v", open, w, g)
		}
	}
}

func TestTrendPiece(t *testing.T) {
	r := rand.New(rand.NewPCG(13, 4))
	for range 1000 {
		want := randomGauges(r)
		for _, open := range []bool{true, false} {
			data := encodeTrend(nil, want, open)
			got, err := decodeTrend(nil, data)
			if err != nil {
				t.Fatal(err)
			}
			checkNear(t, want, got, open)
		}
	}
}

// TestPlainFiguresStayPlain: what has few digits comes back to the last of them, and
// takes little room.
func TestPlainFiguresStayPlain(t *testing.T) {
	for _, tt := range []struct {
		m    measure
		size int
	}{
		{measured(0, 60000), 2},
		{measured(1, 60000), 5},
		{measured(100, 60000), 5},
		{measured(-40.5, 60000), 5},
		{measured(65536*4096, 60000), 5},
		{measured(1<<40+1<<17, 60000), 6}, // 1 TiB and 128 KiB
		{measure{60000, 0.5, 0, 1}, 8},
		{measure{60000, 0, 0, 0}, 2},
		{measure{60000, 50, 0, 100}, 8},
	} {
		const around = 4 + 1 + 1 + 3 // checksum, series, how many, how long
		data := encodeTrend(nil, []gauge{{1, 1, tt.m}}, false)
		got, err := decodeTrend(nil, data)
		if err != nil || len(got) != 1 || got[0].measure != tt.m {
			t.Errorf("%+v became %+v, %v", tt.m, got, err)
		}
		if n := len(data) - around; n != tt.size {
			t.Errorf("%+v takes %d bytes, want %d", tt.m, n, tt.size)
		}
	}
}

// TestExtremeFigures: the largest that is kept is kept.
func TestExtremeFigures(t *testing.T) {
	want := []gauge{
		{1, 1, measure{1, 0, -maxValue, maxValue}}, {1, math.MaxUint32, measured(maxValue, 1<<53)},
		{math.MaxUint32, 1, measured(-maxValue, 2)}, {math.MaxUint32, 2, measured(1e-300, 3)},
	}
	for _, open := range []bool{true, false} {
		got, err := decodeTrend(nil, encodeTrend(nil, want, open))
		if err != nil {
			t.Fatal(err)
		}
		checkNear(t, want, got, open)
	}
}

// TestFlippedTrendPiece: no bit may change unseen.
func TestFlippedTrendPiece(t *testing.T) {
	data := encodeTrend(nil, randomGauges(rand.New(rand.NewPCG(5, 6))), true)
	for i := range len(data) * 8 {
		data[i/8] ^= 1 << (i % 8)
		if _, err := decodeTrend(nil, data); !errors.Is(err, errPiece) {
			t.Fatalf("bit %d: %v", i, err)
		}
		data[i/8] ^= 1 << (i % 8)
	}
	for n := range data {
		if _, err := decodeTrend(nil, data[:n]); !errors.Is(err, errPiece) {
			t.Fatalf("%d bytes of %d: %v", n, len(data), err)
		}
	}
}

func FuzzDecodeTrend(f *testing.F) {
	f.Add([]byte{1, 1, 0xc0, 0x0c, 1, 0})
	f.Add([]byte{1, 2, 0x80, 0x8d, 6, 1, 2, 0x42, 0xc8, 0, 0, 1, ownWeight | 3, 5, 0x3f, 0xf0, 0, 0, 0, 0, 0, 1})
	f.Add([]byte{1, 1, 2, 1, 0x3f, 0x7f, 0xc0, 0, 0})
	f.Add([]byte{1, 1, 2, 1, endSingle << maxShift, 0x7e, 0xff, 0xff, 0xff})
	f.Add([]byte{1, 1, 2, 1, 0, 1, 0, 0, 0, 1, 0, 1, 0})
	f.Add([]byte{1, 0xff, 0xff, 0xff, 0xff, 0x0f, 2})
	for _, open := range []bool{true, false} {
		f.Add(encodeTrend(nil, randomGauges(rand.New(rand.NewPCG(5, 6))), open)[4:])
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		data := append(make([]byte, 4), body...)
		sum := checksum(body)
		for i := range 4 {
			data[i] = byte(sum >> (8 * i))
		}
		list, err := decodeTrend(nil, data)
		if err != nil {
			return
		}
		for i, g := range list {
			if i > 0 && list[i-1].compare(g) >= 0 {
				t.Fatalf("not by series and metric: %v", list)
			}
			if g.group == 0 || g.id == 0 || !isWeight(g.weight) || !isValue(g.mean) || !isValue(g.min) || !isValue(g.max) {
				t.Fatalf("nobody wrote %+v", g)
			}
			if m := g.add(g.measure); m.weight != 2*g.weight || math.IsNaN(m.mean) {
				t.Fatalf("%+v twice is %+v", g, m)
			}
		}
		once, err := decodeTrend(nil, encodeTrend(nil, list, true))
		if err != nil {
			t.Fatalf("%v: %v", list, err)
		}
		again, err := decodeTrend(nil, encodeTrend(nil, once, true))
		if err != nil || !slices.Equal(once, again) {
			t.Fatalf("%v became %v, %v", once, again, err)
		}
	})
}

// TestMeasuresAddUp: in whatever order and however divided, together they are what they
// were one by one.
func TestMeasuresAddUp(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 100 {
		var all, half measure
		var sum, weight float64
		least, most := math.Inf(1), math.Inf(-1)
		for n := range 100 {
			v, ms := r.NormFloat64()*100+50, 1+r.Int64N(5000)
			sum, weight = sum+v*float64(ms), weight+float64(ms)
			least, most = min(least, v), max(most, v)
			if n%3 == 0 {
				half = half.add(measured(v, ms))
			} else {
				all = all.add(measured(v, ms))
			}
		}
		all = half.add(all)
		if all.weight != int64(weight) || math.Abs(all.mean-sum/weight) > 1e-9 || all.min != least || all.max != most {
			t.Fatalf("%+v, want mean %v, min %v, max %v", all, sum/weight, least, most)
		}
	}
}

// TestFullTrendPiece: a piece keeps what was measured longest.
func TestFullTrendPiece(t *testing.T) {
	var list []gauge
	for n := range uint32(30) {
		list = append(list, gauge{1 + n%3, 1 + n/3, measured(float64(n), int64(100-n))})
	}
	kept := tidyGauges(list, 12)
	if len(kept) != 12 || !slices.IsSortedFunc(kept, gauge.compare) {
		t.Errorf("kept %v", kept)
	}
	for _, g := range kept {
		if g.mean > 11 {
			t.Errorf("%+v was kept", g)
		}
	}
}
