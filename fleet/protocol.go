package fleet

import (
	"fmt"
	"time"

	"bwmon/traffic"
)

// What hosts ask a receiver.
const (
	// PathPublish takes batches (POST), as Encode writes them, compressed with zstd or not
	// (Content-Encoding). Those who have nothing new send none, and learn what is kept. The answer is an Answer: 200; 409 where a batch follows
	// something that the receiver does not have. Other answers are problem details
	// (RFC 9457): 400 and 422 say that the batch will never be taken, 401 and 403 that the
	// host is not trusted, 413 that it is too large, 429 and 503 that it is to be sent
	// later (Retry-After).
	PathPublish = "/api/v1/fleet/batches"
	// PathEnrol changes an invitation into a certificate (POST).
	PathEnrol = "/api/v1/fleet/enrol"
	// PathRenew changes a certificate for a newer one (POST), over TLS with the former.
	PathRenew = "/api/v1/fleet/renew"

	// ContentType is that of batches.
	ContentType = "application/vnd.bwmon.batches+json"

	// HeaderWaiting says how many batches a host has yet to send, HeaderClock what its
	// clock says (RFC 3339), HeaderVersion which bwmon it is.
	HeaderWaiting = "Bwmon-Waiting"
	HeaderClock   = "Bwmon-Clock"
	HeaderVersion = "Bwmon-Version"
	// HeaderHost is the name that a host publishes under, in requests without a batch.
	HeaderHost = "Bwmon-Host"
)

// Answer is a receiver's to batches. All positions are of this host.
type Answer struct {
	// Have is what the receiver has, Kept what of it survives a crash. A host may forget
	// what leads to Kept and before.
	Have Position `json:"have"`
	Kept Position `json:"kept"`
}

// GapError says that a batch follows what the receiver does not have: it is to be
// sent what follows Have. A host that has no such batch any more sends one with Since 0.
type GapError struct{ Have Position }

func (e *GapError) Error() string {
	return fmt.Sprintf("the receiver has run %q up to %d: send what follows", e.Have.Run, e.Have.Seq)
}

// State is what a receiver knows of one host. Its zero value knows nothing. It is for
// one goroutine.
type State struct {
	Position
	// Past are the runs before this one, the latest last, at most MaxPast.
	Past []string
	// Snapshot is the host's books at Position; nil before the first. It is never changed,
	// but replaced.
	Snapshot *traffic.Snapshot
}

// MaxPast is how many former runs a State remembers, so that what comes late is not
// counted again.
const MaxPast = 64

// Limits bound what one host may publish.
type Limits struct {
	// Rows is how many rows of each kind there may be, commands those of all apps together.
	Rows int
	// Ahead is how far a clock may be ahead of the receiver's before its times are not
	// believed.
	Ahead time.Duration
}

// The defaults of Limits.
const (
	DefaultRows  = 5000
	DefaultAhead = 2 * time.Minute
)

// MaxTotal bounds every total: beyond it sums of many hosts could overflow.
const MaxTotal = 1 << 56

// MaxEncoded bounds batches in one request, in bytes, before compression.
const MaxEncoded = 8 << 20
