package history

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"hash/fnv"

	"bwmon/traffic"

	"github.com/klauspost/compress/zstd"
)

// A member's last Snapshot is in the file as the public document, compressed, behind a
// line of JSON that has what an intake knows beside it.

// beside is what an intake knows that the last Snapshot does not say.
type beside struct {
	// Disks are those that were not listed: read and written.
	Disks map[string][2]uint64 `json:"disks,omitempty"`
	// Changed is the elapsed time at which the interfaces last moved, in their order;
	// none: all did just now.
	Changed []float64 `json:"changed,omitempty"`
}

func (in *intake) beside() (b beside) {
	for name, d := range in.disks.known {
		if d.tick == in.disks.tick {
			continue
		}
		if b.Disks == nil {
			b.Disks = make(map[string][2]uint64)
		}
		b.Disks[name] = [2]uint64{d.booked.rx, d.booked.tx}
	}
	for i := range in.interfaces.list {
		if in.interfaces.list[i].changed != in.elapsed {
			b.Changed = make([]float64, len(in.interfaces.list))
			break
		}
	}
	for i := range b.Changed {
		b.Changed[i] = in.interfaces.list[i].changed
	}
	return b
}

// resume makes the intake as it was after it took a Snapshot.
func (in *intake) resume(s *traffic.Snapshot, b beside) {
	in.begin()
	in.take(s, func(*series, octets) {})
	for name, t := range b.Disks {
		if in.disks.known[name] == nil {
			in.disks.makeRoom()
			in.disks.known[name] = &device{booked: total{t[0], t[1]}}
		}
	}
	if len(b.Changed) == len(in.interfaces.list) {
		for i := range b.Changed {
			in.interfaces.list[i].changed = b.Changed[i]
		}
	}
}

// packer writes and reads them. It is for one goroutine.
type packer struct {
	encoder *zstd.Encoder
	decoder *zstd.Decoder
	buffer  bytes.Buffer
	packed  []byte
}

// maxBaseline bounds what a document is unpacked to.
const maxBaseline = 256 << 20

func newPacker() (p *packer, err error) {
	p = &packer{}
	if p.encoder, err = zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(zstd.SpeedFastest)); err != nil {
		return nil, err
	}
	p.decoder, err = zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(maxBaseline))
	return p, err
}

func (p *packer) close() {
	p.encoder.Close()
	p.decoder.Close()
}

// pack returns what is written of a member. It is good until the next call.
func (p *packer) pack(s *traffic.Snapshot, b beside) ([]byte, error) {
	p.buffer.Reset()
	e := json.NewEncoder(&p.buffer) // each document is a line
	e.SetEscapeHTML(false)
	if err := e.Encode(b); err != nil {
		return nil, err
	}
	if s != nil {
		if err := e.Encode(s); err != nil {
			return nil, err
		}
	}
	p.packed = p.encoder.EncodeAll(p.buffer.Bytes(), p.packed[:0])
	return p.packed, nil
}

// unpack reads it; the Snapshot is nil where there was none.
func (p *packer) unpack(packed []byte) (s *traffic.Snapshot, b beside, err error) {
	document, err := p.decoder.DecodeAll(packed, nil)
	if err != nil {
		return nil, b, fmt.Errorf("unpack the last snapshot: %w", err)
	}
	line, rest, _ := bytes.Cut(document, []byte("\n"))
	if err := json.Unmarshal(line, &b); err != nil {
		return nil, b, fmt.Errorf("read what was beside the last snapshot: %w", err)
	}
	if len(rest) == 0 {
		return nil, b, nil
	}
	s, err = traffic.DecodeSnapshot(bytes.TrimSuffix(rest, []byte("\n")))
	return s, b, err
}

// hostHash is what tells whether a row of host is what was written.
func hostHash(name, run string, note, last []byte) int64 {
	h := fnv.New64a()
	for _, b := range [][]byte{[]byte(name), []byte(run), note, last} {
		var size [8]byte
		binary.LittleEndian.PutUint64(size[:], uint64(len(b)))
		h.Write(size[:])
		h.Write(b)
	}
	return int64(h.Sum64())
}
