package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"bwmon/notify"
	"bwmon/ui/web"

	"github.com/spf13/cobra"
)

func (p *program) silenceCommand() *cobra.Command {
	var span time.Duration
	cmd := &cobra.Command{
		Use:   "silence [flags] RULE [SUBJECT]",
		Short: "Have a rule of the daemon say nothing for a time",
		Long: `silence keeps a rule of the running daemon, or one subject of it, from telling that
it fires. What still fires when the time is over is told then. A silence ends with
the daemon. It takes root.

Exit status: 0, or 1 when the daemon could not be told.`,
		Example: `  sudo bwmon silence "backup cap" --for 2h
  sudo bwmon silence "backup cap" Backup --for 0     # no longer`,
		Args: cobra.RangeArgs(1, 2),
	}
	cmd.RunE = p.runs(func(cmd *cobra.Command) error {
		if span < 0 {
			return usageError{fmt.Errorf("--for: want a time such as 2h, or 0 to end it, got %v", span)}
		}
		c, err := p.config()
		if err != nil {
			return err
		}
		s := notify.Silence{Rule: cmd.Flags().Arg(0), Subject: cmd.Flags().Arg(1), Until: time.Now().Add(span)}
		return orNoDaemon(askDaemon(cmd.Context(), c.Control, http.MethodPost, "/api/v1/silences", s, nil))
	})
	cmd.Flags().DurationVar(&span, "for", time.Hour, "how long (`TIME`); 0 ends a silence")
	return cmd
}

// addSilence answers POST /api/v1/silences.
func (w *watch) addSilence(out http.ResponseWriter, r *http.Request) {
	var silence notify.Silence
	if err := json.NewDecoder(r.Body).Decode(&silence); err != nil {
		web.SayProblem(out, http.StatusBadRequest, fmt.Errorf("read the silence: %w", err))
		return
	}
	if err := w.book.Silence(silence); err != nil {
		web.SayProblem(out, http.StatusNotFound, err)
		return
	}
	out.WriteHeader(http.StatusNoContent)
}
