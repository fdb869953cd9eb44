package compare

import (
	"math"

	"mfaload/internal/stat"
	"mfaload/measure"
)

// Mode is where times heap up.
type Mode struct {
	At float64 `json:"ms"`
	// Share is the part of the requests around it, up to the valleys, in percent.
	Share float64 `json:"share"`
}

// What makes a heap a mode of its own.
const (
	binWidth  = 0.05 // of the logarithm: 5 %
	bandwidth = 3    // bins that the density is smoothed by
	heapMin   = 0.01 // of all requests
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
		if sum >= heapMin*total {
			all = append(all, Mode{At: math.Exp(low + (float64(peak.At)+0.5)*binWidth), Share: 100 * sum / total})
		}
	}
	return all
}
