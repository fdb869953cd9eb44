package capacity

import (
	"cmp"
	"math"
	"slices"
)

// estimate is where the limit seems to be, by a line through the trials next to
// it. It only says where to look: no interval rests on it.
func (s *search) estimate(p *posterior) (rate float64, ok bool) {
	if r, ok := s.refusal(); ok {
		return r.accepted, true
	}
	for i := range s.Limits {
		if r, is := s.crossingOf(i, p.quantile(0.5)); is && (!ok || r < rate) {
			rate, ok = r, true
		}
	}
	return min(max(rate, p.quantile(estimateTail)), p.quantile(1-estimateTail)), ok
}

// estimateTail is how likely the limit has to be beyond an estimate at least.
const estimateTail = 0.05

// crossingOf is where the i-th limit seems to be met; false where few trials tell.
func (s *search) crossingOf(i int, around float64) (rate float64, ok bool) {
	for range 3 {
		l := crossingLine{points: s.points(i, around)}
		if len(l.points) < estimateTrialsMin {
			return 0, false
		}
		if l.fit(); !(l.slope < 0) { // noise: the closest one, then
			closest := slices.MinFunc(l.points, func(a, b linePoint) int { return cmp.Compare(a.distance(), b.distance()) })
			return closest.rate, closest.distance() < nearest
		}
		byRate := func(a, b linePoint) int { return cmp.Compare(a.rate, b.rate) }
		least, most := slices.MinFunc(l.points, byRate).rate, slices.MaxFunc(l.points, byRate).rate
		around = min(max(l.crossing, least*(1-s.Width)), most*(1+s.Width))
	}
	return around, true
}

const (
	// estimateTrialsMin is how many trials an estimate takes.
	estimateTrialsMin = 3
	// nearest is how near to the limit one of the times has to be, as a logarithm.
	nearest = 0.5
)

func (p linePoint) distance() float64 { return math.Abs(math.Log(p.inverse)) }
