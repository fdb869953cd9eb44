package compare

import (
	"math"
	"math/rand/v2"
	"slices"
)

// grid are the quantiles of the shift function.
var grid = []float64{0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95, 0.975, 0.99, 0.995, 0.999}

// leastBeyond is how many requests have to lie beyond a quantile of the shift
// function, on each side.
const leastBeyond = 20

// pair is a part of both sides, ready to be drawn from.
type pair struct {
	part
	base, new     *series
	figures       [2]*figures
	tables        [2][2]*table // by response or service, then side
	sums          map[kind][2]ratio
	paired        bool
	length        int // of a block
	resamples     int
	grids         [2][]float64
	estimates     []*estimate
	shifted       [2][]*estimate // by response or service, along the grid
	chosen        []metric
	quantilesOf   [2][]float64 // that are drawn, by response or service
	quantileIndex [2]map[float64]int
}

// ratio are two sums over the units.
type ratio struct{ above, below []float64 }

// estimate is how a figure's change was estimated.
type estimate struct {
	metric
	center    float64   // the change in all units
	influence []float64 // of units on it; one side's after the other's where not paired
	inflation float64   // what the block bootstrap is too narrow by
	freedom   float64
	replicas  []float64 // changes in units drawn anew
	spread    float64   // standard error
}

// wants says whether a part of the metrics is chosen.
func (p *pair) wants(f func(metric) bool) bool { return slices.ContainsFunc(p.chosen, f) }

// prepare makes the tables of what is compared.
func (p *pair) prepare() {
	for i := range p.tables {
		if !p.wants(func(m metric) bool { return m.kind.times() && m.service == (i == 1) }) {
			continue
		}
		a, b := p.base.response, p.new.response
		if i == 1 {
			a, b = p.base.service, p.new.service
		}
		p.tables[i][0], p.tables[i][1] = newTables(a, b, p.base.lost, p.new.lost, max(p.figures[0].longest(i), p.figures[1].longest(i)))
		p.grids[i] = p.gridOf(i)
	}
	p.sums = map[kind][2]ratio{
		errorRate:     {{added(p.base.unexpected), added(p.base.judged)}, {added(p.new.unexpected), added(p.new.judged)}},
		violationRate: {{added(p.base.violating), added(p.base.sent)}, {added(p.new.violating), added(p.new.sent)}},
		achievedRate:  {p.base.achieved(), p.new.achieved()},
	}
}

// achieved is what was sent of what was due, or a second for a closed load.
func (s *series) achieved() ratio {
	if s.planned > 0 {
		return ratio{added(s.sent), added(s.due)}
	}
	seconds := make([]float64, s.units)
	for i := range seconds {
		seconds[i] = float64(s.seconds)
	}
	return ratio{added(s.sent), added(seconds)}
}

// gridOf are the quantiles that both sides have enough requests for.
func (p *pair) gridOf(i int) []float64 {
	if !p.wants(func(m metric) bool { return m.kind == shape && m.service == (i == 1) }) {
		return nil
	}
	n := math.Inf(1)
	for _, t := range p.tables[i] {
		n = math.Min(n, t.counts[t.units])
	}
	return slices.DeleteFunc(slices.Clone(grid), func(q float64) bool { return n*math.Min(q, 1-q) < leastBeyond })
}

