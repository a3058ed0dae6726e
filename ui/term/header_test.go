package term

import (
	"strings"
	"testing"

	"bwmon/traffic"
)

// TestThreeMonitors: on every terminal the third line says in what state the
// monitors are and what they lost, and the whole balance beside it.
func TestThreeMonitors(t *testing.T) {
	const short, long = "attributed  99.9 %  residual  0.13 %", "attributed  99.9 %  unattributed  0.01 %  residual  0.13 %"
	balance := [3]string{short, short, long}
	run, failed, starting := traffic.StateRunning, traffic.StateFailed, traffic.StateStarting
	for _, tt := range []struct {
		what   string
		states [3]string
		lost   uint64    // by the first of them
		want   [3]string // at 60, 80 and 120 columns
	}{
		{"all run", [3]string{run, run, run}, 0, [3]string{
			"3 monitors run",
			"socket, conntrack, machine running",
			"socket running · conntrack running · machine running"}},
		{"one fails", [3]string{run, failed, run}, 0, [3]string{
			"conntrack failed",
			"2 of 3 monitors run · conntrack failed",
			"socket running · conntrack failed · machine running"}},
		{"none runs yet", [3]string{starting, starting, starting}, 0, [3]string{
			"0 of 3 monitors run",
			"0 of 3 monitors run",
			"socket starting · conntrack starting · machine starting"}},
		{"two fail", [3]string{failed, failed, run}, 0, [3]string{
			"1 of 3 monitors run",
			"socket failed · conntrack failed",
			"socket failed · conntrack failed · machine running"}},
		{"one lost something", [3]string{run, run, run}, 123_456, [3]string{
			"3 run, lost 123456",
			"socket running, lost 123456",
			"socket running, lost 123456 · conntrack running · machine running"}},
	} {
		for i, size := range sizes[:3] {
			snap := typical(300)
			snap.Monitors = []traffic.MonitorStatus{
				{Name: "socket", Kind: "socket", State: tt.states[0], Lost: tt.lost},
				{Name: "conntrack", Kind: "conntrack", State: tt.states[1]},
				{Name: "machine", Kind: "machine", State: tt.states[2]},
			}
			frame := newStage(t, size.w, size.h).take(snap).frame()
			line := strings.Split(frame, "\n")[2]
			got, whole := strings.CutSuffix(line, "  "+balance[i])
			if !whole { // the monitors come before it
				got, whole = strings.CutSuffix(line, "  "+short)
			}
			if got = strings.TrimSpace(got); !whole || got != tt.want[i] || width(line) > size.w {
				t.Errorf("%s at %s: the third line is\n%s\nwant %q and %q", tt.what, size.name, line, tt.want[i], balance[i])
			}
		}
	}
}
