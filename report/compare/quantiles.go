package compare

import (
	"fmt"
	"math"
	"slices"
	"sort"
	"time"

	"mfaload/internal/stat"
	"mfaload/measure"
	"mfaload/report"
)

// quantileTable counts the times of a side by unit and bin, added up over both, so that
// what any stretch of units has below a bin is one subtraction.
type quantileTable struct {
	units, bins int
	// cumulated has at bin × (units + 1) + (units before) the number of times up
	// to and with that bin: what a search for a quantile reads lies together.
	cumulated []uint32
	// tops are the bins' upper ends and low the lower end of the first, as
	// logarithms of milliseconds.
	tops []float64
	low  float64
	// sums and counts are added up over the units; sums in milliseconds.
	sums, counts []float64
	// variances are those of the times within each unit, in square milliseconds.
	variances []float64
	// near are the bins of the quantiles that were last looked for.
	near []int
}

// newTables counts the response or the service times of two sides in the same bins. Who was never served,
// by unit, is in a bin above all times that ends at the longest that anybody waited.
func newTables(a, b *unitSeries, times func(*unitSeries) [][]*measure.Histogram,
	longest time.Duration) (*quantileTable, *quantileTable) {
	pooled := measure.NewHistogram()
	for _, s := range []*unitSeries{a, b} {
		for _, list := range times(s) {
			for _, h := range list {
				pooled.Merge(h)
			}
		}
	}
	ends, low := bins(pooled)
	lost := func(x float64) bool { return x > 0 }
	if slices.ContainsFunc(a.Lost, lost) || slices.ContainsFunc(b.Lost, lost) {
		ends = append(ends, max(longest, pooled.Max())+1)
	}
	if len(ends) == 0 { // nobody was served, and nobody waits: all were refused
		ends = []time.Duration{low}
	}
	return newTable(times(a), a.Lost, a.drawn, ends, low), newTable(times(b), b.Lost, b.drawn, ends, low)
}

// bins divides times so that each bin has at most an 800th of them, and at most
// a twentieth of what is longer: fine where percentiles are read.
func bins(pooled *measure.Histogram) (ends []time.Duration, low time.Duration) {
	left, inBin := float64(pooled.Count()), 0.0
	most := left / 800
	last := time.Duration(-1)
	for value, count := range pooled.Buckets {
		n := float64(count)
		if inBin > 0 && inBin+n > math.Min(most, left/20) {
			ends, inBin = append(ends, last), 0
		}
		inBin += n
		left -= n
		last = value
	}
	if last >= 0 {
		ends = append(ends, last)
	}
	return ends, pooled.Min()
}

// newTable counts what so many units have, each together with those so many behind it.
func newTable(all [][]*measure.Histogram, lost []float64, units int, ends []time.Duration,
	low time.Duration) *quantileTable {
	t := &quantileTable{units: units, bins: len(ends), low: logarithm(milliseconds(low)),
		cumulated: make([]uint32, (units+1)*len(ends)),
		sums:      make([]float64, units+1), counts: make([]float64, units+1),
		variances: make([]float64, units)}
	for _, e := range ends {
		t.tops = append(t.tops, logarithm(milliseconds(e)))
	}
	own := make([]uint32, len(ends))
	for u := range units {
		clear(own)
		n, total, squares := 0.0, 0.0, 0.0
		for of := u; of < len(all); of += units {
			for _, h := range all[of] {
				bin := 0
				for value, count := range h.Buckets {
					for bin < len(ends)-1 && ends[bin] < value {
						bin++
					}
					own[bin] += uint32(count)
					squares += float64(count) * milliseconds(value) * milliseconds(value)
				}
				total += 1000 * h.Sum()
				n += float64(h.Count())
			}
			if waiting := math.Round(lost[of]); lost[of] > 0 {
				longest := milliseconds(ends[len(ends)-1])
				own[len(own)-1] += uint32(waiting)
				total += lost[of] * longest
				squares += waiting * longest * longest
				n += waiting
			}
		}
		t.sums[u+1], t.counts[u+1] = t.sums[u]+total, t.counts[u]+n
		if n > 1 {
			t.variances[u] = max(squares-total*total/n, 0) / (n - 1)
		}
		sum := uint32(0)
		for k, n := range own {
			sum += n
			at := k*(t.units+1) + u
			t.cumulated[at+1] = t.cumulated[at] + sum
		}
	}
	return t
}

// upTo counts the drawn times up to and with a bin.
func (t *quantileTable) upTo(d stat.Stretches, bin int) (n int) {
	column := t.cumulated[bin*(t.units+1) : (bin+1)*(t.units+1)]
	for i, s := range d.Starts {
		n += int(column[d.Ends[i]] - column[s])
	}
	return n
}

