package publish

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"time"

	"bwmon/fleet"

	"github.com/klauspost/compress/zstd"
)

// head is what of a batch the queue has to know, and stands before it in its file.
type head struct {
	Host   string         `json:"host"`
	Run    string         `json:"run"`
	Seq    uint64         `json:"seq"`
	Since  uint64         `json:"since"`
	Former fleet.Position `json:"former,omitzero"`
	At     time.Time      `json:"at"`
	Bytes  int            `json:"bytes"` // of the batch, encoded and not compressed
}

func (h head) position() fleet.Position { return fleet.Position{Run: h.Run, Seq: h.Seq} }

// entry is one batch of the queue.
type entry struct {
	head
	number uint64 // of its file; those that come later have larger ones
	// sealed is what its file holds; nil once that was written.
	sealed []byte
	size   int64        // of sealed, in bytes
	batch  *fleet.Batch // nil: to be read
	// kept: the receiver has it for good. It stays as the mark of where its run ended.
	kept bool
	// late: it came to light when newer ones were in memory, which may have been sent: the
	// receiver may not have it, although it has those.
	late bool
	// whole: it is not to be joined any more: the result would be too large.
	whole bool
}

// errDamaged is a stored file that is not what was written.
var errDamaged = errors.New("damaged file")

const (
	magic = "bwmon batch 1 "
	// maxFile bounds what is read of one file.
	maxFile = 16 << 20
	// maxJoined bounds what batches are joined to, in encoded bytes, so that each can be sent.
	maxJoined = fleet.MaxEncoded / 2
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// ownLimits are those for what this program wrote itself.
var ownLimits = fleet.Limits{Rows: 1 << 30}

// sealer makes files of batches and batches of files. It is for one goroutine.
type sealer struct {
	packer   *zstd.Encoder
	unpacker *zstd.Decoder
	text     []byte // scratch
}

func newSealer() (*sealer, error) {
	packer, err := newPacker()
	if err != nil {
		return nil, err
	}
	unpacker, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(fleet.MaxEncoded))
	if err != nil {
		return nil, fmt.Errorf("publish: %w", err)
	}
	return &sealer{packer: packer, unpacker: unpacker}, nil
}

// newPacker compresses batches; it has no goroutines of its own.
func newPacker() (*zstd.Encoder, error) {
	packer, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithLowerEncoderMem(true), zstd.WithWindowSize(256<<10))
	if err != nil {
		return nil, fmt.Errorf("publish: %w", err)
	}
	return packer, nil
}

// seal makes an entry of a batch.
func (s *sealer) seal(b *fleet.Batch, number uint64) (*entry, error) {
	var err error
	if s.text, err = fleet.Encode(s.text[:0], b); err != nil {
		return nil, err
	}
	e := &entry{number: number, batch: b, head: head{
		Host: b.Host, Run: b.Run, Seq: b.Seq, Since: b.Since, Former: b.Former, At: b.At, Bytes: len(s.text),
	}}
	line, err := json.Marshal(e.head)
	if err != nil {
		return nil, fmt.Errorf("write a batch: %w", err)
	}
	e.sealed = frame(line, s.packer.EncodeAll(s.text, nil))
	e.size = int64(len(e.sealed))
	return e, nil
}

// frame is a line with length and checksum, the head's line and the batch. A disk that
// lost power may hand back zeros or half a file.
func frame(line, packed []byte) []byte {
	body := append(append(append(make([]byte, 0, len(line)+len(packed)+1), line...), '\n'), packed...)
	return append(fmt.Appendf(nil, magic+"%d %08x\n", len(body), crc32.Checksum(body, castagnoli)), body...)
}

// parse reads what seal wrote, or errDamaged.
func parse(file []byte) (h head, packed []byte, err error) {
	first, body, found := bytes.Cut(file, []byte("\n"))
	if !found || string(first) != fmt.Sprintf(magic+"%d %08x", len(body), crc32.Checksum(body, castagnoli)) {
		return head{}, nil, errDamaged
	}
	line, packed, found := bytes.Cut(body, []byte("\n"))
	if !found || json.Unmarshal(line, &h) != nil || h.Host == "" || h.Run == "" || h.Seq <= h.Since || h.Bytes < 0 {
		return head{}, nil, errDamaged
	}
	return h, packed, nil
}

// open is the batch in a file, which must be the one that its head says.
func (s *sealer) open(file []byte) (*fleet.Batch, error) {
	h, packed, err := parse(file)
	if err != nil {
		return nil, err
	}
	if s.text, err = s.unpacker.DecodeAll(packed, s.text[:0]); err != nil {
		return nil, errDamaged
	}
	batches, err := fleet.Decode(s.text, ownLimits)
	if err != nil || len(batches) != 1 {
		return nil, errDamaged
	}
	b := batches[0]
	if b.Host != h.Host || b.Position() != h.position() || b.Since != h.Since {
		return nil, errDamaged
	}
	return b, nil
}
