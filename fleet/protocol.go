package fleet

import "fmt"

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

	// HeaderWaiting says how many batches a host has yet to send, those of the request
	// included, HeaderClock what its clock says (RFC 3339), HeaderVersion which bwmon it is.
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

// SupersededError says that a batch is of a run that another one has followed, and has
// more than was known of it: two machines publish under one name.
type SupersededError struct{ Run, By string }

func (e *SupersededError) Error() string {
	return fmt.Sprintf("run %q was followed by run %q, and goes on: do two machines publish under this name? Give each its own with this_host", e.Run, e.By)
}
