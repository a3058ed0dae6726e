package notify

import (
	"context"
	"log/slog"
)

// Log is a Sender that writes a line to the log.
type Log struct{ log *slog.Logger }

// NewLog returns one that writes to l.
func NewLog(l *slog.Logger) *Log { return &Log{l} }

// Send implements Sender. It never fails.
func (l *Log) Send(ctx context.Context, events []Event) error {
	for _, e := range events {
		a := e.Alert
		level := slog.LevelWarn
		if a.State == StateResolved {
			level = slog.LevelInfo
		}
		of := slog.String("direction", a.Direction)
		if a.Metric != "" {
			of = slog.String("metric", a.Metric)
		}
		attrs := []slog.Attr{
			slog.String("state", string(a.State)), slog.String("rule", a.Rule),
			slog.String("kind", a.Kind), slog.String("subject", a.Subject),
			of, slog.String("condition", a.Condition),
			slog.Float64("value", a.Value), slog.Float64("threshold", a.Threshold),
			slog.String("says", comparison(a)),
			slog.Time("since", a.Since), slog.Int("count", a.Count), slog.String("id", a.ID),
		}
		if e.Test {
			attrs = append(attrs, slog.Bool("test", true))
		}
		l.log.LogAttrs(ctx, level, "alert", attrs...)
	}
	return nil
}
