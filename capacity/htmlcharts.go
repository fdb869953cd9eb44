package capacity

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	g "maragu.dev/gomponents"
	h "maragu.dev/gomponents/html"

	"mfaload/internal/number"
	"mfaload/report"
	"mfaload/report/render/chart"
	"mfaload/scenario"
)

// trialSet are the trials of a chart, by their rates.
type trialSet []TrialRow

// drawable are the trials that sent something.
func (r *Result) drawable() trialSet {
	rows := slices.Clone(r.Trials)
	slices.SortStableFunc(rows, func(a, b TrialRow) int { return cmp.Compare(a.Rate, b.Rate) })
	return slices.DeleteFunc(rows, func(row TrialRow) bool { return row.Figures.Requests.Sent == 0 })
}

// charts are the curve by the offered rate, and what the soak showed.
func (r *Result) charts() (all []*chart.Chart) {
	rows := r.drawable()
	if len(rows) > 1 {
		all = append(all, r.responseChart(rows), r.throughputChart(rows))
		if rows.failing() {
			all = append(all, r.errorChart(rows))
		}
		all = append(all, r.flightChart(rows))
		if r.Curve.USL != nil {
			all = append(all, r.lawChart(rows))
		}
	}
	if r.Soak != nil && len(r.Soak.Drifts) > 0 && len(r.Soak.Drifts[0].Values) > 1 {
		all = append(all, r.Soak.chart())
	}
	return all
}

// notDrawn says of what there is no chart because there is nothing to see.
func (r *Result) notDrawn() g.Node {
	rows := r.drawable()
	return g.If(len(rows) > 1 && !rows.failing(),
		h.P(h.Class("good"), g.Text("All requests of all trials ended as expected.")))
}

// failing says whether any request ended otherwise than expected.
func (t trialSet) failing() bool {
	return slices.ContainsFunc(t, func(row TrialRow) bool { return errorShare(row) > 0 })
}

func errorShare(row TrialRow) float64 {
	q := row.Figures.Requests
	return 100 * float64(q.Scheduled-q.AsExpected) / float64(max(q.Scheduled, 1))
}

// column is a figure of each trial.
func (t trialSet) column(f func(TrialRow) float64) (values []float64) {
	for _, row := range t {
		values = append(values, f(row))
	}
	return values
}

func offered(row TrialRow) float64 { return row.Rate }

// curve are the trials that a line goes through: of each rate the longest one that decided. The others have
// dots only, as what they measured may be mfaload's own doing.
func (t trialSet) curve() (line trialSet) {
	for _, row := range t {
		if row.Verdict == Inconclusive {
			continue
		}
		if last := len(line) - 1; last >= 0 && line[last].Rate == row.Rate {
			if row.Duration > line[last].Duration {
				line[last] = row
			}
			continue
		}
		line = append(line, row)
	}
	return line
}

// traces are a figure as a line and dots.
func (t trialSet) traces(name string, look chart.Look, f func(TrialRow) float64) []chart.Trace {
	line := t.curve()
	return []chart.Trace{
		{Name: name, Kind: chart.Line, Look: look, X: line.column(offered), Y: line.column(f)},
		{Kind: chart.Dots, Look: look, X: t.column(offered), Y: t.column(f)},
	}
}

// frame is a chart over the offered rate, with the interval, the target, and the rates that were not tried.
func (r *Result) frame(rows trialSet, title, summary string) *chart.Chart {
	lowest, highest := rows[0].Rate, rows[len(rows)-1].Rate
	right := highest
	if r.Answer != nil {
		right = max(right, r.Answer.TargetRate)
	}
	c := &chart.Chart{Title: title, Summary: summary, X: chart.Linear(0, right, "requests a second offered")}
	c.Marks = append(c.Marks, chart.Mark{To: lowest, Name: "not tried", Look: chart.Faint})
	if c.X.High > highest {
		c.Marks = append(c.Marks, chart.Mark{From: highest, To: c.X.High, Name: "not tried",
			Look: chart.Faint})
	}
	if r.Rate.Low != nil && r.Rate.High != nil {
		c.Marks = append(c.Marks, chart.Mark{From: *r.Rate.Low, To: *r.Rate.High, Name: "the limit is here",
			Look: chart.Warn})
	}
	if a := r.Answer; a != nil {
		c.Marks = append(c.Marks, chart.Mark{From: a.TargetRate, To: a.TargetRate,
			Name: "target " + rateText(a.TargetRate), Look: chart.Good})
	}
	c.Table.At = rows.column(offered)
	return c
}

