package main

import (
	"os"
	"path/filepath"
	"testing"
)

// TestProxyBringsOthers: where the page asks for a token, or a proxy may be in front of it,
// who comes over loopback is asked who it is, unless somebody says otherwise.
func TestProxyBringsOthers(t *testing.T) {
	for src, want := range map[string]bool{
		"": false,
		"[http]\ntoken = \"a long enough token\"":                  true,
		"[http]\ninsecure = true":                                  true,
		"[http]\ninsecure = true\n[receive]\nloopback = \"trust\"": false,
		"[receive]\nloopback = \"ask\"":                            true,
	} {
		path := filepath.Join(t.TempDir(), "bwmon.toml")
		if err := os.WriteFile(path, []byte(src), 0o600); err != nil {
			t.Fatal(err)
		}
		c, err := loadConfig([]string{path}, nil)
		if err != nil || c.Receive.AskLocal != want {
			t.Errorf("%q: asked over loopback: %v, %v; want %v", src, c.Receive.AskLocal, err, want)
		}
	}
}
