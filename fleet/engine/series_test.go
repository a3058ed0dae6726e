package engine

import (
	"math"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/encoding/protowire"
)

// decodeRequest reads a request as an engine would, strictly.
func decodeRequest(t testing.TB, b []byte) []series {
	var list []series
	for len(b) > 0 {
		var s series
		fields(t, take(t, &b, fieldSeries), func(field protowire.Number, part []byte) {
			switch field {
			case fieldLabels:
				var l label
				fields(t, part, func(field protowire.Number, text []byte) {
					switch field {
					case fieldName:
						l.name = string(text)
					case fieldText:
						l.value = string(text)
					default:
						t.Fatalf("field %d of a label", field)
					}
				})
				s.labels = append(s.labels, l)
			case fieldSamples:
				s.value, s.at = sample(t, part)
			default:
				t.Fatalf("field %d of a series", field)
			}
		})
		list = append(list, s)
	}
	return list
}

func take(t testing.TB, b *[]byte, want protowire.Number) []byte {
	field, kind, n := protowire.ConsumeTag(*b)
	if n < 0 || field != want || kind != protowire.BytesType {
		t.Fatalf("tag: field %d, kind %d, %v", field, kind, protowire.ParseError(n))
	}
	body, m := protowire.ConsumeBytes((*b)[n:])
	if m < 0 {
		t.Fatal(protowire.ParseError(m))
	}
	*b = (*b)[n+m:]
	return body
}

func fields(t testing.TB, b []byte, each func(protowire.Number, []byte)) {
	for len(b) > 0 {
		field, _, n := protowire.ConsumeTag(b)
		if n < 0 {
			t.Fatal(protowire.ParseError(n))
		}
		each(field, take(t, &b, field))
	}
}

func sample(t testing.TB, b []byte) (value float64, at int64) {
	for len(b) > 0 {
		field, kind, n := protowire.ConsumeTag(b)
		switch {
		case n > 0 && field == fieldValue && kind == protowire.Fixed64Type:
			bits, m := protowire.ConsumeFixed64(b[n:])
			value, n = math.Float64frombits(bits), n+m
		case n > 0 && field == fieldTimestamp && kind == protowire.VarintType:
			v, m := protowire.ConsumeVarint(b[n:])
			at, n = int64(v), n+m
		default:
			t.Fatalf("field %d of a sample, kind %d", field, kind)
		}
		b = b[n:]
	}
	return value, at
}

// FuzzSeries: what is written is read again, labels are such that engines take them.
func FuzzSeries(f *testing.F) {
	f.Add("web1", "curl", "--data \"x\"\n\xff", int64(1700000000123), float64(1<<53-1))
	f.Add("", strings.Repeat("ü", 3000), "{}\\", int64(-1), math.Inf(-1))
	f.Fuzz(func(t *testing.T, host, app, command string, at int64, value float64) {
		want := []series{
			{named("bwmon_fleet_app_receive_bytes_total", "host", host, "app", app), at, value},
			{named("bwmon_fleet_command_receive_bytes_total", "command", command, "app", app), -at, -value},
		}
		var request []byte
		for i := range want {
			request = appendSeries(request, &want[i])
		}
		got := decodeRequest(t, request)
		if d := cmp.Diff(want, got, cmp.AllowUnexported(series{}, label{}), cmp.Comparer(func(a, b float64) bool { return math.Float64bits(a) == math.Float64bits(b) })); d != "" {
			t.Errorf("another request was read (-written +read):\n%s", d)
		}
		for _, s := range got {
			for i, l := range s.labels {
				switch {
				case i > 0 && s.labels[i-1].name >= l.name:
					t.Errorf("label %q comes after %q", l.name, s.labels[i-1].name)
				case l.value == "" || len(l.value) > MaxLabel || !utf8.ValidString(l.value) || strings.ContainsAny(l.value, "\n\x00\x1b"):
					t.Errorf("label %q has the value %q", l.name, l.value)
				}
			}
		}
	})
}

// TestCut: names that differ only beyond what a label holds stay apart.
func TestCut(t *testing.T) {
	long := strings.Repeat("é ", 2500)
	a, b := cut(long+"a"), cut(long+"b")
	if a == b || len(a) > MaxLabel || len(a) < MaxLabel-4 || !utf8.ValidString(a) {
		t.Errorf("cut to %d bytes: %q, and %q", len(a), a[len(a)-30:], b[len(b)-30:])
	}
	if got := cut(a); got != a {
		t.Errorf("cut again: %q", got)
	}
	if got := cut("a\x00\xffb"); got != `a\x00\xffb` {
		t.Errorf("got %q", got)
	}
}
