package history

import (
	"encoding/binary"
	"math"
)

// The journal has what members of a fleet booked and is not in their pieces yet: there a
// part of a member is one row, while adding it to pieces writes some for each level and
// kind. A row is a CRC-32C of what follows it (4 bytes, little-endian); where the pieces
// of each level begin, zigzag varints; and sections: the kind, or sectionTrend plus the
// theme (1 byte), how many bytes follow (varint), and a piece.
//
// Its key is that of pieces, with a number that rises in place of the time and kind.

const sectionTrend = 128

func journalKey(member, number int64) int64 { return pieceKey(member, 0, 0) | number }

const maxJournal = 1<<(startBits+kindBits) - 1

// encodePart appends the row of a part.
func encodePart(to []byte, p *part) []byte {
	begin := len(to)
	to = append(to, 0, 0, 0, 0)
	for _, start := range p.span {
		to = binary.AppendVarint(to, start)
	}
	var piece []byte
	section := func(name byte) {
		to = binary.AppendUvarint(append(to, name), uint64(len(piece)))
		to = append(to, piece...)
	}
	for k := range kinds {
		if list := p.figures[k]; len(list) > 0 {
			piece = encode(piece[:0], k, list)
			section(byte(k))
		}
	}
	for t := range themes {
		if list := p.gauges[t]; len(list) > 0 {
			piece = encodeTrend(piece[:0], list, true)
			section(sectionTrend + byte(t))
		}
	}
	binary.LittleEndian.PutUint32(to[begin:], checksum(to[begin+4:]))
	return to
}

// decodePart reads a row of the journal, of it the kinds and themes that are wanted. It is
// for any bytes.
func decodePart(data []byte, wanted func(k kind) bool, trends bool) (p part, err error) {
	if len(data) < 4 || binary.LittleEndian.Uint32(data) != checksum(data[4:]) {
		return p, errPiece
	}
	r := reading{data: data, at: 4}
	for l := range p.span {
		p.span[l] = r.signed()
		r.bad = r.bad || p.span[l] < 0 || p.span[l] > maxStart
	}
	for last := -1; r.at < len(data); {
		name := byte(r.word(1))
		piece := r.bytes(r.number())
		if r.bad || int(name) <= last { // in their order, each once
			return p, errPiece
		}
		last = int(name)
		switch k, t := kind(name), theme(name-sectionTrend); {
		case name < sectionTrend && k < kinds && wanted(k):
			p.figures[k], err = decode(p.figures[k], k, piece)
		case name >= sectionTrend && t < themes && trends:
			p.gauges[t], err = decodeTrend(p.gauges[t], piece)
		}
		if err != nil {
			return p, err
		}
	}
	if r.bad {
		return p, errPiece
	}
	return p, nil
}

// bytes reads so many.
func (r *reading) bytes(n uint64) []byte {
	if r.bad || n > uint64(len(r.data)-r.at) || n > math.MaxInt32 {
		r.bad, r.at = true, len(r.data)
		return nil
	}
	b := r.data[r.at : r.at+int(n)]
	r.at += int(n)
	return b
}

func everyKind(kind) bool { return true }
