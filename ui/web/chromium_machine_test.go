package web

import (
	"context"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"bwmon/traffic"
)

// machineAt is a host at a time, by its own clock now.
func machineAt(tick int) *traffic.Snapshot {
	s := typical(tick)
	s.At = time.Now()
	s.Apps = append(s.Apps, traffic.App{Name: "updatedb", Resources: resources(2000), Commands: []traffic.Command{
		{Command: "/usr/bin/updatedb", User: "root", Resources: resources(2000)},
	}})
	s.Alerts = append(s.Alerts, traffic.Alert{
		Rule: "disk is quick", Kind: "disk", Subject: "disk:sda", State: "firing", Since: began,
		Metric: "read_await_ms", Condition: "above", Value: 31.25, Threshold: 20, Window: 60,
	}, traffic.Alert{
		Rule: "room", Kind: "mount", Subject: "mount:/var", State: "pending", Since: began,
		Metric: "free_bytes", Condition: "below", Value: 3 << 30, Threshold: 4 << 30,
	})
	return s
}

// trends are the questions after how figures went.
func (b *tab) trends() (list []url.Values) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, r := range b.requests {
		if u, err := url.Parse(r); err == nil && u.Path == "/api/v1/trend" {
			list = append(list, u.Query())
		}
	}
	return list
}

// chromiumMachine: disks and all else that is measured are tables as others, whose
// figures have their units, and a chart.
func chromiumMachine(t *testing.T, browser context.Context) {
	s := open(t, demoOptions(), Access{})
	s.Publish(machineAt(1))
	b := newTab(t, browser)
	b.open(s, "/#view=disks")
	b.until(`document.querySelectorAll("#table-disks tbody tr").length === 2`)
	if got := strings.Join(b.texts("#table-disks tbody tr:first-child > *"), "|"); got != "sdafiring|40%|4.00KiB/s|512B/s|8.00KiB|1.00KiB|20/s|10/s|2.50ms|0.50ms|1.25" {
		t.Errorf("the busiest disk: %q", got)
	}
	if got := strings.Join(b.texts("#table-disks tbody tr:last-child > *"), "|"); got != "sdb|1%|100B/s|–|–|–|–|–|–|–|–" {
		t.Errorf("what is not known of the other is not 0: %q", got)
	}
	b.until(`document.querySelector("#chart-title").textContent === "Disks"`)
	s.Publish(machineAt(2))
	b.until(`document.querySelector(".legend tbody tr")?.textContent.startsWith("sda8.00KiB/s512B/s")`)
	// A disk's own figures, and how one of them went.
	b.click("#table-disks tbody tr:first-child a")
	b.until(`document.querySelector("#table-metrics tbody tr:nth-child(5)")?.textContent === "read_await_ms5ms"`)
	b.until(`document.querySelector("#chart-title").textContent === "utilization_percent of disk:sda"`)
	b.until(`document.querySelector(".legend tbody tr").textContent.startsWith("utilization_percent80%")`)
	if !value[bool](b, `document.querySelector("#directions").hidden && document.querySelector(".legend tfoot tr").hidden`) {
		t.Error("directions are of bytes")
	}
	b.do(chromedp.Focus(chromedp.CSS("#table-metrics tbody tr:nth-child(3) .handle")))
	b.until(`document.querySelector("#chart-title").textContent === "read_bytes_per_s of disk:sda"`)
	b.keys(kb.ArrowDown + kb.ArrowDown)
	b.until(`document.querySelector("#chart-title").textContent === "read_await_ms of disk:sda"`)
	b.click(`#ranges [value="24h"]`)
	b.until(`document.querySelector(".legend caption").textContent === "on average"`)
	list := b.trends()
	if q := list[len(list)-1]; q.Get("series") != "disk:sda" || q.Get("metric") != "read_await_ms" || q.Get("step") != "minute" || q.Has("by") {
		t.Errorf("asked is %v", q)
	}
	// Where nothing was measured, nothing is drawn.
	b.until(`[...document.querySelectorAll(".chart .area")].some((p) => p.getAttribute("d").split("M").length > 20)`)
	if got := value[string](b, `document.querySelector("#chart-frame").getAttribute("aria-valuetext")`); !strings.Contains(got, " ms, read_await_ms ") {
		t.Errorf("heard is %q", got)
	}
	b.click("#crumbs a")
	b.until(`document.querySelector("#table-disks")`)
	b.open(s, "/#view=machine")
	b.until(`document.querySelectorAll("#table-machine tbody tr").length === 6 && document.querySelector("#chart-title").textContent === "used_percent of cpu"`)
	if got := strings.Join(b.texts("#table-machine tbody tr:last-child > *"), "|"); got != "probe:web|0|up|connection refused" {
		t.Errorf("the probe: %q", got)
	}
	b.do(chromedp.Focus(chromedp.CSS("#table-machine tbody tr:nth-child(5) .handle")))
	b.until(`document.querySelector("#chart-title").textContent === "used_percent of mount:/var"`)
	b.do(chromedp.Focus(chromedp.CSS("#filter")), chromedp.KeyEvent("kind=disk"))
	b.until(`document.querySelectorAll("#table-machine tbody tr").length === 2`)
	b.open(s, "/#view=machine&series=disk:none&range=24h") // it may have been unplugged
	b.until(`document.querySelector("#table-metrics .foot").textContent === "It is not measured now."`)
	b.open(s, "/#view=alerts")
	b.until(`document.querySelectorAll("#table-alerts tbody tr").length === 3`)
	if got := strings.Join(b.texts("#table-alerts tbody tr > :nth-child(n+4):nth-child(-n+6)"), "|"); got != "5.72MiB/s|tx above|5.00MiB/s|31.3ms|read_await_ms above|20ms|3.00GiB|free_bytes below|4.00GiB" {
		t.Errorf("alerts: %q", got)
	}
}

