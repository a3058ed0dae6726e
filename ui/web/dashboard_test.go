package web

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestDashboardAsksForWhatThereIs: every metric and label that the Grafana dashboard
// asks for is in a scrape, and Prometheus understands the questions.
func TestDashboardAsksForWhatThereIs(t *testing.T) {
	text, err := os.ReadFile("../../docs/grafana-dashboard.json")
	if err != nil {
		t.Fatal(err)
	}
	var dashboard struct {
		Panels []struct {
			ID      int
			Title   string
			GridPos struct{ X, Y, W, H int }
			Targets []struct{ Expr string }
		}
	}
	if err := json.Unmarshal(text, &dashboard); err != nil {
		t.Fatal(err)
	}
	s := open(t, Options{}, Access{})
	s.Publish(typical(1))
	labels := make(map[string]map[string]bool)
	for name, family := range s.scraped() {
		labels[name] = map[string]bool{"job": true, "instance": true}
		for _, m := range family.Metric {
			for _, l := range m.Label {
				labels[name][l.GetName()] = true
			}
		}
	}
	asked, ids := make(map[string]bool), make(map[int]bool)
	var rules strings.Builder
	rules.WriteString("groups:\n- name: dashboard\n  rules:\n")
	metric := regexp.MustCompile(`\b((?:bwmon|process)_\w+)(?:\{([^}]*)\})?`)
	n := 0 // questions
	for _, p := range dashboard.Panels {
		if ids[p.ID] || p.GridPos.X+p.GridPos.W > 24 {
			t.Errorf("%q: its id is taken, or it is too wide", p.Title)
		}
		ids[p.ID] = true
		for _, target := range p.Targets {
			for _, m := range metric.FindAllStringSubmatch(target.Expr, -1) {
				asked[m[1]] = true
				if labels[m[1]] == nil {
					t.Errorf("%q asks for %s, which there is not", p.Title, m[1])
					continue
				}
				for _, l := range regexp.MustCompile(`(\w+)\s*=`).FindAllStringSubmatch(m[2], -1) {
					if !labels[m[1]][l[1]] {
						t.Errorf("%q: %s has no label %s", p.Title, m[1], l[1])
					}
				}
			}
			plain := strings.NewReplacer("$__rate_interval", "1m", "$__range", "1h", "$top", "5").Replace(target.Expr)
			quoted, err := json.Marshal(plain)
			if err != nil {
				t.Fatal(err)
			}
			fmt.Fprintf(&rules, "  - {record: question_%d, expr: %s}\n", n, quoted)
			n++
		}
	}
	for name := range labels {
		if strings.HasPrefix(name, "bwmon_") && name != "bwmon_build_info" && !asked[name] {
			t.Errorf("nobody looks at %s", name)
		}
	}
	file := filepath.Join(t.TempDir(), "rules.yml")
	if err := os.WriteFile(file, []byte(rules.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.CommandContext(t.Context(), tool(t, "promtool"), "check", "rules", file).CombinedOutput(); err != nil {
		t.Errorf("promtool: %v:\n%s\n%s", err, out, rules.String())
	}
}