// quantiles appends the logarithms of quantiles to dst. Between the ends of a
// bin a quantile is interpolated.
func (t *quantileTable) quantiles(d stat.Stretches, ps []float64, dst []float64) []float64 {
	if len(t.near) != len(ps) {
		t.near = make([]int, len(ps))
	}
	total := d.Total(t.counts)
	for i, p := range ps {
		t.near[i] = t.search(d, p*total, t.near[i])
		dst = append(dst, t.interpolate(d, t.near[i], p*total))
	}
	return dst
}

// search finds the first bin up to which there are as many drawn times as rank
// says, beginning at a bin that may be near.
func (t *quantileTable) search(d stat.Stretches, rank float64, near int) int {
	last := t.bins - 1
	reached := func(k int) bool { return k >= last || float64(t.upTo(d, k)) >= rank }
	low, high, step := near, near, 2
	if reached(near) {
		for low = near - 1; low >= 0 && reached(low); low = max(low-step, -1) {
			high, step = low, 2*step
		}
		low = max(low, -1) + 1
	} else {
		for high = near + 1; !reached(high); high = min(high+step, last) {
			low, step = high, 2*step
		}
		low++
	}
	return low + sort.Search(high-low, func(i int) bool { return reached(low + i) })
}

func (t *quantileTable) interpolate(d stat.Stretches, k int, rank float64) float64 {
	bottom, below := t.low, 0.0
	if k > 0 {
		bottom, below = t.tops[k-1], float64(t.upTo(d, k-1))
	}
	in := float64(t.upTo(d, k)) - below
	if in <= 0 {
		return t.tops[k]
	}
	return bottom + (t.tops[k]-bottom)*math.Min(1, math.Max(0, (rank-below)/in))
}

// mean is the logarithm of the drawn times' mean.
func (t *quantileTable) mean(d stat.Stretches) float64 {
	return logarithm(stat.Ratio(d.Total(t.sums), d.Total(t.counts)))
}

// quantileInfluence says how much each unit moves the logarithm of a quantile: the mean over the units is 0,
// and the variance of the mean is that of the quantile, to first order. Sampling is how much of the variance
// of a unit's influence is there because a unit has so few times.
func (t *quantileTable) quantileInfluence(p float64) (influence []float64, sampling float64) {
	all := stat.Whole(t.units)
	total := all.Total(t.counts)
	width := math.Min(0.02, math.Min(p, 1-p)/4)
	q := t.quantiles(all, []float64{p - width, p, p + width}, nil)
	k := min(sort.SearchFloat64s(t.tops, q[1]), t.bins-1)
	slope := stat.Ratio(2*width*total, q[2]-q[0])
	influence = make([]float64, t.units)
	if slope == 0 || total == 0 {
		return influence, 0
	}
	bottom := t.low
	if k > 0 {
		bottom = t.tops[k-1]
	}
	part := stat.Ratio(q[1]-bottom, t.tops[k]-bottom)
	scale := float64(t.units) / slope
	for u := range influence {
		unit := stat.Stretches{Starts: []int{u}, Ends: []int{u + 1}}
		below, upTo := 0.0, float64(t.upTo(unit, k))
		if k > 0 {
			below = float64(t.upTo(unit, k-1))
		}
		n := t.counts[u+1] - t.counts[u]
		below += part * (upTo - below)
		influence[u] = (p*n - below) * scale
		sampling += binomialVariance(below, n, p) * scale * scale / float64(t.units)
	}
	return influence, sampling
}

// binomialVariance is the variance of how many of n are counted, where so many were; of a single one, by the
// share that is to be expected.
func binomialVariance(count, n, share float64) float64 {
	switch {
	case n <= 0:
		return 0
	case n < 2:
		return n * share * (1 - share)
	}
	return count * (1 - count/n) * n / (n - 1)
}

// meanInfluence says the same of the logarithm of the mean.
func (t *quantileTable) meanInfluence() (influence []float64, sampling float64) {
	sums, counts := stat.Steps(t.sums), stat.Steps(t.counts)
	for u, n := range counts {
		sampling += n * t.variances[u] / float64(t.units)
	}
	if scale := stat.Mean(sums); scale > 0 {
		sampling /= scale * scale
	}
	return stat.RatioInfluence(sums, counts, true), sampling
}

// Shift is how the distribution of times moved, along its quantiles.
type Shift struct {
	Group string `json:"group,omitempty"`
	// Time is "response" or "service".
	Time   string          `json:"time"`
	Points []QuantileShift `json:"points"`
	// BaseModes and NewModes are around which times most requests are.
	BaseModes []Mode `json:"base_modes"`
	NewModes  []Mode `json:"new_modes"`
	// BaseStalls and NewStalls count the seconds in which half of the requests
	// took longer than three times the median of their run.
	BaseStalls int `json:"base_stalled_s"`
	NewStalls  int `json:"new_stalled_s"`
}

// QuantileShift is one quantile of both sides.
type QuantileShift struct {
	// Quantile is in percent.
	Quantile float64 `json:"quantile"`
	Base     float64 `json:"base_ms"`
	New      float64 `json:"new_ms"`
	// Change is in percent; Low and High are a band that holds all changes of
	// the function together with 95 %.
	Change float64 `json:"change"`
	Low    float64 `json:"low"`
	High   float64 `json:"high"`
}

