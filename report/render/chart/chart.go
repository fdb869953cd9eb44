// Package chart draws charts into pages that are one file: drawings as inline
// SVG that follow the colours and the width of their page, each with a text
// alternative and its figures as a table. It knows no run and computes nothing
// but places.
package chart

import (
	"cmp"
	"fmt"
	"html"
	"math"
	"strconv"
	"strings"

	g "maragu.dev/gomponents"
)

// Chart is a drawing with its text alternative.
type Chart struct {
	Title string
	// Summary says in a sentence or two what is to be seen. It is shown below the
	// title and read out in place of the drawing.
	Summary string
	X, Y    Axis
	// Height is that of the drawing in pixels; 0 is 220. The width is the page's.
	Height int
	// Marks lie below all else, Cells above them, then Levels and Series.
	Marks  []Mark
	Cells  *Cells
	Levels []HorizontalLine
	Series []Trace
	// Choices[i] are drawn if the reader picks the i-th name of the page's [Chooser].
	Choices [][]Trace
	// Table has the figures of the drawing.
	Table Table
}

// Look is what something is drawn in: a colour that differs from the others for
// the colour-blind too, in the light and in the dark.
type Look string

// The looks. Good, Warn and Bad judge, the others only tell apart.
const (
	One   Look = "one"
	Two   Look = "two"
	Three Look = "three"
	Four  Look = "four"
	Five  Look = "five"
	Faint Look = "faint"
	Good  Look = "good"
	Warn  Look = "warn"
	Bad   Look = "bad"
)

// Table is a table of figures. Where At has the place of each row on the
// horizontal axis, the page shows the row that the pointer is over.
type Table struct {
	Head []string
	Rows [][]string
	At   []float64
}

// HTML returns the chart as a figure. The id is unique in its page.
func (c *Chart) HTML(id string) g.Node {
	b := &strings.Builder{}
	height := cmp.Or(c.Height, 220)
	fmt.Fprintf(b, `<figure class="chart" id="%s"%s><figcaption><h3>%s</h3>`, html.EscapeString(id),
		c.X.attributes(), html.EscapeString(c.Title))
	if c.Summary != "" {
		fmt.Fprintf(b, `<p>%s</p>`, html.EscapeString(c.Summary))
	}
	b.WriteString(`</figcaption>`)
	c.legend(b)
	fmt.Fprintf(b, `<div class="plot" style="--h:%dpx"><div class="unit" aria-hidden="true">%s</div>`, height,
		html.EscapeString(c.Y.unit()))
	c.ticksY(b)
	b.WriteString(`<div class="frame">`)
	fmt.Fprintf(b,
		`<svg viewBox="0 0 1000 1000" preserveAspectRatio="none" role="img" aria-labelledby="%[1]s-s `+
			`%[1]s-e"><title id="%[1]s-s">%[2]s</title><desc id="%[1]s-e">%[3]s</desc>`,
		html.EscapeString(id), html.EscapeString(c.Title), html.EscapeString(c.Summary))
	c.draw(b)
	b.WriteString(`</svg>`)
	c.labels(b)
	b.WriteString(`</div>`)
	c.ticksX(b)
	b.WriteString(`</div>`)
	c.table(b)
	b.WriteString("</figure>\n")
	return g.Raw(b.String()) // all texts in it were escaped
}

// legend names the series. With the script a reader hides a series by its name.
func (c *Chart) legend(b *strings.Builder) {
	var items strings.Builder
	item := func(s Trace, attributes string) {
		if s.Name != "" {
			fmt.Fprintf(&items, `<li%s><i class="%s k-%s" aria-hidden="true"></i>%s</li>`, attributes, s.Kind,
				s.Look, html.EscapeString(s.Name))
		}
	}
	for i, s := range c.Series {
		item(s, seriesOf(c.Series, i, "s"))
	}
	for choice, traces := range c.Choices {
		for i, s := range traces {
			item(s, seriesOf(traces, i, "q")+fmt.Sprintf(` data-q="%d"`, choice))
		}
	}
	if c.Cells != nil {
		items.WriteString(`<li>few <i class="scale" aria-hidden="true"></i> many</li>`)
	}
	if items.Len() > 0 {
		fmt.Fprintf(b, `<ul class="legend">%s</ul>`, items.String())
	}
}

