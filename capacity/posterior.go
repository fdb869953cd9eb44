package capacity

import (
	"cmp"
	"math"
	"slices"

	"mfaload/internal/stat"
)

// posterior says where the highest rate that holds may be: between which of the
// rates that were tried. Before any trial all orders of magnitude are alike.
// The trials at a rate then make the rates above it, or those below, as much
// less likely as they may be wrong. No shape of the response times is assumed, only
// that what breaks at a rate breaks above it.
//
// Where trials differ each has a limit of its own, and tells of that: a rate close to
// the limit of them all may hold in one trial and break in the next. Then the cells are
// narrower than what lies between two rates.
type posterior struct {
	rates []float64 // that were tried, ascending; each one once
	edges []float64 // of the cells: the rates, with an end before and after
	mass  []float64 // of the cells
}

// newPosterior takes the odds of trials by their rates. Rates are from low to
// high; what lies beyond has the weight of a doubling on each side. Between is the
// standard deviation of the logarithm of the limits that the trials have; 0 is none.
func newPosterior(low, high float64, trials []*Trial, between float64) *posterior {
	p := &posterior{}
	looks := poolByRate(trials)
	for _, l := range looks {
		p.rates = append(p.rates, l.rate)
	}
	p.edges = append(p.edges, low/2)
	p.edges = append(p.edges, p.rates...)
	p.edges = append(p.edges, 2*high)
	if between > 0 {
		p.refine(between)
		looks = nil // each trial for itself: no two have the same limit
		for _, t := range trials {
			looks = append(looks, poolByRate([]*Trial{t})...)
		}
	}
	most := math.Inf(-1)
	for c := range len(p.edges) - 1 {
		log := math.Log(math.Log(p.edges[c+1] / p.edges[c]))
		for _, l := range looks {
			below := 0.0 // how likely it is that the trial's limit is below its rate
			if between > 0 {
				below = stat.NormalTail(math.Log(math.Sqrt(p.edges[c]*p.edges[c+1])/l.rate) / between)
			} else if l.rate >= p.edges[c+1] {
				below = 1
			}
			log += math.Log(below*probability(l.odds) + (1-below)*probability(-l.odds))
		}
		p.mass = append(p.mass, log)
		most = max(most, log)
	}
	total := 0.0
	for i, log := range p.mass {
		p.mass[i] = math.Exp(log - most)
		total += p.mass[i]
	}
	for i := range p.mass {
		p.mass[i] /= total
	}
	return p
}

// refine divides the cells next to the rates that were tried.
func (p *posterior) refine(between float64) {
	const steps, reach = 3, 15 // steps of a third of a deviation, five deviations to both sides
	first, last := p.edges[0], p.edges[len(p.edges)-1]
	for _, rate := range p.rates {
		for i := -reach; i <= reach; i++ {
			edge := rate * math.Exp(float64(i)*between/steps)
			if i != 0 && edge > first && edge < last {
				p.edges = append(p.edges, edge)
			}
		}
	}
	slices.Sort(p.edges)
	p.edges = slices.CompactFunc(p.edges, sameRate)
}

// quantile is the rate below which the limit lies with a probability.
func (p *posterior) quantile(q float64) float64 {
	for c, m := range p.mass {
		if q <= m || c == len(p.mass)-1 {
			share := min(q/max(m, 1e-300), 1)
			return p.edges[c] * math.Pow(p.edges[c+1]/p.edges[c], share)
		}
		q -= m
	}
	return 0
}

// below is how likely it is that the limit lies below a rate that was tried.
func (p *posterior) below(rate float64) (sum float64) {
	for c, m := range p.mass {
		if p.edges[c+1] <= rate*(1+1e-9) {
			sum += m
		}
	}
	return sum
}

// window is the narrowest interval between two edges next to rates that were tried in
// which the limit lies with a probability, or the widest where that is less sure.
func (p *posterior) window(confidence float64) (w rateWindow, ok bool) {
	inner := len(p.edges) - 2 // the last edge but one; the first and the last bound what was not tried
	for from := 1; from < inner; from++ {
		sum := 0.0
		for to := from + 1; to <= inner; to++ {
			sum += p.mass[to-1]
			c := rateWindow{p.edges[from], p.edges[to], sum}
			if sum >= confidence && (w.mass < confidence || c.width() < w.width()) || w.mass < confidence &&
				sum > w.mass {
				w = c
			}
			if sum >= confidence {
				break
			}
		}
	}
	return w, w.mass >= confidence
}

// above is how likely it is that the limit lies above all rates that were tried.
func (p *posterior) above() (sum float64) {
	for c, m := range p.mass {
		if len(p.rates) == 0 || p.edges[c] >= p.rates[len(p.rates)-1]*(1-1e-9) {
			sum += m
		}
	}
	return sum
}

// rateWindow is an interval of rates.
type rateWindow struct{ low, high, mass float64 }

// width is relative to the middle.
func (w rateWindow) width() float64 { return 2 * (w.high - w.low) / (w.high + w.low) }

// rateEvidence is what all trials at a rate say of it together.
type rateEvidence struct{ rate, odds float64 }

// poolByRate takes the trials at each rate together, by rate; those that count for
// nothing are left out. Their normal deviates are added, not their odds: a trial
// that says little says it with the same bias the next time, and four times
// "rather not" is no "certainly not". A long trial weighs more than a short one.
func poolByRate(trials []*Trial) (all []rateEvidence) {
	trials = slices.DeleteFunc(slices.Clone(trials), func(t *Trial) bool { return t.Broken == 0.5 })
	slices.SortStableFunc(trials, func(a, b *Trial) int { return cmp.Compare(a.At, b.At) })
	for len(trials) > 0 {
		n, z, squares := 0, 0.0, 0.0
		for ; n < len(trials) && trials[n].At <= trials[0].At*(1+1e-9); n++ {
			seconds := max(trials[n].Length.Seconds(), 1)
			z += stat.NormalQuantile(1-trials[n].Broken) * math.Sqrt(seconds)
			squares += seconds
		}
		z /= math.Sqrt(squares)
		all = append(all, rateEvidence{trials[0].At, logOdds(z)})
		trials = trials[n:]
	}
	return all
}

// oddsMax is the most that one trial says, in logarithmic odds: one in twenty
// times it may be wrong for reasons that it can't see, so that what matters is
// tried twice.
var oddsMax = math.Log(0.95 / 0.05)

func clampOdds(odds float64) float64 { return min(max(odds, -oddsMax), oddsMax) }

// oddsOf are the logarithmic odds of a normal deviate.
func oddsOf(z float64) float64 {
	return clampOdds(logOdds(z))
}

// logOdds are they where one trial may say anything: finite for any z.
func logOdds(z float64) float64 {
	const least = 1e-300
	return math.Log(max(stat.NormalTail(-z), least)) - math.Log(max(stat.NormalTail(z), least))
}

// probability of logarithmic odds.
func probability(odds float64) float64 { return 1 / (1 + math.Exp(-odds)) }
