package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// TestRoomsImportOnlyTraffic: imports form a star around traffic, and around
// thread for those that need it. Siblings
// know nothing of each other; only this command knows them all, and only
// tests know the lab.
func TestRoomsImportOnlyTraffic(t *testing.T) {
	var stderr bytes.Buffer
	list := exec.CommandContext(t.Context(), "go", "list", "-json=ImportPath,Imports,TestImports,XTestImports", "bwmon/...")
	list.Stderr = &stderr
	out, err := list.Output()
	if err != nil {
		t.Fatalf("go list: %v: %s", err, stderr.String())
	}
	seen := 0
	for d := json.NewDecoder(bytes.NewReader(out)); ; seen++ {
		var p struct {
			ImportPath                         string
			Imports, TestImports, XTestImports []string
		}
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		room, _, _ := strings.Cut(strings.TrimPrefix(p.ImportPath, "bwmon/"), "/")
		if room == "ui" { // its surfaces are siblings
			surface, _, _ := strings.Cut(strings.TrimPrefix(p.ImportPath, "bwmon/ui/"), "/")
			room = "ui/" + surface
		}
		if room == "cmd" {
			continue
		}
		allowed := []string{"bwmon/traffic", "bwmon/thread"}
		if room == "traffic" || room == "thread" || room == "lab" {
			allowed = nil
		}
		check := func(imports []string, allowed ...string) {
			for _, i := range imports {
				inside := i == "bwmon/"+room || strings.HasPrefix(i, "bwmon/"+room+"/")
				if strings.HasPrefix(i, "bwmon/") && !inside && !slices.Contains(allowed, i) {
					t.Errorf("%s imports %s; it may import %q", p.ImportPath, i, allowed)
				}
			}
		}
		check(p.Imports, allowed...)
		check(slices.Concat(p.TestImports, p.XTestImports), append(allowed, "bwmon/traffic", "bwmon/lab")...)
	}
	if seen < 8 {
		t.Errorf("go list told of %d packages: are all rooms there?", seen)
	}
}
