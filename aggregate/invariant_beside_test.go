package aggregate

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"bwmon/traffic"
)

// besideRows are pipes or remote hosts by name.
type besideRows map[string]besideRow

type besideRow struct {
	octets
	open int
}

func (r besideRows) sum() besideRow {
	var s besideRow
	for _, row := range r {
		s.octets, s.open = s.octets.add(row.octets), s.open+row.open
	}
	return s
}

// checkBeside compares pipes and remote hosts with the model.
func (m *model) checkBeside(t *testing.T, l *Ledger, s *traffic.Snapshot) {
	t.Helper()
	pipes, remotes := make(besideRows), make(besideRows)
	var total flowsOf[traffic.Usage]
	for _, p := range s.Pipes {
		pipes[p.Name] = besideRow{octets{p.RxBytes, p.TxBytes}, p.Connections}
		total.pipes = sum(total.pipes, p.Usage)
	}
	for _, h := range s.RemoteHosts {
		name := h.Name
		if name == "" {
			name = h.Host.String()
		}
		remotes[name] = besideRow{octets{h.RxBytes, h.TxBytes}, h.Connections}
		total.remotes = sum(total.remotes, h.Usage)
	}
	if len(pipes) != len(s.Pipes) || len(remotes) != len(s.RemoteHosts) {
		t.Errorf("rows of one name: pipes %+v, remote hosts %+v", s.Pipes, s.RemoteHosts)
	}
	m.checkRate(t, "pipes", s, total.pipes.RxRate, func(past flowsOf[octets]) octets { return past.pipes })
	m.checkRate(t, "remote hosts", s, total.remotes.RxRate, func(past flowsOf[octets]) octets { return past.remotes })

	wantPipes, wantRemotes := make(besideRows), make(besideRows)
	for name, o := range m.pipes {
		wantPipes[name] = besideRow{octets: o}
	}
	for name, o := range m.remotes {
		wantRemotes[name] = besideRow{octets: o}
	}
	for _, f := range m.flows {
		if f.ended {
			continue
		}
		if row, ok := wantPipes[f.label]; ok {
			row.open++
			wantPipes[f.label] = row
		}
		if row, ok := wantRemotes[f.remote]; ok {
			row.open++
			wantRemotes[f.remote] = row
		}
	}
	checkBesideRows(t, wantPipes, pipes, m.shown[0], traffic.PipesFolded, l.opts.MaxApps, l.opts.MaxApps == DefaultMaxApps)
	checkBesideRows(t, wantRemotes, remotes, m.shown[1], traffic.HostsFolded, l.opts.MaxRemotes, l.opts.MaxRemotes == DefaultMaxRemotes)
	if want, got := wantRemotes[traffic.HostUnknown], remotes[traffic.HostUnknown]; want != got {
		t.Errorf("without an address: %+v, want %+v", got, want)
	}
	m.shown = [2]besideRows{pipes, remotes}
}

// checkBesideRows wants each row exact as long as nothing is folded. A row that
// falls was folded: all it had is in the folded row.
func checkBesideRows(t *testing.T, want, got, before besideRows, folded string, most int, roomy bool) {
	t.Helper()
	if w, g := want.sum(), got.sum(); w != g {
		t.Errorf("all of them: %+v, want %+v", g, w)
	}
	if _, ok := got[folded]; !ok || roomy {
		if diff := cmp.Diff(want, got, cmp.AllowUnexported(besideRow{}, octets{})); diff != "" {
			t.Errorf("nothing is folded (-want +got):\n%s", diff)
		}
	}
	if len(got) > most+2 { // and the folded ones, and those without an address
		t.Errorf("%d rows, want at most %d and two", len(got), most)
	}
	var fell octets
	for name, row := range before {
		if now := got[name]; now.rx < row.rx || now.tx < row.tx {
			fell = fell.add(row.octets)
		}
	}
	for name, row := range got {
		if w, ok := want[name]; ok && (row.rx > w.rx || row.tx > w.tx) {
			t.Errorf("%s has %+v, want no more than %+v", name, row, w)
		}
	}
	if gained := got[folded].sub(before[folded].octets); gained.rx < fell.rx || gained.tx < fell.tx {
		t.Errorf("rows that had %+v fell, and the folded one gained %+v only", fell, gained)
	}
}
