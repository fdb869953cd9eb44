package compare

import (
	"fmt"
	"html/template"
	"math"
	"strings"
)

// The size of drawings and of the room for their axes.
const (
	width, height = 720.0, 300.0
	left, right   = 64.0, 16.0
	top, bottom   = 16.0, 32.0
)

// plot draws into an SVG. Its axes go from 0 to 1 until they are scaled.
type plot struct {
	b           strings.Builder
	low, high   float64 // of the vertical axis
	logarithmic bool
}

func newPlot(title string, low, high float64, logarithmic bool) *plot {
	p := &plot{low: low, high: high, logarithmic: logarithmic}
	if p.high <= p.low {
		p.high = p.low + 1
	}
	fmt.Fprintf(&p.b, `<svg viewBox="0 0 %g %g" role="img" aria-label="%s">`, width, height, template.HTMLEscapeString(title))
	return p
}

func (p *plot) x(share float64) float64 { return left + share*(width-left-right) }

func (p *plot) y(v float64) float64 {
	low, high := p.low, p.high
	if p.logarithmic {
		v, low, high = math.Log(math.Max(v, leastTime)), math.Log(math.Max(low, leastTime)), math.Log(math.Max(high, leastTime))
		if high <= low {
			high = low + 1
		}
	}
	share := math.Min(1, math.Max(0, (v-low)/(high-low)))
	return height - bottom - share*(height-top-bottom)
}

func (p *plot) line(class string, x1, y1, x2, y2 float64) {
	fmt.Fprintf(&p.b, `<line class="%s" x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f"/>`, class, x1, y1, x2, y2)
}

func (p *plot) text(x, y float64, anchor, text string) {
	fmt.Fprintf(&p.b, `<text x="%.1f" y="%.1f" text-anchor="%s">%s</text>`, x, y, anchor, template.HTMLEscapeString(text))
}

// level draws a horizontal line with its value.
func (p *plot) level(class string, v float64, text string) {
	p.line(class, left, p.y(v), width-right, p.y(v))
	p.text(left-6, p.y(v)+4, "end", text)
}

// place draws a vertical line with its name.
func (p *plot) place(share float64, text string) {
	p.line("axis", p.x(share), top, p.x(share), height-bottom)
	p.text(p.x(share), height-bottom+18, "middle", text)
}

func (p *plot) curve(class string, xs, ys []float64) {
	fmt.Fprintf(&p.b, `<polyline class="%s" points="%s"/>`, class, p.points(xs, ys))
}

func (p *plot) points(xs, ys []float64) string {
	var all []string
	for i := range xs {
		all = append(all, fmt.Sprintf("%.1f,%.1f", p.x(xs[i]), p.y(ys[i])))
	}
	return strings.Join(all, " ")
}

func (p *plot) end() template.HTML {
	p.b.WriteString("</svg>")
	return template.HTML(p.b.String()) // all texts in it were escaped
}

// places are the quantiles' places on the axis, from 0 to 1: by the logarithm of
// the odds, so that both ends have room.
func (s Shift) places() []float64 {
	odds := func(p Point) float64 { return math.Log(p.Quantile / (100 - p.Quantile)) }
	first, last := odds(s.Points[0]), odds(s.Points[len(s.Points)-1])
	var xs []float64
	for _, p := range s.Points {
		xs = append(xs, (odds(p)-first)/(last-first))
	}
	return xs
}

// named are the quantiles whose names fit below the axis.
var named = map[float64]bool{5: true, 25: true, 50: true, 75: true, 90: true, 95: true, 99: true, 99.9: true}

