package web

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// imported is an expression with the exports of a module as m.
func imported(module, expression string) string {
	return `import("/assets/` + module + `.js").then((m) => (` + expression + `))`
}

// chromiumModules tries what is no more than functions.
func chromiumModules(t *testing.T, browser context.Context) {
	b := newTab(t, browser)
	b.open(open(t, pastless(), Access{}), "/")
	for _, c := range []struct{ module, expression, want string }{
		{"format", `["iec", "si", "bits"].map((n) => new m.Units(n).rateText(1234567))`, `["1.18 MiB/s","1.23 MB/s","9.88 Mbit/s"]`},
		{"format", `["iec", "si", "bits"].map((n) => new m.Units(n).sizeText(5e9))`, `["4.66 GiB","5.00 GB","4.66 GiB"]`},
		{"format", `[0, -1, NaN, 0.2, 1, 1023.4, 1023.7, 18446744073709551615].map((n) => new m.Units("iec").rateText(n))`,
			`["–","–","–","<1 B/s","1 B/s","1023 B/s","1.00 KiB/s","16.0 EiB/s"]`},
		{"format", `[5, -2048].map((n) => m.joined(new m.Units("iec").signed(n)))`, `["5 B","−2.00 KiB"]`},
		{"format", `[[0, 0], [1, 0], [0, 9], [1, 1e6], [1, 200], [997, 1000], [9999, 10000], [1, 1]].map(([a, b]) => m.percent(a, b))`,
			`["–","?","0 %","<0.01 %","0.50 %","99.7 %","99.99 %","100 %"]`},
		{"format", `[3, 61, 3700, 90000].map(m.span)`, `["3 s","1 min 1 s","1 h 1 min","1 d 1 h"]`},
		{"format", `["x", "2026-01-02T03:04:05.678Z", undefined].map(m.parseTime)`, `[0,1767323045678,0]`},
		// A clock that is an hour ahead, a year with a leap day: ticks stay round.
		{"scale", `m.valueTicks(34e6, 4, 1024).ticks.map((v) => v / 1048576)`, `[0,10,20,30,40]`},
		{"scale", `m.valueTicks(0, 4, 1000).ticks.length > 1`, `true`},
		{"scale", `m.valueTicks(1000 * 1048576, 4, 1024).ticks.map((v) => v / 1048576)`, `[0,500,1000]`},
		{"scale", `m.timeTicks(Date.parse("2026-01-02T10:00:00"), Date.parse("2026-01-02T11:00:00"), 8).ticks.map((t) => new Date(t).getMinutes())`, `[0,10,20,30,40,50,0]`},
		{"scale", `m.timeTicks(Date.parse("2024-01-15T00:00:00"), Date.parse("2025-01-15T00:00:00"), 6).ticks.map((t) => new Date(t).getDate())`, `[1,1,1,1]`},
		{"address", `["192.0.2.1", "::ffff:192.0.2.1", "2001:db8::1", "1.2.3", "1.2.3.256", "::1::", "1:2:3:4:5:6:7:8:9", "fe80::1%eth0"].map((a) => m.parseAddress(a)?.size ?? 0)`,
			`[32,32,128,0,0,0,0,128]`},
		{"address", `["[2001:db8::1]:443", "192.0.2.1:80", "::1", "name"].map((a) => m.splitPort(a).port)`, `[443,80,0,0]`},
		{"events", `(() => { const p = new m.EventParser(); return ["id: 1\ndata: a", "b\n", "\nda", "ta:c", "\n\n: still here\n\n", "event: end\ndata\n\n", "data: x:y \ndata:  z\nid: 3\n\n"].flatMap((x) => p.push(x)).map((e) => e.name + " " + e.data); })()`,
			`["message ab","message c","end ","message x:y \n z"]`},
		{"order", `m.staying([3, 0, 1, -1, 2, 9, 4])`, `[false,true,true,false,true,false,true]`},
		{"place", `m.hashOf(m.readPlace("#view=lan&host=192.0.2.1&q=a%20%26b&range=24h"))`, `"#view=lan&host=192.0.2.1&q=a+%26b&range=24h"`},
		{"place", `["range=9y", "from=9&to=3", "dir=up", "from=x&to=y"].map((h) => m.hashOf(m.readPlace("#" + h)))`, `["#","#","#","#"]`},
		{"place", `m.readPlace("#app=a&command=").isCommand`, `true`},
	} {
		var want any
		if err := json.Unmarshal([]byte(c.want), &want); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, value[any](b, imported(c.module, c.expression))); diff != "" {
			t.Errorf("%s: %s (-want +got):\n%s", c.module, c.expression, diff)
		}
	}
	b.series()
}