// plan lists what is estimated, with the units' influence on it.
func (p *pair) plan() {
	for _, m := range p.chosen {
		if m.kind == shape {
			i := index(m)
			for _, q := range p.grids[i] {
				p.shifted[i] = append(p.shifted[i], p.newEstimate(metric{service: m.service, kind: quantile, quantile: q}))
			}
		} else {
			p.estimates = append(p.estimates, p.newEstimate(m))
		}
	}
	for _, e := range p.all() {
		if i := index(e.metric); e.kind == quantile && !slices.Contains(p.quantilesOf[i], e.quantile) {
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

func index(m metric) int {
	if m.service {
		return 1
	}
	return 0
}

func (p *pair) all() []*estimate {
	return slices.Concat(p.estimates, p.shifted[0], p.shifted[1])
}

func (p *pair) newEstimate(m metric) *estimate {
	e := &estimate{metric: m}
	a, b := p.influence(m, 0), p.influence(m, 1)
	if p.paired {
		for u := range a {
			e.influence = append(e.influence, b[u]-a[u])
		}
	} else {
		for u := range a {
			a[u] = -a[u]
		}
		e.influence = slices.Concat(a, b)
	}
	return e
}

func (p *pair) influence(m metric, side int) []float64 {
	switch m.kind {
	case quantile:
		return p.tables[index(m)][side].quantileInfluence(m.quantile)
	case average:
		t := p.tables[index(m)][side]
		return ratioInfluence(stepsOf(t.sums), stepsOf(t.counts), true)
	default:
		r := p.sums[m.kind][side]
		return ratioInfluence(stepsOf(r.above), stepsOf(r.below), m.kind == achievedRate)
	}
}

// sides are the parts of an influence that are drawn apart.
func (p *pair) sides(e *estimate) [][]float64 {
	if p.paired {
		return [][]float64{e.influence}
	}
	return [][]float64{e.influence[:p.base.units], e.influence[p.base.units:]}
}

// mostBlocks bounds the work of a draw: more blocks would tell hardly more.
const mostBlocks = 100

// chooseBlocks takes the median of the blocks that the figures ask for, up to
// an eighth of the units: fewer blocks could not be counted on. What is too
// short for one figure is corrected for it.
func (p *pair) chooseBlocks() {
	lengths := []int{1}
	for _, e := range p.all() {
		if e.kind.times() {
			longest := 1
			for _, x := range p.sides(e) {
				longest = max(longest, min(blockLength(x), len(x)/8))
			}
			lengths = append(lengths, longest)
		}
	}
	slices.Sort(lengths)
	most := max(p.base.units, p.new.units)
	p.length = max(lengths[len(lengths)/2], (most+mostBlocks-1)/mostBlocks)
	for _, e := range p.all() {
		e.correct(p.sides(e), p.length)
	}
}

// correct estimates what the block bootstrap is too narrow by, and how many
// degrees of freedom it has.
func (e *estimate) correct(sides [][]float64, length int) {
	wide, narrow, units := 0.0, 0.0, 0
	for _, x := range sides {
		n := float64(max(len(x), 1))
		l := min(length, max(len(x), 1))
		wide += longRunVariance(x) / n
		if len(x) > 0 {
			narrow += blockVariance(x, l) / n
		}
		units += len(x)
	}
	e.inflation = 1
	if narrow > 0 {
		e.inflation = math.Sqrt(math.Max(1, wide/narrow))
	}
	// The variance of blocks that overlap has two thirds of the variance of as
	// many that do not.
	e.freedom = math.Max(3, 1.5*float64(units)/float64(length))
}

// bootstrap draws the units anew in circular blocks, again and again.
func (p *pair) bootstrap(random *rand.Rand) {
	var values [2][2][]float64
	whole := [2]draw{whole(p.base.units), whole(p.new.units)}
	p.evaluate(whole, &values, func(e *estimate, change float64) { e.center = change })
	for _, e := range p.all() {
		e.replicas = make([]float64, 0, p.resamples)
	}
	var drawn [2]draw
	for range p.resamples {
		drawn[0].blocks(random, p.base.units, p.length)
		if p.paired {
			drawn[1] = drawn[0]
		} else {
			drawn[1].blocks(random, p.new.units, p.length)
		}
		p.evaluate(drawn, &values, func(e *estimate, change float64) { e.replicas = append(e.replicas, change) })
	}
	for _, e := range p.all() {
		e.spread = e.inflation * deviation(e.replicas)
	}
}

// blocks draws circular blocks until there are as many units as there were.
func (d *draw) blocks(random *rand.Rand, units, length int) {
	d.starts, d.ends = d.starts[:0], d.ends[:0]
	for left := units; left > 0; left -= length {
		start, n := random.IntN(units), min(length, left)
		end := min(start+n, units)
		d.starts, d.ends = append(d.starts, start), append(d.ends, end)
		if rest := n - (end - start); rest > 0 {
			d.starts, d.ends = append(d.starts, 0), append(d.ends, rest)
		}
	}
}

// evaluate hands out each estimate's change in what was drawn.
func (p *pair) evaluate(drawn [2]draw, values *[2][2][]float64, take func(*estimate, float64)) {
	for i := range p.tables {
		for s, t := range p.tables[i] {
			if t != nil && len(p.quantilesOf[i]) > 0 {
				values[i][s] = t.quantiles(drawn[s], p.quantilesOf[i], values[i][s][:0])
			}
		}
	}
	for _, e := range p.all() {
		i := index(e.metric)
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

func (p *pair) ratioOf(k kind, side int, d draw) float64 {
	r := p.sums[k][side]
	x := share(d.total(r.above), d.total(r.below))
	if k == achievedRate {
		s := []*series{p.base, p.new}[side]
		return logarithm(x * s.stretch)
	}
	return x
}

func deviation(x []float64) float64 {
	m, sum := mean(x), 0.0
	for _, v := range x {
		sum += (v - m) * (v - m)
	}
	return math.Sqrt(sum / float64(max(len(x)-1, 1)))
}
