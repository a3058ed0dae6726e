package web

import (
	"context"
	"fmt"
	"math"
	"slices"
	"sort"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/performance"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"bwmon/traffic"
)

const (
	names = "#table-app tbody th .handle"
	rows  = "#table-app tbody tr"
)

// apps is a host with apps of those names, of which the first is the busiest.
func apps(tick int, list ...string) *traffic.Snapshot {
	s := empty(tick)
	for i, name := range list {
		u := usage(uint64(1000 * (len(list) - i)))
		s.Apps = append(s.Apps, traffic.App{Name: name, Usage: u, Connections: i, Processes: i + 1, Commands: []traffic.Command{{Command: "run " + name, User: "root", Usage: u}}})
	}
	return s
}

func (b *tab) wantNames(want ...string) {
	b.Helper()
	b.until(fmt.Sprintf(`[...document.querySelectorAll(%q)].map((e) => e.textContent).join("|") === %q`, names, strings.Join(want, "|")))
}

func chromiumSort(t *testing.T, browser context.Context) {
	s := open(t, pastless(), Access{})
	s.Publish(apps(1, "delta", "alpha", "echo", "bravo", "charlie"))
	b := newTab(t, browser)
	b.open(s, "/")
	b.wantNames("delta", "alpha", "echo", "bravo", "charlie") // the busiest first
	const sorted = `[...document.querySelectorAll("#table-app th[aria-sort]")].map((e) => e.textContent + " " + e.getAttribute("aria-sort")).join()`
	if got := value[string](b, sorted); got != "rate descending" {
		t.Errorf("sorted by %q", got)
	}
	b.click("#table-app thead th:first-child button")
	b.wantNames("alpha", "bravo", "charlie", "delta", "echo")
	if got := value[string](b, sorted); got != "app ascending" {
		t.Errorf("sorted by %q", got)
	}
	b.do(chromedp.Focus(chromedp.CSS("#table-app thead th:first-child button")))
	b.keys(kb.Enter)
	b.wantNames("echo", "delta", "charlie", "bravo", "alpha")
	b.until(`location.hash === "#sort=-app"`)
	// Every column can be sorted by, both ways.
	for n := range len(b.texts("#table-app thead th")) {
		head := fmt.Sprintf("#table-app thead th:nth-child(%d)", n+1)
		if len(b.texts(head+".of-machine")) > 0 {
			continue // not asked for
		}
		var orders []string
		for range 2 {
			before := value[string](b, fmt.Sprintf(`document.querySelector(%q).getAttribute("aria-sort") ?? ""`, head))
			b.click(head + " button")
			b.until(fmt.Sprintf(`(document.querySelector(%q).getAttribute("aria-sort") ?? "") !== %q`, head, before))
			orders = append(orders, strings.Join(b.texts(names), "|"))
		}
		if orders[0] == orders[1] {
			t.Errorf("column %d: %s both ways", n+1, orders[0])
		}
	}
	b.expectOrderHeld(s)
}

// Rows keep their places while the pointer is among them.
func (b *tab) expectOrderHeld(s *site) {
	b.open(s, "/#sort=-rx_rate")
	b.wantNames("delta", "alpha", "echo", "bravo", "charlie")
	b.do(chromedp.MouseEvent(chromedp.MouseMoved, 300, b.middle(rows+":nth-child(3)").Y))
	s.Publish(apps(2, "charlie", "bravo", "echo", "alpha", "delta"))
	b.until(`document.querySelector("#table-app tbody tr td:last-child").textContent === "4"`)
	b.wantNames("delta", "alpha", "echo", "bravo", "charlie")
	b.do(chromedp.MouseEvent(chromedp.MouseMoved, 300, 5))
	s.Publish(apps(3, "charlie", "bravo", "echo", "alpha", "delta"))
	b.wantNames("charlie", "bravo", "echo", "alpha", "delta")
}

type point struct{ X, Y float64 }

// middle is that of the first element that matches.
func (b *tab) middle(selector string) point {
	b.Helper()
	return value[point](b, fmt.Sprintf(`(() => { const r = document.querySelector(%q).getBoundingClientRect(); return { X: r.x + r.width / 2, Y: r.y + r.height / 2 }; })()`, selector))
}

