package notify

import (
	"log/slog"
	"strings"
	"testing"
)

func TestLogIsOneLineForEachEvent(t *testing.T) {
	for _, handler := range []func(*strings.Builder) slog.Handler{
		func(b *strings.Builder) slog.Handler { return slog.NewTextHandler(b, nil) },
		func(b *strings.Builder) slog.Handler { return slog.NewJSONHandler(b, nil) },
	} {
		var b strings.Builder
		l := NewLog(slog.New(handler(&b)))
		events := []Event{{Alert: testAlert("a", StateFiring)}, {Alert: testAlert("a", StateResolved), Test: true}}
		for _, a := range hostileAlerts() {
			events = append(events, Event{Alert: a})
		}
		if err := l.Send(t.Context(), events); err != nil {
			t.Fatal(err)
		}
		lines := strings.Split(strings.TrimSpace(b.String()), "\n")
		if len(lines) != len(events) || !strings.Contains(lines[0], "WARN") || !strings.Contains(lines[1], "INFO") {
			t.Errorf("%d lines for %d events", len(lines), len(events))
		}
		if strings.ContainsAny(b.String(), "\x00\x1b") {
			t.Error("control characters in the log")
		}
	}
}
