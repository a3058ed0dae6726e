package web

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/google/go-cmp/cmp"

	"bwmon/traffic"
)

// fleetOptions are those of a receiver whose members are those of a crew.
func fleetOptions(c *crew) Options {
	o := pastless()
	past := pastless()
	o.Members = &Members{Snapshot: c.newest, Options: func(string) Options { return past }}
	return o
}

// lively is fleet(tick, n) that was measured just now, with rates that go up and down.
func lively(tick, n int) *traffic.Snapshot {
	s := fleet(tick, n)
	s.At = time.Now()
	for i := range s.Hosts {
		if h := &s.Hosts[i]; h.State == traffic.MemberReporting {
			h.RxRate *= 1 + 0.5*swing(float64(tick), 7, float64(i))
		}
	}
	return s
}

// chromiumFleet goes from all hosts to one, and back.
func chromiumFleet(t *testing.T, browser context.Context) {
	now := lively(1, 3)
	c := newCrew(now, 1)
	s := open(t, fleetOptions(c), Access{})
	s.Publish(now)
	b := newTab(t, browser)
	b.open(s, "/")
	b.until(`document.querySelectorAll("#table-member tbody tr").length === 3`)
	if diff := cmp.Diff([]string{"Hosts3", "Apps12", "Machine", "Alerts", "Monitors"}, b.texts("#views a")); diff != "" {
		t.Errorf("views (-want +got):\n%s", diff)
	}
	if got := b.texts("#table-member tbody .state"); !slices.Equal(got, []string{"reporting", "refused", "silent"}) {
		t.Errorf("the states are %q", got)
	}
	if got := b.text(".roll .big"); got != "1 of 3 report1 silent, 1 refused" {
		t.Errorf("the roll call says %q", got)
	}
	if got := b.text(".roll .missing"); !strings.Contains(got, "web-0001.example.net: silent for 12 min 34 s") || !strings.Contains(got, "its clock is an hour ahead") {
		t.Errorf("it names %q", got)
	}
	if got := value[string](b, `getComputedStyle(document.querySelector('[data-state="silent"]'), "::before").content`); !strings.Contains(got, "◌") {
		t.Errorf("who is silent is marked with %s", got)
	}
	if got := b.text("#rate-rx") + b.text("#rate-rx-unit"); got == "–" {
		t.Error("nothing is carried")
	}
	b.until(`document.querySelectorAll(".legend tbody tr").length === 2`)

	// The hosts that do not report, by the link and by a filter.
	b.click(".roll a")
	b.until(`document.querySelectorAll("#table-member tbody tr").length === 2`)
	if got := b.texts("#table-member tbody th"); !slices.Equal(got, []string{memberName(1), memberName(2)}) {
		t.Errorf("they are %q", got)
	}
	for filter, want := range map[string]int{"silent>60": 1, "state:refused": 1, "host:web-0000": 1, "clock>3": 1, "unbooked>150B": 1, "apps=6": 3, "waiting>0": 2} {
		b.filter(filter)
		b.until(fmt.Sprintf(`document.querySelectorAll("#table-member tbody tr").length === %d && document.getElementById("filter-error").textContent === ""`, want))
	}
	b.filter("")

	// What is known of each host beside that is asked for with its view.
	b.open(s, "/#view=machine")
	b.until(`document.querySelectorAll("#table-machine tbody tr").length === 3`)

	// An app, and the hosts that run it.
	b.open(s, "/#view=apps")
	b.until(`document.querySelectorAll("#table-app tbody tr").length === 12`)
	b.click("#table-app tbody tr:first-child a")
	b.until(`document.querySelectorAll("#table-runs tbody tr").length > 0`)
	b.until(`document.getElementById("chart-title").textContent.endsWith("on each host")`)
	b.until(`performance.getEntriesByType("resource").some((e) => e.name.includes("by=host") && e.name.includes("app=app+"))`)
	app := b.text("#crumbs [aria-current]")
	b.follow("#table-runs tbody tr:first-child a")
	b.until(`document.body.dataset.part === "member" && document.querySelectorAll("#crumbs li").length === 4`)
	if got := b.texts("#crumbs li"); len(got) != 4 || got[0] != "All hosts" || got[3] != app {
		t.Errorf("the way back is %q, of %s", got, app)
	}
	b.follow("#crumbs a")
	b.until(`document.querySelectorAll("#table-member tbody tr").length === 3`)
}

