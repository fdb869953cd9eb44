package capacity

import "math"

// posterior says where the highest rate that holds may be: between which of the
// rates that were tried. Before any trial all orders of magnitude are alike.
// The trials at a rate then make the rates above it, or those below, as much
// less likely as they may be wrong. No shape of the response times is assumed, only
// that what breaks at a rate breaks above it.
type posterior struct {
	rates []float64 // that were tried, ascending; each one once
	edges []float64 // of the cells: the rates, with an end before and after
	mass  []float64 // of the cells
}

// newPosterior takes the odds of trials by their rates. Rates are from low to
// high; what lies beyond has the weight of a doubling on each side.
func newPosterior(low, high float64, trials []*Trial) *posterior {
	p := &posterior{}
	looks := poolByRate(trials)
	for _, l := range looks {
		p.rates = append(p.rates, l.rate)
	}
	p.edges = append(p.edges, low/2)
	p.edges = append(p.edges, p.rates...)
	p.edges = append(p.edges, 2*high)
	most := math.Inf(-1)
	for c := range len(p.edges) - 1 {
		log := math.Log(math.Log(p.edges[c+1] / p.edges[c]))
		for _, l := range looks {
			if l.rate >= p.edges[c+1] { // a rate in the cell is below: this one breaks
				log += math.Log(probability(l.odds))
			} else {
				log += math.Log(probability(-l.odds))
			}
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
		if p.edges[c+1] <= rate {
			sum += m
		}
	}
	return sum
}

// rateWindow is the narrowest interval between two rates that were tried in which
// the limit lies with a probability, or the widest where that is less sure.
func (p *posterior) window(confidence float64) (w rateWindow, ok bool) {
	for from := range p.rates {
		sum := 0.0
		for to := from + 1; to < len(p.rates); to++ {
			sum += p.mass[to]
			c := rateWindow{p.rates[from], p.rates[to], sum}
			if sum >= confidence && (w.mass < confidence || c.width() < w.width()) || w.mass < confidence && sum > w.mass {
				w = c
			}
		}
	}
	return w, w.mass >= confidence
}

// above is how likely it is that the limit lies above all rates that were tried.
func (p *posterior) above() float64 { return p.mass[len(p.mass)-1] }

// rateWindow is an interval of rates.
type rateWindow struct{ low, high, mass float64 }

// width is relative to the middle.
func (w rateWindow) width() float64 { return 2 * (w.high - w.low) / (w.high + w.low) }
