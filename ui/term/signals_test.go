package term

import (
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

func TestParseSignal(t *testing.T) {
	for _, tt := range []struct {
		text string
		want syscall.Signal
	}{
		{"TERM", syscall.SIGTERM}, {"term", syscall.SIGTERM}, {"SIGTERM", syscall.SIGTERM}, {" sigint ", syscall.SIGINT},
		{"9", syscall.SIGKILL}, {"15", syscall.SIGTERM}, {strconv.Itoa(int(syscall.SIGUSR1)), syscall.SIGUSR1},
		{"stop", syscall.SIGSTOP}, {"Cont", syscall.SIGCONT}, {"hup", syscall.SIGHUP}, {"1", syscall.SIGHUP}, {"usr2", syscall.SIGUSR2}, {"quit", syscall.SIGQUIT},
	} {
		got, err := parseSignal(tt.text)
		if err != nil || got.number != tt.want {
			t.Errorf("parseSignal(%q) = %+v, %v; want %v", tt.text, got, err, tt.want)
		}
	}
	const all = ": TERM, INT, HUP, QUIT, KILL, STOP, CONT, USR1, USR2"
	for text, want := range map[string]string{
		"":                        `no signal ""` + all,
		"0":                       `no signal "0"` + all, // asks whether it is there, and sends nothing
		"-9":                      `no signal "-9"` + all,
		"SEGV":                    `no signal "SEGV"` + all,
		"KIL":                     `no signal "KIL" (did you mean "KILL"?)` + all,
		"09":                      `no signal "09"` + all,
		"te\x1bxx":                `no signal "te\\x1bxx"` + all,
		strings.Repeat("x", 1000): `no signal "xxxxxxxxxxxxxxxxxxx…"` + all,
	} {
		if got, err := parseSignal(text); err == nil || err.Error() != want {
			t.Errorf("parseSignal(%.20q) = %+v, %v\nwant %s", text, got, err, want)
		}
	}
}

// TestSignalChoices: names and numbers are the system's, each once, and each
// says what it does.
func TestSignalChoices(t *testing.T) {
	seen := map[syscall.Signal]bool{}
	for _, s := range signalChoices() {
		if unix.SignalName(s.number) != "SIG"+s.name {
			t.Errorf("%s has the number %d, which is %s", s.name, s.number, unix.SignalName(s.number))
		}
		if seen[s.number] || s.text == "" {
			t.Errorf("%s is there twice, or says nothing", s.name)
		}
		seen[s.number] = true
	}
	if signalChoices()[0].number != syscall.SIGTERM {
		t.Error("the first choice is not the gentlest")
	}
}
