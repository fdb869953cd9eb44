package capacity

import (
	"fmt"
	"math"

	"mfaload/internal/stat"
	"mfaload/scenario"
)

// conclude reads the interval off the trials.
func (s *search) conclude() *SearchResult {
	f := s.found
	if len(f.Trials) == 0 {
		return f
	}
	s.setInterval(s.posterior())
	if f.Low > 0 {
		f.Confidence = min(f.Confidence, s.proved(f.Low))
	}
	f.LimitedBy, f.Unproved, f.Limits = s.limit(), s.unprovedTexts(), s.limitIntervals()
	return f
}

// setInterval is the interval, and how sure it is: never surer than the trials at its ends,
// whatever the width of what was not tried.
func (s *search) setInterval(p *posterior) {
	f := s.found
	low, high := s.passed(), s.lowestBreak()
	if w, ok := s.lineWindow(p); ok {
		f.Low, f.High, f.Confidence = w.low, w.high, w.mass
		return
	}
	w, _ := p.window(s.Confidence)
	switch {
	case low == 0 && high == 0 || len(p.rates) == 0:
	case high == 0:
		f.Low, f.Confidence = low, s.heldAt(low)
	case low == 0:
		f.High, f.Confidence = high, s.brokeAt(high)
	case p.above() > max(w.mass, p.below(p.rates[0])):
		f.Low, f.Confidence = low, min(p.above(), s.heldAt(low))
	case p.below(p.rates[0]) > w.mass:
		f.High, f.Confidence = high, min(p.below(p.rates[0]), s.brokeAt(high))
	default:
		f.Low, f.High = w.low, w.high
		f.Confidence = min(w.mass, s.heldAt(f.Low), s.brokeAt(f.High))
	}
}

// heldAt is how sure the trials at a rate and above are that it holds, and brokeAt
// how sure those at a rate and below are that it does not: without the odds of rates
// that were not tried.
func (s *search) heldAt(rate float64) (sure float64) {
	for _, l := range poolByRate(s.found.Trials) {
		if l.rate >= rate*(1-1e-9) {
			sure = max(sure, probability(-l.odds))
		}
	}
	return sure
}

func (s *search) brokeAt(rate float64) (sure float64) {
	for _, l := range poolByRate(s.found.Trials) {
		if l.rate <= rate*(1+1e-9) {
			sure = max(sure, probability(l.odds))
		}
	}
	return sure
}

func (s *search) lowestBreak() (rate float64) {
	for _, t := range s.found.Trials {
		if t.Verdict == Break && (rate == 0 || t.At < rate) {
			rate = t.At
		}
	}
	return rate
}

// limit is what breaks at the lowest rate that breaks.
func (s *search) limit() string {
	var lowest *Trial
	for _, t := range s.found.Trials {
		if t.Verdict == Break && t.At >= s.found.Low*(1+1e-9) && (lowest == nil || t.At < lowest.At) {
			lowest = t
		}
	}
	switch {
	case lowest != nil:
		return lowest.By
	case s.anyGeneratorLimited():
		return LimitedByGenerator
	case s.passed() >= float64(s.MaxRate)*(1-1e-9):
		return LimitedByMaxRate
	}
	return LimitedByUnknown
}

// nearRate is what the trials that passed about a rate, or above it, say of a limit of
// a rate: how many requests it judges, and which share of them is over it.
func (s *search) nearRate(i int, rate float64) (share, requests float64) {
	over, of, effective := 0.0, 0.0, 0.0
	for _, t := range s.found.Trials {
		if t.Verdict != Pass || t.Rate < rate*(1-s.Width) || i >= len(t.Judged) {
			continue
		}
		for k := range t.Seconds {
			over, of = over+t.Seconds[k].Tallies[i].Over[atLimit], of+t.Seconds[k].Tallies[i].Of
		}
		effective += t.Judged[i].Effective
	}
	return over / max(of, 1), effective
}

// ofFewEvents says whether a limit is a share of requests above zero that may end
// badly: few do, so that it takes many requests to see that fewer do.
func (l *Criterion) ofFewEvents() bool {
	return !l.timed() && l.Metric != scenario.AchievedRate && l.Allowed > 0 && l.Allowed < 1
}

// missing is how many more requests near a rate it takes to prove its limits of
// rates. Where nothing happened that is the rule of three: of 3/x requests at least
// one would have ended badly, were the share x, with 95 %.
func (s *search) missing(rate float64) (most float64) {
	for i := range s.Limits {
		l := &s.Limits[i]
		if !l.ofFewEvents() {
			continue
		}
		share, n := s.nearRate(i, rate)
		needed := math.Log(1-s.Confidence) / math.Log1p(-l.Allowed)
		if share > 0 && stat.Excess(share, n, l.Allowed) > -stat.NormalQuantile(1-s.Confidence) {
			needed = math.Inf(1)
			if share < l.Allowed {
				z := stat.NormalQuantile(1 - s.Confidence)
				needed = z * z / 2 / (share*math.Log(share/l.Allowed) + (1-share)*math.Log(
					(1-share)/(1-l.Allowed)))
			}
		} else if share > 0 {
			needed = 0
		}
		most = max(most, math.Ceil(needed-n))
	}
	return min(most, 1e9)
}

// proved is how sure it is that a rate keeps the limits of rates.
func (s *search) proved(rate float64) (sure float64) {
	sure = 1
	for i := range s.Limits {
		if l := &s.Limits[i]; l.ofFewEvents() {
			share, n := s.nearRate(i, rate)
			if share > 0 {
				sure = min(sure, stat.NormalTail(stat.Excess(share, n, l.Allowed)))
			} else {
				sure = min(sure, -math.Expm1(n*math.Log1p(-l.Allowed)))
			}
		}
	}
	return sure
}

// unprovedTexts name the limits of rates that too few requests judge.
func (s *search) unprovedTexts() (all []string) {
	for i := range s.Limits {
		l := &s.Limits[i]
		if !l.ofFewEvents() || s.found.Low == 0 {
			continue
		}
		share, n := s.nearRate(i, s.found.Low)
		needed := math.Log(1-s.Confidence) / math.Log1p(-l.Allowed)
		if share == 0 && n < needed-1 {
			all = append(all, fmt.Sprintf("%s: nothing was over it in %.0f requests near %s, and it takes "+
				"%.0f to be sure (about 3 divided by the limit)",
				l.Name, n, rateText(s.found.Low), math.Ceil(needed)))
		}
	}
	return all
}

// Summarize is what trials tell before the search is at its end.
func Summarize(o SearchOptions, trials []*Trial) *SearchResult {
	s := &search{SearchOptions: o, found: &SearchResult{Why: "the search goes on, or was broken off"}}
	for _, t := range trials {
		s.add(t)
	}
	return s.conclude()
}
