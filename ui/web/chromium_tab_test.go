package web

import (
	"context"
	"encoding/json"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	cdppage "github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"bwmon/traffic"
)

// tab is a tab of the browser, in a profile of its own. What a page does wrong in it
// fails the test at its end.
type tab struct {
	*testing.T
	ctx context.Context

	mu         sync.Mutex // protects the fields below
	complaints []string   // errors, exceptions, violated policies, dialogs
	requests   []string   // addresses that were asked
	expected   []string   // parts of complaints that are no fault
}

// noticing has the page tell of policies that it violates, and of how long it draws.
const noticing = `
	addEventListener("securitypolicyviolation", (e) => console.error("policy violated: " + e.violatedDirective + " by " + e.blockedURI));
	window.drawn = [];
	new PerformanceObserver((list) => {
		for (const e of list.getEntries()) {
			drawn.push(e.duration);
			window.firstDrawn ??= e.startTime + e.duration;
		}
	}).observe({ type: "measure" });
`

// pastless is a server whose history has nothing.
func pastless() Options {
	return Options{History: func(_ context.Context, q traffic.Query) (*traffic.Report, error) {
		return &traffic.Report{Schema: traffic.SchemaVersion, By: q.By, Step: q.Step, From: q.From, To: time.Now(), Rows: []traffic.ReportRow{}}, nil
	}, Trend: func(_ context.Context, q traffic.TrendQuery) (traffic.Trend, error) {
		return traffic.Trend{Schema: traffic.SchemaVersion, Step: q.Step, From: q.From, To: time.Now()}, nil
	}}
}

func newTab(t *testing.T, browser context.Context) *tab {
	t.Helper()
	ctx, cancel := chromedp.NewContext(browser, chromedp.WithNewBrowserContext())
	b := &tab{T: t, ctx: ctx}
	t.Cleanup(func() {
		cancel()
		b.check()
	})
	if err := chromedp.Listen(ctx, b.hear); err != nil {
		t.Fatalf("open a tab: %v", err)
	}
	b.size(1440, 900)
	b.do(chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		if _, err := cdp.Call(ctx, target, network.Enable, network.EnableParams{}); err != nil {
			return err
		}
		if _, err := cdp.Call(ctx, target, log.Enable, cdp.Empty{}); err != nil {
			return err
		}
		_, err := cdp.Call(ctx, target, cdppage.AddScriptToEvaluateOnNewDocument, cdppage.AddScriptToEvaluateOnNewDocumentParams{Source: noticing})
		return err
	}))
	return b
}

// hear notes what the browser tells. It must not ask the browser anything.
func (b *tab) hear(event any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	complain := func(what string, v any) {
		text, _ := json.Marshal(v)
		if c := what + ": " + string(text); !slices.Contains(b.complaints, c) {
			b.complaints = append(b.complaints, c)
		}
	}
	switch e := event.(type) {
	case *network.EventRequestWillBeSent:
		b.requests = append(b.requests, e.Request.URL)
	case *log.EventEntryAdded: // policies that are violated among them
		if e.Entry.Level == "error" || e.Entry.Level == "warning" {
			complain("log", string(e.Entry.Source)+": "+e.Entry.Text+" "+e.Entry.URL)
		}
	case *runtime.EventExceptionThrown:
		complain("exception", said(e.ExceptionDetails))
	case *runtime.EventConsoleAPICalled:
		if e.Type == "error" || e.Type == "warning" || e.Type == "assert" {
			complain("console", e.Args)
		}
	case *cdppage.EventJavascriptDialogOpening:
		complain("dialog", e)
	}
}

func said(e *runtime.ExceptionDetails) string {
	if e.Exception != nil {
		return e.Text + " " + e.Exception.Description
	}
	return e.Text
}

// expect says that a complaint with this in it is no fault.
func (b *tab) expect(part string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.expected = append(b.expected, part)
}

