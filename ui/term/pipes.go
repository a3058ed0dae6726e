package term

import (
	"bwmon/traffic"
)

// pipeRow is a named pipe or relay.
type pipeRow struct {
	*traffic.PipeRow
	traffic.Usage // as it is shown
	seat          int32
}

func (k *kinds) pipeKind() *kind[pipeRow] {
	columns := append([]column[pipeRow]{
		words("pipe", "PIPE", 0, 14, 24, 60, func(p *pipeRow) string { return p.Name }, queryPipe),
	}, amounts(func(p *pipeRow) *traffic.Usage { return &p.Usage })...)
	columns = append(columns,
		number("connections", "CONNS", 4, 6, func(p *pipeRow) uint64 { return uint64(p.Connections) }, queryConns),
		recently(6, func(p *pipeRow) float64 { return totalRate(&p.Usage) }),
	)
	return &kind[pipeRow]{
		of:      ofPipes,
		name:    "pipes",
		columns: columns,
		sorting: sorting{col: 1},
		id:      func(p *pipeRow) identity { return identity{of: ofPipes, name: p.Name} },
		tie:     func(a, b *pipeRow) int { return compareFold(a.Name, b.Name) },
		usage:   func(p *pipeRow) *traffic.Usage { return &p.Usage },
		calm:    func(p *pipeRow) bool { return nobody(p.Name) },
		open:    func(p *pipeRow) page { return k.appCommands(p.Name) },
		seats:   func(_ *scene, p *pipeRow) []int32 { return []int32{p.seat} },
		about: func(_ *scene, p *pipeRow) *subject {
			s := &subject{
				title:  p.Name,
				series: traffic.Query{By: traffic.ByPipe, Name: p.Name},
				names:  []ruled{{kind: "pipe", name: p.Name}, {kind: "app", name: p.Name}},
			}
			return s.add("connections", count(uint64(p.Connections)))
		},
	}
}

// pipesPage is the table of pipes and relays; Enter opens the commands that
// one carried for.
func (k *kinds) pipesPage() page {
	return newPage("Pipes", k.pipes, func(sc *scene, rows []pipeRow) ([]pipeRow, string) {
		for i := range sc.Pipes {
			p := &sc.Pipes[i]
			seat := sc.memory.seatOf(ofPipes, i)
			rows = append(rows, pipeRow{PipeRow: p, Usage: sc.usage(seat, p.Usage), seat: seat})
		}
		return rows, `no pipe or relay has reported yet: "bwmon pipe" and "bwmon forward" do, and relays of the configuration`
	})
}