// seriesOf is the attribute that a trace has in common with its entry in the legend. A
// trace without a name belongs to the one before it.
func seriesOf(traces []Trace, i int, prefix string) string {
	for i > 0 && traces[i].Name == "" {
		i--
	}
	return fmt.Sprintf(` data-s="%s%d"`, prefix, i)
}

// ticksY and ticksX write the axes' texts next to the drawing, so that they keep
// their size whatever the drawing's is.
func (c *Chart) ticksY(b *strings.Builder) {
	widest := 0
	for _, t := range c.Y.Ticks {
		widest = max(widest, len([]rune(t.Text)))
	}
	fmt.Fprintf(b, `<div class="ys" style="--w:%dch" aria-hidden="true">`, widest)
	for _, t := range c.Y.Ticks {
		fmt.Fprintf(b, `<span style="bottom:%s%%">%s</span>`, number(100*c.Y.share(t.At)),
			html.EscapeString(t.Text))
	}
	b.WriteString(`</div>`)
}

func (c *Chart) ticksX(b *strings.Builder) {
	b.WriteString(`<div class="xs" aria-hidden="true">`)
	for _, t := range c.X.Ticks {
		share, class := c.X.share(t.At), ""
		switch {
		case share < 0.03:
			class = ` class="first"`
		case share > 0.97:
			class = ` class="last"`
		}
		fmt.Fprintf(b, `<span%s style="left:%s%%">%s</span>`, class, number(100*share),
			html.EscapeString(t.Text))
	}
	fmt.Fprintf(b, `</div><div class="unit x" aria-hidden="true">%s</div>`, html.EscapeString(c.X.unit()))
}

// labels writes the names of marks and levels into the frame.
func (c *Chart) labels(b *strings.Builder) {
	for _, m := range c.Marks {
		if m.From == m.To && m.Name != "" {
			// Next to the right edge there is room on the left only.
			edge, share := "left", c.X.share(m.From)
			if share > 0.5 {
				edge, share = "right", 1-share
			}
			fmt.Fprintf(b, `<span class="stage place" aria-hidden="true" style="%s:%s%%">%s</span>`, edge,
				number(100*share), html.EscapeString(m.Name))
		}
		if from, to := c.X.share(m.From), c.X.share(m.To); to-from >= room(m.Name) {
			fmt.Fprintf(b, `<span class="stage" aria-hidden="true" style="left:%s%%;width:%s%%">%s</span>`,
				number(100*from), number(100*(to-from)), html.EscapeString(m.Name))
		}
	}
	for _, l := range c.Levels {
		if l.Name != "" {
			fmt.Fprintf(b, `<span class="level" aria-hidden="true" style="bottom:%s%%">%s</span>`,
				number(100*c.Y.share(l.At)), html.EscapeString(l.Name))
		}
	}
}

// room is the least share of the width at which a name is shown: about what it
// takes in half of a page, and less than all of it for long ones.
func room(name string) float64 {
	if name == "" {
		return 2
	}
	return min(0.02+0.014*float64(len([]rune(name))), 0.2)
}

func (c *Chart) table(b *strings.Builder) {
	if len(c.Table.Rows) == 0 {
		return
	}
	fmt.Fprintf(b,
		`<details><summary>As a table</summary><div class="scroll" tabindex="0" role="region" `+
			`aria-label="%s, as a table"><table><thead><tr>`, html.EscapeString(c.Title))
	for _, text := range c.Table.Head {
		fmt.Fprintf(b, `<th scope="col">%s`, html.EscapeString(text))
	}
	b.WriteString("</thead><tbody>")
	for i, row := range c.Table.Rows {
		b.WriteString("\n<tr")
		if i < len(c.Table.At) {
			fmt.Fprintf(b, ` data-x="%s"`, place(1000*c.X.share(c.Table.At[i])))
		}
		b.WriteString(">")
		for _, text := range row {
			b.WriteString("<td>" + html.EscapeString(text))
		}
	}
	b.WriteString("</tbody></table></div></details>")
}

// number writes a place in percent, short.
func number(x float64) string { return strconv.FormatFloat(math.Round(x*100)/100, 'f', -1, 64) }
