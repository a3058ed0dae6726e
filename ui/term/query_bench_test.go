package term

import (
	"fmt"
	"net/netip"
	"testing"
)

// benchRow is a row as the tables have them: some of the texts are long.
type benchRow struct {
	app, command, user, container, unit, proto, state string
	local, remote                                     netip.AddrPort
	pid                                               int
	rx, tx                                            uint64
	rxRate, txRate                                    float64
}

func (r *benchRow) fill(f queryField, v *queryValues) {
	any := f == queryAny
	if any || f == queryApp {
		v.word(r.app)
	}
	if any || f == queryCommand {
		v.word(r.command)
	}
	if any || f == queryUser {
		v.word(r.user)
	}
	if any || f == queryContainer {
		v.word(r.container)
	}
	if any || f == queryUnit {
		v.word(r.unit)
	}
	if any || f == queryProto {
		v.word(r.proto)
	}
	if any || f == queryState {
		v.word(r.state)
	}
	if any || f == queryHost || f == queryLocal || f == queryPort {
		v.address(r.local)
	}
	if any || f == queryHost || f == queryRemote || f == queryPort {
		v.address(r.remote)
	}
	if any || f == queryPID {
		v.number(int64(r.pid))
	}
	switch f {
	case queryRx:
		v.amount(r.rx, r.rxRate)
	case queryTx:
		v.amount(r.tx, r.txRate)
	case queryTotal:
		v.amount(r.rx+r.tx, r.rxRate+r.txRate)
	case queryProcs:
		v.count(1)
	}
}

func benchRows(n int) []*benchRow {
	rows := make([]*benchRow, n)
	for i := range rows {
		rows[i] = &benchRow{
			app: fmt.Sprintf("App %d", i%500), command: fmt.Sprintf("/usr/lib/firefox/firefox -contentproc -childID %d -isForBrowser tab", i),
			user: "alice", container: "web-1", unit: "user@1000.service", proto: "tcp", state: "open",
			local:  netip.AddrPortFrom(netip.AddrFrom4([4]byte{192, 168, 1, 10}), uint16(30000+i%20000)),
			remote: netip.AddrPortFrom(netip.AddrFrom4([4]byte{203, 0, byte(i >> 8), byte(i)}), 443),
			pid:    i, rx: uint64(i) * 1000, tx: uint64(i), rxRate: float64(i) * 10, txRate: 5,
		}
	}
	return rows
}

// BenchmarkQuery is what a filter costs for 10,000 rows, of which it keeps
// few, some or all.
func BenchmarkQuery(b *testing.B) {
	rows := benchRows(10_000)
	for _, text := range []string{
		"firefox",
		"zzz",
		"child 999 tab alice",
		"app:77",
		"host:203.0.7.0/24",
		"port:443",
		"rx>1MiB/s",
		"!app:77 rx>1kB/s | user:root",
		"/fire.*-childid 9/",
		"/(curl|wget|firefox) .*tab/",
		"/[0-9]+ .* tab$/",
		"command:/child\\w+ 9/",
	} {
		b.Run(text, func(b *testing.B) {
			q, err := parseQuery(text, nil)
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			n := 0
			for b.Loop() {
				n = 0
				for _, r := range rows {
					if q.matches(r) {
						n++
					}
				}
			}
			b.ReportMetric(float64(n), "kept")
		})
	}
}

// BenchmarkParseQuery is what a key pressed while typing costs beside that.
func BenchmarkParseQuery(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := parseQuery(`app:curl "two words" !host:10.0.0.0/8 rx>5MiB/s | /re+gex/`, nil); err != nil {
			b.Fatal(err)
		}
	}
}