// chromiumRows: rows are known by what they are of, not by where they stand; and five
// hundred are drawn in no time.
func chromiumRows(t *testing.T, browser context.Context) {
	s := open(t, pastless(), Access{})
	s.Publish(apps(1, "a", "b", "c", "d"))
	b := newTab(t, browser)
	b.open(s, "/")
	b.wantNames("a", "b", "c", "d")
	value[bool](b, `(window.kept = [...document.querySelectorAll("`+rows+`")], true)`)
	b.do(chromedp.Focus(chromedp.CSS(rows + ":nth-child(2) .handle")))
	s.Publish(apps(2, "d", "c", "b", "a"))
	b.wantNames("d", "c", "b", "a")
	if !value[bool](b, `[...document.querySelectorAll("`+rows+`")].reverse().every((tr, i) => tr === kept[i])`) {
		t.Error("rows were made anew")
	}
	const chosen = `document.querySelector("tr[aria-current] .handle")?.textContent + " " + document.activeElement.textContent`
	if got := value[string](b, chosen); got != "b b" {
		t.Errorf("selected and focused are %q", got)
	}
	s.Publish(apps(3, "d", "a", "b"))
	b.wantNames("d", "a", "b")
	if got := value[string](b, chosen); got != "b b" {
		t.Errorf("then selected and focused are %q", got)
	}
	// Filters hide, and say how many.
	b.do(chromedp.Focus(chromedp.CSS("#filter")), chromedp.KeyEvent("app:b"))
	b.wantNames("b")
	b.until(`document.querySelector("#table-app .foot").textContent === "1 of 3 match the filter." && location.hash.includes("q=app%3Ab")`)
	b.keys("zz")
	b.until(`document.querySelector("#table-app .foot").textContent === "Nothing matches the filter."`)
	value[bool](b, `(document.querySelector("#filter").value = "", true)`)
	b.keys("rx>")
	b.until(`document.querySelector("#filter-error").textContent.includes("write a rate") && document.querySelector("#filter").getAttribute("aria-invalid") === "true"`)
	b.wantNames("d", "a", "b") // one that is not understood hides nothing
	b.manyRows(s)
}

func (b *tab) manyRows(s *site) {
	many := func(tick, n int) *traffic.Snapshot {
		list := empty(tick)
		for i := range n {
			r := 1e6 * (1 + math.Sin(float64(i*7+tick)))
			u := traffic.Usage{RxRate: r, TxRate: r / 3, RxBytes: uint64(i * 1e6 * tick), TxBytes: uint64(i * 3e5 * tick)}
			list.Apps = append(list.Apps, traffic.App{Name: fmt.Sprintf("app %04d", i), Usage: u, Processes: 1, Connections: i + tick})
		}
		return list
	}
	s.Publish(many(10, 1200))
	b.open(s, "/#")
	b.until(`document.querySelectorAll("` + rows + `").length === 500`)
	if got := b.text("#table-app > .plain"); got != "Show more: there are 700 below these" {
		b.Errorf("the button says %q", got)
	}
	b.click("#table-app > .plain")
	b.until(`document.querySelectorAll("` + rows + `").length === 1000`)
	s.Publish(many(11, 500))
	b.until(`document.querySelectorAll("` + rows + `").length === 500`)
	value[bool](b, `(drawn.length = 0, true)`)
	before := b.metrics()
	const ticks = 30
	for tick := range ticks {
		s.Publish(many(12+tick, 500))
		b.until(fmt.Sprintf("drawn.length > %d", tick))
	}
	after := b.metrics()
	times := value[[]float64](b, `drawn`)
	sort.Float64s(times)
	each := func(name string) float64 { return (after[name] - before[name]) * 1000 / ticks }
	b.Logf("500 rows that all change and change places: tables drawn in %.1f ms (median), %.1f ms (most); each tick all script %.1f ms, styles %.1f ms, layout %.1f ms",
		times[len(times)/2], slices.Max(times), each("ScriptDuration"), each("RecalcStyleDuration"), each("LayoutDuration"))
}

// metrics are what the browser counts of a page, times in seconds.
func (b *tab) metrics() map[string]float64 {
	b.Helper()
	list := map[string]float64{}
	b.do(chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		if _, err := cdp.Call(ctx, target, performance.Enable, performance.EnableParams{}); err != nil {
			return err
		}
		r, err := cdp.Call(ctx, target, performance.GetMetrics, cdp.Empty{})
		for _, m := range r.Metrics {
			list[m.Name] = m.Value
		}
		return err
	}))
	return list
}

