package compare

import (
	"fmt"
	"math"
)

// events is how often something happened to so many requests.
type events struct{ count, of float64 }

// events are those that a rate counts; none for other metrics.
func (f *figures) events(m metric) events {
	switch m.kind {
	case errorRate:
		return events{f.judged - f.expected, f.judged}
	case violationRate:
		return events{f.violating, f.answered}
	}
	return events{}
}

// ruleOfThree is how many requests without an event exclude a share, times the share,
// with 95 %: of so many with that share none would have had it in one case of twenty.
const ruleOfThree = 3

// excludes is the share that requests without an event exclude.
func excludes(requests float64) float64 { return min(ruleOfThree/max(requests, 1), 1) }

// toExclude is how many requests without an event exclude a share.
func toExclude(share float64) float64 {
	if share <= 0 || share >= 1 {
		return 0
	}
	return math.Ceil(ruleOfThree/share - 1e-6)
}

// none says whether the metric is a rate of something that happened on neither
// side.
func (r *result) none() bool {
	return r.kind.share() && r.events[0].count == 0 && r.events[1].count == 0
}

// withoutEvents is the interval of a rate of something that happened on neither
// side.
func (r *result) withoutEvents() (low, high float64) {
	return -excludes(r.events[0].of), excludes(r.events[1].of)
}

// marginMax bounds the margin that a rate without events gets by default.
const marginMax = 0.01

// marginOf is the margin of the result. Where nobody gave one, that of a rate without
// events is what so many requests can exclude at all, up to a hundredth: a gate of
// a minute has to be able to become green.
func (r *result) marginOf(margins Margins) float64 {
	margin, given := margins.of(r.metric)
	if given || !r.none() || r.short {
		return margin
	}
	if can := excludes(r.events[1].of); can <= marginMax {
		return max(margin, can)
	}
	return margin
}

// difference is the interval of a difference of two shares by Newcombe's hybrid
// of Wilson's scores, of requests that are worth fewer independent ones: by how much
// the standard error is larger than theirs would be. It reaches z standard errors.
func difference(a, b events, spread, z float64) (low, high float64) {
	if a.of <= 0 || b.of <= 0 {
		return -1, 1
	}
	p, q := a.count/a.of, b.count/b.of
	inflation := 1.0
	if variance := p*(1-p)/a.of + q*(1-q)/b.of; variance > 0 {
		inflation = max(spread*spread/variance, 1)
	}
	pLow, pHigh := wilson(p, a.of/inflation, z)
	qLow, qHigh := wilson(q, b.of/inflation, z)
	return q - p - math.Hypot(q-qLow, pHigh-p), q - p + math.Hypot(qHigh-q, p-pLow)
}

// wilson is the score interval of a share of n requests.
func wilson(p, n, z float64) (low, high float64) {
	shrink := 1 + z*z/n
	middle := (p + z*z/(2*n)) / shrink
	half := z / shrink * math.Sqrt(p*(1-p)/n+z*z/(4*n*n))
	return max(middle-half, 0), min(middle+half, 1)
}

// rateRemarks say of the rates of the whole in which nothing happened what that
// excludes, where the margin was made to fit.
func (c *Comparison) rateRemarks(results []result, margins Margins) {
	for i := range results {
		r := &results[i]
		margin, _ := margins.of(r.metric)
		if r.group != "" || r.marginOf(margins) <= margin {
			continue
		}
		row := c.Rows[i]
		c.Remarks = append(c.Remarks, fmt.Sprintf(
			"%s: nothing happened to %.0f requests, which excludes an increase of more than %s (3 divided "+
				"by their number), and that is its margin; to exclude %s takes %.0f requests a run "+
				"(--margin %s=%g%% insists on it)",
			row.name(), r.events[1].of, row.margin(), Row{Margin: 100 * margin, points: true}.margin(),
			toExclude(margin), r.name, 100*margin))
	}
}
