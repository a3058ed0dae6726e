package history

import (
	"encoding/binary"
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var compareFigures = cmp.AllowUnexported(figure{}, octets{})

func randomFigures(r *rand.Rand, k kind) []figure {
	var list []figure
	for range r.IntN(50) {
		f := figure{id: uint32(r.Uint64N(1 << r.IntN(33))), octets: octets{r.Int64() >> r.IntN(64), -r.Int64() >> r.IntN(64)}}
		if k.grouped() {
			f.group = uint32(r.IntN(5))
		}
		if r.IntN(3) > 0 {
			f.rx = f.rx >> 12 << 12
		}
		list = append(list, f)
		for range r.IntN(4) { // some ids follow one another
			f.id++
			list = append(list, f)
		}
	}
	return tidy(list)
}

func TestPiece(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for range 1000 {
		k := kind(r.IntN(int(kinds)))
		want := randomFigures(r, k)
		got, err := decode(nil, k, encode(nil, k, want))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got, compareFigures); diff != "" {
			t.Fatalf("(-want +got):\n%s", diff)
		}
	}
	extreme := []figure{{0, 0, octets{math.MinInt64, math.MaxInt64}}, {0, math.MaxUint32, octets{}}, {math.MaxUint32, 0, octets{1, 1}}, {math.MaxUint32, math.MaxUint32, octets{0, -1}}}
	extreme[1].octets = octets{math.MinInt64 + 1, math.MinInt64 + 4096}
	for _, k := range []kind{kindCommand, kindDiskCommand} {
		got, err := decode(nil, k, encode(nil, k, extreme))
		if err != nil || !slices.Equal(got, extreme) {
			t.Errorf("got %v, %v", got, err)
		}
	}
}

// TestFlippedPiece: no bit may change unseen.
func TestFlippedPiece(t *testing.T) {
	data := encode(nil, kindCommand, randomFigures(rand.New(rand.NewPCG(5, 6)), kindCommand))
	for i := range len(data) * 8 {
		data[i/8] ^= 1 << (i % 8)
		if _, err := decode(nil, kindCommand, data); !errors.Is(err, errPiece) {
			t.Fatalf("bit %d: %v", i, err)
		}
		data[i/8] ^= 1 << (i % 8)
	}
	for n := range data {
		if _, err := decode(nil, kindCommand, data[:n]); !errors.Is(err, errPiece) {
			t.Fatalf("%d bytes of %d: %v", n, len(data), err)
		}
	}
}

// TestPieceOfSchema1: the groups of commands are read as they were written then.
func TestPieceOfSchema1(t *testing.T) {
	body := []byte{
		0, 7, 2, 4, // of no app: the command 7
		3, 0, 6, 0, // of the app 3: others,
		0, 9, 8, 1, // and the command 9
		1, 2, 0, 2, // of the app 4: the command 2
	}
	data := append(binary.LittleEndian.AppendUint32(nil, checksum(body)), body...)
	want := []figure{{0, 7, octets{1, 2}}, {3, 0, octets{3, 0}}, {3, 9, octets{4, -1}}, {4, 2, octets{0, 1}}}
	got, err := decode(nil, kindCommand, data)
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("got %v, %v", got, err)
	}
	again, err := decode(nil, kindCommand, encode(nil, kindCommand, got))
	if err != nil || !slices.Equal(again, want) {
		t.Errorf("written again: %v, %v", again, err)
	}
}

// flip has all bits of the checksum turned.
const flip = 0x80

