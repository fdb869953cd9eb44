package compare

import (
	"bytes"
	_ "embed"
	"fmt"
	"html/template"
	"slices"
)

//go:embed page.html
var pageText string

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
	Charts             []chart
	Answers, Notes     []string
	Runs               []Source
}

type pageRow struct {
	Row
	Name, ChangeText, Interval, MarginText string
}

// chart is a drawing with its text alternative.
type chart struct {
	Title, Caption string
	SVG            template.HTML
	Head           []string
	Table          [][]string
}

// HTML returns the comparison as a page of its own, which needs nothing else.
func (c *Comparison) HTML() ([]byte, error) {
	p := page{Title: "mfaload compare: " + string(c.Verdict), Subject: c.New.text() + " against " + c.Base.text(), Verdict: c.Verdict,
		Forced: c.Forced, Obstacles: c.Obstacles, Reasons: c.Reasons, Runs: slices.Concat(c.Base.Runs, c.New.Runs)}
	for _, r := range c.Rows {
		p.Rows = append(p.Rows, pageRow{r, r.name(), r.change(r.Change), r.change(r.Low) + " … " + r.change(r.High), r.margin()})
	}
	for _, s := range c.Shifts {
		p.Charts = append(p.Charts, s.charts(c.marginOf(s))...)
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

func (p *page) render() ([]byte, error) {
	var b bytes.Buffer
	err := pageTemplate.Execute(&b, p)
	return b.Bytes(), err
}

// charts are the shift function and the quantiles of both sides.
func (s Shift) charts(margin float64) []chart {
	if len(s.Points) < 2 {
		return nil
	}
	name := Row{Group: s.Group, Metric: s.Time}.name() + " time"
	shift := chart{Title: name + ": shift function", SVG: s.shiftSVG(margin),
		Caption: "How much longer each quantile takes, in percent: above 0 is slower. The band holds the whole line with 95 %; dashed is the margin.",
		Head:    []string{"quantile", "base ms", "new ms", "change", "band"}}
	for _, p := range s.Points {
		r := Row{}
		shift.Table = append(shift.Table, []string{fmt.Sprintf("%g %%", p.Quantile), digits(p.Base), digits(p.New), r.change(p.Change), r.change(p.Low) + " … " + r.change(p.High)})
	}
	both := chart{Title: name + ": quantiles", SVG: s.quantileSVG(),
		Caption: fmt.Sprintf("Grey is base, blue is new. Heaps: base at %s; new at %s. Stalled seconds: %d and %d.",
			orNone(modesText(s.BaseModes)), orNone(modesText(s.NewModes)), s.BaseStalls, s.NewStalls)}
	return []chart{shift, both}
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
		c := chart{Title: Row{Group: l.Group, Metric: l.Metric}.name(), SVG: l.svg(h.Runs), Caption: "From run to run, in " + l.Unit + ". "}
		for _, change := range l.Changes {
			c.Caption += l.text(change, h.Runs[change.Run].Started) + ". "
		}
		if len(l.Changes) == 0 {
			c.Caption += "No change."
		}
		c.Head = []string{"run", l.Unit, ""}
		for i, v := range l.Values {
			mark := ""
			if slices.ContainsFunc(l.Changes, func(c Change) bool { return c.Run == i }) {
				mark = "a change begins"
			}
			c.Table = append(c.Table, []string{h.Runs[i].Name, digits(v), mark})
		}
		p.Charts = append(p.Charts, c)
	}
	for _, text := range h.LeftOut {
		p.Notes = append(p.Notes, "left out: "+text)
	}
	return p.render()
}
