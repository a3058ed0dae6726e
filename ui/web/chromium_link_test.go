package web

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"bwmon/traffic"
)

// chromiumPolicy: the policy stops what names could do if they became elements, and a
// tab notices that it had to.
func chromiumPolicy(t *testing.T, browser context.Context) {
	s := open(t, pastless(), Access{})
	b := newTab(t, browser)
	b.open(s, "/")
	b.until(`document.body.dataset.link === "live"`)
	value[bool](b, `(() => {
		const box = document.createElement("div");
		box.innerHTML = "<p style='color: red' onclick='window.hit = true'>x</p><img src='http://127.0.0.2/x'>";
		document.body.append(box);
		const script = document.createElement("script");
		script.textContent = "window.hit = true";
		document.body.append(script);
		box.firstChild.click();
		return fetch("http://127.0.0.2/").then(() => true, () => true);
	})()`)
	if value[bool](b, "Boolean(window.hit)") {
		t.Error("inline code was run")
	}
	wanted := []string{"style-src-attr", "script-src-attr", "script-src-elem", "img-src", "connect-src"}
	eventually(t, "all violations", func() bool {
		b.mu.Lock()
		defer b.mu.Unlock()
		all := strings.Join(b.complaints, "\n")
		return !slices.ContainsFunc(wanted, func(w string) bool { return !strings.Contains(all, "policy violated: "+w) })
	})
	b.mu.Lock()
	b.complaints, b.requests = nil, nil
	b.mu.Unlock()
}

// chromiumHostile: whatever a name is made of, it stays text in every view.
func chromiumHostile(t *testing.T, browser context.Context) {
	s := open(t, pastless(), Access{})
	b := newTab(t, browser)
	plain := func(tick int) *traffic.Snapshot {
		snapshot := hostile(tick)
		snapshot.RemoteHosts = []traffic.RemoteHost{{Name: nasty[1], Usage: usage(9)}}
		return snapshot
	}
	s.Publish(plain(1))
	b.open(s, "/")
	for _, view := range []string{"", "view=lan", "view=remote", "view=interfaces", "view=pipes", "view=alerts", "view=monitors", "app=%3Cscript%3Ealert(1)%3C/script%3E",
		"app=%3Cscript%3Ealert(1)%3C/script%3E&command=%3Cscript%3Ealert(1)%3C/script%3E&user=%3Cscript%3Ealert(1)%3C/script%3E&container=%3Cscript%3Ealert(1)%3C/script%3E&unit=%3Cscript%3Ealert(1)%3C/script%3E",
		"view=%3Cimg%20src=x%20onerror=alert(1)%3E&host=%3Cb%3E&q=%3Cb%3E", "view=lan&host=%3Cimg%20src=x%3E", "q=%3Cimg%20src=x%20onerror=alert(1)%3E:"} {
		value[bool](b, `(location.hash = "#`+view+`", true)`)
		b.until(`document.querySelector("#tables table")`)
		s.Publish(plain(2))
		time.Sleep(50 * time.Millisecond)
		if n := value[int](b, `document.querySelectorAll("main script, main img, main h1, main style, main iframe, [onerror], [onmouseover], a[href^=javascript]").length`); n != 0 {
			t.Errorf("%s: %d elements were made of names", view, n)
		}
	}
	b.open(s, "/#")
	b.until(`document.querySelectorAll("` + rows + `").length > 10`)
	text := strings.Join(b.texts(names), "\n")
	for _, name := range nasty[:12] {
		if !strings.Contains(text, name) {
			t.Errorf("no %q among the names", name)
		}
	}
	if got := value[string](b, "document.title"); got != "(22!) "+nasty[0]+" – bwmon" && !strings.Contains(got, nasty[0]) {
		t.Errorf("the title is %q", got)
	}
}

// chromiumRestart: the page survives that the daemon ends and begins anew.
func chromiumRestart(t *testing.T, browser context.Context) {
	l := listen(t)
	address := l.Addr().String()
	ctx, stop := context.WithCancel(t.Context())
	first := New(pastless())
	first.Publish(apps(1, "before"))
	ended := make(chan error, 1)
	go func() { ended <- first.Serve(ctx, l, Access{}, nil) }()
	b := newTab(t, browser)
	b.expect("ERR_CONNECTION_REFUSED")
	b.do(chromedp.Navigate("http://" + address + "/"))
	b.wantNames("before")
	b.until(`document.body.dataset.link === "live" && document.querySelector("#status").textContent.startsWith("live since ")`)
	stop()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	first.Close()
	b.until(`document.body.dataset.link === "waiting" && document.querySelector("#status").textContent.startsWith("reconnecting since ")`)
	b.wantNames("before") // what was known is still shown, and how old it is
	b.until(`/figures of .*, \d+ s old$/.test(document.querySelector("#status").textContent)`)
	b.until(`document.body.classList.contains("stale")`)
	again := openAt(t, pastless(), Access{}, address, nil)
	again.Publish(apps(1, "after"))
	b.wantNames("after")
	b.until(`document.body.dataset.link === "live" && !document.body.classList.contains("stale")`)
}

