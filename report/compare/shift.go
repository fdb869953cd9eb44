package compare

import (
	"fmt"
	"math"
	"time"

	"mfaload/internal/stat"
	"mfaload/measure"
	"mfaload/report"
)

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
