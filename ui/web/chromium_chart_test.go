package web

import (
	"context"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"bwmon/traffic"
)

// minute publishes a minute of two apps, of which the second changes, up to now.
func minute(b *tab, s *site) {
	b.Helper()
	now := time.Now().Truncate(time.Second)
	for i := -60; i <= 0; i++ {
		snapshot := empty(0)
		snapshot.At = now.Add(time.Duration(i) * time.Second)
		snapshot.Apps = []traffic.App{
			{Name: "steady", Usage: traffic.Usage{RxRate: 1 << 20, TxRate: 1 << 10}},
			{Name: "rising", Usage: traffic.Usage{RxRate: float64(60+i) * 1024, TxRate: 0}},
		}
		s.Publish(snapshot)
		b.until(fmt.Sprintf(`document.querySelector("#table-app tbody") && performance.getEntriesByName("tables").length && window.drawn.length >= %d`, i+61))
	}
}

// legend are the lines of the read-out.
func (b *tab) legend() []string {
	b.Helper()
	return value[[]string](b, `[...document.querySelectorAll(".legend tr")].map((tr) => [...tr.children].map((c) => c.textContent).join(" "))`)
}

func (b *tab) moment() string {
	b.Helper()
	return b.text(".legend caption")
}

func chromiumChart(t *testing.T, browser context.Context) {
	s := open(t, pastless(), Access{})
	b := newTab(t, browser)
	b.open(s, "/")
	minute(b, s)
	b.until(`document.querySelectorAll(".legend tbody tr").length === 2`)
	if got := b.legend(); got[1] != "steady 1.00MiB/s 1.00KiB/s 60.1MiB" || got[2] != "rising 60.0KiB/s – 1.79MiB" || b.moment() != "now" {
		t.Errorf("now: %q", got)
	}
	// A pointer reads a moment, and what was then.
	frame := value[map[string]float64](b, `(() => { const r = document.querySelector(".grid .base").getBoundingClientRect(); return { x: r.x, width: r.width, y: r.y - 60 }; })()`)
	at := func(part float64) (x, y float64) { return frame["x"] + part*frame["width"], frame["y"] }
	x, y := at(30.5 / 60)
	b.do(chromedp.MouseEvent(chromedp.MouseMoved, x, y))
	b.until(`document.querySelector(".legend caption").textContent.includes(" – ")`)
	got := b.legend()
	if !strings.HasPrefix(got[1], "steady 1.00MiB/s 1.00KiB/s 1.00MiB/s") || !strings.HasPrefix(got[2], "rising 31.0KiB/s – 31.0KiB/s") {
		t.Errorf("in the middle: %q", got)
	}
	if got := value[string](b, `document.querySelector(".chart .cross").getAttribute("visibility")`); got != "visible" {
		t.Errorf("the line is %s", got)
	}
	b.do(chromedp.MouseEvent(chromedp.MouseMoved, x, 5))
	b.until(`document.querySelector(".legend caption").textContent === "now"`)
	b.readWithKeys()
	// What is pressed away is not drawn.
	b.click(".legend tbody tr:first-child button")
	b.until(`document.querySelector(".legend tbody tr:first-child button").getAttribute("aria-pressed") === "false"`)
	b.until(`document.querySelector(".legend tfoot").textContent.includes("60.0KiB/s")`)
	if most := value[string](b, `[...document.querySelectorAll(".grid text")].at(-1).textContent`); !strings.HasSuffix(most, "KiB/s") {
		t.Errorf("without the largest the axis goes to %s", most)
	}
	b.click(`#directions [value="tx"]`)
	b.until(`location.hash.includes("dir=tx") && document.querySelector("#directions [value=tx]").getAttribute("aria-pressed") === "true"`)
}

// readWithKeys reads moments from the keyboard, and hears them.
func (b *tab) readWithKeys() {
	b.Helper()
	b.do(chromedp.Focus(chromedp.CSS("#chart-frame")))
	b.keys(kb.ArrowLeft)
	b.until(`document.querySelector("#chart-frame").getAttribute("aria-valuetext").includes("rising 60.0 KiB/s")`)
	b.keys(kb.ArrowLeft + kb.ArrowLeft)
	b.until(`document.querySelector("#chart-frame").getAttribute("aria-valuetext").includes("rising 58.0 KiB/s")`)
	said := value[string](b, `document.querySelector("#chart-frame").getAttribute("aria-valuetext")`)
	if !strings.Contains(said, "all 1.06 MiB/s, steady 1.00 MiB/s, rising 58.0 KiB/s") {
		b.Errorf("heard is %q", said)
	}
	b.keys(kb.Home)
	b.until(`document.querySelector("#chart-frame").getAttribute("aria-valuenow") === "0"`)
	b.keys(kb.Escape)
	b.until(`document.querySelector(".legend caption").textContent === "now"`)
}

// asked are the questions that the history was asked, once there are n.
func (b *tab) asked(n int) []url.Values {
	b.Helper()
	var list []url.Values
	eventually(b.T, fmt.Sprintf("%d questions", n), func() bool {
		list = nil
		b.mu.Lock()
		defer b.mu.Unlock()
		for _, r := range b.requests {
			if u, err := url.Parse(r); err == nil && u.Path == "/api/v1/history" {
				list = append(list, u.Query())
			}
		}
		return len(list) >= n
	})
	return list
}

