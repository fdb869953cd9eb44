package live_test

import (
	"encoding/json"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// The dashboard asks for metrics that a run has, with labels and values that they have, and it
// shows each metric that is mfaload's own.
func TestDashboardKnowsTheMetrics(t *testing.T) {
	_, text := get(t, serve(t, finished(t))+"metrics", nil)
	metrics := map[string][]string{} // what stands in the braces, by name
	for _, m := range regexp.MustCompile(`(?m)^([a-z_]+?)(?:_count|_sum|_bucket)?(?:\{(.*)\})? `).
		FindAllStringSubmatch(text, -1) {
		metrics[m[1]] = append(metrics[m[1]], m[2])
	}
	data, err := os.ReadFile("../deploy/grafana.json")
	if err != nil {
		t.Fatal(err)
	}
	var dashboard struct {
		Templating struct{ List []struct{ Name string } }
		Panels     []struct {
			Title, Description string
			Targets            []struct{ Expr string }
		}
	}
	if err := json.Unmarshal(data, &dashboard); err != nil {
		t.Fatal(err)
	}
	selector := regexp.MustCompile(`((?:mfaload|process|go)_[a-z_]+)(?:\{([^}]*)\})?`)
	matcher := regexp.MustCompile(`(\w+)(=~|!=|=)"([^"]*)"`)
	used := map[string]bool{}
	for _, p := range dashboard.Panels {
		if p.Description == "" {
			t.Errorf("panel %q has no description", p.Title)
		}
		for _, target := range p.Targets {
			for _, s := range selector.FindAllStringSubmatch(target.Expr, -1) {
				used[s[1]] = true
				if metrics[s[1]] == nil {
					t.Errorf("panel %q: there is no metric %s", p.Title, s[1])
				}
				for _, m := range matcher.FindAllStringSubmatch(s[2], -1) {
					has := m[1] + `="`
					if m[2] != "=~" {
						has += m[3] + `"`
					}
					// The scraper adds the job.
					if m[1] != "job" && !slices.ContainsFunc(metrics[s[1]], func(labels string) bool {
						return strings.Contains(labels, has)
					}) {
						t.Errorf("panel %q: no %s has %s", p.Title, s[1], has)
					}
				}
			}
		}
	}
	for name := range metrics {
		if strings.HasPrefix(name, "mfaload_") && !used[name] {
			t.Errorf("no panel shows %s", name)
		}
	}
	for _, v := range dashboard.Templating.List {
		if !strings.Contains(string(data), "$"+v.Name) && !strings.Contains(string(data), "${"+v.Name+"}") {
			t.Errorf("nothing uses the variable %s", v.Name)
		}
	}
}