// series tries that bytes stay what they are, however data is put together.
func (b *tab) series() {
	const data = `const d = { pieces: [], series: [{ name: "a", rx: [], tx: [] }, { name: "b", rx: [], tx: [] }] };
		for (let i = 0; i < 1441; i++) {
			const from = i * 60e3 + (i >= 700 ? 3600e3 : 0); // and a hole
			d.pieces.push({ from, to: from + (i === 1440 ? 17e3 : 60e3) });
			d.series[0].rx.push(i % 7); d.series[0].tx.push(1e9 + i); d.series[1].rx.push(i === 5 ? 1e12 : 0); d.series[1].tx.push(0);
		}`
	got := value[[]float64](b, imported("series", `(() => { `+data+`
		const t = m.thin(d), sum = (x) => x.series.flatMap((s) => Object.values(m.bytesOf(s, x.pieces)));
		const hole = t.pieces.filter((p, i) => i > 0 && p.from - t.pieces[i - 1].to > 1).length;
		return [t.pieces.length, hole, ...sum(d).map((v, i) => v / sum(t)[i] || 1)];
	})()`))
	if got[0] > 301 || got[1] != 1 {
		b.Errorf("thinned to %v pieces with %v holes, want at most 300 and 1", got[0], got[1])
	}
	for _, ratio := range got[2:] {
		if ratio < 1-1e-9 || ratio > 1+1e-9 {
			b.Errorf("thinning changes the sum: %v", got)
		}
	}
	chosen := value[[]string](b, imported("series", `(() => {
		const c = new m.Chooser(), one = (name, rx) => ({ name, rx: [rx], tx: [0] }), pieces = [{ from: 0, to: 1000 }];
		const all = (bump) => ({ pieces, series: [..."abcdefghij"].map((n, i) => one(n, 100 - i + (n === "j" ? bump : 0))) });
		const names = (d) => c.choose(d).series.map((s) => s.name).join("");
		return [names(all(0)), names(all(4)), names(all(900)), String(c.choose(all(900)).series.at(-1).rx[0])];
	})()`))
	// The ninth must have clearly more to take the place, and with it the colour, of
	// another; nothing is lost.
	if want := "abcdefgh(others) abcdefgh(others) abcdefgj(others) 185"; strings.Join(chosen, " ") != want {
		b.Errorf("chosen are %q, want %q", chosen, want)
	}
}