func FuzzDecodePiece(f *testing.F) {
	f.Add(uint8(kindCommand), []byte{1, 0, 5, 4, 0, 1, 6, 6})
	f.Add(uint8(kindApp), []byte{0, 2, 2, 0, 0, 0})
	f.Add(uint8(kindDiskApp), []byte{1, 3, 4, 1, 1, 5})
	f.Add(uint8(kindApp), []byte{0xff, 0xff, 0xff, 0xff, 0x1f, 2, 2})
	f.Add(flip|uint8(kindCommand), []byte{1, 1, 5, 4, 4, 6, 6})
	f.Add(flip|uint8(kindCommand), []byte{7, 2, 2, 5, 4, 6, 6, 8, 8, 4, 6, 6})
	f.Add(flip|uint8(kindDiskCommand), []byte{0xff, 0xff, 0xff, 0xff, 0x3f, 1, 1, 5, 4, 5, 4})
	f.Add(flip|uint8(kindCommand), []byte{1, 0, 6, 6})
	f.Add(flip|uint8(kindCommand), []byte{2, 0, 6, 6})
	f.Add(flip|uint8(kindCommand), []byte{2, 5, 6, 6})
	f.Fuzz(func(t *testing.T, n uint8, body []byte) {
		flipped := n&flip > 0
		n &^= flip
		k := kind(n % uint8(kinds))
		data := append(make([]byte, 4), body...)
		sum := checksum(body)
		if flipped {
			sum = ^sum
		}
		binary.LittleEndian.PutUint32(data, sum)
		list, err := decode(nil, k, data)
		if err != nil {
			return
		}
		for i := 1; i < len(list); i++ {
			if list[i-1].compare(list[i]) >= 0 {
				t.Fatalf("not by group and id: %v", list)
			}
		}
		again, err := decode(nil, k, encode(nil, k, list))
		if err != nil || !slices.Equal(list, again) {
			t.Fatalf("%v became %v, %v", list, again, err)
		}
	})
}

func TestMerge(t *testing.T) {
	a := []figure{{0, 1, octets{1, 2}}, {0, 3, octets{3, 3}}, {2, 0, octets{1, 1}}}
	b := []figure{{0, 3, octets{-1, 4}}, {1, 9, octets{5, 5}}, {2, 0, octets{-1, -1}}, {2, 1, octets{7, 7}}}
	want := []figure{{0, 1, octets{1, 2}}, {0, 3, octets{2, 7}}, {1, 9, octets{5, 5}}, {2, 0, octets{}}, {2, 1, octets{7, 7}}}
	if diff := cmp.Diff(want, merge(nil, a, b), compareFigures); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(want, tidy(slices.Concat(b, a)), compareFigures); diff != "" {
		t.Errorf("tidy (-want +got):\n%s", diff)
	}
}

func TestBound(t *testing.T) {
	list := []figure{
		{1, 0, octets{1, 0}}, {1, 4, octets{5, 5}}, {1, 5, octets{9, 9}}, {1, 6, octets{-2, 0}}, {1, 7, octets{5, 5}},
		{2, 4, octets{1, 1}}, {2, 5, octets{2, 2}}, {2, 6, octets{3, 3}},
	}
	want := []figure{
		{1, 0, octets{4, 5}}, {1, 4, octets{5, 5}}, {1, 5, octets{9, 9}},
		{2, 4, octets{1, 1}}, {2, 5, octets{2, 2}}, {2, 6, octets{3, 3}},
	}
	if diff := cmp.Diff(want, bound(slices.Clone(list), 2, 3), compareFigures); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(list, bound(slices.Clone(list), 2, 4), compareFigures); diff != "" {
		t.Errorf("within the limit (-want +got):\n%s", diff)
	}
	want = []figure{{2, 0, octets{3, 3}}, {2, 6, octets{3, 3}}}
	if diff := cmp.Diff(want, bound(slices.Clone(list[5:]), 1, 2), compareFigures); diff != "" {
		t.Errorf("without others before (-want +got):\n%s", diff)
	}
}

func TestSettle(t *testing.T) {
	for _, tt := range []struct{ in, want []int64 }{
		{nil, nil},
		{[]int64{1, 2, 3}, []int64{1, 2, 3}},
		{[]int64{5, 5, -7}, []int64{3, 0, 0}},
		{[]int64{-7, 5, 5}, []int64{0, 0, 3}},
		{[]int64{4, -3, 5}, []int64{1, 0, 5}},
		{[]int64{1, -3, 1}, []int64{0, 0, 0}},
	} {
		got := slices.Clone(tt.in)
		settle(got)
		if !slices.Equal(got, tt.want) {
			t.Errorf("%v became %v, want %v", tt.in, got, tt.want)
		}
	}
}