func chromiumZoom(t *testing.T, browser context.Context) {
	s := open(t, demoOptions(), Access{})
	b := newTab(t, browser)
	s.Publish(demo(time.Now(), time.Now().Add(-time.Hour)))
	b.open(s, "/#range=24h")
	q := b.asked(1)[0]
	if q.Get("by") != "app" || q.Get("step") != "minute" || q.Get("top") != "8" {
		t.Errorf("asked is %v", q)
	}
	b.until(`document.querySelectorAll(".legend tbody tr").length === 9 && document.querySelector(".legend caption").textContent === "on average"`)
	// Of 1,440 minutes, at most 300 points are drawn of each area.
	if n := value[int](b, `Math.max(...[...document.querySelectorAll(".chart .area")].map((p) => p.getAttribute("d").split("L").length))`); n < 100 || n > 610 {
		t.Errorf("an area has %d points", n)
	}
	box := value[map[string]float64](b, `(() => { const r = document.querySelector(".grid .base").getBoundingClientRect(); return { x: r.x, width: r.width, y: r.y - 60 }; })()`)
	drag := func(from, to float64) {
		b.do(chromedp.MouseEvent(chromedp.MousePressed, box["x"]+from*box["width"], box["y"], chromedp.ButtonLeft, chromedp.ClickCount(1)),
			chromedp.MouseEvent(chromedp.MouseMoved, box["x"]+(from+to)/2*box["width"], box["y"], chromedp.ButtonLeft))
		if got := value[string](b, `document.querySelector(".chart .selection").getAttribute("visibility")`); got != "visible" {
			t.Errorf("while dragging the selection is %s", got)
		}
		b.do(chromedp.MouseEvent(chromedp.MouseReleased, box["x"]+to*box["width"], box["y"], chromedp.ButtonLeft, chromedp.ClickCount(1)))
	}
	drag(0.5, 0.25) // six hours, backwards
	b.until(`location.hash.includes("from=")`)
	q = b.asked(2)[1]
	from, err := time.Parse(time.RFC3339, q.Get("from"))
	to, err2 := time.Parse(time.RFC3339, q.Get("to"))
	if err != nil || err2 != nil || to.Sub(from) < 5*time.Hour+55*time.Minute || to.Sub(from) > 6*time.Hour+5*time.Minute {
		t.Errorf("asked is %v", q)
	}
	if ago := time.Since(to); ago < 11*time.Hour+50*time.Minute || ago > 12*time.Hour+10*time.Minute {
		t.Errorf("the time asked for ended %v ago", ago)
	}
	b.until(`!document.querySelector("#zoom-reset").hidden && document.querySelectorAll("#ranges [aria-pressed=true]").length === 0`)
	hash := value[string](b, "location.hash")
	drag(0.2, 0.6)
	b.until(`location.hash !== ` + strconv.Quote(hash))
	b.do(chromedp.NavigateBack())
	b.until(`location.hash === ` + strconv.Quote(hash))
	b.click("#zoom-reset")
	b.until(`location.hash === "#range=24h" && document.querySelector("#zoom-reset").hidden`)
	b.zoomWithKeys()
	b.ranges()
}

func (b *tab) zoomWithKeys() {
	b.Helper()
	b.until(`document.querySelector(".chart .area")?.getAttribute("d")`)
	b.do(chromedp.Focus(chromedp.CSS("#chart-frame")))
	b.keys(kb.Home)
	b.keys(kb.ArrowRight+kb.ArrowRight+kb.ArrowRight+kb.ArrowRight, chromedp.ModifierShift)
	b.until(`document.querySelector(".chart .selection").getAttribute("visibility") === "visible"`)
	b.keys(kb.Enter)
	b.until(`location.hash.includes("from=")`)
	b.keys("0")
	b.until(`location.hash === "#range=24h"`)
}

// ranges tries all times, and what each asks for.
func (b *tab) ranges() {
	b.Helper()
	for _, c := range []struct{ button, step string }{{"1h", "minute"}, {"7d", "hour"}, {"30d", "hour"}, {"1y", "day"}} {
		n := len(b.asked(0))
		b.click(`#ranges [value="` + c.button + `"]`)
		if q := b.asked(n + 1)[n]; q.Get("step") != c.step {
			b.Errorf("%s asks %v, want steps of a %s", c.button, q, c.step)
		}
		b.until(`document.querySelectorAll(".legend tbody tr").length === 9 && document.querySelector(".message").hidden`)
		if points := value[int](b, `Math.max(...[...document.querySelectorAll(".chart .area")].map((p) => p.getAttribute("d").split("L").length))`); points < 50 || points > 610 {
			b.Errorf("%s: an area has %d points", c.button, points)
		}
	}
	// In an app the chart is of its commands.
	n := len(b.asked(0))
	b.click(`a[href="#app=Backup&range=1y"]`)
	if q := b.asked(n + 1)[n]; q.Get("by") != "command" || q.Get("app") != "Backup" {
		b.Errorf("asked is %v", q)
	}
}
