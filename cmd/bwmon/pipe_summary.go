package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"bwmon/traffic"
)

// pipeSummary is what a pipe carried, as JSON shows it. Of Writer and Reader, or
// Command, those are there that are known.
type pipeSummary struct {
	Schema  int      `json:"schema"`
	Name    string   `json:"name"`
	Bytes   uint64   `json:"bytes"` // of a command both ways
	Elapsed float64  `json:"elapsed_s"`
	Rate    float64  `json:"rate"` // bytes per second
	Writer  *pipeEnd `json:"writer,omitempty"`
	Reader  *pipeEnd `json:"reader,omitempty"`
	Command *pipeEnd `json:"command,omitempty"`
	Rx      *uint64  `json:"rx_bytes,omitempty"` // that the command received; not known of a terminal
	Tx      *uint64  `json:"tx_bytes,omitempty"`
	Status  *int     `json:"status,omitempty"` // of the command
	Signal  string   `json:"signal,omitempty"` // that ended us
	Error   string   `json:"error,omitempty"`
}

// pipeEnd is a program at an end of a pipe.
type pipeEnd struct {
	Command string `json:"command"`
	PID     int    `json:"pid"`
	User    string `json:"user"`
}

func newPipeSummary(name string, n uint64, elapsed time.Duration) pipeSummary {
	return pipeSummary{
		Schema: traffic.SchemaVersion, Name: name, Bytes: n, Elapsed: elapsed.Seconds(), Rate: perSecond(n, elapsed),
	}
}

func newPipeEnd(o *traffic.Owner) *pipeEnd {
	if o == nil {
		return nil
	}
	return &pipeEnd{Command: o.Command, PID: o.PID, User: o.User}
}

// maxShown is how much of a command line stands in the summary.
const maxShown = 60

// text is the summary as one line.
func (s pipeSummary) text(u units) string {
	var b strings.Builder
	if s.Name != "" {
		fmt.Fprintf(&b, "%s: ", s.Name)
	}
	exact := func(n uint64) string {
		if n < 1024 {
			return u.bytes(n)
		}
		return fmt.Sprintf("%s (%d bytes)", u.bytes(n), n)
	}
	switch {
	case s.Tx == nil:
		b.WriteString(exact(s.Bytes))
	case s.Rx == nil:
		fmt.Fprintf(&b, "sent %s", exact(*s.Tx))
	default:
		fmt.Fprintf(&b, "received %s, sent %s", exact(*s.Rx), exact(*s.Tx))
	}
	fmt.Fprintf(&b, " in %.1f s, %s", s.Elapsed, u.rate(s.Rate))
	for _, end := range []struct {
		word string
		end  *pipeEnd
	}{{"from", s.Writer}, {"to", s.Reader}, {"by", s.Command}} {
		if end.end != nil {
			fmt.Fprintf(&b, ", %s %s", end.word, traffic.CleanText(end.end.Command, maxShown))
		}
	}
	return b.String()
}

// say prints the summary to standard error; standard output is not ours.
func (j *pipeJob) say(s pipeSummary) {
	if err := j.courier.failure(); err != nil {
		j.warn(err.Error())
	}
	if j.flags.format == "json" {
		e := json.NewEncoder(j.stderr)
		e.SetEscapeHTML(false)
		_ = e.Encode(s) // there is nobody left to tell
		return
	}
	fmt.Fprintf(j.stderr, "bwmon: %s\n", s.text(j.progress.units))
}
