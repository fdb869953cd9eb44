package compare

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"mfaload/internal/stat"
)

// bySeconds compares by drawing blocks of seconds anew.
func (c *Comparison) bySeconds(base, fresh []Run, parts []scope, chosen []metricSpec, o Options) ([]testResult, error) {
	seconds := max(unitSeconds(base), unitSeconds(fresh))
	resamples := o.Resamples
	if resamples == 0 {
		resamples = min(max(2000, 60*len(parts)*len(chosen)), 20_000)
	}
	var all []testResult
	for _, part := range parts {
		p := newSecondsTest(base, fresh, part, seconds, chosen, resamples)
		if part.group < 0 {
			c.Unit = Unit{Kind: "seconds", Seconds: seconds, Base: p.base.units, New: p.new.units, Paired: p.paired}
			if min(p.base.units, p.new.units) == 0 {
				return nil, fmt.Errorf("compare: a side has no whole second: run longer")
			}
		}
		p.draw(base, fresh)
		all = append(all, p.results()...)
		c.Shifts = append(c.Shifts, p.shifts()...)
	}
	var tests []float64
	for i := range all {
		tests = append(tests, all[i].p)
	}
	for i, p := range stat.Holm(tests) {
		all[i].corrected = p
	}
	return all, nil
}

func newSecondsTest(base, fresh []Run, part scope, seconds int, chosen []metricSpec, resamples int) *secondsTest {
	p := &secondsTest{scope: part, base: newUnitSeries(base, part, seconds), new: newUnitSeries(fresh, part, seconds),
		figures: [2]*totals{totalsOf(base, part), totalsOf(fresh, part)}, chosen: chosen, resamples: resamples}
	p.paired = len(base) == len(fresh) && p.base.units == p.new.units
	return p
}

// draw estimates everything.
func (p *secondsTest) draw(base, fresh []Run) {
	p.prepare()
	p.plan()
	p.chooseBlocks()
	p.betweenRuns(base, fresh)
	p.bootstrap(rand.New(rand.NewPCG(1, 2))) // the same runs give the same answer
}

// shiftsBySeconds adds the shift functions of runs whose figures are compared
// otherwise: they take the seconds.
func (c *Comparison) shiftsBySeconds(base, fresh []Run, parts []scope, chosen []metricSpec) {
	chosen = slices.DeleteFunc(slices.Clone(chosen), func(m metricSpec) bool { return m.kind != shape })
	seconds := max(unitSeconds(base), unitSeconds(fresh))
	for _, part := range parts {
		p := newSecondsTest(base, fresh, part, seconds, chosen, 1000)
		if min(p.base.units, p.new.units) == 0 {
			return
		}
		p.draw(base, fresh)
		c.Shifts = append(c.Shifts, p.shifts()...)
	}
}

// betweenRuns widens the intervals where the runs of a side differ by more than
// their seconds explain.
func (p *secondsTest) betweenRuns(base, fresh []Run) {
	if len(base) < 2 && len(fresh) < 2 {
		return
	}
	for _, e := range p.all() {
		between, within, n := 0.0, 0.0, 0
		for i, runs := range [][]Run{base, fresh} {
			units := float64([]*unitSeries{p.base, p.new}[i].units) / float64(len(runs))
			x := e.Influence[min(i, len(e.Influence)-1)]
			var values []float64
			for _, r := range runs {
				values = append(values, totalsOf([]Run{r}, p.scope).scaled(e.metricSpec))
			}
			d := stat.Deviation(values)
			between += d * d * float64(len(runs)-1)
			within += stat.LongRunVariance(x) / units * float64(len(runs)-1)
			n += len(runs) - 1
		}
		if p.paired {
			within /= 2 // the influence is that of the difference of two
		}
		if n > 0 && within > 0 {
			e.Inflation *= math.Sqrt(math.Max(1, between/within))
		}
	}
}

func (p *secondsTest) results() (all []testResult) {
	k := 0
	for _, m := range p.chosen {
		if m.kind == shape {
			if r, any := p.shapeResult(m); any {
				all = append(all, r)
			}
			continue
		}
		all = append(all, p.result(p.estimates[k]))
		k++
	}
	return all
}

// testResult tests an estimate.
func (p *secondsTest) result(e *estimate) testResult {
	change := p.figures[1].scaled(e.metricSpec) - p.figures[0].scaled(e.metricSpec)
	r := testResult{metricSpec: e.metricSpec, group: p.name, base: p.figures[0].value(e.metricSpec), new: p.figures[1].value(e.metricSpec),
		change: change, p: e.P(change)}
	if e.kind.times() {
		r.atLeast = [2]bool{p.figures[0].bound(e.metricSpec).AtLeast, p.figures[1].bound(e.metricSpec).AtLeast}
	}
	r.events = [2]stat.Proportion{p.figures[0].events(e.metricSpec), p.figures[1].events(e.metricSpec)}
	switch {
	case r.none():
		r.low, r.high = r.withoutEvents()
	case e.kind.share():
		r.low, r.high = stat.Difference(r.events[0], r.events[1], e.Deviation, e.Reach())
	default:
		r.low, r.high = e.Interval(change)
	}
	p.describe(&r, e)
	return r
}

// describe adds what units and blocks were like, and whether there were enough.
func (p *secondsTest) describe(r *testResult, e *estimate) {
	if v := stat.Autocovariances(slices.Concat(e.Influence...), 1); len(v) > 1 {
		r.autocorrelation = stat.Ratio(v[1], v[0])
	}
	units := min(p.base.units, p.new.units)
	r.block = p.length
	r.length = time.Duration(units*p.base.seconds) * time.Second
	r.lengthMin = time.Duration(stat.UnitsMin(p.length)*p.base.seconds) * time.Second
	if p.tooFew(r) {
		r.short, r.p = true, 1
		r.remark = "too few requests"
	} else if few := stat.EnoughUnits(units, p.length); few != nil {
		r.short, r.p = true, 1
		r.remark = fmt.Sprintf("the runs are too short: %d s of at least %d s", few.Got*p.base.seconds,
			few.Needed*p.base.seconds)
	}
}

// tooFew says whether a percentile is just one of the longest times.
func (p *secondsTest) tooFew(r *testResult) bool {
	if !r.kind.times() {
		return false
	}
	n := math.Min(p.figures[0].waited(r.metricSpec), p.figures[1].waited(r.metricSpec))
	return n == 0 || r.kind == quantile && n*(1-r.quantile) < 5
}
