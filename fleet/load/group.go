package main

import (
	"bytes"
	"context"
	"errors"
	"time"

	"bwmon/fleet"
	"bwmon/traffic"
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
}

// batch is one of a group, written for the first of its hosts.
type batch struct {
	since, seq uint64
	text       []byte
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
func (g *group) record(now time.Time) error {
	g.last = g.books.at(now)
	b := g.recorder.Next(g.last)
	if b == nil {
		return errors.New("two batches at the same time")
	}
	text, err := fleet.Encode(nil, b)
	if err != nil {
		return err
	}
	g.seq = b.Seq
	g.journal = append(g.journal, batch{b.Since, b.Seq, text})
	return nil
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

// pending is what h has to send, in its own name, and how many batches that are.
func (g *group) pending(h *host, into []byte) (text []byte, batches int, err error) {
	if h.have >= g.seq {
		return into, 0, nil
	}
	text = into
	next := h.have
	for _, b := range g.journal {
		if b.seq <= next {
			continue
		}
		if b.since > next || len(text)+len(b.text) > maxText {
			break
		}
		text, batches, next = append(text, b.text...), batches+1, b.seq
	}
	if batches == 0 {
		if text, err = fleet.Encode(text, g.recorder.Full()); err != nil {
			return nil, 0, err
		}
		batches = 1
	}
	if first := g.hosts[0].name; h.name != first { // of the same length
		for rest := text; ; {
			i := bytes.Index(rest, []byte(first))
			if i < 0 {
				break
			}
			rest = rest[i+copy(rest[i:], h.name):]
		}
	}
	return text, batches, nil
}

// deliver sends what h has to send; with ask also nothing, to learn what is kept. What goes
// wrong is counted: it is tried again next time.
func (g *group) deliver(ctx context.Context, h *host, scratch []byte, ask bool, f *figures) ([]byte, error) {
	for range 3 { // it is told what is there, twice at most
		text, batches, err := g.pending(h, scratch[:0])
		if err != nil {
			return scratch, err
		}
		scratch = text
		if batches == 0 && !ask {
			return scratch, nil
		}
		begun := time.Now()
		a, err := h.sender.send(ctx, h.name, text, batches)
		f.sent(a, batches, len(text), time.Since(begun), err)
		if err != nil {
			return scratch, nil
		}
		h.have, h.kept = g.seqOf(h, a.Have), g.seqOf(h, a.Kept)
		if !a.gap && h.have >= g.seq {
			return scratch, nil
		}
	}
	return scratch, nil
}

// seqOf is what a receiver's position is to h: nothing where it is of another run.
func (g *group) seqOf(h *host, p fleet.Position) uint64 {
	if own := h.name + g.books.run[len(g.hosts[0].name):]; p.Run != own {
		return 0
	}
	return p.Seq
}