// curveLooks are those of the times that a chart shows.
var curveLooks = []chart.Look{chart.One, chart.Two, chart.Three, chart.Four, chart.Five}

// shownTimes are the times that a threshold limits, and the median: at most as many as there are looks.
func (r *Result) shownTimes() (all []LimitedTime) {
	median := LimitedTime{Metric: scenario.Response, Stat: "p50"}
	for _, l := range r.Thresholds {
		t := l.Time
		same := func(o LimitedTime) bool { return t != nil && o.Metric == t.Metric && o.Stat == t.Stat }
		if t != nil && t.Whole && known(t.Stat) && !slices.ContainsFunc(all, same) {
			all = append(all, *t)
		}
	}
	if len(all) == 0 { // thresholds of rates only, or a result of an earlier version
		all = []LimitedTime{{Metric: scenario.Response, Stat: "p95"},
			{Metric: scenario.Response, Stat: "p99"}}
	}
	if !slices.ContainsFunc(all, func(o LimitedTime) bool { return o.Stat == "p50" }) {
		all = append([]LimitedTime{median}, all...)
	}
	return all[:min(len(all), len(curveLooks))]
}

// known says whether trials have a statistic.
func known(stat string) bool { return !math.IsNaN(statOf(&report.Times{}, stat)) }

// statOf is a statistic of times; not a number where there is none of the name.
func statOf(t *report.Times, stat string) float64 {
	switch stat {
	case "min":
		return t.Min
	case "mean":
		return t.Mean
	case "p50":
		return t.P50
	case "p90":
		return t.P90
	case "p95":
		return t.P95
	case "p99":
		return t.P99
	case "p99.9":
		return t.P999
	case "max":
		return t.Max
	}
	return math.NaN()
}

func (l *LimitedTime) times(row TrialRow) *report.Times {
	if l.Metric == scenario.Service {
		return &row.Figures.Service
	}
	return &row.Figures.Response
}

// name tells a service time from the response times.
func (l *LimitedTime) name() string {
	if l.Metric == scenario.Service {
		return "service " + l.Stat
	}
	return l.Stat
}

// responseChart shows where the times meet their thresholds.
func (r *Result) responseChart(rows trialSet) *chart.Chart {
	c := r.frame(rows, "Response time by offered rate", "Each dot is a trial. Dotted lines are thresholds: "+
		"a rate is too high where a line crosses its own. Far above the limit, the times are those of a "+
		"queue that grows as long as the trial lasts.")
	low, high := math.Inf(1), 0.0
	c.Table.Head = []string{"rate", "verdict"}
	shown := r.shownTimes()
	for i := range shown {
		of, look := &shown[i], curveLooks[i]
		value := func(row TrialRow) float64 { return statOf(of.times(row), of.Stat) }
		y := rows.column(value)
		low, high = min(low, slices.Min(y)), max(high, slices.Max(y))
		c.Series = append(c.Series, rows.traces(of.name(), look, value)...)
		if of.Limit > 0 {
			low, high = min(low, of.Limit), max(high, of.Limit)
			c.Levels = append(c.Levels, chart.HorizontalLine{At: of.Limit, Look: look,
				Name: of.name() + " ≤ " + chart.Digits(of.Limit) + " ms"})
		}
		c.Table.Head = append(c.Table.Head, of.name()+", ms")
	}
	c.Y = chart.Log(max(low, 0.001), max(high, 0.002), 0.001, "ms")
	for _, row := range rows {
		line := []string{rateText(row.Rate), string(row.Verdict)}
		for i := range shown {
			line = append(line, shown[i].times(row).Text(shown[i].Stat))
		}
		c.Table.Rows = append(c.Table.Rows, line)
	}
	return c
}

