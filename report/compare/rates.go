package compare

import (
	"fmt"

	"mfaload/internal/stat"
)

// events are those that a rate counts; none for other metrics.
func (f *totals) events(m metricSpec) stat.Proportion {
	share := f.share(m)
	return stat.Proportion{Count: float64(share.N), Of: float64(share.Of)}
}

// none says whether the metric is a rate of something that happened on neither
// side.
func (r *testResult) none() bool {
	return r.kind.share() && r.events[0].Count == 0 && r.events[1].Count == 0
}

// withoutEvents is the interval of a rate of something that happened on neither
// side.
func (r *testResult) withoutEvents() (low, high float64) {
	return -stat.Excludes(r.events[0].Of), stat.Excludes(r.events[1].Of)
}

// marginMax bounds the margin that a rate without events gets by default.
const marginMax = 0.01

// marginOf is the margin of the result. Where nobody gave one, that of a rate without
// events is what so many requests can exclude at all, up to a hundredth: a gate of
// a minute has to be able to become green.
func (r *testResult) marginOf(margins Margins) float64 {
	margin, given := margins.of(r.metricSpec)
	if given || !r.none() || r.short {
		return margin
	}
	if can := stat.Excludes(r.events[1].Of); can <= marginMax {
		return max(margin, can)
	}
	return margin
}

// rateRemarks say of the rates of the whole in which nothing happened what that
// excludes, where the margin was made to fit.
func (c *Comparison) rateRemarks(results []testResult, margins Margins) {
	for i := range results {
		r := &results[i]
		margin, _ := margins.of(r.metricSpec)
		if r.group != "" || r.marginOf(margins) <= margin {
			continue
		}
		row := c.Rows[i]
		c.Remarks = append(c.Remarks, fmt.Sprintf(
			"%s: nothing happened to %.0f requests, which excludes an increase of more than %s (3 divided "+
				"by their number), and that is its margin; to exclude %s takes %.0f requests a run "+
				"(--margin %s=%g%% insists on it)",
			row.name(), r.events[1].Of, row.margin(), MetricRow{Margin: 100 * margin, points: true}.margin(),
			stat.ToExclude(margin), r.name, 100*margin))
	}
}