// chromiumFilter tries the filter's words on rows.
func chromiumFilter(t *testing.T, browser context.Context) {
	b := newTab(t, browser)
	b.open(open(t, pastless(), Access{}), "/")
	const rows = `[
		{ app: "Backup", rx_bytes: 5e9, tx_bytes: 10, rx_rate: 2e6, tx_rate: 100, connections: 4, processes: 1, commands: [{ command: "restic backup --repo x", user: "root", container: "", unit: "backup.service", pids: [4711] }] },
		{ app: "curl", rx_bytes: 1, tx_bytes: 2, rx_rate: 0, tx_rate: 5e5, connections: 1, processes: 1, commands: [{ command: "curl https://example.net/a|b", user: "alice", container: "web", unit: "", pids: [1, 80] }, { command: "Curl -s", user: "root", container: "", unit: "" }] },
		{ app: "(kernel)", rx_bytes: 0, tx_bytes: 0, rx_rate: 0, tx_rate: 0, connections: 0, processes: 0 }]`
	const flows = `[
		{ proto: "tcp", local: "192.0.2.1:40000", remote: "198.51.100.7:443", scope: "local", pid: 7, rx_bytes: 1, tx_bytes: 1, rx_rate: 1, tx_rate: 1 },
		{ proto: "udp", local: "[2001:db8::5]:53", remote: "[2001:db8:1::9]:8080", scope: "forwarded", ended: true, rx_bytes: 1, tx_bytes: 1, rx_rate: 1, tx_rate: 1 }]`
	for _, c := range []struct{ kind, filter, want string }{
		{"app", ``, "0 1 2"}, {"app", `  `, "0 1 2"}, {"app", `CURL`, "1"}, {"app", `restic root`, "0"}, {"app", `"backup --repo"`, "0"},
		{"app", `app:c`, "0 1"}, {"app", `app=curl`, "1"}, {"app", `app!=curl`, "0 2"}, {"app", `!app:c`, "2"}, {"app", `!!app:c`, "0 1"},
		{"app", `user:root`, "0 1"}, {"app", `cmd:-s`, "1"}, {"app", `container:""`, "0 1"}, {"app", `container:web | (kernel)`, "1 2"},
		{"app", `rx>1MiB/s`, "0"}, {"app", `rx > 1`, "a figure is missing"}, {"app", `rx>1 MiB/s`, "0"}, {"app", `rx>1GB`, "0"}, {"app", `tx>=4Mbit/s`, "1"},
		{"app", `total<1`, "2"}, {"app", `conns>3`, "0"}, {"app", `procs=1`, "0 1"}, {"app", `pid:4700-4800`, "0"}, {"app", `pid>100`, "0"}, {"app", `4711`, "0"},
		{"app", `https://example.net`, "1"}, {"app", `"a|b"`, "1"}, {"app", `""`, "0 1 2"}, {"app", `"un closed`, ""},
		{"app", `rx`, ""}, {"app", `rx:5`, "write a rate"}, {"app", `rx>x`, "is no number"}, {"app", `rx>5Mb`, "may be bytes or bits"}, {"app", `rx>5furlongs`, "no unit"},
		{"app", `zz:1`, "no field"}, {"app", `port:80`, "rows here have no"}, {"app", `|`, "before"}, {"app", `a |`, "behind"}, {"app", `!`, "behind"},
		{"app", `user>a`, "write a word"}, {"app", `"a"b`, "a space is missing"}, {"app", `user:`, "write a word"}, {"app", `pid:9-3`, "write 3-9"},
		{"app", `__proto__:x`, ""}, {"app", `constructor:x`, "no field"},
		{"flow", `host:198.51.100.0/24`, "0"}, {"flow", `host:2001:db8::/32`, "1"}, {"flow", `remote:198.51.100.7`, "0"}, {"flow", `remote:198.51.100.7:443`, "0"},
		{"flow", `remote:198.51.100.7:80`, ""}, {"flow", `local:198.51.100.7`, ""}, {"flow", `port:50-60`, "1"}, {"flow", `port>1000`, "0 1"}, {"flow", `port:443 tcp`, "0"},
		{"flow", `state=ended`, "1"}, {"flow", `192.0.2.1:40000`, "0"}, {"flow", `2001:db8::5`, "1"}, {"flow", `host:10.0.0.0/33`, "write an address"}, {"flow", `host:db8`, "1"},
	} {
		list, filter := rows, ""
		if c.kind == "flow" {
			list = flows
		}
		if text, err := json.Marshal(c.filter); err == nil {
			filter = string(text)
		}
		got := value[string](b, `Promise.all([import("/assets/filter.js"), import("/assets/facts.js")]).then(([m, facts]) => {
			try {
				const f = new m.Filter(`+filter+`, facts.`+c.kind+`);
				return `+list+`.flatMap((row, i) => (f.matches(row) ? [i] : [])).join(" ");
			} catch (e) {
				if (!(e instanceof m.FilterError)) throw e;
				return "error: " + e.message;
			}
		})`)
		if rest, failed := strings.CutPrefix(got, "error: "); failed && c.want != "" && strings.Contains(rest, c.want) {
			continue
		}
		if got != c.want {
			t.Errorf("%s: %q finds %q, want %q", c.kind, c.filter, got, c.want)
		}
	}
}