// good is the rate of responses as expected that were received while the trial
// lasted, not later.
func good(row TrialRow) float64 { return row.Served }

func (r *Result) throughputChart(rows trialSet) *chart.Chart {
	c := r.frame(rows, "Throughput by offered rate", "Responses as expected that were received a second "+
		"while the trial lasted. The line bends away from the dashed one where the service no longer keeps "+
		"up.")
	top := rows[len(rows)-1].Rate
	line := rows.curve()
	offers := line.column(offered)
	c.Y = chart.Linear(0, top, "/s")
	c.Series = append([]chart.Trace{
		{Name: "missing", Kind: chart.Band, Look: chart.Bad, X: offers, Y: offers, Base: line.column(good)},
		{Name: "offered", Kind: chart.Dashed, Look: chart.Faint, X: []float64{0, top}, Y: []float64{0, top}},
	}, rows.traces("as expected", chart.One, good)...)
	c.Table.Head = []string{"offered", "sent", "as expected", "missing"}
	for _, row := range rows {
		c.Table.Rows = append(c.Table.Rows, []string{rateText(row.Rate), rateText(row.Figures.Rate.Achieved),
			rateText(good(row)), fmt.Sprintf("%.1f%%", 100*max(1-good(row)/row.Rate, 0))})
	}
	return c
}

func inFlight(row TrialRow) float64 {
	if row.Little != nil {
		return row.Little.Counted
	}
	return row.Figures.Rate.Achieved * row.Figures.Service.Mean / 1000
}

func (r *Result) errorChart(rows trialSet) *chart.Chart {
	c := r.frame(rows, "Requests not as expected, by offered rate", "Failed, unexpected and violating "+
		"requests, as a share of the scheduled ones.")
	c.Y = chart.Linear(0, max(slices.Max(rows.column(errorShare)), 0.1), "%")
	c.Series = rows.traces("not as expected", chart.Bad, errorShare)
	c.Table.Head = []string{"rate", "not as expected", "rate limited (429)", "failed"}
	for _, row := range rows {
		q := row.Figures.Requests
		c.Table.Rows = append(c.Table.Rows, []string{rateText(row.Rate), chart.Digits(errorShare(row)) + "%",
			number.Count(q.RateLimited), number.Count(q.Failed)})
	}
	return c
}

// flightHeadroom is how far above the trials that pass a chart of the requests in flight goes: those of
// an overload would press all others flat.
const flightHeadroom = 4

// flightChart shows Little's law at work: what was counted, and rate × time.
func (r *Result) flightChart(rows trialSet) *chart.Chart {
	law := func(row TrialRow) float64 {
		if row.Little != nil {
			return row.Little.Expected
		}
		return inFlight(row)
	}
	calm, most := 0.0, 0.0
	for _, row := range rows {
		if most = max(most, inFlight(row), law(row)); row.Verdict == Pass {
			calm = max(calm, inFlight(row), law(row))
		}
	}
	text := "Counted, and computed as rate times service time (Little's law): both agree. The line is " +
		"straight as long as the service is as fast as without load."
	top := most
	if calm > 0 && most > flightHeadroom*calm {
		var beyond []string
		top = flightHeadroom * calm
		for _, row := range rows {
			if inFlight(row) > top {
				beyond = append(beyond, fmt.Sprintf("%s in flight at %s", chart.Digits(inFlight(row)),
					rateText(row.Rate)))
			}
		}
		text += " Above the chart: " + strings.Join(beyond, ", ") + "."
	}
	c := r.frame(rows, "Requests in flight by offered rate", text)
	c.Y = chart.Linear(0, max(top, 1), "")
	c.Series = append(rows.traces("counted", chart.Four, inFlight), chart.Trace{Kind: chart.Dashed,
		Name: "rate times service time", Look: chart.Faint, X: rows.curve().column(offered),
		Y: rows.curve().column(law)})
	c.Table.Head = []string{"rate", "counted", "rate times service time"}
	for _, row := range rows {
		c.Table.Rows = append(c.Table.Rows, []string{rateText(row.Rate), chart.Digits(inFlight(row)),
			chart.Digits(law(row))})
	}
	return c
}

