package receive

import (
	"context"
	"net/http"
	"time"

	"golang.org/x/sync/semaphore"
)

// room is memory for what hosts send, in bytes: when a receiver was away all of them send
// much at once. Who finds no room for a body waits without one.
type room struct{ *semaphore.Weighted }

// What is in memory at a time: bodies as they travelled, until they are unpacked, and
// documents and what was read of them, until they are applied.
const (
	bodyRoom     = 32 << 20
	documentRoom = 32 << 20
)

func newRoom(bytes int64) room { return room{semaphore.NewWeighted(bytes)} }

// enter waits for so many bytes, which held has from then on.
func (o room) enter(ctx context.Context, bytes int64, held *int64) error {
	ctx, stop := context.WithTimeout(ctx, patience)
	defer stop()
	if o.Acquire(ctx, bytes) != nil {
		return later(http.StatusServiceUnavailable, 2*time.Second, "too many hosts send too much at a time")
	}
	*held += bytes
	return nil
}

// leave gives back so many of those that held has.
func (o room) leave(held *int64, bytes int64) {
	*held -= bytes
	o.Release(bytes)
}
