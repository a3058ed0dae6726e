package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"time"

	"bwmon/fleet"

	"github.com/klauspost/compress/zstd"
)

// sender posts to one receiver what hosts publish, as fleet/publish does, over
// connections that all hosts share. It is for any number of goroutines.
type sender struct {
	address string
	client  *http.Client
}

// answer is what came back.
type answer struct {
	fleet.Answer
	gap bool // something is missing there
}

// statusError is an answer that is none of batches.
type statusError struct {
	status int
	text   string
}

func (e *statusError) Error() string { return fmt.Sprintf("%d: %s", e.status, e.text) }

// parseReceiver wants an address of this machine: others are not to be loaded.
func parseReceiver(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "http" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return nil, fmt.Errorf("want a URL like http://127.0.0.1:8000, got %q", text)
	}
	a, err := netip.ParseAddr(u.Hostname())
	if err != nil || !a.IsLoopback() {
		return nil, fmt.Errorf("%s: want an address of loopback: others are not to be loaded", text)
	}
	return u, nil
}

// newClient makes one for that many senders.
func newClient(senders int) *http.Client {
	return &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{
		DialContext:  (&net.Dialer{Timeout: 10 * time.Second}).DialContext,
		MaxIdleConns: senders, MaxIdleConnsPerHost: senders, IdleConnTimeout: 2 * time.Minute,
		DisableCompression: true,
	}}
}

func newSender(to *url.URL, client *http.Client) *sender {
	return &sender{to.JoinPath(fleet.PathPublish).String(), client}
}

// newPacker compresses as fleet/publish does.
func newPacker() (*zstd.Encoder, error) {
	return zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithLowerEncoderMem(true), zstd.WithWindowSize(256<<10))
}

const maxAnswer = 64 << 10

// send posts batches, or none.
func (s *sender) send(ctx context.Context, host string, d document) (a answer, err error) {
	q, err := http.NewRequestWithContext(ctx, http.MethodPost, s.address, bytes.NewReader(d.packed))
	if err != nil {
		return a, err
	}
	q.Header.Set("Content-Type", fleet.ContentType)
	if d.batches > 0 {
		q.Header.Set("Content-Encoding", "zstd")
	}
	q.Header.Set("User-Agent", "bwmon")
	q.Header.Set(fleet.HeaderHost, host)
	q.Header.Set(fleet.HeaderVersion, "load")
	q.Header.Set(fleet.HeaderWaiting, strconv.Itoa(d.batches))
	q.Header.Set(fleet.HeaderClock, time.Now().UTC().Format(time.RFC3339Nano))
	r, err := s.client.Do(q)
	if err != nil {
		if of := new(url.Error); errors.As(err, &of) {
			err = of.Err
		}
		return a, err
	}
	defer r.Body.Close()
	body, err := io.ReadAll(io.LimitReader(r.Body, maxAnswer))
	if err != nil {
		return a, err
	}
	a.gap = r.StatusCode == http.StatusConflict
	if r.StatusCode != http.StatusOK && !a.gap {
		return a, &statusError{r.StatusCode, string(body[:min(len(body), 300)])}
	}
	return a, json.Unmarshal(body, &a.Answer)
}