// follow clicks a link to another page, and waits until that is there.
func (b *tab) follow(selector string) {
	b.Helper()
	from := value[string](b, `location.pathname`)
	b.click(selector)
	eventually(b.T, "another page", func() bool {
		ctx, stop := context.WithTimeout(b.ctx, patience)
		defer stop()
		// It fails while one page is left for the other.
		there, err := chromedp.Run(ctx, chromedp.Evaluate[bool](fmt.Sprintf(`location.pathname !== %q && document.readyState === "complete"`, from)))
		return err == nil && there
	})
}

// filter types a filter.
func (b *tab) filter(text string) {
	b.Helper()
	value[bool](b, fmt.Sprintf(`(() => { const f = document.getElementById("filter"); f.value = %q; f.dispatchEvent(new Event("input")); return true })()`, text))
}

// chromiumMember is the page of one host: as its own, but for what it does not publish.
func chromiumMember(t *testing.T, browser context.Context) {
	now := lively(1, 3)
	c := newCrew(now, 1)
	first, second := memberName(0), memberName(1)
	c.report(second, memberAt(second, 5))
	s := open(t, fleetOptions(c), Access{})
	s.Publish(now)
	b := newTab(t, browser)
	b.open(s, "/")
	b.until(`document.querySelectorAll("#table-member tbody tr").length === 3`)
	b.follow("#table-member tbody tr:first-child a")
	b.until(`document.querySelectorAll("#table-app tbody tr").length === 4`)
	if got := b.texts("#crumbs li"); !slices.Equal(got, []string{"All hosts", first}) {
		t.Errorf("the way back is %q", got)
	}
	if got := b.texts("#views a"); slices.Contains(got, "Remote hosts") || !slices.Contains(got, "LAN hosts2") {
		t.Errorf("its views are %q", got)
	}
	if value[bool](b, `document.body.classList.contains("silent")`) {
		t.Error("it is not silent")
	}
	b.click("#table-app tbody tr:first-child a")
	b.until(`document.querySelectorAll("#table-command tbody tr").length === 1`)
	b.click("#table-command tbody a")
	b.until(`document.querySelector("#table-flows .foot").textContent.includes("not published")`)
	b.keys("\b")
	b.until(`document.querySelectorAll("#table-command tbody tr").length === 1`)

	b.open(s, at(second, "/"))
	b.until(`document.body.classList.contains("silent") && document.getElementById("trouble").textContent.includes("This host is silent: it reported last 12 min 34 s ago")`)
	now = lively(2, 3)
	now.Hosts[1].State, now.Hosts[1].Silent = traffic.MemberReporting, 1
	s.Publish(now)
	b.until(`!document.body.classList.contains("silent") && !document.getElementById("trouble").textContent.includes("silent")`)
	// Where it ends to be one, the page says so.
	b.expect("404")
	c.leave(second)
	s.Publish(lively(3, 3))
	b.until(`document.body.dataset.link === "waiting"`)
}

// chromiumManyHosts holds a fleet of a thousand against the figures that are promised.
func chromiumManyHosts(t *testing.T, browser context.Context) {
	now := lively(1, 1000)
	s := open(t, fleetOptions(newCrew(fleet(1, 3), 1)), Access{})
	s.Publish(now)
	b := newTab(t, browser)
	var paints, shown, first []float64
	for range 5 {
		b.open(s, "/")
		b.until(`document.querySelectorAll("#table-member tbody tr").length === 200`)
		paints = append(paints, value[float64](b, `performance.getEntriesByName("first-contentful-paint")[0]?.startTime ?? -1`))
		shown = append(shown, value[float64](b, `firstDrawn`))
		first = append(first, value[float64](b, `drawn[0]`))
	}
	value[bool](b, `(drawn.length = 0, true)`)
	for tick := 2; tick < 12; tick++ {
		s.Publish(lively(tick, 1000))
		b.until(fmt.Sprintf(`drawn.length >= %d`, tick-1))
	}
	t.Logf("of 1,000 hosts the first are painted after %.0f ms (the first time without a cache) and live after %.0f ms, of which drawing takes %.0f ms; a tick is drawn in %.1f ms", paints, shown, first, value[[]float64](b, `drawn`))
	if text := b.text("#table-member > .plain"); text != "Show more: there are 800 below these" {
		t.Errorf("the foot says %q", text)
	}
	if s.now.Load().document.narrow[wanted{noSeries: true}] == nil || len(s.now.Load().document.narrow) != 1 {
		t.Error("it asks for all commands of all apps")
	}
}

