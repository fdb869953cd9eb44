package report_test

import (
	"encoding/xml"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"mfaload/measure"
	"mfaload/report"
	"mfaload/report/render"
	"mfaload/scenario"
)

// Labels are shown by every format that is for people, and control none of them.
func TestLabelsAreShown(t *testing.T) {
	m := measured(t)
	m.Labels = measure.RunLabels{"commit": "4f2a1c", "z.command": "::error::x", "z.html": "<b>&\"x\"",
		"z.markdown": "`a` | [b](c) @d", "z.long": strings.Repeat("é", 200)}
	m.Terms = report.TermsOf(&scenario.Scenario{}).Encode()
	r, err := report.Judge(m)
	if err != nil {
		t.Fatal(err)
	}
	if m.Labels["z.command"] != "::error::x" {
		t.Error("judging changed the measurement's labels")
	}
	text, err := r.JSON()
	if err != nil {
		t.Fatal(err)
	}
	read, err := report.Decode(text)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(r.Labels, read.Labels); diff != "" || len(r.Labels) != len(m.Labels) {
		t.Errorf("%v, read back: %s", r.Labels, diff)
	}
	var terminal strings.Builder
	if err := (render.Terminal{}).Write(&terminal, r); err != nil {
		t.Fatal(err)
	}
	html, _ := render.HTML(r, m)
	markdown, _ := render.Markdown(r)
	junit, _ := render.JUnit(r)
	for name, f := range map[string]struct{ text, has string }{
		"terminal": {terminal.String(),
			"\n  labels: commit=4f2a1c, z.command=: :error::x, z.html=<b>&\"x\", "},
		"html":     {string(html), "<dt>z.html</dt><dd>&lt;b&gt;&amp;&#34;x&#34;</dd>"},
		"markdown": {string(markdown), "`` z.markdown=`a` \\| [b](c) @d ``"},
		"junit":    {string(junit), `<property name="z.html" value="&lt;b&gt;&amp;&#34;x&#34;"></property>`},
	} {
		for _, want := range []string{f.has, "4f2a1c", strings.Repeat("é", 200)} {
			if !strings.Contains(f.text, want) {
				t.Errorf("%s lacks %q", name, want)
			}
		}
		if strings.Contains(f.text, "::error::") {
			t.Errorf("%s has a command of CI systems", name)
		}
	}
	if err := xml.Unmarshal(junit, new(struct{})); err != nil {
		t.Error(err)
	}
	for i := range 2 * measure.MaxRunLabels {
		r.Labels["k"+strings.Repeat("x", i)] = ""
	}
	if text, err = r.JSON(); err != nil {
		t.Fatal(err)
	}
	if _, err := report.Decode(text); err == nil || !strings.Contains(err.Error(), "at most 20") {
		t.Errorf("a report with 45 labels: %v", err)
	}
}
