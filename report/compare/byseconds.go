package compare

import (
	"cmp"
	"fmt"
	"iter"
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"mfaload/internal/stat"
	"mfaload/measure"
	"mfaload/report/units"
)

// bySeconds compares by drawing blocks of seconds again and again.
func (c *Comparison) bySeconds(base, fresh []Run, parts []scope, chosen []metricSpec, o Options) (
	[]testResult, error) {
	var all []testResult
	resamples := cmp.Or(o.Resamples, resamplesFor(len(parts), chosen))
	for p := range secondsTests(base, fresh, parts, chosen, resamples) {
		if p.group < 0 {
			c.Unit = Unit{Kind: "seconds", Seconds: p.base.Seconds, Base: p.base.drawn, New: p.new.drawn,
				Paired: p.paired}
		}
		if min(p.base.drawn, p.new.drawn) == 0 {
			return nil, fmt.Errorf("compare: a side has no whole second: run longer")
		}
		p.options = o
		p.draw()
		all = append(all, p.results()...)
		c.Shifts = append(c.Shifts, p.shifts()...)
	}
	correct(all, chooseDecisive(all, fresh, o), func(some []int) []float64 { return stepUp(all, some) })
	return all, nil
}

// stepUp corrects the p-values of some results by Hochberg's step-up, as the figures of a run move together.
// A figure that nothing could have called different costs the others nothing (Tarone, 1990).
func stepUp(all []testResult, some []int) []float64 {
	corrected := slices.Repeat([]float64{1}, len(some))
	var places []int
	var p []float64
	for k, i := range some {
		if !all[i].untestable {
			places, p = append(places, k), append(p, all[i].p)
		}
	}
	for k, x := range stat.Hochberg(p) {
		corrected[places[k]] = x
	}
	return corrected
}

// correct corrects p-values for their number: those of the figures that decide among themselves, those of the
// others with regard to all.
func correct(all []testResult, decisive []int, corrected func(some []int) []float64) {
	every := make([]int, len(all))
	for i := range all {
		every[i] = i
	}
	for i, p := range corrected(every) {
		all[i].corrected = p
	}
	for k, p := range corrected(decisive) {
		all[decisive[k]].corrected, all[decisive[k]].decides = p, true
	}
}

// How often seconds are drawn again. It takes more draws to call one of many figures
// different: its corrected p-value is at least 2 times their number divided by the draws.
const (
	resamplesMin = 2_000
	resamplesMax = 20_000
)

// resamplesFor is how often the seconds are drawn for the figures of so many parts. Where not even
// the most draws could call one of them, more than the fewest would only take time.
func resamplesFor(parts int, chosen []metricSpec) int {
	tests := 0 // at least: parts with few requests have no shape
	for _, m := range chosen {
		if m.kind != shape {
			tests += parts
		}
	}
	if 2*float64(tests) >= Level*(resamplesMax+1) {
		return resamplesMin
	}
	return min(max(resamplesMin, 60*parts*len(chosen)), resamplesMax)
}

// partsAtOnce is for how many parts the seconds of a run are kept at once.
const partsAtOnce = 32

// secondsTests yields one for each part.
func secondsTests(base, fresh []Run, parts []scope, chosen []metricSpec,
	resamples int) iter.Seq[*secondsTest] {
	together, length := aligned(base, fresh)
	seconds := units.Length(length, base[0].Measurement.Alternating)
	return func(yield func(*secondsTest) bool) {
		for some := range slices.Chunk(parts, partsAtOnce) {
			a := newUnitSeries(base, some, seconds, together)
			b := newUnitSeries(fresh, some, seconds, together)
			for i, part := range some {
				p := &secondsTest{scope: part, base: a[i], new: b[i], paired: together, chosen: chosen,
					figures: [2]*totals{totalsOf(base, part), totalsOf(fresh, part)}, resamples: resamples}
				for side, runs := range [][]Run{base, fresh} {
					for _, r := range runs {
						p.runs[side] = append(p.runs[side], totalsOf([]Run{r}, part))
					}
				}
				if !yield(p) {
					return
				}
			}
		}
	}
}

// draw estimates everything.
func (p *secondsTest) draw() {
	p.prepare()
	p.plan()
	p.chooseBlocks()
	p.bootstrap(rand.New(rand.NewPCG(1, 2))) // the same runs give the same result
	for _, e := range p.all() {
		p.betweenRuns(e)
	}
}

// shiftsBySeconds adds the shift functions of runs whose figures are compared
// otherwise: they take the seconds.
func (c *Comparison) shiftsBySeconds(base, fresh []Run, parts []scope, chosen []metricSpec) {
	chosen = slices.DeleteFunc(slices.Clone(chosen), func(m metricSpec) bool { return m.kind != shape })
	for p := range secondsTests(base, fresh, parts, chosen, 1000) {
		if min(p.base.drawn, p.new.drawn) == 0 {
			return
		}
		p.draw()
		c.Shifts = append(c.Shifts, p.shifts()...)
	}
}

