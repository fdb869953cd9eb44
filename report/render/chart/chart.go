// Package chart draws charts into pages that are one file: drawings as inline
// SVG that follow the colours and the width of their page, each with a text
// alternative and its figures as a table. It knows no run and computes nothing
// but places.
package chart

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"fmt"
	"html"
	"math"
	"strconv"
	"strings"
	"time"

	g "maragu.dev/gomponents"
	h "maragu.dev/gomponents/html"
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
	fmt.Fprintf(b, `<figure class="chart" id="%[1]s"><figcaption><h3>%[2]s</h3><p>%[3]s</p></figcaption>`,
		html.EscapeString(id), html.EscapeString(c.Title), html.EscapeString(c.Summary))
	c.legend(b)
	fmt.Fprintf(b, `<div class="plot" style="--h:%dpx"><div class="unit" aria-hidden="true">%s</div>`, height,
		html.EscapeString(c.Y.Unit))
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

// legend names the series, where more than one has a name.
func (c *Chart) legend(b *strings.Builder) {
	var items []string
	for _, s := range c.Series {
		if s.Name != "" {
			items = append(items, fmt.Sprintf(`<li><i class="%s k-%s" aria-hidden="true"></i>%s</li>`, s.Kind,
				s.Look, html.EscapeString(s.Name)))
		}
	}
	if c.Cells != nil {
		items = append(items, `<li>few <i class="scale" aria-hidden="true"></i> many</li>`)
	}
	if len(items) > 0 {
		fmt.Fprintf(b, `<ul class="legend">%s</ul>`, strings.Join(items, ""))
	}
}

// ticksY and ticksX write the axes' texts beside the drawing, so that they keep
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
	fmt.Fprintf(b, `</div><div class="unit x" aria-hidden="true">%s</div>`, html.EscapeString(c.X.Unit))
}

