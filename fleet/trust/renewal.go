package trust

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"bwmon/fleet"
)

// How long after a renewal that failed the next one is tried: twice as long each time,
// and at most so long; the clock is looked at so often in any case, since it may be set.
const (
	retryFirst = time.Minute
	retryMost  = time.Hour
)

// Run renews the identity in time, until ctx is cancelled; it returns nil then. What
// goes wrong is told to the log, and tried again. An identity that has expired waits for
// a new one in its place.
func (i *Identity) Run(ctx context.Context) error {
	for wait := time.Duration(0); ; {
		due := i.last()
		sleep := min(max(dueAt(due.leaf).Sub(i.o.Now()), wait, time.Second), retryMost)
		timer := time.NewTimer(sleep)
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil
		case <-timer.C:
		}
		p, err := i.now()
		if err == nil && i.o.Now().Before(dueAt(p.leaf)) {
			wait = 0
			continue
		}
		if err == nil {
			err = i.Renew(ctx)
		}
		if err == nil {
			wait = 0
			continue
		}
		if ctx.Err() != nil {
			return nil
		}
		wait = min(max(2*wait, retryFirst), retryMost)
		i.o.Log.Warn("this host's certificate was not renewed", "expires", i.last().leaf.NotAfter, "error", err, "again_in", wait)
		wait -= time.Duration(rand.Int64N(int64(wait / 5))) // not all hosts at once
	}
}

// Renew exchanges the identity for one that lives longer, with a new key, where this
// host joined. It blocks for at most a minute. An identity that has expired is an
// *ExpiredError.
func (i *Identity) Renew(ctx context.Context) error {
	unlock, err := lockDir(i.dir)
	if err != nil {
		return fmt.Errorf("renew this host's certificate: %w", err)
	}
	defer unlock()
	if err := i.renew(ctx); err != nil {
		return fmt.Errorf("renew this host's certificate: %w", err)
	}
	i.o.Log.Info("this host's certificate was renewed", "expires", i.last().leaf.NotAfter)
	if i.o.Renewed != nil {
		i.o.Renewed()
	}
	return nil
}

func (i *Identity) renew(ctx context.Context) error {
	former, err := i.now()
	if err != nil {
		return err
	}
	if now := i.o.Now(); now.After(former.leaf.NotAfter) {
		return former.expired(now)
	}
	key, err := newKey()
	if err != nil {
		return err
	}
	ask := asker{receiver: former.receiver, path: fleet.PathRenew, tls: i.TLSConfig(), now: i.o.Now}
	p, err := ask.papers(ctx, key, "")
	if err != nil {
		return err
	}
	if p.host != former.host || !p.ca.Equal(former.ca) {
		return errors.New("the receiver answered with a certificate of another host or fleet")
	}
	return i.keep(p)
}
