package term

import (
	"encoding/base64"
	"fmt"
	"strings"

	"github.com/gdamore/tcell/v2"
)

// maxClipboard bounds what is copied, in bytes. Terminals take sequences of at
// least 100,000 bytes; in base64 and with what is around it this makes 99,997.
const maxClipboard = 74_991

// osc52 is the control sequence that puts text into the terminal's clipboard
// (xterm, "Operating System Commands").
func osc52(text string) []byte {
	return []byte("\x1b]52;c;" + base64.StdEncoding.EncodeToString([]byte(text)) + "\x1b\\")
}

// copyText puts text into the clipboard of the terminal, wherever that is. The
// environment is what getenv, as os.Getenv, tells of. Whether the terminal
// does it, it does not say: see clipboardNote. To be called between frames.
func copyText(screen tcell.Screen, text string, getenv func(string) string) error {
	if len(text) > maxClipboard {
		return fmt.Errorf("%d bytes are too much for the clipboard, which takes %d: export them instead", len(text), maxClipboard)
	}
	// tmux takes the sequence by whatever name it goes; tcell sends none to
	// its older one.
	if tty, ok := screen.Tty(); ok && getenv("TMUX") != "" && strings.HasPrefix(getenv("TERM"), "screen") {
		if _, err := tty.Write(osc52(text)); err != nil {
			return fmt.Errorf("copy: %w", err)
		}
		return nil
	}
	screen.SetClipboard([]byte(text))
	return nil
}

// clipboardNote is what may keep a copy from the user; "" where nothing is
// known to.
func clipboardNote(getenv func(string) string) string {
	switch {
	case getenv("TMUX") != "":
		return `tmux takes it after "tmux set -s set-clipboard on"`
	case getenv("STY") != "":
		return "GNU screen does not pass it on"
	case getenv("TERM") == "linux":
		return "the Linux console has no clipboard"
	}
	return ""
}
