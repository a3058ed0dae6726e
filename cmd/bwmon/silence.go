package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"time"

	"bwmon/notify"
	"bwmon/pipe"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"
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
		err = askDaemon(cmd.Context(), c.Control, http.MethodPost, "/api/v1/silences", s, nil)
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ECONNREFUSED) {
			err = errors.New(`no daemon runs: start "bwmon run"`)
		}
		return err
	})
	cmd.Flags().DurationVar(&span, "for", time.Hour, "how long (`TIME`); 0 ends a silence")
	return cmd
}

func (s *control) addSilence(w http.ResponseWriter, r *http.Request) {
	peer, _ := r.Context().Value(peerKey{}).(*pipe.Peer)
	if peer == nil || peer.UID != 0 && int(peer.UID) != os.Geteuid() {
		sayProblem(w, http.StatusForbidden, errors.New("only root, or the user the daemon runs as, may silence a rule"))
		return
	}
	var silence notify.Silence
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 64<<10)).Decode(&silence); err != nil {
		sayProblem(w, http.StatusBadRequest, fmt.Errorf("read the silence: %w", err))
		return
	}
	if s.watch == nil {
		sayProblem(w, http.StatusNotFound, errors.New("the daemon has no rules"))
		return
	}
	if err := s.watch.book.Silence(silence); err != nil {
		sayProblem(w, http.StatusNotFound, err)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}