// betweenRuns makes an estimate of what is known of how runs of the same service differ, which their seconds
// do not tell: by the runs where there are enough of them, or by what the user says.
func (p *secondsTest) betweenRuns(e *estimate) {
	a, b := float64(len(p.runs[0])), float64(len(p.runs[1]))
	if freedom := a + b - 2; freedom >= runsFreedomMin {
		squares := 0.0
		var means [2]float64
		for side, runs := range p.runs {
			var values []float64
			for _, f := range runs {
				values = append(values, f.scaled(e.metricSpec))
			}
			d := stat.Deviation(values)
			squares += d * d * (float64(len(runs)) - 1)
			means[side] = stat.Mean(values)
		}
		e.byRuns = &byRunsEstimate{means: means, freedom: freedom,
			deviation: math.Sqrt(squares / freedom * (1/a + 1/b))}
	} else if between := p.options.Between; between > 0 && e.kind.times() {
		e.Widen(math.Log1p(between) * math.Sqrt(1/a+1/b))
	}
}

// runsFreedomMin is how many degrees of freedom runs take to tell how they differ: three earlier ones have so
// many.
const runsFreedomMin = 2

// byRunsEstimate is what whole runs tell of a change: the means of both sides, as they are scaled, and the
// standard error of their difference with its degrees of freedom.
type byRunsEstimate struct {
	means              [2]float64
	deviation, freedom float64
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

// result tests an estimate.
func (p *secondsTest) result(e *estimate) testResult {
	r := testResult{metricSpec: e.metricSpec, group: p.name, unit: p.figures[0].unit(e.metricSpec),
		base: p.figures[0].value(e.metricSpec), new: p.figures[1].value(e.metricSpec),
		change: p.figures[1].scaled(e.metricSpec) - p.figures[0].scaled(e.metricSpec)}
	if e.byRuns != nil {
		r.change = e.byRuns.means[1] - e.byRuns.means[0]
		r.base, r.new = r.unscaled(e.byRuns.means[0]), r.unscaled(e.byRuns.means[1])
	}
	if e.kind.times() {
		r.atLeast = [2]bool{p.figures[0].bound(e.metricSpec).AtLeast,
			p.figures[1].bound(e.metricSpec).AtLeast}
	}
	r.events = [2]stat.Proportion{p.figures[0].events(e.metricSpec), p.figures[1].events(e.metricSpec)}
	switch {
	case r.none():
		r.low, r.high = r.withoutEvents()
	case e.kind.share():
		r.low, r.high = stat.Difference(r.events[0], r.events[1], e.Deviation, e.Reach())
		if e.kind.higherIsBetter() { // and events are what is not good
			r.low, r.high = -r.high, -r.low
		}
	default:
		r.low, r.high = e.Interval(r.change)
	}
	p.describe(&r, e)
	p.test(&r, e)
	return r
}

// test makes the p-value of a result, and its interval no narrower than runs do.
func (p *secondsTest) test(r *testResult, e *estimate) {
	tested := r.tested(p.options)
	onlySchedules := e.kind == achievedRate && e.Deviation == 0 && p.base.stretch == p.new.stretch
	r.untestable = r.short || r.none() || onlySchedules
	if r.short {
		return
	}
	r.p = e.P(tested)
	if runs := e.byRuns; runs != nil && !r.none() {
		half := stat.StudentQuantile(0.025, runs.freedom) * runs.deviation
		r.low, r.high = min(r.low, r.change-half), max(r.high, r.change+half)
		if runs.deviation > 0 {
			r.p = max(r.p, 2*stat.StudentTail(math.Abs(tested)/runs.deviation, runs.freedom))
		}
	}
	if r.untestable {
		r.p = 1
	}
}

// describe adds what units and blocks were like, and whether there were enough.
func (p *secondsTest) describe(r *testResult, e *estimate) {
	if v := stat.Autocovariances(slices.Concat(e.Influence...), 1); len(v) > 1 {
		r.autocorrelation = stat.Ratio(v[1], v[0])
	}
	units := min(p.base.drawn, p.new.drawn)
	r.block = p.length
	r.length = time.Duration(units*p.base.Seconds) * time.Second
	unitsMin := stat.UnitsMin(p.length)
	r.lengthMin = time.Duration(unitsMin*p.base.Seconds) * time.Second
	if p.tooFew(r) {
		r.short, r.p = true, 1
		r.remark = "too few requests"
	} else if units < unitsMin {
		r.short, r.p = true, 1
		r.remark = fmt.Sprintf("the runs are too short: %d s of at least %d s", units*p.base.Seconds,
			unitsMin*p.base.Seconds)
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

// grid are the quantiles of the shift function.
var grid = []float64{0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8,
	0.85, 0.9, 0.95, 0.975, 0.99, 0.995, 0.999}

// beyondMin is how many requests have to lie beyond a quantile of the shift
// function, on each side.
const beyondMin = 20

// secondsTest is a part of both sides, ready to be drawn from.
type secondsTest struct {
	scope
	options       Options
	base, new     *unitSeries
	figures       [2]*totals
	runs          [2][]*totals         // of each run of a side
	tables        [2][2]*quantileTable // by response or service, then side
	sums          map[metricKind][2]ratioSums
	paired        bool
	length        int // of a block
	resamples     int
	grids         [2][]float64
	estimates     []*estimate
	shifted       [2][]*estimate // by response or service, along the grid
	chosen        []metricSpec
	quantilesOf   [2][]float64 // that are drawn, by response or service
	quantileIndex [2]map[float64]int
}

// ratioSums are two sums over the units.
type ratioSums struct{ above, below []float64 }

// estimate is how a figure's change was estimated. Its influence has one side's units after the
// other's where they are not paired.
type estimate struct {
	metricSpec
	stat.Resampled
	byRuns *byRunsEstimate // nil where there are too few
}

// wants says whether a part of the metrics is chosen.
func (p *secondsTest) wants(f func(metricSpec) bool) bool { return slices.ContainsFunc(p.chosen, f) }

// prepare makes the tables of what is compared.
func (p *secondsTest) prepare() {
	for i := range p.tables {
		if !p.wants(func(m metricSpec) bool { return m.kind.times() && m.service == (i == 1) }) {
			continue
		}
		times := func(s *unitSeries) [][]*measure.Histogram { return s.Response }
		if i == 1 {
			times = func(s *unitSeries) [][]*measure.Histogram { return s.Service }
		}
		p.tables[i][0], p.tables[i][1] = newTables(p.base, p.new, times,
			max(p.figures[0].longest(i), p.figures[1].longest(i)))
		p.grids[i] = p.gridOf(i)
	}
	errors, violations := (*measure.CountsOf[float64]).ErrorRate, (*measure.CountsOf[float64]).ViolationRate
	p.sums = map[metricKind][2]ratioSums{
		errorRate:     {p.base.shares(errors), p.new.shares(errors)},
		violationRate: {p.base.shares(violations), p.new.shares(violations)},
		goodput:       {p.base.shares(goodShare), p.new.shares(goodShare)},
		achievedRate:  {p.base.achieved(), p.new.achieved()},
	}
}

func goodShare(c *measure.CountsOf[float64]) measure.ShareOf[float64] {
	return measure.ShareOf[float64]{N: c.Good, Of: c.Scheduled}
}

// achieved is what was sent of what was due, or a second for a closed load.
func (s *unitSeries) achieved() ratioSums {
	below := s.numbers(func(c *measure.CountsOf[float64]) float64 { return c.Scheduled })
	if s.planned <= 0 {
		below = slices.Repeat([]float64{float64(s.Seconds)}, s.drawn)
	}
	sent := s.numbers((*measure.CountsOf[float64]).Sent)
	return ratioSums{stat.Cumulate(sent), stat.Cumulate(below)}
}

// gridOf are the quantiles that both sides have enough requests for.
func (p *secondsTest) gridOf(i int) []float64 {
	if !p.wants(func(m metricSpec) bool { return m.kind == shape && m.service == (i == 1) }) {
		return nil
	}
	n := math.Inf(1)
	for _, t := range p.tables[i] {
		n = math.Min(n, t.counts[t.units])
	}
	few := func(q float64) bool { return n*math.Min(q, 1-q) < beyondMin }
	return slices.DeleteFunc(slices.Clone(grid), few)
}

// plan lists what is estimated, with the units' influence on it.
func (p *secondsTest) plan() {
	for _, m := range p.chosen {
		if m.kind == shape {
			i := index(m)
			for _, q := range p.grids[i] {
				p.shifted[i] = append(p.shifted[i], p.newEstimate(metricSpec{service: m.service,
					kind: quantile, quantile: q}))
			}
		} else {
			p.estimates = append(p.estimates, p.newEstimate(m))
		}
	}
	for _, e := range p.all() {
		if i := index(e.metricSpec); e.kind == quantile && !slices.Contains(p.quantilesOf[i], e.quantile) {
			p.quantilesOf[i] = append(p.quantilesOf[i], e.quantile)
		}
	}
	for i := range p.quantilesOf {
		slices.Sort(p.quantilesOf[i])
		p.quantileIndex[i] = map[float64]int{}
		for k, q := range p.quantilesOf[i] {
			p.quantileIndex[i][q] = k
		}
	}
}

func index(m metricSpec) int {
	if m.service {
		return 1
	}
	return 0
}

func (p *secondsTest) all() []*estimate {
	return slices.Concat(p.estimates, p.shifted[0], p.shifted[1])
}

func (p *secondsTest) newEstimate(m metricSpec) *estimate {
	e := &estimate{metricSpec: m}
	a, noiseA := p.influence(m, 0)
	b, noiseB := p.influence(m, 1)
	if p.paired {
		for u := range a {
			b[u] -= a[u]
		}
		e.Influence, e.Sampling = [][]float64{b}, []float64{noiseA + noiseB}
	} else {
		for u := range a {
			a[u] = -a[u]
		}
		e.Influence, e.Sampling = [][]float64{a, b}, []float64{noiseA, noiseB}
	}
	return e
}

// influence is how much each unit moves a figure, and how much of its variance is sampling noise.
func (p *secondsTest) influence(m metricSpec, side int) (influence []float64, sampling float64) {
	switch m.kind {
	case quantile:
		return p.tables[index(m)][side].quantileInfluence(m.quantile)
	case average:
		return p.tables[index(m)][side].meanInfluence()
	default:
		r := p.sums[m.kind][side]
		above, below := stat.Steps(r.above), stat.Steps(r.below)
		if m.kind.share() {
			share := stat.Ratio(stat.Sum(above), stat.Sum(below))
			scale := max(stat.Mean(below), 1e-9)
			for u := range above {
				sampling += binomialVariance(above[u], below[u], share) / scale / scale / float64(len(above))
			}
		}
		return stat.RatioInfluence(above, below, m.kind == achievedRate), sampling
	}
}

// blocksMax bounds the work of a draw: more blocks would tell hardly more.
const blocksMax = 100

// chooseBlocks takes the median of the blocks that the figures ask for, up to
// an eighth of the units: fewer blocks could not be counted on. What is too
// short for one figure is corrected for it.
func (p *secondsTest) chooseBlocks() {
	lengths := []int{1}
	for _, e := range p.all() {
		if e.kind.times() {
			longest := 1
			for _, x := range e.Influence {
				longest = max(longest, min(stat.BlockLength(x), len(x)/8))
			}
			lengths = append(lengths, longest)
		}
	}
	slices.Sort(lengths)
	most := max(p.base.drawn, p.new.drawn)
	p.length = max(lengths[len(lengths)/2], (most+blocksMax-1)/blocksMax)
	for _, e := range p.all() {
		e.Correct(p.length)
	}
}

// bootstrap draws the units again in circular blocks, again and again.
func (p *secondsTest) bootstrap(random *rand.Rand) {
	var values [2][2][]float64
	whole := [2]stat.Stretches{stat.Whole(p.base.drawn), stat.Whole(p.new.drawn)}
	p.evaluate(whole, &values, func(e *estimate, change float64) { e.Estimate = change })
	for _, e := range p.all() {
		e.Replicas = make([]float64, 0, p.resamples)
	}
	var drawn [2]stat.Stretches
	for range p.resamples {
		drawn[0].Draw(random, p.base.drawn, p.length)
		if p.paired {
			drawn[1] = drawn[0]
		} else {
			drawn[1].Draw(random, p.new.drawn, p.length)
		}
		p.evaluate(drawn, &values, func(e *estimate, change float64) {
			e.Replicas = append(e.Replicas, change)
		})
	}
	for _, e := range p.all() {
		e.Measure()
	}
}

// evaluate hands out each estimate's change in what was drawn.
func (p *secondsTest) evaluate(drawn [2]stat.Stretches, values *[2][2][]float64, take func(*estimate,
	float64)) {
	for i := range p.tables {
		for s, t := range p.tables[i] {
			if t != nil && len(p.quantilesOf[i]) > 0 {
				values[i][s] = t.quantiles(drawn[s], p.quantilesOf[i], values[i][s][:0])
			}
		}
	}
	for _, e := range p.all() {
		i := index(e.metricSpec)
		switch e.kind {
		case quantile:
			k := p.quantileIndex[i][e.quantile]
			take(e, values[i][1][k]-values[i][0][k])
		case average:
			take(e, p.tables[i][1].mean(drawn[1])-p.tables[i][0].mean(drawn[0]))
		default:
			take(e, p.ratioOf(e.kind, 1, drawn[1])-p.ratioOf(e.kind, 0, drawn[0]))
		}
	}
}

func (p *secondsTest) ratioOf(k metricKind, side int, d stat.Stretches) float64 {
	r := p.sums[k][side]
	x := stat.Ratio(d.Total(r.above), d.Total(r.below))
	if k == achievedRate {
		s := []*unitSeries{p.base, p.new}[side]
		return logarithm(x * s.stretch)
	}
	return x
}
