package term

import (
	"math"
	"slices"
	"strconv"
	"strings"

	"bwmon/traffic"
)

// healthLine names the monitors with their states at the left and says at the
// right how much of what the interfaces carried is accounted for.
func (u *UI) healthLine(c canvas, y, w int, s *traffic.Snapshot) {
	room := w - 2
	monitors := u.monitorPieces(s)
	balances := u.balancePieces(s)
	for _, m := range monitors {
		for _, b := range balances {
			if widthOf(m)+2+widthOf(b) <= room {
				c.line(1, y, room, m)
				c.line(1+room-widthOf(b), y, widthOf(b), b)
				return
			}
		}
	}
	b := balances[len(balances)-1]
	c.line(1, y, room-widthOf(b)-2, monitors[len(monitors)-1])
	c.line(1+room-widthOf(b), y, widthOf(b), b)
}

// monitorPieces is the monitors' health, in full and ever shorter.
func (u *UI) monitorPieces(s *traffic.Snapshot) [][]piece {
	if len(s.Monitors) == 0 {
		return [][]piece{{{"no monitors", u.colors.alarm}}}
	}
	var full, wrong []piece
	var names []string
	running, lost := 0, uint64(0)
	for i, m := range s.Monitors {
		if i > 0 {
			full = append(full, piece{" · ", u.colors.dim})
		}
		p := piece{clean(m.Name) + " " + clean(m.State), u.colors.plain}
		names = append(names, clean(m.Name))
		lost += m.Lost
		if m.Lost > 0 {
			p.text += ", lost " + count(m.Lost)
			p.style = u.colors.alarm
		}
		switch m.State {
		case traffic.StateRunning:
			running++
		case traffic.StateFailed, traffic.StateStopped:
			p.style = u.colors.alarm
		}
		full = append(full, p)
		if m.State != traffic.StateRunning || m.Lost > 0 {
			wrong = append(wrong, piece{" · ", u.colors.dim}, p)
		}
	}
	share := strconv.Itoa(running)
	if running < len(s.Monitors) || running == 1 {
		share += " of " + strconv.Itoa(len(s.Monitors))
	}
	short := []piece{{share + " monitors run", u.colors.plain}}
	if len(wrong) == 0 {
		named := []piece{{strings.Join(names, ", ") + " " + traffic.StateRunning, u.colors.plain}}
		return [][]piece{full, named, short}
	}
	out := [][]piece{full, append(slices.Clone(short), wrong...), wrong[1:]}
	if running < len(s.Monitors) {
		return append(out, short, []piece{{share + " run", u.colors.plain}})
	}
	return append(out, []piece{{strconv.Itoa(running) + " run, lost " + count(lost), u.colors.alarm}})
}

// balancePieces is how much of the bytes that the interfaces carried, both ways
// together, has an owner, how much has none that is known, and how much the
// books and the interfaces disagree about; in full and ever shorter. Errors of
// opposite sign in rx and tx do not cancel out.
func (u *UI) balancePieces(s *traffic.Snapshot) [][]piece {
	b := &s.Balance
	whole := float64(b.InterfaceRx) + float64(b.InterfaceTx)
	share := func(label string, part float64) []piece {
		return []piece{{label, u.colors.dim}, {alignRight(percent(part, whole), percentWidth), u.colors.plain}}
	}
	amounts := func(rx, tx int64) piece {
		return piece{" (rx " + signed(rx) + ", tx " + signed(tx) + ")", u.colors.dim}
	}
	attributed := share("attributed ", float64(b.LocalRx)+float64(b.LocalTx)+float64(b.ForwardedRx)+float64(b.ForwardedTx))
	unknown := share("  unattributed ", float64(b.UnattributedRx)+float64(b.UnattributedTx))
	residual := share("  residual ", math.Abs(float64(b.ResidualRx))+math.Abs(float64(b.ResidualTx)))
	return [][]piece{
		slices.Concat(attributed, unknown, []piece{amounts(int64(b.UnattributedRx), int64(b.UnattributedTx))},
			residual, []piece{amounts(b.ResidualRx, b.ResidualTx)}),
		slices.Concat(attributed, unknown, residual),
		slices.Concat(attributed, residual),
	}
}

// signed writes bytes that may be too few, in a width that they keep.
func signed(n int64) string {
	text := strings.TrimSpace(unitsIEC.size(uint64(n)))
	if n < 0 {
		text = "-" + strings.TrimSpace(unitsIEC.size(uint64(-n)))
	}
	return alignRight(text, 1+sizeWidth)
}
