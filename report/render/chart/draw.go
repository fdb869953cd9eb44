package chart

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// TraceStyle is how a trace is drawn.
type TraceStyle string

const (
	// Line goes from point to point. Where Y is not a number it has a gap.
	Line TraceStyle = "line"
	// Dashed is a Line in dashes.
	Dashed TraceStyle = "dashed"
	// Steps holds each value from one edge to the next.
	Steps TraceStyle = "steps"
	// DashedSteps are Steps in dashes.
	DashedSteps TraceStyle = "dashed-steps"
	// Band fills what lies between Base and Y.
	Band TraceStyle = "band"
	// DeepBand is a Band that stands out from another.
	DeepBand TraceStyle = "deep-band"
	// Bars fills what lies between Base and Y from one edge to the next.
	Bars TraceStyle = "bars"
	// Dots is a dot for each point.
	Dots TraceStyle = "dots"
)

// Trace is a row of values.
type Trace struct {
	// Name is its name in the legend; may be empty.
	Name string
	Kind TraceStyle
	Look Look
	// X are the places of the values; of Steps and Bars the edges, one more than
	// there are values.
	X, Y []float64
	// Base is what Band and Bars begin at; nil is the low end of the axis.
	Base []float64
}

// Mark is a part of the horizontal axis, or a place where both ends are the same.
type Mark struct {
	From, To float64
	Name     string
	Look     Look
}

// HorizontalLine is a value on the vertical axis.
type HorizontalLine struct {
	At   float64
	Name string
	Look Look
}

// Cells counts: Count[x][y] lies between the edges x and x+1, y and y+1.
type Cells struct {
	X, Y  []float64
	Count [][]float64
}

const shades = 8

func (c *Chart) draw(b *strings.Builder) {
	for _, t := range c.Y.Ticks {
		y := place(1000 * (1 - c.Y.share(t.At)))
		fmt.Fprintf(b, `<path class="grid" d="M0 %sH1000"/>`, y)
	}
	c.marks(b)
	if c.Cells != nil {
		c.cells(b)
	}
	c.traces(b, c.Series, "s")
	for choice, traces := range c.Choices {
		fmt.Fprintf(b, `<g data-q="%d">`, choice)
		c.traces(b, traces, "q")
		b.WriteString(`</g>`)
	}
	for _, l := range c.Levels {
		fmt.Fprintf(b, `<path class="limit k-%s" d="M0 %sH1000"/>`, l.Look, place(1000*(1-c.Y.share(l.At))))
	}
}

func (c *Chart) traces(b *strings.Builder, traces []Trace, prefix string) {
	for i, s := range traces {
		fmt.Fprintf(b, `<path class="%s k-%s"%s d="%s"/>`, s.Kind, s.Look, seriesOf(traces, i, prefix),
			c.path(s))
	}
}

func (c *Chart) x(v float64) string { return place(1000 * c.X.share(v)) }
func (c *Chart) y(v float64) string { return place(1000 * (1 - c.Y.share(v))) }

// marks draws those of one look that follow one another as one path.
func (c *Chart) marks(b *strings.Builder) {
	last := ""
	for _, m := range c.Marks {
		class, d := "mark", "M"+c.x(m.From)+" 0V1000"
		if m.To > m.From {
			from, to := 1000*c.X.share(m.From), 1000*c.X.share(m.To)
			class, d = "span", fmt.Sprintf("M%s 0V1000H%sV0z", place(from), place(math.Max(to, from+2)))
		}
		if class += " k-" + string(m.Look); class != last {
			if last != "" {
				b.WriteString(`"/>`)
			}
			fmt.Fprintf(b, `<path class="%s" d="`, class)
		}
		b.WriteString(d)
		last = class
	}
	if last != "" {
		b.WriteString(`"/>`)
	}
}

func (c *Chart) path(s Trace) string {
	switch s.Kind {
	case Band, DeepBand:
		return c.band(s)
	case Bars:
		return c.bars(s)
	case Dots:
		return c.dots(s)
	case Steps, DashedSteps:
		return c.steps(s)
	}
	return c.line(s)
}

