package compare

import (
	"bytes"
	_ "embed"
	"fmt"
	"html/template"
	"slices"

	"mfaload/report/chart"
)

//go:embed page.html
var pageText string

// pageStyle is what the page has beyond charts and tables.
const pageStyle = ".worse { color: var(--bad); } .better { color: var(--good); } .unclear { color: var(--warn); } .same { color: var(--soft); }\n" +
	"td:last-child, th:last-child { text-align: left; } .runs { font-size: .9375rem; }\n"

var pageTemplate = template.Must(template.New("page").Funcs(template.FuncMap{
	"digits": digits,
	"class": func(j Judgement) string {
		return map[Judgement]string{Worse: "worse", Better: "better", Same: "same", Unclear: "unclear"}[j]
	},
}).Parse(pageText))

// page is what the page of a comparison or of a history shows.
type page struct {
	Title, Subject     string
	Verdict            Judgement
	Forced             bool
	Obstacles, Reasons []string
	Rows               []pageRow
	Charts             []template.HTML
	Answers, Notes     []string
	Runs               []Source
}

type pageRow struct {
	Row
	Name, ChangeText, Interval, MarginText string
}

// HTML returns the comparison as a page of its own, which needs nothing else.
func (c *Comparison) HTML() ([]byte, error) {
	p := page{Title: "mfaload compare: " + string(c.Verdict), Subject: c.New.text() + " against " + c.Base.text(), Verdict: c.Verdict,
		Forced: c.Forced, Obstacles: c.Obstacles, Reasons: c.Reasons, Runs: slices.Concat(c.Base.Runs, c.New.Runs)}
	for _, r := range c.Rows {
		p.Rows = append(p.Rows, pageRow{r, r.name(), r.change(r.Change), r.change(r.Low) + " … " + r.change(r.High), r.margin()})
	}
	for _, s := range c.Shifts {
		for _, drawn := range s.charts(c.marginOf(s)) {
			p.draw(drawn)
		}
	}
	for _, d := range c.Drift {
		p.Answers = append(p.Answers, d.String())
	}
	if len(c.Rows) > 0 {
		p.Notes = append([]string{c.method()}, c.Remarks...)
		if len(c.Drift) == 0 {
			p.Answers = []string{"no difference in kinds, headers, members and codes"}
		}
	}
	return p.render()
}

// marginOf is the margin of a shift's row, in percent; 0 where it has none.
func (c *Comparison) marginOf(s Shift) float64 {
	for _, r := range c.Rows {
		if r.Group == s.Group && r.Metric == s.Time+".shape" {
			return r.Margin
		}
	}
	return 0
}

// draw adds a chart.
func (p *page) draw(c *chart.Chart) {
	p.Charts = append(p.Charts, c.HTML(fmt.Sprintf("chart-%d", len(p.Charts)+1)))
}

func (p *page) render() ([]byte, error) {
	var b bytes.Buffer
	if err := pageTemplate.Execute(&b, p); err != nil {
		return nil, err
	}
	return chart.Page(p.Title, pageStyle, template.HTML(b.String())), nil // #nosec G203 -- the template escaped it
}

func orNone(text string) string {
	if text == "" {
		return "none"
	}
	return text
}

// HTML returns the history as a page of its own.
func (h *History) HTML() ([]byte, error) {
	p := page{Title: "mfaload history: " + string(h.Verdict), Subject: plural(len(h.Runs), "run"), Verdict: h.Verdict, Reasons: h.Reasons, Runs: h.Runs}
	for _, l := range h.Lines {
		p.draw(l.chart(h.Runs))
	}
	for _, text := range h.LeftOut {
		p.Notes = append(p.Notes, "left out: "+text)
	}
	return p.render()
}
