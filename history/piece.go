package history

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"math"
)

// A piece is a CRC-32C of what follows it (4 bytes, little-endian) and, for each
// figure by group and id, varints as package encoding/binary has them: of a grouped
// kind what the group is more than the one before; the id, or within one group what
// it is more than the one before; rx and tx, zigzag.

// errPiece is that a piece is not what was written.
var errPiece = errors.New("a piece is damaged")

// castagnoli has a CRC that processors have an instruction for.
func checksum(data []byte) uint32 {
	return crc32.Checksum(data, crc32.MakeTable(crc32.Castagnoli))
}

// encode appends the piece of a tidy list.
func encode(to []byte, k kind, list []figure) []byte {
	start := len(to)
	to = append(to, 0, 0, 0, 0)
	var former figure
	for _, f := range list {
		if k.grouped() {
			to = binary.AppendUvarint(to, uint64(f.group-former.group))
			if f.group != former.group {
				former.id = 0
			}
		}
		to = binary.AppendUvarint(to, uint64(f.id-former.id))
		to = binary.AppendVarint(to, f.rx)
		to = binary.AppendVarint(to, f.tx)
		former = f
	}
	binary.LittleEndian.PutUint32(to[start:], checksum(to[start+4:]))
	return to
}

// decode appends what a piece holds. It is for any bytes.
func decode(to []figure, k kind, data []byte) ([]figure, error) {
	if len(data) < 4 || binary.LittleEndian.Uint32(data) != checksum(data[4:]) {
		return to, errPiece
	}
	r := reading{data: data[4:]}
	var f figure
	for first := true; len(r.data) > 0; first = false {
		moved := first
		if k.grouped() {
			if group := r.more(&f.group); group > 0 {
				moved, f.id = true, 0
			}
		}
		if more := r.more(&f.id); more == 0 && !moved {
			return to, errPiece // one series twice
		}
		f.rx, f.tx = r.signed(), r.signed()
		if r.bad {
			return to, errPiece
		}
		to = append(to, f)
	}
	return to, nil
}

// reading is what is left of a piece.
type reading struct {
	data []byte
	bad  bool
}

// more adds the next number to n, and returns it.
func (r *reading) more(n *uint32) uint64 {
	v, size := binary.Uvarint(r.data)
	if size <= 0 || v > math.MaxUint32-uint64(*n) {
		r.bad, r.data = true, nil
		return 0
	}
	r.data = r.data[size:]
	*n += uint32(v)
	return v
}

func (r *reading) signed() int64 {
	v, size := binary.Varint(r.data)
	if size <= 0 {
		r.bad, r.data = true, nil
		return 0
	}
	r.data = r.data[size:]
	return v
}

// The key of a piece's row is its kind and where it begins.
const startBits = 40

func pieceKey(k kind, start int64) int64 { return int64(k)<<startBits | start }

func startOf(key int64) int64 { return key & (1<<startBits - 1) }
