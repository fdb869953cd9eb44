package capacity

import (
	"cmp"
	"math"
	"slices"
)

// clue is what a trial shows of how far its rate is from the limit: the time
// that is judged, of the limit.
type clue struct{ rate, time, weight, broken float64 }

// near is up to how many times the limit, or which part of it, a time leads
// anywhere.
const near = 4

// estimate is where the limit seems to be, by what the trials next to it
// observed: the inverse of a time falls with the rate, in queues and by the
// Universal Scalability Law about as a straight line. It only says where to look:
// no interval rests on it.
func (s *search) estimate() (rate float64, ok bool) {
	if r, ok := s.refusal(); ok {
		return r.accepted, true
	}
	clues := s.clues()
	if len(clues) == 0 || !slices.ContainsFunc(clues, func(c clue) bool { return math.Abs(math.Log(c.time)) < nearest }) {
		return 0, false
	}
	if len(clues) == 1 {
		return clues[0].rate, math.Abs(logit(clues[0].broken)) < 0.99*mostOdds
	}
	var w, x, y, xx, xy float64
	for _, c := range clues {
		distance := 1/c.time - 1
		weight := c.weight / (0.01 + distance*distance)
		w, x, y = w+weight, x+weight*c.rate, y+weight*distance
		xx, xy = xx+weight*c.rate*c.rate, xy+weight*c.rate*distance
	}
	slope := (xy - x*y/w) / (xx - x*x/w)
	if !(slope < 0) { // noise: the closest one, then
		closest := slices.MinFunc(clues, func(a, b clue) int { return cmp.Compare(math.Abs(math.Log(a.time)), math.Abs(math.Log(b.time))) })
		return closest.rate, true
	}
	rate = x/w - y/w/slope
	beyond := 1 + reach*s.Width
	return rate, rate > clues[0].rate/beyond && rate < clues[len(clues)-1].rate*beyond
}

// nearest is how near to the limit one of the times has to be, as a logarithm.
const nearest = 0.5

// reach is how far beyond the trials the estimate may lie, in widths: with few
// requests in flight the line is none.
const reach = 1.5

// clues are those of the trials near the limit, by their rates.
func (s *search) clues() (all []clue) {
	for _, t := range s.found.Trials {
		for _, j := range t.Judged {
			if j.Limit != t.By || !(j.Quantile > 0) {
				continue
			}
			if time := j.Quantile / j.Over; time < near && time > 1.0/near {
				all = append(all, clue{t.Rate, time, math.Sqrt(j.Effective + 1), t.Broken})
			}
		}
	}
	slices.SortFunc(all, func(a, b clue) int { return cmp.Compare(a.rate, b.rate) })
	return all
}
