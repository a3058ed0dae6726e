package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strconv"
	"strings"
	"sync"

	"bwmon/traffic"

	"golang.org/x/sys/unix"
)

// journalSocket is where journald takes records.
const journalSocket = "/run/systemd/journal/socket"

// journal writes to systemd's journal by its own protocol
// (systemd.io/JOURNAL_NATIVE_PROTOCOL), so that priorities and fields arrive and it
// does not matter where stderr goes. It never waits: what journald has no room for is
// counted, and the count is told with the next record. Nor may fall wait.
type journal struct {
	path string
	fd   int
	fall io.Writer // takes what journald does not

	mu sync.Mutex
	// mu protects the fields below.
	text bytes.Buffer // what the handler made of a record's attributes
	lost int
}

// openJournal finds out whether there is a journal at path.
func openJournal(path string, fall io.Writer) (*journal, error) {
	if st, err := os.Stat(path); err != nil || st.Mode().Type() != os.ModeSocket {
		return nil, fmt.Errorf(`log.to = "journal": there is no journal here (%s): choose "stderr" or "file"`, path)
	}
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("open the journal: %w", err)
	}
	return &journal{path: path, fd: fd, fall: fall}, nil
}

// Close closes the socket.
func (j *journal) Close() error { return unix.Close(j.fd) }

// maxJournalText is how much of one record is sent: far more than a line has, and
// less than a datagram takes.
const maxJournalText = 32 << 10

// send sends one record, made of clean text.
func (j *journal) send(level slog.Level, text string) {
	if j.lost > 0 {
		text += fmt.Sprintf(" (%d records before it were lost)", j.lost)
	}
	record := journalRecord([][2]string{
		{"MESSAGE", traffic.CleanText(text, maxJournalText)}, {"PRIORITY", strconv.Itoa(priority(level))}, {"SYSLOG_IDENTIFIER", "bwmon"},
	})
	err := unix.Sendto(j.fd, record, unix.MSG_NOSIGNAL, &unix.SockaddrUnix{Name: j.path})
	if err == nil {
		j.lost = 0
		return
	}
	j.lost++
	fmt.Fprintf(j.fall, "bwmon: %s (the journal does not take it: %v)\n", text, err)
}

// journalRecord writes fields as the journal reads them: NAME=value on a line, or,
// where the value has more than one, NAME, its length in 64 bits and the value.
func journalRecord(fields [][2]string) []byte {
	var b bytes.Buffer
	for _, f := range fields {
		b.WriteString(f[0])
		if strings.Contains(f[1], "\n") {
			b.WriteByte('\n')
			b.Write(binary.LittleEndian.AppendUint64(nil, uint64(len(f[1]))))
		} else {
			b.WriteByte('=')
		}
		b.WriteString(f[1])
		b.WriteByte('\n')
	}
	return b.Bytes()
}

// priority is what syslog(3) calls a level.
func priority(level slog.Level) int {
	switch {
	case level >= slog.LevelError:
		return 3
	case level >= slog.LevelWarn:
		return 4
	case level >= slog.LevelInfo:
		return 6
	}
	return 7
}

// journalHandler makes records of what is logged: the message, then its attributes
// as slog writes them.
type journalHandler struct {
	slog.Handler // of the attributes, into journal.text
	journal      *journal
}

func newJournalHandler(j *journal, level slog.Leveler) slog.Handler {
	return journalHandler{journal: j, Handler: slog.NewTextHandler(&j.text, &slog.HandlerOptions{
		Level: level,
		ReplaceAttr: func(groups []string, a slog.Attr) slog.Attr {
			if len(groups) == 0 && (a.Key == slog.TimeKey || a.Key == slog.LevelKey || a.Key == slog.MessageKey) {
				return slog.Attr{} // the journal has them apart
			}
			return a
		},
	})}
}

// Handle implements slog.Handler.
func (h journalHandler) Handle(ctx context.Context, r slog.Record) error {
	h.journal.mu.Lock()
	defer h.journal.mu.Unlock()
	h.journal.text.Reset()
	if err := h.Handler.Handle(ctx, r); err != nil {
		return err
	}
	h.journal.send(r.Level, strings.TrimSpace(r.Message+" "+h.journal.text.String()))
	return nil
}

// WithAttrs implements slog.Handler.
func (h journalHandler) WithAttrs(list []slog.Attr) slog.Handler {
	return journalHandler{h.Handler.WithAttrs(list), h.journal}
}

// WithGroup implements slog.Handler.
func (h journalHandler) WithGroup(name string) slog.Handler {
	return journalHandler{h.Handler.WithGroup(name), h.journal}
}
