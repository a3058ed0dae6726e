package term

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/gdamore/tcell/v2"
)

// suspend hands the terminal back to the shell and stops, as Ctrl-Z does to
// any program; it returns with the terminal taken again when the shell
// continues it. What measures in this process rests as well. The kernel's
// counters go on, so connections that outlast the stop lose no bytes; but a
// socket that opens and closes meanwhile may be left without an owner, and
// ends that the kernel's event buffer does not hold are lost, and counted as
// such.
func (u *UI) suspend(ctx context.Context, screen tcell.Screen) error {
	u.resting = false
	if err := screen.Suspend(); err != nil {
		return fmt.Errorf("give the terminal to the shell: %w", err)
	}
	u.stop(ctx)
	if err := screen.Resume(); err != nil {
		return fmt.Errorf("take the terminal again: %w", err)
	}
	u.sync, u.late = true, 0
	return nil
}

// stopGroup stops the process group, as the terminal itself would: whatever
// started bwmon in the foreground (sudo, make) is a part of the job. It
// returns when the group has been continued, and soon when it was not stopped
// at all: the kernel stops no group without a shell to continue it
// (POSIX.1-2017, 2.4.3, orphaned process groups).
func stopGroup(ctx context.Context) {
	const delivery = 200 * time.Millisecond
	continued := make(chan os.Signal, 1)
	signal.Notify(continued, syscall.SIGCONT)
	defer signal.Stop(continued)
	if syscall.Kill(0, syscall.SIGTSTP) != nil {
		return
	}
	// The time stands still for a stopped process but not for its clock, so
	// either case comes true only once it runs again.
	select {
	case <-continued:
	case <-time.After(delivery):
	case <-ctx.Done():
	}
}