// check fails for complaints and for requests to anybody but us.
func (b *tab) check() {
	b.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, c := range b.complaints {
		isExpected := false
		for _, part := range b.expected {
			isExpected = isExpected || strings.Contains(c, part)
		}
		if !isExpected {
			b.Errorf("the page: %s", c)
		}
	}
	for _, address := range b.requests {
		if u, err := url.Parse(address); err != nil || u.Hostname() != "127.0.0.1" && u.Scheme != "about" {
			b.Errorf("the page asked %q", address)
		}
	}
	b.complaints, b.requests = nil, nil
}

// hasAsked reports whether an address with this in it was asked.
func (b *tab) hasAsked(part string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.ContainsFunc(b.requests, func(address string) bool { return strings.Contains(address, part) })
}

func (b *tab) do(steps ...chromedp.Action[chromedp.Void]) {
	b.Helper()
	ctx, stop := context.WithTimeout(b.ctx, patience)
	defer stop()
	if err := chromedp.Do(ctx, steps...); err != nil {
		b.Fatal(err)
	}
}

// open goes to an address of a site.
func (b *tab) open(s *site, path string) {
	b.Helper()
	b.do(chromedp.Navigate(s.url + path))
}

func (b *tab) size(width, height int64) {
	b.Helper()
	b.do(chromedp.EmulateViewport(width, height))
}

// dark has the system be dark, or light.
func (b *tab) dark(is bool) {
	b.Helper()
	scheme := "light"
	if is {
		scheme = "dark"
	}
	b.do(chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		_, err := cdp.Call(ctx, target, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
			Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}},
		})
		return err
	}))
}

// value evaluates an expression, which may be a promise.
func value[T any](b *tab, expression string) T {
	b.Helper()
	ctx, stop := context.WithTimeout(b.ctx, patience)
	defer stop()
	v, err := chromedp.Run(ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	if err != nil {
		b.Fatalf("%s: %v", expression, err)
	}
	return v
}

// until waits for an expression to be true. One that throws is not yet: what it
// looks at may not be there.
func (b *tab) until(expression string) {
	b.Helper()
	holds := "(() => { try { return Boolean(" + expression + ") } catch { return false } })()"
	for end := time.Now().Add(patience); !value[bool](b, holds); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			b.picture("failed")
			b.Fatalf("not in %v: %s", patience, expression)
		}
	}
}

// texts are the texts of all elements that match.
func (b *tab) texts(selector string) []string {
	b.Helper()
	quoted, _ := json.Marshal(selector)
	return value[[]string](b, "[...document.querySelectorAll("+string(quoted)+")].map((e) => e.textContent)")
}

func (b *tab) text(selector string) string {
	b.Helper()
	list := b.texts(selector)
	if len(list) != 1 {
		b.Fatalf("%d elements match %s", len(list), selector)
	}
	return list[0]
}

func (b *tab) click(selector string) {
	b.Helper()
	b.do(chromedp.Click(chromedp.CSS(selector)))
}

func (b *tab) keys(keys string, modifiers ...chromedp.Modifier) {
	b.Helper()
	b.do(chromedp.KeyEvent(keys, chromedp.KeyModifiers(modifiers...)))
}

// picture writes what is seen to where artefacts go, and returns it.
func (b *tab) picture(name string) []byte {
	b.Helper()
	ctx, stop := context.WithTimeout(b.ctx, patience)
	defer stop()
	png, err := chromedp.Run(ctx, chromedp.CaptureScreenshot())
	if err != nil {
		b.Fatal(err)
	}
	dir := os.Getenv("BWMON_ARTIFACTS")
	if dir == "" {
		dir = b.TempDir()
	} else if err := os.MkdirAll(dir, 0o755); err != nil {
		b.Fatal(err)
	}
	file := filepath.Join(dir, "page-"+name+".png")
	if err := os.WriteFile(file, png, 0o644); err != nil {
		b.Fatal(err)
	}
	b.Logf("wrote %s, %d KB", file, len(png)/1000)
	return png
}
