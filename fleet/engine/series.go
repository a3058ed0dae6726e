package engine

import (
	"fmt"
	"hash/fnv"
	"math"
	"slices"
	"strings"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protowire"

	"bwmon/traffic"
)

// label is one of a series; its value is not empty.
type label struct{ name, value string }

// series is one sample of one series. Its labels are in order of their names, the name
// of the metric first.
type series struct {
	labels []label
	at     int64 // milliseconds of Unix time
	value  float64
}

// MaxLabel is how long a label's value is at most, in bytes: Mimir takes 2,048. What is
// longer is cut and ends in a checksum of all, so that names that differ stay apart.
const MaxLabel = 2000

// cut makes text the value of a label.
func cut(text string) string {
	text = strings.ToValidUTF8(traffic.CleanText(text, math.MaxInt), "\uFFFD")
	if len(text) <= MaxLabel {
		return text
	}
	sum := fnv.New64a()
	sum.Write([]byte(text))
	end := fmt.Sprintf("… %016x", sum.Sum64())
	n := MaxLabel - len(end)
	for !utf8.RuneStart(text[n]) {
		n--
	}
	return text[:n] + end
}

func byName(a, b label) int { return strings.Compare(a.name, b.name) }

// named is a list of labels in order. Empty values are no labels.
func named(metric string, pairs ...string) []label {
	list := make([]label, 1, 1+len(pairs)/2)
	list[0] = label{"__name__", metric}
	for i := 0; i+1 < len(pairs); i += 2 {
		if v := cut(pairs[i+1]); v != "" {
			list = append(list, label{pairs[i], v})
		}
	}
	slices.SortFunc(list, byName)
	return list
}

// The fields of prometheus.WriteRequest of remote write 1.0, and of what is in it.
const (
	fieldSeries    = 1
	fieldLabels    = 1
	fieldSamples   = 2
	fieldName      = 1
	fieldText      = 2
	fieldValue     = 1
	fieldTimestamp = 2
)

// sizeOfSample is that of an encoded sample at a time.
func sizeOfSample(at int64) int {
	return protowire.SizeTag(fieldValue) + protowire.SizeFixed64() + protowire.SizeTag(fieldTimestamp) + protowire.SizeVarint(uint64(at))
}

func (l *label) size() int {
	return protowire.SizeTag(fieldName) + protowire.SizeBytes(len(l.name)) + protowire.SizeTag(fieldText) + protowire.SizeBytes(len(l.value))
}

func (s *series) size() int {
	n := protowire.SizeTag(fieldSamples) + protowire.SizeBytes(sizeOfSample(s.at))
	for i := range s.labels {
		n += protowire.SizeTag(fieldLabels) + protowire.SizeBytes(s.labels[i].size())
	}
	return n
}

// appendSeries adds a series to a request, of which any number together are one.
func appendSeries(to []byte, s *series) []byte {
	message := func(field protowire.Number, size int) {
		to = protowire.AppendTag(to, field, protowire.BytesType)
		to = protowire.AppendVarint(to, uint64(size))
	}
	text := func(field protowire.Number, text string) {
		to = protowire.AppendTag(to, field, protowire.BytesType)
		to = protowire.AppendString(to, text)
	}
	message(fieldSeries, s.size())
	for i := range s.labels {
		l := &s.labels[i]
		message(fieldLabels, l.size())
		text(fieldName, l.name)
		text(fieldText, l.value)
	}
	message(fieldSamples, sizeOfSample(s.at))
	to = protowire.AppendTag(to, fieldValue, protowire.Fixed64Type)
	to = protowire.AppendFixed64(to, math.Float64bits(s.value))
	to = protowire.AppendTag(to, fieldTimestamp, protowire.VarintType)
	return protowire.AppendVarint(to, uint64(s.at))
}
