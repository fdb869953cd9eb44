package compare

import (
	"slices"

	"mfaload/internal/stat"
)

// byRuns compares the figures of whole runs.
func byRuns(base, fresh []Run, parts []scope, chosen []metricSpec) []testResult {
	var all []testResult
	var values [][]float64
	for _, p := range parts {
		var figures []*totals
		for _, r := range slices.Concat(base, fresh) {
			figures = append(figures, totalsOf([]Run{r}, p))
		}
		for _, m := range chosen {
			if m.kind == shape {
				continue // it takes the seconds of a run
			}
			var scaled, shown []float64
			var censored [2]bool
			nobody := false
			for i, f := range figures {
				nobody = nobody || m.kind.times() && f.waited(m) == 0
				scaled, shown = append(scaled, f.scaled(m)), append(shown, f.value(m))
				if i < len(base) {
					censored[0] = censored[0] || f.bound(m).AtLeast
				} else {
					censored[1] = censored[1] || f.bound(m).AtLeast
				}
			}
			r := testResult{metricSpec: m, group: p.name, base: stat.Median(shown[:len(base)]),
				new: stat.Median(shown[len(base):]), atLeast: censored}
			r.change, r.low, r.high = stat.HodgesLehmann(scaled[:len(base)], scaled[len(base):], 0.95)
			r.events = [2]stat.Proportion{eventsOf(figures[:len(base)], m), eventsOf(figures[len(base):], m)}
			if nobody {
				r.short, r.remark = true, "too few requests"
			}
			if r.none() {
				r.low, r.high = r.withoutEvents()
			}
			r.autocorrelation = autocorrelation(scaled[:len(base)], scaled[len(base):])
			all, values = append(all, r), append(values, scaled)
		}
	}
	if len(all) == 0 {
		return nil
	}
	p, corrected := stat.MannWhitney(values, len(base))
	for i := range all {
		all[i].p, all[i].corrected = p[i], corrected[i]
	}
	return all
}

// eventsOf adds up those of runs.
func eventsOf(all []*totals, m metricSpec) (sum stat.Proportion) {
	for _, f := range all {
		e := f.events(m)
		sum.Count, sum.Of = sum.Count+e.Count, sum.Of+e.Of
	}
	return sum
}

// autocorrelation is that of neighbouring runs, in the order in which they were
// named, around the mean of their side.
func autocorrelation(sides ...[]float64) float64 {
	var with, own float64
	for _, x := range sides {
		if r := stat.Autocovariances(x, 1); len(r) > 1 {
			own += r[0] * float64(len(x))
			with += r[1] * float64(len(x))
		}
	}
	return stat.Ratio(with, own)
}
