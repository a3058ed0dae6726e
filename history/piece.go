package history

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"math"
)

// A piece is a CRC-32C of what follows it (4 bytes, little-endian) and, for each
// figure by group and id, varints as package encoding/binary has them: the id, or
// within one group what it is more than the one before; rx and tx, zigzag. Bytes of disks
// are mostly whole pages of 4096: the lowest bit of theirs says whether what is above it
// counts these (0) or bytes (1).
//
// Of a grouped kind the lowest bit of the id's varint says (1) that the group is another
// than that of the figure before, or than 0: how much more follows it. The next bit says
// that so many figures as then follow are of the ids that come next, which are left out.
// All bits of the CRC are turned then. Where they are not, the piece is as schema 1 had
// them: before the id stood, for each figure, what the group is more than the one before.

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
	next := 0 // of the list, whose id has to be written
	for i, f := range list {
		switch {
		case k.grouped() && i < next: // its id is known
		case k.grouped():
			to, next = appendGrouped(to, former, list, i)
		default:
			to = binary.AppendUvarint(to, uint64(f.id-former.id))
		}
		if k.paged() {
			to = appendPaged(appendPaged(to, f.rx), f.tx)
		} else {
			to = binary.AppendVarint(binary.AppendVarint(to, f.rx), f.tx)
		}
		former = f
	}
	sum := checksum(to[start+4:])
	if k.grouped() {
		sum = ^sum
	}
	binary.LittleEndian.PutUint32(to[start:], sum)
	return to
}

// The bits beside an id.
const (
	otherGroup = 1 << iota
	withNext
	idShift = iota
)

// appendGrouped writes the id and group of a figure of a list, and how many have the ids
// after it. It returns the index of the first that has not.
func appendGrouped(to []byte, former figure, list []figure, i int) ([]byte, int) {
	f, next := list[i], i+1
	for next < len(list) && list[next].group == f.group && list[next].id-f.id == uint32(next-i) {
		next++
	}
	n, more := uint64(f.id-former.id)<<idShift, f.group-former.group
	if more > 0 {
		n = uint64(f.id)<<idShift | otherGroup
	}
	if next > i+1 {
		n |= withNext
	}
	to = binary.AppendUvarint(to, n)
	if more > 0 {
		to = binary.AppendUvarint(to, uint64(more))
	}
	if next > i+1 {
		to = binary.AppendUvarint(to, uint64(next-i-1))
	}
	return to, next
}

// decode appends what a piece holds. It is for any bytes.
func decode(to []figure, k kind, data []byte) ([]figure, error) {
	if len(data) < 4 {
		return to, errPiece
	}
	stored, sum := binary.LittleEndian.Uint32(data), checksum(data[4:])
	flagged := k.grouped() && stored == ^sum
	if stored != sum && !flagged {
		return to, errPiece
	}
	r := reading{data: data, at: 4}
	var f figure
	for first := true; r.at < len(data); first = false {
		var moved bool
		switch {
		case flagged:
			moved = r.flagged(&f)
		case k.grouped():
			moved = r.grouped(&f)
		default:
			moved = r.plus(&f.id) > 0
		}
		if !moved && !first {
			return to, errPiece // one series twice
		}
		if k.paged() {
			f.rx, f.tx = r.paged(), r.paged()
		} else {
			f.rx, f.tx = r.signed(), r.signed()
		}
		if r.bad {
			return to, errPiece
		}
		to = append(to, f)
	}
	if r.next > 0 {
		return to, errPiece
	}
	return to, nil
}

// reading is how far a piece was read.
type reading struct {
	data []byte
	at   int
	next uint64 // figures whose id is that after the one before
	bad  bool
}

func (r *reading) number() uint64 {
	if r.at < len(r.data) && r.data[r.at] < 0x80 { // most are small
		r.at++
		return uint64(r.data[r.at-1])
	}
	v, size := binary.Uvarint(r.data[r.at:])
	if size <= 0 {
		r.bad, size = true, len(r.data)-r.at
	}
	r.at += size
	return v
}

func (r *reading) signed() int64 {
	return unzigzag(r.number())
}

// flagged reads the id and group of a figure, and reports whether they are others.
func (r *reading) flagged(f *figure) (moved bool) {
	if r.next > 0 {
		r.next--
		r.add(&f.id, 1)
		return true
	}
	n := r.number()
	if n&otherGroup != 0 {
		f.id = 0
		r.bad = r.plus(&f.group) == 0 || r.bad
	}
	r.add(&f.id, n>>idShift)
	if n&withNext != 0 {
		r.next = r.number()
		r.bad = r.bad || r.next == 0
	}
	return n&otherGroup != 0 || n>>idShift > 0
}

// grouped does so where schema 1 wrote them.
func (r *reading) grouped(f *figure) (moved bool) {
	if r.plus(&f.group) > 0 {
		moved, f.id = true, 0
	}
	return r.plus(&f.id) > 0 || moved
}

// plus reads how much more a group or id is.
func (r *reading) plus(n *uint32) (more uint64) {
	more = r.number()
	r.add(n, more)
	return more
}

// pageBits are those of a disk's bytes that are mostly 0.
const pageBits = 12

// appendPaged writes a figure of a disk. That may need a bit more than a varint has: then
// the word 1 stands before it, which no figure is.
func appendPaged(to []byte, n int64) []byte {
	bytes := uint64(1)
	if n&(1<<pageBits-1) == 0 {
		bytes, n = 0, n>>pageBits
	}
	zigzag := uint64(n)<<1 ^ uint64(n>>63)
	if zigzag >= 1<<63 {
		return binary.AppendVarint(append(to, 1), n)
	}
	return binary.AppendUvarint(to, zigzag<<1|bytes)
}

// paged reads a figure of a disk.
func (r *reading) paged() int64 {
	v := r.number()
	switch {
	case v == 1:
		return r.signed()
	case v&1 == 1:
		return unzigzag(v >> 1)
	}
	n := unzigzag(v >> 1)
	r.bad = r.bad || n != n<<pageBits>>pageBits
	return n << pageBits
}

func unzigzag(v uint64) int64 { return int64(v>>1) ^ -int64(v&1) }

// add makes a group or id so much more.
func (r *reading) add(n *uint32, more uint64) {
	if more > math.MaxUint32-uint64(*n) {
		r.bad = true
		return
	}
	*n += uint32(more)
}

// The key of a piece's row is whose it is, where it begins, in Unix seconds, and its
// kind: what one reader asks for lies together. Member 0 is the machine itself, or the
// whole fleet.
const (
	kindBits   = 8
	startBits  = 34
	memberBits = 63 - startBits - kindBits
	maxStart   = 1<<startBits - 1
	maxMember  = 1<<memberBits - 2
)

func pieceKey(member, start int64, k kind) int64 {
	return member<<(startBits+kindBits) | start<<kindBits | int64(k)
}

func memberOf(key int64) int64 { return key >> (startBits + kindBits) }

func startOf(key int64) int64 { return key >> kindBits & maxStart }

func kindIn(key int64) kind { return kind(key & (1<<kindBits - 1)) }