// chromiumHostileHosts: names of hosts are text wherever they stand.
func chromiumHostileHosts(t *testing.T, browser context.Context) {
	now := lively(1, len(nasty))
	c := newCrew(now, 1)
	for i := range nasty {
		h := &now.Hosts[i]
		h.Host, h.Detail, h.State = nasty[i], nasty[i], traffic.MemberSilent
		c.report(nasty[i], memberAt(nasty[i], 1))
	}
	for i := range now.Apps {
		now.Apps[i].Name = nasty[i]
		for j := range now.Apps[i].Commands {
			cmd := &now.Apps[i].Commands[j]
			cmd.Host, cmd.Command = nasty[j], nasty[j]
		}
	}
	s := open(t, fleetOptions(c), Access{})
	s.Publish(now)
	b := newTab(t, browser)
	for _, path := range []string{"/", "/#view=apps&app=" + "%3Cscript%3Ealert(1)%3C%2Fscript%3E", at(nasty[0], "/"), at(nasty[4], "/"), at(nasty[5], "/"), at(nasty[10], "/")} {
		b.open(s, path)
		b.until(`document.querySelectorAll("#tables tbody tr").length > 3`)
		if n := value[int](b, `document.querySelectorAll("main script, main img, main h1, main b").length`); n > 0 {
			t.Errorf("%s: %d elements are made of names", path, n)
		}
		for _, address := range value[[]string](b, `[...document.querySelectorAll("#tables a, #crumbs a")].map((a) => a.href)`) {
			if !strings.HasPrefix(address, s.url+"/") {
				t.Errorf("%s: a link leads to %q", path, address)
			}
		}
	}
}

// chromiumFleetPictures are to be looked at.
func chromiumFleetPictures(t *testing.T, browser context.Context) {
	for _, n := range []int{3, 1000} {
		c := newCrew(fleet(1, min(n, 10)), 1)
		s := open(t, fleetOptions(c), Access{})
		b := newTab(t, browser)
		s.Publish(lively(1, n))
		for _, size := range [][2]int64{{1400, 900}, {390, 844}} {
			b.size(size[0], size[1])
			for _, view := range []struct{ name, path, table string }{
				{"hosts", "/", "member"}, {"app", "/#view=apps&app=app+03", "runs"}, {"silent", at(memberName(2), "/"), "app"},
			} {
				b.open(s, view.path)
				b.until(`document.querySelectorAll("#table-` + view.table + ` tbody tr").length > 0`)
				for tick := 2; tick < 8; tick++ {
					s.Publish(lively(tick, n))
					b.until(fmt.Sprintf(`drawn.length >= %d`, tick))
				}
				b.until(`document.querySelectorAll(".chart .area").length > 0`)
				b.picture(fmt.Sprintf("fleet-%d-%s-%dx%d", n, view.name, size[0], size[1]))
				if wide := value[int](b, `document.documentElement.scrollWidth - innerWidth`); wide > 0 {
					t.Errorf("%d hosts, %s at %d: %d pixels too wide", n, view.name, size[0], wide)
				}
			}
		}
	}
}

// chromiumFleetLook: the page of a fleet is as wide as there is room, and can be read.
func chromiumFleetLook(t *testing.T, browser context.Context) {
	now := lively(1, 30)
	s := open(t, fleetOptions(newCrew(fleet(1, 30), 1)), Access{})
	s.Publish(now)
	b := newTab(t, browser)
	for _, path := range []string{"/", "/#view=apps&app=app+03", at(memberName(2), "/")} {
		b.open(s, path)
		b.until(`document.querySelectorAll("#tables tbody tr").length > 3`)
		for _, dark := range []bool{false, true} {
			b.dark(dark)
			if path == "/" || !dark { // that of a host is tried elsewhere
				if got := value[[]string](b, weakText); len(got) > 0 {
					t.Errorf("dark is %v, %s: hard to read: %q", dark, path, got)
				}
			}
		}
		for _, width := range []int64{320, 390, 480, 761, 900, 1024, 1181, 1280, 1400, 1600, 1901, 2560} {
			b.size(width, 800)
			if got := value[int64](b, `document.documentElement.scrollWidth`); got > width {
				t.Errorf("%s at %d is %d wide", path, width, got)
			}
			const names = `[...document.querySelectorAll("#tables tbody th")].map((e) => e.offsetWidth)`
			if narrow := slices.Min(value[[]int](b, names)); narrow < 100 {
				t.Errorf("%s at %d: a name has %d pixels", path, width, narrow)
			}
		}
	}
}