func chromiumDrillDown(t *testing.T, browser context.Context) {
	s := open(t, pastless(), Access{})
	s.Publish(withFlows(1))
	b := newTab(t, browser)
	b.open(s, "/")
	b.until(`document.querySelectorAll("` + rows + `").length === 4`)
	if n := value[int](b, `performance.getEntriesByType("resource").filter((e) => e.name.includes("flows=1")).length`); n != 0 {
		t.Error("connections are asked for before anybody looks")
	}
	b.click(`a[href="#app=curl"]`)
	b.until(`document.querySelector("#table-command tbody th .handle")?.textContent === "curl --all"`)
	if got := strings.Join(b.texts("#crumbs li"), " > "); got != "Apps > curl" {
		t.Errorf("crumbs: %q", got)
	}
	b.click("#table-command tbody th a")
	b.until(`document.querySelector("#table-flows tbody th .handle")?.textContent === "198.51.100.1:443"`)
	b.mu.Lock()
	if !slices.ContainsFunc(b.requests, func(r string) bool { return strings.HasSuffix(r, "/api/v1/stream?flows=1") }) {
		t.Errorf("connections were not asked for: %q", b.requests)
	}
	b.mu.Unlock()
	if got := b.text("#tables > .foot"); got != "and 1 that ended: rx 2 B, tx 3 B" {
		t.Errorf("what ended: %q", got)
	}
	if got := strings.Join(b.texts("#crumbs li"), " > "); got != "Apps > curl > curl --all" {
		t.Errorf("crumbs: %q", got)
	}
	// The address says all: it can be opened elsewhere, and back leads back.
	address := value[string](b, "location.href")
	b.do(chromedp.NavigateBack())
	b.until(`document.querySelector("#table-command") && !document.querySelector("#table-flows")`)
	b.click("#crumbs a")
	b.until(`document.querySelector("#table-app")`)
	other := newTab(t, browser)
	other.do(chromedp.Navigate(address))
	other.until(`document.querySelector("#table-flows tbody th .handle")?.textContent === "198.51.100.1:443"`)
	other.click("#crumbs li:nth-child(2) a")
	other.until(`document.querySelector("#table-command tbody th .handle")`)
}

// chromiumViews: each view shows what there is.
func chromiumViews(t *testing.T, browser context.Context) {
	s := open(t, pastless(), Access{})
	s.Publish(withFlows(1))
	b := newTab(t, browser)
	b.open(s, "/")
	b.until(`document.querySelector("#views .count")?.textContent === "4"`)
	for _, c := range []struct{ view, table, want string }{
		{"LAN hosts2", "lan_host", "tv  192.0.2.7"}, {"Remote hosts", "remote_host", "198.51.100.1"}, {"Interfaces2", "interface", "eth0"},
		{"Pipes1", "pipe", "backup"}, {"Disks2", "disks", "sda"}, {"Machine", "machine", "cpu"}, {"Alerts1", "alerts", "backup cap"}, {"Monitors1", "monitors", "conntrack"}, {"Apps4", "app", "(unattributed)"},
	} {
		value[bool](b, fmt.Sprintf(`([...document.querySelectorAll("#views a")].find((a) => a.textContent === %q).click(), true)`, c.view))
		b.until(fmt.Sprintf(`document.querySelector("#table-%s tbody th .handle")?.textContent === %q`, c.table, c.want))
		if n := len(b.texts("#views a[aria-current]")); n != 1 {
			t.Errorf("%s: %d views are marked", c.view, n)
		}
	}
	b.open(s, "/#view=interfaces")
	b.until(`document.querySelector("#table-books tbody tr:last-child td")?.textContent === "−1000B"`)
	b.open(s, "/#view=alerts")
	b.until(`document.querySelector("#table-rules tbody td")?.textContent.includes("tx above 5 MiB/s")`)
	// Units are chosen once, and kept.
	b.open(s, "/")
	b.click(`#units [value="bits"]`)
	b.until(`document.querySelector("` + rows + ` td")?.textContent.endsWith("kbit/s")`)
	b.open(s, "/?")
	b.until(`document.querySelector("` + rows + ` td")?.textContent.endsWith("kbit/s")`)
	b.click(`#figures-of [value="totals"]`)
	b.until(`getComputedStyle(document.querySelector("` + rows + ` td.of-rates")).display === "none"`)
	b.click(`#theme [value="dark"]`)
	b.open(s, "/?")
	if got := value[string](b, `document.documentElement.dataset.theme + getComputedStyle(document.body).color`); got != "darkrgb(228, 231, 233)" {
		t.Errorf("the theme is %s", got)
	}
}