// chromiumUses: what apps use of the machine is shown when it is asked for, and with it
// those that carried nothing.
func chromiumUses(t *testing.T, browser context.Context) {
	s := open(t, pastless(), Access{})
	s.Publish(machineAt(1))
	b := newTab(t, browser)
	b.open(s, "/")
	b.wantNames("(unattributed)", "(kernel)", "restic", "curl")
	const shown = `getComputedStyle(document.querySelector("#table-app td.of-machine")).display !== "none"`
	if value[bool](b, shown) {
		t.Error("figures of the machine are shown before they are asked for")
	}
	b.click(`#uses [value="machine"]`)
	b.until(shown)
	b.wantNames("(unattributed)", "(kernel)", "restic", "curl", "updatedb")
	if got := strings.Join(b.texts("#table-app tbody tr:last-child td.of-machine"), "|"); got != "1000B/s|500B/s|5.86KiB|9.77KiB|20%|1.95MiB" {
		t.Errorf("updatedb: %q", got)
	}
	b.open(s, "/?#sort=-memory_bytes") // it is remembered
	b.wantNames("(unattributed)", "(kernel)", "updatedb", "restic", "curl")
	b.click(`a[href="#app=updatedb"]`)
	b.until(`document.querySelector("#table-command tbody td.of-machine")?.textContent === "1000B/s"`)
	b.keys("m")
	b.until(`document.body.dataset.uses === "network" && document.querySelectorAll("#table-command tbody tr").length === 0`)
	b.open(s, "/?")
	b.wantNames("(unattributed)", "(kernel)", "restic", "curl")
	// A filter may ask for it, too.
	b.do(chromedp.Focus(chromedp.CSS("#filter")), chromedp.KeyEvent("memory>1 MB read>1KB app:u"))
	b.wantNames("(unattributed)", "updatedb")
	b.until(`document.querySelector("#uses").checkVisibility()`)
	b.open(s, "/#view=pipes")
	b.until(`!document.querySelector("#uses").checkVisibility()`)
}

// chromiumRuns: who began anew has not measured yet what fired; nobody is told that it
// is over.
func chromiumRuns(t *testing.T, browser context.Context) {
	s := open(t, pastless(), Access{})
	s.Publish(typical(1))
	b := newTab(t, browser)
	b.open(s, "/")
	b.until(`document.querySelector("#herald").textContent === "Alert: backup cap: restic"`)
	again := empty(2)
	again.Run = "second"
	s.Publish(again)
	b.until(`document.title === "gw – bwmon"`)
	if got := b.text("#herald"); got != "Alert: backup cap: restic" {
		t.Errorf("told is %q", got)
	}
}
