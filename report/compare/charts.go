package compare

import (
	"fmt"
	"math"
	"slices"

	"mfaload/report/render/chart"
)

// charts are the shift function and the quantiles of both sides.
func (s Shift) charts(margin float64) []*chart.Chart {
	if len(s.Points) < 2 {
		return nil
	}
	name := MetricRow{Group: s.Group, Metric: s.Time}.name() + " time"
	return []*chart.Chart{s.shiftChart(name, margin), s.quantileChart(name)}
}

func (s Shift) shiftChart(name string, margin float64) *chart.Chart {
	low, high := -1.5*margin, 1.5*margin
	band := chart.Trace{Name: "95% band", Kind: chart.Band, Look: chart.One}
	line := chart.Trace{Name: "change", Kind: chart.Line, Look: chart.One}
	c := &chart.Chart{Title: name + ": shift function", X: s.axis(), Y: chart.Axis{},
		Summary: "How much longer each quantile takes, in percent: above 0 is slower. The band holds the " +
			"whole line with 95%; dotted is the margin.",
		Levels: []chart.HorizontalLine{{At: 0, Look: chart.Faint}},
		Table: chart.Table{Head: []string{"quantile", "base ms", "new ms", "change", "band"},
			At: s.places()},
	}
	for _, p := range s.Points {
		line.Y, band.Y, band.Base = append(line.Y, p.Change), append(band.Y, p.High), append(band.Base, p.Low)
		low, high = math.Min(low, math.Max(p.Low, 2*p.Change-50)), math.Max(high, math.Min(p.High, 2*p.Change+
			50))
		r := MetricRow{}
		c.Table.Rows = append(c.Table.Rows, []string{fmt.Sprintf("%g%%", p.Quantile), digits(p.Base),
			digits(p.New), r.change(p.Change), r.change(p.Low) + " … " + r.change(p.High)})
	}
	if margin > 0 {
		c.Levels = append(c.Levels, chart.HorizontalLine{At: margin, Look: chart.Warn},
			chart.HorizontalLine{At: -margin,
				Look: chart.Warn})
	}
	line.X, band.X = s.places(), s.places()
	c.Y, c.Series = chart.Linear(low, high, "%"), []chart.Trace{band, line}
	return c
}

func (s Shift) quantileChart(name string) *chart.Chart {
	low, high := math.Inf(1), 0.0
	base := chart.Trace{Name: "base", Kind: chart.Dashed, Look: chart.Faint, X: s.places()}
	fresh := chart.Trace{Name: "new", Kind: chart.Line, Look: chart.One, X: s.places()}
	c := &chart.Chart{Title: name + ": quantiles", X: s.axis(),
		Summary: fmt.Sprintf("Modes: base at %s; new at %s. Stalled seconds: %d and %d.",
			orNone(modesText(s.BaseModes)), orNone(modesText(s.NewModes)), s.BaseStalls, s.NewStalls),
		Table: chart.Table{Head: []string{"quantile", "base ms", "new ms"}, At: s.places()},
	}
	for _, p := range s.Points {
		base.Y, fresh.Y = append(base.Y, p.Base), append(fresh.Y, p.New)
		low, high = math.Min(low, math.Min(p.Base, p.New)), math.Max(high, math.Max(p.Base, p.New))
		c.Table.Rows = append(c.Table.Rows, []string{fmt.Sprintf("%g%%", p.Quantile), digits(p.Base),
			digits(p.New)})
	}
	c.Y, c.Series = chart.Log(low, high, timeMin, "ms"), []chart.Trace{base, fresh}
	return c
}

// places are the quantiles' places on the axis, from 0 to 1: by the logarithm of
// the odds, so that both ends have room.
func (s Shift) places() []float64 {
	odds := func(p QuantileShift) float64 { return math.Log(p.Quantile / (100 - p.Quantile)) }
	first, last := odds(s.Points[0]), odds(s.Points[len(s.Points)-1])
	var xs []float64
	for _, p := range s.Points {
		xs = append(xs, (odds(p)-first)/(last-first))
	}
	return xs
}

// named are the quantiles whose names fit below the axis.
var named = []float64{5, 25, 50, 75, 90, 95, 99, 99.9}

func (s Shift) axis() chart.Axis {
	a := chart.Axis{High: 1}
	for i, x := range s.places() {
		if q := s.Points[i].Quantile; slices.Contains(named, q) {
			a.Ticks = append(a.Ticks, chart.AxisTick{At: x, Text: fmt.Sprintf("p%g", q)})
		}
	}
	return a
}

// chart draws a line of a history, with a mark where a change begins.
func (l MetricHistory) chart(runs []RunInfo) *chart.Chart {
	last := float64(max(len(l.Values)-1, 1))
	c := &chart.Chart{Title: MetricRow{Group: l.Group, Metric: l.Metric}.name(),
		Summary: "From run to run, in " + l.Unit + ". ",
		X: chart.Axis{High: last, Ticks: []chart.AxisTick{
			{At: 0, Text: runs[0].Started.UTC().Format("2006-01-02")},
			{At: last, Text: runs[len(runs)-1].Started.UTC().Format("2006-01-02")},
		}},
		Y:     chart.Linear(slices.Min(l.Values), slices.Max(l.Values), l.Unit),
		Table: chart.Table{Head: []string{"run", l.Unit, ""}},
	}
	marks := map[int]string{}
	for _, change := range l.Changes {
		c.Summary += l.text(change, runs[change.Run].Started) + ". "
		at := float64(change.Run) - 0.5
		c.Marks = append(c.Marks, chart.Mark{From: at, To: at, Look: chart.Bad})
		marks[change.Run] = "a change begins"
	}
	if len(l.Changes) == 0 {
		c.Summary += "No change."
	}
	line := chart.Trace{Kind: chart.Line, Look: chart.One, Y: l.Values}
	for i, v := range l.Values {
		line.X = append(line.X, float64(i))
		c.Table.Rows = append(c.Table.Rows, []string{runs[i].Name, digits(v), marks[i]})
	}
	dots := line
	dots.Kind = chart.Dots
	c.Table.At, c.Series = line.X, []chart.Trace{line, dots}
	return c
}
