package compare

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"mfaload/internal/stat"
)

// What a side has to have for its seconds to tell anything.
const (
	leastUnits  = 20
	leastBlocks = 6
)

// byBlocks compares by drawing blocks of seconds anew.
func (c *Comparison) byBlocks(base, fresh []Run, parts []part, chosen []metric, o Options) ([]result, error) {
	seconds := max(unitSeconds(base), unitSeconds(fresh))
	resamples := o.Resamples
	if resamples == 0 {
		resamples = min(max(2000, 60*len(parts)*len(chosen)), 20_000)
	}
	var all []result
	for _, part := range parts {
		p := newPair(base, fresh, part, seconds, chosen, resamples)
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
	for i, p := range holm(tests) {
		all[i].corrected = p
	}
	return all, nil
}

func newPair(base, fresh []Run, part part, seconds int, chosen []metric, resamples int) *pair {
	p := &pair{part: part, base: newSeries(base, part, seconds), new: newSeries(fresh, part, seconds),
		figures: [2]*figures{figuresOf(base, part), figuresOf(fresh, part)}, chosen: chosen, resamples: resamples}
	p.paired = len(base) == len(fresh) && p.base.units == p.new.units
	return p
}

// draw estimates everything.
func (p *pair) draw(base, fresh []Run) {
	p.prepare()
	p.plan()
	p.chooseBlocks()
	p.betweenRuns(base, fresh)
	p.bootstrap(rand.New(rand.NewPCG(1, 2))) // the same runs give the same answer
}

// shiftsByBlocks adds the shift functions of runs whose figures are compared
// otherwise: they take the seconds.
func (c *Comparison) shiftsByBlocks(base, fresh []Run, parts []part, chosen []metric) {
	chosen = slices.DeleteFunc(slices.Clone(chosen), func(m metric) bool { return m.kind != shape })
	seconds := max(unitSeconds(base), unitSeconds(fresh))
	for _, part := range parts {
		p := newPair(base, fresh, part, seconds, chosen, 1000)
		if min(p.base.units, p.new.units) == 0 {
			return
		}
		p.draw(base, fresh)
		c.Shifts = append(c.Shifts, p.shifts()...)
	}
}

// betweenRuns widens the intervals where the runs of a side differ by more than
// their seconds explain.
func (p *pair) betweenRuns(base, fresh []Run) {
	if len(base) < 2 && len(fresh) < 2 {
		return
	}
	for _, e := range p.all() {
		between, within, n := 0.0, 0.0, 0
		for i, runs := range [][]Run{base, fresh} {
			units := float64([]*series{p.base, p.new}[i].units) / float64(len(runs))
			x := p.sides(e)[min(i, len(p.sides(e))-1)]
			var values []float64
			for _, r := range runs {
				values = append(values, figuresOf([]Run{r}, p.part).scaled(e.metric))
			}
			d := deviation(values)
			between += d * d * float64(len(runs)-1)
			within += longRunVariance(x) / units * float64(len(runs)-1)
			n += len(runs) - 1
		}
		if p.paired {
			within /= 2 // the influence is that of the difference of two
		}
		if n > 0 && within > 0 {
			e.inflation *= math.Sqrt(math.Max(1, between/within))
		}
	}
}

func (p *pair) results() (all []result) {
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

// result tests an estimate.
func (p *pair) result(e *estimate) result {
	change := p.figures[1].scaled(e.metric) - p.figures[0].scaled(e.metric)
	r := result{metric: e.metric, group: p.name, base: p.figures[0].value(e.metric), new: p.figures[1].value(e.metric),
		change: change, p: e.probability(change)}
	if e.kind.times() {
		r.atLeast = [2]bool{p.figures[0].bound(e.metric).AtLeast, p.figures[1].bound(e.metric).AtLeast}
	}
	r.events = [2]events{p.figures[0].events(e.metric), p.figures[1].events(e.metric)}
	switch {
	case r.none():
		r.low, r.high = r.withoutEvents()
	case e.kind.share():
		r.low, r.high = difference(r.events[0], r.events[1], e.spread, stat.StudentQuantile(0.025, e.freedom))
	default:
		r.low, r.high = e.interval(change)
	}
	p.describe(&r, e.influence)
	return r
}

// describe adds what units and blocks were like, and whether there were enough.
func (p *pair) describe(r *result, influence []float64) {
	if v := autocovariance(influence, 1); len(v) > 1 {
		r.autocorrelation = share(v[1], v[0])
	}
	units := min(p.base.units, p.new.units)
	r.block = p.length
	r.length = time.Duration(units*p.base.seconds) * time.Second
	needed := max(leastUnits, leastBlocks*p.length) * p.base.seconds
	r.lengthMin = time.Duration(needed) * time.Second
	if p.tooFew(r) {
		r.short, r.p = true, 1
		r.remark = "too few requests"
	} else if units*p.base.seconds < needed {
		r.short, r.p = true, 1
		r.remark = fmt.Sprintf("the runs are too short: %d s of at least %d s", units*p.base.seconds, needed)
	}
}

// tooFew says whether a percentile is just one of the longest times.
func (p *pair) tooFew(r *result) bool {
	if !r.kind.times() {
		return false
	}
	n := math.Min(p.figures[0].waited(r.metric), p.figures[1].waited(r.metric))
	return n == 0 || r.kind == quantile && n*(1-r.quantile) < 5
}

// probability is that of a change as large by chance. Two answers have to agree,
// the larger counts: Student's for the standard error, which knows that few
// blocks estimate it badly; and the share of drawn changes that reach beyond
// none at all, which knows when a change hangs on few seconds.
func (e *estimate) probability(change float64) float64 {
	if change == 0 {
		return 1
	}
	byError := 0.0
	if e.spread > 0 {
		byError = 2 * stat.StudentTail(math.Abs(change)/e.spread, e.freedom)
	}
	beyond := 0
	for _, x := range e.replicas {
		if d := e.inflation * (x - e.center); d*sign(change)+math.Abs(change) <= 0 {
			beyond++
		}
	}
	byDraws := 2 * float64(beyond+1) / float64(len(e.replicas)+1)
	return math.Min(1, math.Max(byError, byDraws))
}

func sign(x float64) float64 { return math.Copysign(1, x) }

// interval covers the change with 95 %, by both answers.
func (e *estimate) interval(change float64) (low, high float64) {
	half := stat.StudentQuantile(0.025, e.freedom) * e.spread
	low, high = change-half, change+half
	if n := len(e.replicas); n > 0 {
		sorted := slices.Sorted(slices.Values(e.replicas))
		cut := n / 40
		low = math.Min(low, change+e.inflation*(sorted[cut]-e.center))
		high = math.Max(high, change+e.inflation*(sorted[n-1-cut]-e.center))
	}
	return low, high
}