// lawChart is the fit of the Universal Scalability Law.
func (r *Result) lawChart(rows trialSet) *chart.Chart {
	u := r.Curve.USL
	concurrency := func(row TrialRow) float64 { return row.Served * row.Figures.Response.Mean / 1000 }
	most := 0.0
	for _, row := range rows {
		if row.Verdict == Pass {
			most = max(most, concurrency(row))
		}
	}
	most = max(1.5*most, 2)
	c := &chart.Chart{Title: "Throughput by requests in flight", Summary: u.words(),
		X: chart.Linear(0, most, "requests in flight")}
	var n, fitted, low, high []float64
	for i := 1; i <= 60; i++ {
		x := most * float64(i) / 60
		l, h := u.Band(x)
		n, fitted, low, high = append(n, x), append(fitted, u.Throughput(x)), append(low, l),
			append(high, min(h, 2*u.Throughput(x)))
	}
	c.Y = chart.Linear(0, max(slices.Max(fitted)*1.2, good(rows[0])), "/s")
	var x, y []float64
	for _, row := range rows {
		if concurrency(row) <= most {
			x, y = append(x, concurrency(row)), append(y, row.Served)
			c.Table.Rows = append(c.Table.Rows, []string{chart.Digits(concurrency(row)), rateText(row.Served),
				rateText(u.Throughput(concurrency(row)))})
		}
	}
	c.Table.Head = []string{"requests in flight", "measured", "by the law"}
	c.Series = []chart.Trace{
		{Name: "95% band", Kind: chart.Band, Look: chart.One, X: n, Y: high, Base: low},
		{Name: "Universal Scalability Law", Kind: chart.Line, Look: chart.One, X: n, Y: fitted},
		{Name: "trials", Kind: chart.Dots, Look: chart.Two, X: x, Y: y},
	}
	return c
}

// words say what the law found, without its letters.
func (u *USL) words() string {
	text := fmt.Sprintf("The fit of the Universal Scalability Law: %.4g/s with one request at a "+
		"time; %.2g%% of the work waits for its turn (contention), and each two requests in flight cost "+
		"%.2g%% for coordination (coherency).", u.Lambda.Value, 100*u.Sigma.Value, 100*u.Kappa.Value)
	if u.Peak > 0 {
		text += fmt.Sprintf(" It has its maximum at %s.", rateText(u.Peak))
	}
	return text + fmt.Sprintf(" It is off by %.0f%% on average.", 100*u.Error)
}

func (s *Soak) chart() *chart.Chart {
	c := &chart.Chart{Title: "Soak: percentiles of the response time",
		Summary: fmt.Sprintf("At %s, by parts of %s.", rateText(s.Rate), seconds(s.Block)),
		X:       chart.Clock(0, s.Duration)}
	low, high := math.Inf(1), 0.0
	c.Table.Head = []string{"at"}
	for i, d := range s.Drifts {
		var x []float64
		for k := range d.Values {
			x = append(x, (float64(k)+0.5)*s.Block)
		}
		low, high = min(low, slices.Min(d.Values)), max(high, slices.Max(d.Values))
		c.Series = append(c.Series, chart.Trace{Name: d.Percentile, Kind: chart.Line,
			Look: curveLooks[i%len(curveLooks)], X: x, Y: d.Values})
		c.Table.Head, c.Table.At = append(c.Table.Head, d.Percentile+", ms"), x
	}
	for k := range c.Table.At {
		line := []string{chart.ClockText(c.Table.At[k])}
		for _, d := range s.Drifts {
			line = append(line, chart.Digits(d.Values[k]))
		}
		c.Table.Rows = append(c.Table.Rows, line)
	}
	c.Y = chart.Log(max(low, 0.001), max(high, 0.002), 0.001, "ms")
	return c
}
