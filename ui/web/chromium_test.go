package web

import (
	"context"
	"os"
	"os/exec"
	"testing"

	"github.com/chromedp/chromedp"
)

// TestChromium tries the page in the browser that Debian has, against the real
// server. All parts share one browser; each has a profile of its own.
func TestChromium(t *testing.T) {
	browser := startChromium(t)
	for _, part := range []struct {
		name string
		run  func(*testing.T, context.Context)
	}{
		{"modules", chromiumModules},
		{"filter", chromiumFilter},
		{"first paint", chromiumFirstPaint},
		{"without scripts", chromiumWithoutScripts},
		{"sort", chromiumSort},
		{"rows", chromiumRows},
		{"drill down", chromiumDrillDown},
		{"views", chromiumViews},
		{"machine", chromiumMachine},
		{"uses", chromiumUses},
		{"runs", chromiumRuns},
		{"chart", chromiumChart},
		{"zoom", chromiumZoom},
		{"policy", chromiumPolicy},
		{"hostile text", chromiumHostile},
		{"restart", chromiumRestart},
		{"token", chromiumToken},
		{"hidden", chromiumHidden},
		{"alerts", chromiumAlerts},
		{"widths", chromiumWidths},
		{"keyboard", chromiumKeyboard},
		{"names", chromiumNames},
		{"contrast", chromiumContrast},
		{"pictures", chromiumPictures},
		{"fleet", chromiumFleet},
		{"member", chromiumMember},
		{"many hosts", chromiumManyHosts},
		{"hostile hosts", chromiumHostileHosts},
		{"fleet look", chromiumFleetLook},
		{"fleet pictures", chromiumFleetPictures},
	} {
		t.Run(part.name, func(t *testing.T) { part.run(t, browser) })
	}
}

// startChromium starts one that talks to nobody but us, until the test ends.
func startChromium(t *testing.T) context.Context {
	t.Helper()
	if testing.Short() {
		t.Skip("a browser takes its time, and tells of no races")
	}
	program := findChromium()
	if program == "" {
		if os.Getenv("CI") != "" {
			t.Fatal("there is no chromium: scripts/setup-tests installs it")
		}
		t.Skip("there is no chromium: apt-get install chromium")
	}
	options := []chromedp.ExecAllocatorOption{
		chromedp.ExecPath(program), chromedp.Headless, chromedp.NoSandbox, chromedp.NoFirstRun, chromedp.NoDefaultBrowserCheck,
		chromedp.UserDataDir(t.TempDir()), chromedp.WindowSize(1440, 900),
		chromedp.Flag("force-color-profile", "srgb"),
		chromedp.Flag("disable-features", "Translate,OptimizationHints,MediaRouter,DialMediaRouteProvider"),
	}
	for _, flag := range []string{
		"disable-gpu", "disable-background-networking", "disable-component-update", "disable-sync", "disable-extensions",
		"disable-default-apps", "disable-domain-reliability", "disable-dev-shm-usage", "disable-breakpad", "metrics-recording-only",
		"disable-background-timer-throttling", "disable-renderer-backgrounding", "no-pings",
	} {
		options = append(options, chromedp.Flag(flag, true))
	}
	parent, end := chromedp.NewExecAllocator(context.Background(), options...)
	ctx, cancel := chromedp.NewContext(parent, chromedp.WithErrorf(func(string, ...any) {}))
	t.Cleanup(func() {
		last, stop := context.WithTimeout(ctx, patience)
		defer stop()
		_ = chromedp.Cancel(last) // it may have died already
		cancel()
		end()
	})
	if err := chromedp.Do(ctx); err != nil {
		t.Fatalf("start %s: %v", program, err)
	}
	return ctx
}

func findChromium() string {
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	return ""
}