func (s Shift) shiftSVG(margin float64) template.HTML {
	low, high := -1.5*margin, 1.5*margin
	var change, lows, highs []float64
	for _, p := range s.Points {
		change, lows, highs = append(change, p.Change), append(lows, p.Low), append(highs, p.High)
		low, high = math.Min(low, math.Max(p.Low, 2*p.Change-50)), math.Max(high, math.Min(p.High, 2*p.Change+50))
	}
	p := newPlot("Change of each quantile of the "+s.Time+" time, in percent", low, high, false)
	xs := s.places()
	for i, point := range s.Points {
		if named[point.Quantile] {
			p.place(xs[i], fmt.Sprintf("p%g", point.Quantile))
		}
	}
	for _, v := range ticks(low, high) {
		p.level("axis", v, Row{}.change(v))
	}
	p.line("zero", left, p.y(0), width-right, p.y(0))
	if margin > 0 {
		p.line("limit", left, p.y(margin), width-right, p.y(margin))
		p.line("limit", left, p.y(-margin), width-right, p.y(-margin))
	}
	var back []string
	for i := len(xs) - 1; i >= 0; i-- {
		back = append(back, fmt.Sprintf("%.1f,%.1f", p.x(xs[i]), p.y(lows[i])))
	}
	fmt.Fprintf(&p.b, `<polygon class="band" points="%s %s"/>`, p.points(xs, highs), strings.Join(back, " "))
	p.curve("new", xs, change)
	return p.end()
}

func (s Shift) quantileSVG() template.HTML {
	low, high := math.Inf(1), 0.0
	var base, fresh []float64
	for _, p := range s.Points {
		base, fresh = append(base, p.Base), append(fresh, p.New)
		low, high = math.Min(low, math.Min(p.Base, p.New)), math.Max(high, math.Max(p.Base, p.New))
	}
	p := newPlot("Quantiles of the "+s.Time+" time of both sides, in milliseconds, on a logarithmic axis", low, high*1.02, true)
	xs := s.places()
	for i, point := range s.Points {
		if named[point.Quantile] {
			p.place(xs[i], fmt.Sprintf("p%g", point.Quantile))
		}
	}
	for i := range 5 {
		v := math.Max(low, leastTime) * math.Pow(math.Max(high, 2*leastTime)/math.Max(low, leastTime), float64(i)/4)
		p.level("axis", v, digits(v)+" ms")
	}
	p.curve("base", xs, base)
	p.curve("new", xs, fresh)
	return p.end()
}

// ticks are round values between two.
func ticks(low, high float64) (all []float64) {
	step := math.Pow(10, math.Floor(math.Log10((high-low)/3)))
	for _, times := range []float64{5, 2} {
		if (high-low)/(step*times) >= 3 {
			step *= times
			break
		}
	}
	for v := math.Ceil(low/step) * step; v <= high; v += step {
		all = append(all, math.Round(v/step)*step)
	}
	return all
}

// svg draws a line of a history, with a mark where a change begins.
func (l Line) svg(runs []Source) template.HTML {
	low, high := l.Values[0], l.Values[0]
	for _, v := range l.Values {
		low, high = math.Min(low, v), math.Max(high, v)
	}
	room := (high - low) / 10
	if room == 0 {
		room = math.Max(math.Abs(high)/10, 0.1)
	}
	low, high = low-room, high+room
	p := newPlot(Row{Group: l.Group, Metric: l.Metric}.name()+" from run to run, in "+l.Unit, low, high, false)
	for _, v := range ticks(low, high) {
		p.level("axis", v, digits(v))
	}
	var xs []float64
	for i := range l.Values {
		xs = append(xs, float64(i)/float64(max(len(l.Values)-1, 1)))
	}
	for _, c := range l.Changes {
		x := (p.x(xs[c.Run-1]) + p.x(xs[c.Run])) / 2
		p.line("mark", x, top, x, height-bottom)
	}
	p.text(left, height-bottom+18, "start", runs[0].Started.UTC().Format("2006-01-02"))
	p.text(width-right, height-bottom+18, "end", runs[len(runs)-1].Started.UTC().Format("2006-01-02"))
	p.curve("new", xs, l.Values)
	for i, v := range l.Values {
		fmt.Fprintf(&p.b, `<circle class="dot" cx="%.1f" cy="%.1f" r="3"><title>%s: %s %s</title></circle>`, p.x(xs[i]), p.y(v),
			template.HTMLEscapeString(runs[i].Name), digits(v), l.Unit)
	}
	return p.end()
}
