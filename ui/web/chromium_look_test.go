package web

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/accessibility"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// live publishes a minute of the made-up gateway, so that the chart is full and ends
// now.
func (b *tab) live(s *site) {
	b.Helper()
	start := time.Now().Add(-12*24*time.Hour - 3*time.Hour)
	const ticks = 62
	for i := range ticks {
		drawn := value[int](b, "drawn.length")
		s.Publish(demo(time.Now().Add(time.Duration(i-ticks+1)*time.Second), start))
		b.until(fmt.Sprintf("drawn.length > %d", drawn))
	}
}

// gateway opens the page of the made-up gateway.
func gateway(t *testing.T, browser context.Context) (*site, *tab) {
	t.Helper()
	s := open(t, demoOptions(), Access{})
	b := newTab(t, browser)
	s.Publish(demo(time.Now().Add(-70*time.Second), time.Now().Add(-12*24*time.Hour)))
	b.open(s, "/")
	b.until(`document.querySelectorAll("` + rows + `").length > 10`)
	return s, b
}

// chromiumPictures writes what there is to see. With BWMON_SCREENS those of docs/
// are written anew.
func chromiumPictures(t *testing.T, browser context.Context) {
	s, b := gateway(t, browser)
	b.live(s)
	dir := ""
	if os.Getenv("BWMON_SCREENS") != "" {
		dir = filepath.Join("..", "..", "docs", "screens")
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, theme := range []string{"light", "dark"} {
		b.dark(theme == "dark")
		b.picture(theme)
		if dir == "" {
			continue
		}
		b.size(1280, 840)
		time.Sleep(200 * time.Millisecond)
		if err := os.WriteFile(filepath.Join(dir, "page-"+theme+".png"), b.picture("small-"+theme), 0o644); err != nil {
			t.Fatal(err)
		}
		b.size(1440, 900)
	}
	b.dark(false)
	for _, v := range []struct{ name, hash string }{{"year", "#range=1y"}, {"day", "#range=24h"}, {"commands", "#app=Backup&range=24h"}, {"alerts", "#view=alerts"}, {"interfaces", "#view=interfaces"}, {"lan", "#view=lan"}, {"disks", "#view=disks"}, {"machine", "#view=machine"}, {"metrics", "#view=machine&series=cpu&range=24h"}} {
		value[bool](b, `(location.hash = "`+v.hash+`", true)`)
		time.Sleep(400 * time.Millisecond)
		b.picture(v.name)
	}
	value[bool](b, `(location.hash = "#", true)`)
	b.pictureMachine()
	b.size(360, 740)
	time.Sleep(200 * time.Millisecond)
	b.picture("phone")
	value[bool](b, `(scrollTo(0, 1000), true)`)
	b.picture("phone-below")
	b.size(2560, 1440)
	time.Sleep(200 * time.Millisecond)
	b.picture("wide")
}

// pictureMachine writes what apps use of the machine, and disks, on a large screen, in
// the dark, and on a small one.
func (b *tab) pictureMachine() {
	b.Helper()
	b.click(`#uses [value="machine"]`)
	for _, c := range []struct {
		name  string
		width int64
		dark  bool
	}{{"uses", 1440, false}, {"uses-dark", 1440, true}, {"uses-wide", 2560, true}, {"uses-phone", 360, false}} {
		b.size(c.width, 800)
		b.dark(c.dark)
		value[bool](b, `(scrollTo(0, innerWidth < 500 ? 700 : 0), true)`)
		time.Sleep(200 * time.Millisecond)
		b.picture(c.name)
	}
	value[bool](b, `(location.hash = "#view=disks", true)`)
	time.Sleep(200 * time.Millisecond)
	b.picture("disks-phone")
	value[bool](b, `(location.hash = "#", scrollTo(0, 0), true)`)
	b.size(1440, 900)
	b.click(`#uses [value="network"]`)
}

// chromiumWidths: on no screen is anything wider than it.
func chromiumWidths(t *testing.T, browser context.Context) {
	_, b := gateway(t, browser)
	for _, width := range []int64{320, 360, 480, 761, 1024, 1181, 1440, 1901, 2560} {
		b.size(width, 800)
		for _, hash := range []string{"#", "#view=lan", "#view=interfaces", "#view=alerts", "#view=monitors", "#view=disks", "#view=machine", "#view=machine&series=cpu", "#app=Backup", "#view=lan&host=192.0.2.20", "#range=24h&q=zz:"} {
			value[bool](b, `(location.hash = "`+hash+`", new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done(true)))))`)
			if got := value[int64](b, `document.documentElement.scrollWidth`); got > width {
				wide := value[[]string](b, fmt.Sprintf(`[...document.querySelectorAll("body *")].filter((e) => e.getBoundingClientRect().right > %d + 1).map((e) => e.tagName + "#" + e.id + "." + e.className).slice(0, 8)`, width))
				t.Errorf("%s at %d is %d wide: %q", hash, width, got, wide)
			}
		}
	}
}

// chromiumKeyboard goes from the beginning to the connections without a pointer.
func chromiumKeyboard(t *testing.T, browser context.Context) {
	_, b := gateway(t, browser)
	b.keys(kb.Tab)
	b.until(`document.activeElement.id === "skip"`)
	b.keys(kb.Enter)
	b.until(`document.activeElement.id === "figures" && location.hash === ""`)
	// All that can be reached with Tab can be seen when it has the focus.
	seen := map[string]bool{}
	for range 60 {
		b.keys(kb.Tab)
		where := value[string](b, `(() => { const e = document.activeElement; const s = getComputedStyle(e); return (e.id || e.textContent.slice(0, 20)) + (e === document.body || s.outlineStyle !== "none" ? "" : " unseen"); })()`)
		if strings.HasSuffix(where, " unseen") {
			t.Errorf("the focus on %s is not seen", where)
		}
		seen[where] = true
	}
	for _, want := range []string{"chart-frame", "filter", "help-open"} {
		if !seen[want] {
			t.Errorf("Tab does not reach %q: %v", want, seen)
		}
	}
	b.open(&site{url: value[string](b, "location.origin")}, "/")
	b.until(`document.querySelectorAll("` + rows + `").length > 10`)
	b.keys("/")
	b.until(`document.activeElement.id === "filter"`)
	value[bool](b, `(document.activeElement.value = "", true)`) // the tools type "/" all the same
	b.keys("app:Backup" + kb.Enter)
	b.until(`document.activeElement.textContent === "Backup"`)
	b.keys(kb.Enter)
	b.until(`document.querySelector("#table-command")`)
	b.do(chromedp.Focus(chromedp.CSS("#table-command .handle")))
	b.keys(kb.Enter)
	b.until(`document.querySelectorAll("#table-flows tbody tr").length > 3`)
	b.do(chromedp.Focus(chromedp.CSS("#table-flows .handle")))
	b.keys(kb.ArrowDown + kb.ArrowDown)
	b.until(`document.querySelector("#table-flows tbody tr:nth-child(3)").getAttribute("aria-current") === "true"`)
	b.keys(kb.Backspace)
	b.until(`document.querySelector("#table-command")`)
	b.keys(kb.Backspace)
	b.until(`document.querySelector("#table-app")`)
	b.keys("4")
	b.until(`document.querySelector("#table-interface")`)
	b.keys("u")
	b.until(`document.querySelector("#units [value=si]").getAttribute("aria-pressed") === "true"`)
	b.keys("?")
	b.until(`document.querySelector("#help").open`)
	b.do(chromedp.Click(chromedp.CSS("#keys-on")))
	b.keys(kb.Escape)
	b.keys("1")
	time.Sleep(50 * time.Millisecond)
	b.until(`!document.querySelector("#help").open && document.querySelector("#table-interface")`) // switched off
}

// chromiumNames: all that one can do something with has a name to those who do not
// see it.
func chromiumNames(t *testing.T, browser context.Context) {
	s, b := gateway(t, browser)
	s.Publish(withFlows(1))
	for _, hash := range []string{"#view=lan", "#view=remote", "#view=interfaces", "#view=pipes", "#view=alerts", "#view=monitors", "#app=curl", "#"} {
		value[bool](b, `(location.hash = "`+hash+`", new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done(true)))))`)
		b.wantNamed(hash == "#")
	}
}

// wantNamed fails for what has no name in the tree that screen readers have; all:
// there is one of each kind.
func (b *tab) wantNamed(all bool) {
	b.Helper()
	wanted := map[string]bool{"button": true, "link": true, "slider": true, "searchbox": true, "meter": true, "table": true, "navigation": true, "region": true, "group": true}
	tree, err := chromedp.Run(b.ctx, func(ctx context.Context, target *chromedp.Target) (accessibility.GetFullAXTreeResult, error) {
		return cdp.Call(ctx, target, accessibility.GetFullAXTree, accessibility.GetFullAXTreeParams{})
	})
	if err != nil {
		b.Fatal(err)
	}
	found := map[string]int{}
	for _, n := range tree.Nodes {
		if n.Ignored || n.Role == nil {
			continue
		}
		role := strings.Trim(string(n.Role.Value), `"`)
		if !wanted[role] {
			continue
		}
		found[role]++
		if n.Name == nil || strings.Trim(string(n.Name.Value), `" `) == "" {
			b.Errorf("a %s has no name", role)
		}
	}
	for role := range wanted {
		if all && found[role] == 0 {
			b.Errorf("there is no %s: %v", role, found)
		}
	}
}

// weakText finds text that is hard to read on what it stands on.
const weakText = `(() => {
	const canvas = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
	const rgb = (text) => { canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = text; canvas.fillRect(0, 0, 1, 1); return [...canvas.getImageData(0, 0, 1, 1).data]; };
	const light = (c) => { const [r, g, b] = c.map((v) => (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4); return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
	const ground = (e) => { for (; e; e = e.parentElement) { const c = rgb(getComputedStyle(e).backgroundColor); if (c[3] === 255) return c; } return rgb(getComputedStyle(document.documentElement).backgroundColor); };
	const found = new Set();
	for (const e of document.querySelectorAll("body *")) {
		if (!e.checkVisibility() || e.closest(".names") || ![...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim())) continue;
		const s = getComputedStyle(e);
		const [a, b] = [light(rgb(e.closest("svg") ? s.fill : s.color)), light(ground(e))].sort((x, y) => y - x);
		const ratio = (a + 0.05) / (b + 0.05);
		if (ratio < (parseFloat(s.fontSize) >= 24 ? 3 : 4.5)) found.add(e.tagName + "." + (e.className.baseVal ?? e.className) + " " + e.textContent.slice(0, 20) + " " + ratio.toFixed(2));
	}
	return [...found];
})()`

// chromiumContrast: all text can be read on what it stands on, in the light and in
// the dark (WCAG 2.2, 1.4.3: 4.5, of large text 3).
func chromiumContrast(t *testing.T, browser context.Context) {
	_, b := gateway(t, browser)
	for _, dark := range []bool{false, true} {
		b.dark(dark)
		for _, hash := range []string{"#", "#view=alerts", "#view=monitors", "#view=interfaces", "#app=Backup", "#q=zz:"} {
			value[bool](b, `(location.hash = "`+hash+`", new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done(true)))))`)
			if got := value[[]string](b, weakText); len(got) > 0 {
				t.Errorf("dark is %v, %s: hard to read: %q", dark, hash, got)
			}
		}
	}
}

// chromiumFirstPaint measures; how long it takes is this machine's affair.
func chromiumFirstPaint(t *testing.T, browser context.Context) {
	s := open(t, demoOptions(), Access{})
	s.Publish(demo(time.Now(), time.Now().Add(-time.Hour)))
	b := newTab(t, browser)
	var paints, figures []float64
	for range 5 {
		b.open(s, "/")
		b.until(`drawn.length > 0 && performance.getEntriesByName("first-contentful-paint").length`)
		paints = append(paints, value[float64](b, `performance.getEntriesByName("first-contentful-paint")[0].startTime`))
		figures = append(figures, value[float64](b, `performance.getEntriesByName("tables")[0].startTime`))
	}
	t.Logf("first contentful paint after %.0f ms, first live figures after %.0f ms (the first is without a cache)", paints, figures)
	total := 0
	for path, asset := range s.page.assets {
		if strings.HasPrefix(path, "/assets/fleet/") {
			continue // a host's page has none of it
		}
		if !strings.HasPrefix(path, "/assets/") {
			t.Errorf("an asset at %s", path)
		}
		total += len(asset.plain)
	}
	if b.hasAsked("/assets/fleet/") {
		t.Error("what only a fleet has was loaded")
	}
	index, err := pageFiles.ReadFile("page/index.html")
	if err != nil {
		t.Fatal(err)
	}
	if total += len(index); total > 150_000 {
		t.Errorf("the page is made of %d bytes, want at most 150,000", total)
	}
	t.Logf("the page is made of %d bytes", total)
}
