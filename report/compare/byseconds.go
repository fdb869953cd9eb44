package compare

import (
	"cmp"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"mfaload/internal/stat"
	"mfaload/measure"
)

// bySeconds compares by drawing blocks of seconds anew.
func (c *Comparison) bySeconds(base, fresh []Run, parts []scope, chosen []metricSpec, o Options) (
	[]testResult, error) {
	seconds := max(unitSeconds(base), unitSeconds(fresh))
	resamples := cmp.Or(o.Resamples, resamplesFor(len(parts), chosen))
	var all []testResult
	for _, part := range parts {
		p := newSecondsTest(base, fresh, part, seconds, chosen, resamples)
		if part.group < 0 {
			c.Unit = Unit{Kind: "seconds", Seconds: seconds, Base: p.base.N, New: p.new.N,
				Paired: p.paired}
			if min(p.base.N, p.new.N) == 0 {
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

// How often seconds are drawn anew. It takes more draws to call one of many figures
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

func newSecondsTest(base, fresh []Run, part scope, seconds int, chosen []metricSpec,
	resamples int) *secondsTest {
	p := &secondsTest{scope: part, base: newUnitSeries(base, part, seconds), new: newUnitSeries(fresh, part,
		seconds),
		figures: [2]*totals{totalsOf(base, part), totalsOf(fresh, part)}, chosen: chosen,
		resamples: resamples}
	p.paired = len(base) == len(fresh) && p.base.N == p.new.N
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
		if min(p.base.N, p.new.N) == 0 {
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
			units := float64([]*unitSeries{p.base, p.new}[i].N) / float64(len(runs))
			x := e.Influence[min(i, len(e.Influence)-1)]
			var values []float64
			for _, r := range runs {
				values = append(values, totalsOf([]Run{r}, p.scope).scaled(e.metricSpec))
			}
			d := stat.Deviation(values)
			between += d * d * float64(len(runs)-1)
			variance, _ := stat.LongRunVariance(x, 0)
			within += variance / units * float64(len(runs)-1)
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
	r := testResult{metricSpec: e.metricSpec, group: p.name, base: p.figures[0].value(e.metricSpec),
		new:    p.figures[1].value(e.metricSpec),
		change: change, p: e.P(change)}
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
	units := min(p.base.N, p.new.N)
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
	base, new     *unitSeries
	figures       [2]*totals
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
}

// wants says whether a part of the metrics is chosen.
func (p *secondsTest) wants(f func(metricSpec) bool) bool { return slices.ContainsFunc(p.chosen, f) }

// prepare makes the tables of what is compared.
func (p *secondsTest) prepare() {
	for i := range p.tables {
		if !p.wants(func(m metricSpec) bool { return m.kind.times() && m.service == (i == 1) }) {
			continue
		}
		a, b := p.base.Response, p.new.Response
		if i == 1 {
			a, b = p.base.Service, p.new.Service
		}
		p.tables[i][0], p.tables[i][1] = newTables(a, b, p.base.Lost, p.new.Lost, max(p.figures[0].longest(i),
			p.figures[1].longest(i)))
		p.grids[i] = p.gridOf(i)
	}
	errors, violations := (*measure.CountsOf[float64]).ErrorRate, (*measure.CountsOf[float64]).ViolationRate
	p.sums = map[metricKind][2]ratioSums{
		errorRate:     {p.base.shares(errors), p.new.shares(errors)},
		violationRate: {p.base.shares(violations), p.new.shares(violations)},
		achievedRate:  {p.base.achieved(), p.new.achieved()},
	}
}

// achieved is what was sent of what was due, or a second for a closed load.
func (s *unitSeries) achieved() ratioSums {
	below := s.Numbers(func(c *measure.CountsOf[float64]) float64 { return c.Scheduled })
	if s.planned <= 0 {
		below = slices.Repeat([]float64{float64(s.Seconds)}, s.N)
	}
	sent := s.Numbers((*measure.CountsOf[float64]).Sent)
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
	return slices.DeleteFunc(slices.Clone(grid), func(q float64) bool {
		return n*math.Min(q,
			1-q) < beyondMin
	})
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
	a, b := p.influence(m, 0), p.influence(m, 1)
	if p.paired {
		for u := range a {
			b[u] -= a[u]
		}
		e.Influence = [][]float64{b}
	} else {
		for u := range a {
			a[u] = -a[u]
		}
		e.Influence = [][]float64{a, b}
	}
	return e
}

func (p *secondsTest) influence(m metricSpec, side int) []float64 {
	switch m.kind {
	case quantile:
		return p.tables[index(m)][side].quantileInfluence(m.quantile)
	case average:
		t := p.tables[index(m)][side]
		return stat.RatioInfluence(stat.Steps(t.sums), stat.Steps(t.counts), true)
	default:
		r := p.sums[m.kind][side]
		return stat.RatioInfluence(stat.Steps(r.above), stat.Steps(r.below), m.kind == achievedRate)
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
	most := max(p.base.N, p.new.N)
	p.length = max(lengths[len(lengths)/2], (most+blocksMax-1)/blocksMax)
	for _, e := range p.all() {
		e.Correct(p.length)
	}
}

// bootstrap draws the units anew in circular blocks, again and again.
func (p *secondsTest) bootstrap(random *rand.Rand) {
	var values [2][2][]float64
	whole := [2]stat.Stretches{stat.Whole(p.base.N), stat.Whole(p.new.N)}
	p.evaluate(whole, &values, func(e *estimate, change float64) { e.Estimate = change })
	for _, e := range p.all() {
		e.Replicas = make([]float64, 0, p.resamples)
	}
	var drawn [2]stat.Stretches
	for range p.resamples {
		drawn[0].Draw(random, p.base.N, p.length)
		if p.paired {
			drawn[1] = drawn[0]
		} else {
			drawn[1].Draw(random, p.new.N, p.length)
		}
		p.evaluate(drawn, &values, func(e *estimate, change float64) {
			e.Replicas = append(e.Replicas,
				change)
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
