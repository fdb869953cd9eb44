package compare

import (
	"math"

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
	valley    = 0.7  // of the lower heap is what the valley before it has at most
	leastHeap = 0.01 // of all requests
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
	density := smooth(counts)
	total := float64(h.Count())
	for _, peak := range peaks(density) {
		sum := 0.0
		for _, n := range counts[peak.from:peak.to] {
			sum += n
		}
		if sum >= leastHeap*total {
			all = append(all, Mode{At: math.Exp(low + (float64(peak.at)+0.5)*binWidth), Share: 100 * sum / total})
		}
	}
	return all
}

func smooth(x []float64) []float64 {
	y := make([]float64, len(x))
	for i := range x {
		for d := -3 * bandwidth; d <= 3*bandwidth; d++ {
			if j := i + d; j >= 0 && j < len(x) {
				y[i] += x[j] * math.Exp(-float64(d*d)/(2*bandwidth*bandwidth))
			}
		}
	}
	return y
}

// peak is a heap: its highest place and where it begins and ends.
type peak struct{ at, from, to int }

// peaks divides a density at its valleys that are deep enough.
func peaks(y []float64) []peak {
	all := []peak{{}}
	lowest := 0 // since the last peak
	for i := range y {
		last := &all[len(all)-1]
		if y[i] < y[lowest] {
			lowest = i
		}
		switch {
		case y[i] > y[last.at] && y[lowest] > valley*y[last.at]:
			last.at, lowest = i, i // the same heap, higher up
		case y[lowest] <= valley*y[last.at] && y[lowest] <= valley*y[i]:
			last.to = lowest
			all = append(all, peak{at: i, from: lowest})
			lowest = i
		}
	}
	all[len(all)-1].to = len(y)
	return all
}
