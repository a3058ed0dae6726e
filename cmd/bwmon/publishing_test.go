package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestPublishFlags: --publish goes before the configuration, and a token that opens an
// engine is not shown to the receiver.
func TestPublishFlags(t *testing.T) {
	path := filepath.Join(t.TempDir(), "bwmon.toml")
	if err := os.WriteFile(path, []byte("[publish]\nengine = \"https://engine.example/write\"\ntoken = \"very secret\"\nca_file = \"/ca.pem\"\nthis_host = \"old\"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := loadConfig([]string{path}, nil)
	if err != nil {
		t.Fatal(err)
	}
	got, err := (&publishFlags{url: "https://receiver.example:8443", thisHost: "new"}).apply(c)
	if p := got.Publish; err != nil || p.URL != "https://receiver.example:8443" || p.Engine != "" || !p.Token.IsZero() || p.CAFile != "" || p.ThisHost != "new" {
		t.Errorf("the flags make %+v of it, %v", p, err)
	}
	for flags, says := range map[publishFlags]string{
		{url: "http://receiver.example:8443"}:        "use https",
		{url: "https://:8443"}:                       "want an address like",
		{url: "https://receiver.example/?token=x"}:   "without a password",
		{url: "https://me:pw@receiver.example:8443"}: "without a password",
		{url: "ftp://receiver.example"}:              "want an address like",
		{thisHost: "../x"}:                           "want the name of a host",
	} {
		if _, err := flags.apply(c); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%+v: %v, want an error that says %q", flags, err, says)
		}
	}
}
