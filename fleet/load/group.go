package main

import (
	"bytes"
	"context"
	"errors"
	"time"

	"bwmon/fleet"
	"bwmon/traffic"

	"github.com/klauspost/compress/zstd"
)

// group are hosts that do the same at the same time, each under its own name: making up
// figures and writing them as JSON is done once for all. It is for one goroutine.
type group struct {
	hosts    []*host
	books    *books
	recorder *fleet.Recorder
	last     *traffic.Snapshot
	seq      uint64  // of last
	journal  []batch // in order; what hosts may have to send again
	full     *batch  // all of the run up to seq; nil until somebody wants it
}

// batch is one of a group, written for the first of its hosts. What names a host is in
// front; the rest, which is the same for all, is packed once (frames of zstd are one
// document, RFC 8878, 3.1). Of a group of one host all is in front.
type batch struct {
	since, seq uint64
	front      []byte // text
	rest       []byte // packed
	size       int    // of both as text
}

// maxJournal is how many batches are kept at most. A host that lacks more sends all of its
// run in one.
const maxJournal = 120

// host is one that is simulated.
type host struct {
	name   string
	sender *sender
	// have is what its receiver has, kept what of it survives a crash: numbers of its only
	// run.
	have, kept uint64
}

// record makes the batch of now.
func (g *group) record(now time.Time, packer *zstd.Encoder) error {
	g.last = g.books.at(now)
	b := g.recorder.Next(g.last)
	if b == nil {
		return errors.New("two batches at the same time")
	}
	made, err := g.write(b, packer)
	if err != nil {
		return err
	}
	g.seq, g.full = b.Seq, nil
	g.journal = append(g.journal, made)
	return nil
}

func (g *group) write(b *fleet.Batch, packer *zstd.Encoder) (batch, error) {
	text, err := fleet.Encode(nil, b)
	if err != nil {
		return batch{}, err
	}
	made := batch{since: b.Since, seq: b.Seq, front: text, size: len(text)}
	if first := g.hosts[0].name; len(g.hosts) > 1 {
		at := bytes.LastIndex(text, []byte(first)) + len(first)
		made.front, made.rest = text[:at:at], packer.EncodeAll(text[at:], nil)
	}
	return made, nil
}

// forget drops what all hosts have sent for good, and what is too much.
func (g *group) forget() {
	kept := g.seq
	for _, h := range g.hosts {
		kept = min(kept, h.kept)
	}
	drop := max(0, len(g.journal)-maxJournal)
	for drop < len(g.journal) && g.journal[drop].seq <= kept {
		drop++
	}
	clear(g.journal[:drop])
	g.journal = g.journal[drop:]
}

// maxText bounds what is sent at once, in bytes before compression.
const maxText = fleet.MaxEncoded / 2

// document is batches as they travel.
type document struct {
	packed  []byte
	batches int
	size    int // before compression
}

// pending is what h has to send. Without it, it has none.
func (g *group) pending(h *host, packer *zstd.Encoder) (d document, err error) {
	if h.have >= g.seq {
		return d, nil
	}
	next := h.have
	for _, b := range g.journal {
		if b.seq <= next {
			continue
		}
		if b.since > next || d.size+b.size > maxText {
			break
		}
		g.add(&d, h, b, packer)
		next = b.seq
	}
	if d.batches > 0 {
		return d, nil
	}
	if g.full == nil {
		b, err := g.write(g.recorder.Full(), packer)
		if err != nil {
			return d, err
		}
		g.full = &b
	}
	g.add(&d, h, *g.full, packer)
	return d, nil
}

// add adds a batch in h's name.
func (g *group) add(d *document, h *host, b batch, packer *zstd.Encoder) {
	front := b.front
	if first := g.hosts[0].name; h.name != first { // of the same length
		front = bytes.ReplaceAll(front, []byte(first), []byte(h.name))
	}
	d.packed = append(packer.EncodeAll(front, d.packed), b.rest...)
	d.batches, d.size = d.batches+1, d.size+b.size
}

// deliver sends what h has to send; with ask also nothing, to learn what is kept. What goes
// wrong is counted: it is tried again next time.
func (g *group) deliver(ctx context.Context, h *host, packer *zstd.Encoder, ask bool, f *figures) error {
	for range 3 { // it is told what is there, twice at most
		d, err := g.pending(h, packer)
		if err != nil {
			return err
		}
		if d.batches == 0 && !ask {
			return nil
		}
		begun := time.Now()
		a, err := h.sender.send(ctx, h.name, d)
		f.sent(a, d, time.Since(begun), err)
		if err != nil {
			return nil
		}
		h.have, h.kept = g.seqOf(h, a.Have), g.seqOf(h, a.Kept)
		if !a.gap && h.have >= g.seq {
			return nil
		}
	}
	return nil
}

// seqOf is what a receiver's position is to h: nothing where it is of another run.
func (g *group) seqOf(h *host, p fleet.Position) uint64 {
	if own := h.name + g.books.run[len(g.hosts[0].name):]; p.Run != own {
		return 0
	}
	return p.Seq
}