// labels writes the names of marks and levels into the frame.
func (c *Chart) labels(b *strings.Builder) {
	for _, m := range c.Marks {
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

//go:embed style.css
var style string

//go:embed script.js
var script string

// Page returns a whole page: one file that needs nothing else, and whose policy
// lets the browser load nothing else. The body is what stands in it, css what
// its own parts look like beyond headings, tables and charts.
func Page(title, css string, body ...g.Node) ([]byte, error) {
	var b bytes.Buffer
	hash := sha256.Sum256([]byte(script))
	fmt.Fprintf(&b, `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-%s'; base-uri 'none'; form-action 'none'">
<meta name="color-scheme" content="light dark">
<meta name="referrer" content="no-referrer">
<title>%s</title>
<style>
%s%s</style>
</head>
<body>
<main>
`, base64.StdEncoding.EncodeToString(hash[:]), html.EscapeString(title), style, css)
	if err := g.Group(body).Render(&b); err != nil {
		return nil, err
	}
	fmt.Fprintf(&b, "\n</main>\n<script>%s</script>\n</body>\n</html>\n", script)
	return b.Bytes(), nil
}

// Scroll returns a table that scrolls by itself where it is wider than the
// page. The label says what it is to those who can't see it.
func Scroll(label string, children ...g.Node) g.Node {
	return h.Div(h.Class("scroll"), h.TabIndex("0"), h.Role("region"), h.Aria("label", label),
		h.Table(children...))
}

// Head returns the row of a table that names its columns.
func Head(columns ...string) g.Node {
	return h.Tr(g.Map(columns, func(text string) g.Node { return h.Th(h.Scope("col"), g.Text(text)) }))
}

// Row returns a row of a table, on a line of its own.
func Row(children ...g.Node) g.Node {
	return g.Group{h.Tr(children...), g.Text("\n")}
}

// Texts returns texts as cells of a row.
func Texts(texts ...string) g.Node {
	return g.Map(texts, func(text string) g.Node { return h.Td(g.Text(text)) })
}

// List returns texts as a list, and nothing where there are none.
func List(texts []string) g.Node {
	if len(texts) == 0 {
		return nil
	}
	return h.Ul(g.Map(texts, func(text string) g.Node { return h.Li(g.Text(text)) }))
}

// Axis is what a drawing is measured by, from Low to High.
type Axis struct {
	Low, High float64
	// Log says that it is logarithmic; both ends are above 0 then.
	Log bool
	// Unit is shown at its end; may be empty.
	Unit  string
	Ticks []AxisTick
}

// AxisTick is a named place on an axis.
type AxisTick struct {
	At   float64
	Text string
}

// Linear returns an axis with both values, round ends and some five ticks.
func Linear(low, high float64, unit string) Axis {
	if !(high > low) {
		high = low + 1
	}
	step := round125((high - low) / 4.5)
	first, last := math.Floor(low/step+1e-9), math.Ceil(high/step-1e-9)
	a := Axis{Low: first * step, High: last * step, Unit: unit}
	decimals := max(0, -int(math.Floor(math.Log10(step)+1e-9)))
	for k := first; k <= last; k++ {
		a.Ticks = append(a.Ticks, AxisTick{k * step, strconv.FormatFloat(k*step+0, 'f', decimals, 64)})
	}
	return a
}

// Log returns a logarithmic axis that holds both values, with round ends. What
// is not above least is drawn at its low end.
func Log(low, high, least float64, unit string) Axis {
	low, high = math.Max(low, least), math.Max(high, least)
	a := Axis{Log: true, Unit: unit, Low: below125(low)}
	a.High = a.Low
	for v := a.Low; a.High < high*(1-1e-9) || a.High == a.Low; v = next125(v) {
		a.High = next125(v)
	}
	few := a.High/a.Low > 300 // so many 1-2-5 steps do not fit
	for v := a.Low; v <= a.High*(1+1e-9); v = next125(v) {
		if mantissa := v / math.Pow(10, math.Floor(math.Log10(v)+1e-9)); !few || mantissa < 1.5 {
			a.Ticks = append(a.Ticks, AxisTick{v, Digits(v)})
		}
	}
	return a
}

// Clock returns an axis of seconds since the start.
func Clock(from, to float64) Axis {
	if !(to > from) {
		to = from + 1
	}
	a := Axis{Low: from, High: to}
	step := clockSteps[len(clockSteps)-1]
	for i := len(clockSteps) - 1; i >= 0 && (to-from)/clockSteps[i] <= 7; i-- {
		step = clockSteps[i]
	}
	for (to-from)/step > 7 {
		step *= 2
	}
	for k := math.Ceil(from / step); k*step <= to; k++ {
		a.Ticks = append(a.Ticks, AxisTick{k * step, ClockText(k * step)})
	}
	return a
}

var clockSteps = []float64{0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200,
	4 * 3600, 6 * 3600, 12 * 3600, 24 * 3600}

// ClockText writes seconds as people read a clock: "12 s", "1:30", "2:00:00".
func ClockText(seconds float64) string {
	if seconds < 60 {
		return Digits(seconds) + " s"
	}
	d := time.Duration(math.Round(seconds)) * time.Second
	if d < time.Hour {
		return fmt.Sprintf("%d:%02d", d/time.Minute, d%time.Minute/time.Second)
	}
	return fmt.Sprintf("%d:%02d:%02d", d/time.Hour, d%time.Hour/time.Minute, d%time.Minute/time.Second)
}

// share is where a value lies, from 0 to 1.
func (a Axis) share(v float64) float64 {
	low, high := a.Low, a.High
	if a.Log {
		v, low, high = math.Log(math.Max(v, low)), math.Log(low), math.Log(high)
	}
	if !(high > low) {
		return 0
	}
	return math.Min(1, math.Max(0, (v-low)/(high-low)))
}

// round125 is the next of 1, 2, 5, 10, … from a value on.
func round125(v float64) float64 {
	b := below125(v)
	if b < v*(1-1e-9) {
		return next125(b)
	}
	return b
}

func below125(v float64) float64 {
	decade := math.Pow(10, math.Floor(math.Log10(v)+1e-9))
	switch m := v / decade; {
	case m >= 5*(1-1e-9):
		return 5 * decade
	case m >= 2*(1-1e-9):
		return 2 * decade
	}
	return decade
}

func next125(v float64) float64 {
	decade := math.Pow(10, math.Floor(math.Log10(v)+1e-9))
	switch m := v / decade; {
	case m < 1.5:
		return 2 * decade
	case m < 3.5:
		return 5 * decade
	}
	return 10 * decade
}

// Digits writes a number to three significant digits, and whole from 100 on.
func Digits(x float64) string {
	if x == 0 {
		return "0"
	}
	decimals := max(0, 2-int(math.Floor(math.Log10(math.Abs(x))+1e-9)))
	text := strconv.FormatFloat(x, 'f', min(decimals, 6), 64)
	if decimals == 0 {
		return text
	}
	for text[len(text)-1] == '0' {
		text = text[:len(text)-1]
	}
	if text[len(text)-1] == '.' {
		text = text[:len(text)-1]
	}
	return text
}

// number writes a place in percent, short.
func number(x float64) string { return strconv.FormatFloat(math.Round(x*100)/100, 'f', -1, 64) }
