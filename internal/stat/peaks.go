package stat

import "math"

// Peak is a heap of a density: its highest place, and where it begins and, exclusively, ends.
type Peak struct{ At, From, To int }

// valley is how much of the lower of two heaps a valley between them has at most.
const valley = 0.7

// Peaks smooths counts by a normal kernel with a bandwidth in places, and divides
// them at the valleys that are deep enough. There is at least one heap.
func Peaks(counts []float64, bandwidth int) []Peak {
	y := smooth(counts, bandwidth)
	all := []Peak{{}}
	lowest := 0 // since the last peak
	for i := range y {
		last := &all[len(all)-1]
		if y[i] < y[lowest] {
			lowest = i
		}
		switch {
		case y[i] > y[last.At] && y[lowest] > valley*y[last.At]:
			last.At, lowest = i, i // the same heap, higher up
		case y[lowest] <= valley*y[last.At] && y[lowest] <= valley*y[i]:
			last.To = lowest
			all = append(all, Peak{At: i, From: lowest})
			lowest = i
		}
	}
	all[len(all)-1].To = len(y)
	return all
}

func smooth(x []float64, bandwidth int) []float64 {
	y := make([]float64, len(x))
	for i := range x {
		for d := -3 * bandwidth; d <= 3*bandwidth; d++ {
			if j := i + d; j >= 0 && j < len(x) {
				y[i] += x[j] * math.Exp(-float64(d*d)/float64(2*bandwidth*bandwidth))
			}
		}
	}
	return y
}