func (c *Chart) line(s Trace) string {
	var b strings.Builder
	pen := "M"
	for i, y := range s.Y {
		if math.IsNaN(y) {
			pen = "M"
			continue
		}
		if alone := pen == "M" && (i+1 == len(s.Y) || math.IsNaN(s.Y[i+1])); alone {
			fmt.Fprintf(&b, "M%s %sh4", place(1000*c.X.share(s.X[i])-2), c.y(y))
			continue
		}
		b.WriteString(pen + c.x(s.X[i]) + " " + c.y(y))
		pen = "L"
	}
	return b.String()
}

func (c *Chart) steps(s Trace) string {
	var b strings.Builder
	pen := "M"
	for i, y := range s.Y {
		if math.IsNaN(y) {
			pen = "M"
			continue
		}
		if pen == "M" {
			b.WriteString("M" + c.x(s.X[i]) + " " + c.y(y))
		} else {
			b.WriteString("V" + c.y(y))
		}
		b.WriteString("H" + c.x(s.X[i+1]))
		pen = "V"
	}
	return b.String()
}

// band goes along the upper edge and back along the lower one, between gaps.
func (c *Chart) band(s Trace) string {
	var b strings.Builder
	for from := 0; from < len(s.Y); {
		to := from
		for to < len(s.Y) && !math.IsNaN(s.Y[to]) {
			to++
		}
		pen := "M"
		for i := from; i < to; i++ {
			b.WriteString(pen + c.x(s.X[i]) + " " + c.y(s.Y[i]))
			pen = "L"
		}
		for i := to - 1; i >= from; i-- {
			b.WriteString("L" + c.x(s.X[i]) + " " + c.y(s.base(c, i)))
		}
		if to > from {
			b.WriteString("z")
		}
		from = to + 1
	}
	return b.String()
}

func (s Trace) base(c *Chart, i int) float64 {
	if s.Base == nil {
		return c.Y.Low
	}
	return s.Base[i]
}

func (c *Chart) bars(s Trace) string {
	var b strings.Builder
	for i, y := range s.Y {
		if low := s.base(c, i); !math.IsNaN(y) && y > low {
			fmt.Fprintf(&b, "M%s %sV%sH%sV%sz", c.x(s.X[i]), c.y(low), c.y(y), c.x(s.X[i+1]), c.y(low))
		}
	}
	return b.String()
}

func (c *Chart) dots(s Trace) string {
	var b strings.Builder
	for i, y := range s.Y {
		if !math.IsNaN(y) {
			fmt.Fprintf(&b, "M%s %sh0", c.x(s.X[i]), c.y(y))
		}
	}
	return b.String()
}

// cells draws one path a shade. Shades go by the logarithm, so that a single
// request is still to be seen.
func (c *Chart) cells(b *strings.Builder) {
	most := 1.0
	for _, column := range c.Cells.Count {
		for _, n := range column {
			most = math.Max(most, n)
		}
	}
	paths := make([]strings.Builder, shades)
	for i, column := range c.Cells.Count {
		for j, n := range column {
			if n <= 0 {
				continue
			}
			shade := min(int(shades*math.Log1p(n)/math.Log1p(most)), shades-1)
			fmt.Fprintf(&paths[shade], "M%s %sH%sV%sH%sz", c.x(c.Cells.X[i]), c.y(c.Cells.Y[j]),
				c.x(c.Cells.X[i+1]), c.y(c.Cells.Y[j+1]), c.x(c.Cells.X[i]))
		}
	}
	for shade := range paths {
		if paths[shade].Len() > 0 {
			fmt.Fprintf(b, `<path class="cell s%d" d="%s"/>`, shade, paths[shade].String())
		}
	}
}

// place writes a coordinate of a drawing, 1000 wide and high, short.
func place(x float64) string {
	return strconv.FormatFloat(math.Round(x*10)/10, 'f', -1, 64)
}
