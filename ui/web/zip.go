package web

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"sync"

	"github.com/klauspost/compress/flate"
)

// A text is compressed once, by itself: blocks (RFC 1951) that refer to nothing
// before them and end at a byte. So they may stand in a gzip file (RFC 1952) and
// in the midst of every stream that is sent.

// gzipHead begins a gzip file: deflate, no name, no time, unknown system.
const gzipHead = "\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"

// packer compresses. It keeps the tables of writers for those who come next.
type packer struct {
	large   sync.Mutex // held while a large text is compressed
	writers sync.Pool  // of *flate.Writer
}

// largeText is what takes some milliseconds to compress. Of such texts one is at a time,
// so that they leave processors to the small ones, which wait for nobody.
const largeText = 1 << 20

// blocks compresses text into blocks, none of which is the last.
func (p *packer) blocks(text []byte) []byte {
	if len(text) >= largeText {
		p.large.Lock()
		defer p.large.Unlock()
	}
	b := bytes.NewBuffer(make([]byte, 0, len(text)/4+64))
	w, ok := p.writers.Get().(*flate.Writer)
	if ok {
		w.Reset(b)
	} else {
		w, _ = flate.NewWriter(b, flate.BestSpeed) // fails for an unknown level alone
	}
	_, _ = w.Write(text) // to memory
	_ = w.Flush()
	w.Reset(nil)
	p.writers.Put(w)
	return b.Bytes()
}

// stored appends text as a block that is not compressed, and an empty one, at
// which readers give out what they have. Text is at most 64 KiB less one byte.
func stored(b []byte, text string) []byte {
	n := uint16(len(text))
	b = append(b, 0)
	b = binary.LittleEndian.AppendUint16(b, n)
	b = binary.LittleEndian.AppendUint16(b, ^n)
	b = append(b, text...)
	return append(b, 0, 0, 0, 0xff, 0xff)
}

// gzipTail appends the end of a gzip file whose text has that sum and length.
func gzipTail(b []byte, sum uint32, length uint64) []byte {
	b = append(b, 3, 0) // a last block, empty
	b = binary.LittleEndian.AppendUint32(b, sum)
	return binary.LittleEndian.AppendUint32(b, uint32(length))
}

// gzip is a whole file.
func (p *packer) gzip(text []byte) []byte { return gzipOf(text, p.blocks(text)) }

// gzipOf is a whole file of text, whose blocks are known.
func gzipOf(text, blocks []byte) []byte {
	b := make([]byte, 0, len(gzipHead)+len(blocks)+10)
	b = append(b, gzipHead...)
	b = append(b, blocks...)
	return gzipTail(b, crc32.ChecksumIEEE(text), uint64(len(text)))
}
