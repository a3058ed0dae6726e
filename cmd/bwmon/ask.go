package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"bwmon/traffic"
)

// daemonClient is how the daemon of this host is reached.
func daemonClient(c controlConfig, patience time.Duration) *http.Client {
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", c.Socket)
	}
	return &http.Client{Transport: &http.Transport{DialContext: dial, MaxIdleConns: 1}, Timeout: patience}
}

// askPatience is how long a daemon may take to answer.
const askPatience = 10 * time.Second

// askDaemon sends question, unless it is nil, and reads the answer, unless that is
// nil. Where no daemon is the error is of fs.ErrNotExist or ECONNREFUSED.
func askDaemon(ctx context.Context, c controlConfig, method, path string, question, answer any) error {
	client := daemonClient(c, askPatience)
	defer client.CloseIdleConnections()
	var body bytes.Buffer
	if question != nil {
		if err := json.NewEncoder(&body).Encode(question); err != nil {
			return fmt.Errorf("ask the daemon: %w", err)
		}
	}
	q, err := http.NewRequestWithContext(ctx, method, "http://bwmon"+path, &body)
	if err != nil {
		return fmt.Errorf("ask the daemon: %w", err)
	}
	r, err := client.Do(q)
	if err != nil {
		return fmt.Errorf("ask the daemon: %w", err)
	}
	defer r.Body.Close()
	if r.StatusCode >= http.StatusMultipleChoices {
		return problemIn(r)
	}
	if answer == nil {
		return nil
	}
	if err := json.NewDecoder(r.Body).Decode(answer); err != nil {
		return fmt.Errorf("read what the daemon says: %w", err)
	}
	return nil
}

// problemIn is what a daemon says is wrong.
func problemIn(r *http.Response) error {
	var why problemDetails
	if err := json.NewDecoder(r.Body).Decode(&why); err != nil || why.Detail == "" {
		why.Detail = r.Status
	}
	return errors.New(traffic.CleanText(why.Detail, 1000))
}