// chromiumToken: a token is asked for where one is needed, and not kept for long.
func chromiumToken(t *testing.T, browser context.Context) {
	s := open(t, demoOptions(), Access{Token: testToken})
	s.Publish(apps(1, "secret"))
	b := newTab(t, browser)
	b.expect("401")
	b.open(s, "/#range=1h")
	b.until(`document.querySelector("#token").open && document.activeElement.name === "token"`)
	if text := value[string](b, `document.body.textContent`); strings.Contains(text, "secret") {
		t.Error("figures are shown without the token")
	}
	value[bool](b, `(window.closed_ = 0, document.querySelector("#token").addEventListener("close", () => closed_++), true)`)
	b.keys(kb.Escape) // does not lead anywhere
	b.until(`closed_ === 1 && document.querySelector("#token").open && document.activeElement.name === "token"`)
	b.keys("wrong-token-altogether" + kb.Enter)
	b.until(`document.querySelector("#token .note").textContent === "This token was not accepted." && document.querySelector("#token").open`)
	b.keys("no spaces" + kb.Enter)
	b.until(`document.querySelector("#token .note").textContent.includes("printable")`)
	value[bool](b, `(document.querySelector("#token input").value = "", true)`)
	b.keys(testToken + kb.Enter)
	b.wantNames("secret")
	b.until(`!document.querySelector("#token").open`)
	b.asked(1)
	b.open(s, "/?")
	b.wantNames("secret") // the tab remembers it
	if value[bool](b, `Object.values(localStorage).join().includes("correct-horse") || location.href.includes("correct-horse") || document.cookie !== ""`) {
		t.Error("the token is kept where it should not be")
	}
}

// chromiumHidden: what nobody sees is not drawn, and nothing is lost.
func chromiumHidden(t *testing.T, browser context.Context) {
	s := open(t, pastless(), Access{})
	s.Publish(apps(1, "first"))
	b := newTab(t, browser)
	b.open(s, "/")
	b.wantNames("first")
	const hide = `(Object.defineProperty(document, "hidden", { configurable: true, value: %v }), document.dispatchEvent(new Event("visibilitychange")), true)`
	value[bool](b, strings.Replace(hide, "%v", "true", 1))
	drawn := value[int](b, "drawn.length")
	for tick := 2; tick < 12; tick++ {
		s.Publish(apps(tick, "second"))
		time.Sleep(20 * time.Millisecond)
	}
	if n := value[int](b, "drawn.length"); n != drawn {
		t.Errorf("drawn %d times while nobody looked", n-drawn)
	}
	value[bool](b, strings.Replace(hide, "%v", "false", 1))
	b.wantNames("second")
	b.until(`document.querySelector("#chart-frame").getAttribute("aria-valuemax") >= 9`)
}

// chromiumAlerts: who does not look hears them once.
func chromiumAlerts(t *testing.T, browser context.Context) {
	s := open(t, pastless(), Access{})
	s.Publish(typical(1))
	b := newTab(t, browser)
	b.open(s, "/")
	b.until(`document.querySelector("#herald").textContent === "Alert: backup cap: restic" && document.title === "(1!) gw – bwmon"`)
	b.until(`document.querySelector("#table-app a[href='#app=restic'] + .state").textContent === "firing"`)
	value[bool](b, `(window.said = 0, new MutationObserver(() => said++).observe(document.querySelector("#herald"), { childList: true, characterData: true, subtree: true }), true)`)
	s.Publish(typical(2))
	s.Publish(typical(3))
	over := typical(4)
	over.Alerts = nil
	time.Sleep(100 * time.Millisecond)
	s.Publish(over)
	b.until(`document.querySelector("#herald").textContent === "Over: backup cap: restic" && document.title === "gw – bwmon"`)
	if n := value[int](b, "said"); n != 1 {
		t.Errorf("said %d times, want once", n)
	}
	// What keeps a monitor from working is said in full.
	b.until(`document.querySelector("#trouble").textContent === "conntrack failed: no such table"`)
}

// chromiumWithoutScripts: there is still a table to read, and nothing that does not
// work.
func chromiumWithoutScripts(t *testing.T, browser context.Context) {
	s := open(t, pastless(), Access{})
	s.Publish(typical(1))
	b := newTab(t, browser)
	b.do(chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		_, err := cdp.Call(ctx, target, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
		return err
	}))
	b.open(s, "/")
	// The evaluation of the tools works all the same.
	b.until(`document.querySelectorAll("#apps tbody tr").length === 4`)
	seen := value[[]string](b, `[...document.querySelectorAll("caption, button, input, #chart, .strip, #apps th")].filter((e) => e.checkVisibility()).map((e) => e.tagName + " " + e.textContent)`)
	if got := strings.Join(seen, "|"); !strings.Contains(got, "CAPTION Applications") || !strings.Contains(got, "TH restic") || strings.Contains(got, "BUTTON") || strings.Contains(got, "INPUT") {
		t.Errorf("seen is %q", seen)
	}
	b.picture("without-scripts")
}