// shapeResult tests whether any quantile moved, by the largest movement
// measured in its standard error.
func (p *secondsTest) shapeResult(m metricSpec) (testResult, bool) {
	list := p.shifted[index(m)]
	if len(list) == 0 {
		return testResult{}, false
	}
	together := largestOf(list)
	best, r := -1.0, testResult{}
	var at *estimate
	for _, e := range list {
		one := p.result(e)
		if t := e.Significance(one.tested(p.options)); t > best {
			best, r, at = t, one, e
		}
	}
	r.metricSpec, r.p = m, math.Max(r.p, together.P(best, at.Freedom))
	if best == 0 {
		r.p = 1
	}
	band := together.Reach(at.Freedom) * at.Deviation
	r.low, r.high = math.Min(r.low, r.change-band), math.Max(r.high, r.change+band)
	r.remark = joined(r.remark, mostAt(at.quantile))
	return r, true
}

func mostAt(q float64) string { return fmt.Sprintf("most at %g%% of the requests", 100*q) }

func joined(a, b string) string {
	if a == "" {
		return b
	}
	return a + "; " + b
}

func largestOf(list []*estimate) stat.Largest {
	together := make([]*stat.Resampled, len(list))
	for i, e := range list {
		together[i] = &e.Resampled
	}
	return stat.LargestOf(together)
}

// shifts are the shift functions of the part.
func (p *secondsTest) shifts() (all []Shift) {
	for i, list := range p.shifted {
		if len(list) == 0 {
			continue
		}
		s := Shift{Group: p.name, Time: []string{"response", "service"}[i], Points: []QuantileShift{}}
		together := largestOf(list)
		for _, e := range list {
			r := p.result(e)
			half := together.Reach(e.Freedom) * e.Deviation
			s.Points = append(s.Points, QuantileShift{Quantile: math.Round(100_000*e.quantile) / 1000,
				Base: r.base, New: r.new, Change: 100 * math.Expm1(r.change),
				Low:  100 * math.Expm1(math.Min(r.low, r.change-half)),
				High: 100 * math.Expm1(math.Min(math.Max(r.high, r.change+half), 20))})
		}
		h := [2]*measure.Histogram{p.figures[0].response, p.figures[1].response}
		units := [2][][]*measure.Histogram{p.base.Response, p.new.Response}
		if i == 1 {
			h = [2]*measure.Histogram{p.figures[0].service, p.figures[1].service}
			units = [2][][]*measure.Histogram{p.base.Service, p.new.Service}
		}
		s.BaseModes, s.NewModes = modes(h[0]), modes(h[1])
		s.BaseStalls, s.NewStalls = stalls(units[0], h[0])*p.base.Seconds, stalls(units[1],
			h[1])*p.new.Seconds
		all = append(all, s)
	}
	return all
}

// stalls counts the units in which the service stalled.
func stalls(units [][]*measure.Histogram, all *measure.Histogram) (n int) {
	limit := report.StallFactor * all.Percentile(50)
	for _, list := range units {
		count, long := uint64(0), uint64(0)
		for _, h := range list {
			count += h.Count()
			long += above(h, limit)
		}
		if report.Stalled(count, long) {
			n++
		}
	}
	return n
}

// above counts the times above a limit.
func above(h *measure.Histogram, limit time.Duration) (n uint64) {
	if h.Max() <= limit {
		return 0
	}
	for value, count := range h.Buckets {
		if value > limit {
			n += count
		}
	}
	return n
}

// Mode is a time around which many requests are.
type Mode struct {
	At float64 `json:"ms"`
	// Share is the part of the requests around it, up to the valleys, in percent.
	Share float64 `json:"share"`
}

// What makes a peak a mode of its own.
const (
	binWidth     = 0.05 // of the logarithm: 5 %
	bandwidth    = 3    // bins that the density is smoothed by
	modeShareMin = 0.01 // of all requests
)

// modes finds the modes of the logarithms of times, smoothed.
func modes(h *measure.Histogram) []Mode {
	all := []Mode{}
	if h.Count() < 100 {
		return all
	}
	low := logarithm(milliseconds(h.Min()))
	counts := make([]float64, int((logarithm(milliseconds(h.Max()))-low)/binWidth)+1)
	for value, n := range h.Buckets {
		k := int((logarithm(milliseconds(value)) - low) / binWidth)
		counts[max(0, min(k, len(counts)-1))] += float64(n)
	}
	total := float64(h.Count())
	for _, peak := range stat.Peaks(counts, bandwidth) {
		sum := 0.0
		for _, n := range counts[peak.From:peak.To] {
			sum += n
		}
		if sum >= modeShareMin*total {
			all = append(all, Mode{At: math.Exp(low + (float64(peak.At)+0.5)*binWidth),
				Share: 100 * sum / total})
		}
	}
	return all
}
