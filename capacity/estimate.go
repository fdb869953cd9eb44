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
		if r, is := s.meets(i, p.quantile(0.5)); is && (!ok || r < rate) {
			rate, ok = r, true
		}
	}
	return min(max(rate, p.quantile(unlikely)), p.quantile(1-unlikely)), ok
}

// unlikely is how likely the limit has to be beyond an estimate at least.
const unlikely = 0.05

// meets is where the i-th limit seems to be met; false where few trials tell.
func (s *search) meets(i int, around float64) (rate float64, ok bool) {
	for range 3 {
		l := line{points: s.points(i, around)}
		if len(l.points) < leastLooks {
			return 0, false
		}
		if l.fit(); !(l.slope < 0) { // noise: the closest one, then
			closest := slices.MinFunc(l.points, func(a, b point) int { return cmp.Compare(a.distance(), b.distance()) })
			return closest.rate, closest.distance() < nearest
		}
		byRate := func(a, b point) int { return cmp.Compare(a.rate, b.rate) }
		least, most := slices.MinFunc(l.points, byRate).rate, slices.MaxFunc(l.points, byRate).rate
		around = min(max(l.crossing, least*(1-s.Width)), most*(1+s.Width))
	}
	return around, true
}

const (
	// leastLooks is how many trials an estimate takes.
	leastLooks = 3
	// nearest is how near to the limit one of the times has to be, as a logarithm.
	nearest = 0.5
)

func (p point) distance() float64 { return math.Abs(math.Log(p.inverse)) }
