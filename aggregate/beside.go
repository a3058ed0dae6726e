package aggregate

import "bwmon/traffic"

// Beside the account of a command or LAN host, a flow's bytes stand in one of
// whom they were exchanged with: the pipe, if its monitor named one, or else the
// remote host. Nothing moves between these accounts, except when one is folded:
// then a flow finds the way to where that went by itself, so that no list of
// flows has to be kept.

// openBeside finds or makes f's account beside.
func (l *Ledger) openBeside(f *flow, label string) {
	switch {
	case f.labeled:
		f.beside = l.accountOn(&l.pipes, nil, accountKey{command: unreserved(label)})
	case f.hasRemote():
		if host := f.key.Remote.Addr().Unmap(); host.IsValid() && !host.IsUnspecified() {
			f.beside = l.accountOn(&l.remotes, nil, accountKey{host: host})
		} else {
			f.beside = &l.nowhere
		}
	default:
		return
	}
	l.countOpen(f.beside, +1)
}

// hasRemote reports whether the flow's other end is elsewhere, and the flow not
// one that stands in the books a second time.
func (f *flow) hasRemote() bool {
	switch f.scope {
	case traffic.ScopeLocal, traffic.ScopeInner, traffic.ScopeForwarded, traffic.ScopeRelay:
		return true
	}
	return false
}

// accountBeside returns f's account beside, or what it was folded into.
func (f *flow) accountBeside() *account {
	for f.beside != nil && f.beside.into != nil {
		f.beside = f.beside.into
	}
	return f.beside
}

// foldPipe folds the pipe of an app's name, unless it is open: its clients may
// stand in AppExcluded.
func (l *Ledger) foldPipe(name string) {
	if p := l.pipes.rows[accountKey{command: name}]; p != nil && p.open == 0 {
		l.foldAccount(p, l.pipes.fold(nil))
	}
}

func (l *Ledger) pipeRows(due bool) []traffic.PipeRow {
	accounts := l.pipes.sorted()
	rows := make([]traffic.PipeRow, 0, len(accounts))
	for _, a := range accounts {
		row := traffic.PipeRow{Name: a.key.command, Usage: a.usage(), Connections: a.open}
		if a == l.pipes.folded {
			row.Name = traffic.PipesFolded
		}
		a.recent.note(row.Usage, due)
		row.Recent = a.recent.last()
		rows = append(rows, row)
	}
	return rows
}

// remoteRows lists remote hosts by address: the one without first, the folded
// ones last.
func (l *Ledger) remoteRows() []traffic.RemoteHost {
	accounts := l.remotes.sorted()
	rows := make([]traffic.RemoteHost, 0, 1+len(accounts))
	if len(l.nowhere.meters) > 0 || l.nowhere.open > 0 {
		rows = append(rows, traffic.RemoteHost{Name: traffic.HostUnknown, Usage: l.nowhere.usage(), Connections: l.nowhere.open})
	}
	for _, a := range accounts {
		row := traffic.RemoteHost{Host: a.key.host, Usage: a.usage(), Connections: a.open}
		if a == l.remotes.folded {
			row.Name = traffic.HostsFolded
		}
		rows = append(rows, row)
	}
	return rows
}
