package capacity

import (
	"fmt"
	"math"
	"time"
)

// searchStep is what the next trial is to be.
type searchStep struct {
	rate float64
	// times is how many times as long as it needs.
	times int
	// min is how long it has to be at least; 0 where the limits alone say so.
	min time.Duration
}

// Steps of the search.
const (
	rampFactor = 2.0
	// downMax is how many times lower than before the next rate is after an
	// overload, at most.
	downMax = 4.0
	// lowestShare is how far below the first rate the search goes down.
	lowestShare = 1.0 / 64
	// same is how close two rates are that count as one, as a share of the
	// width that is looked for.
	same = 0.25
	// edge is how far an end of the final interval is from its middle, as a share
	// of the width.
	edge = 0.46
	// flank is how far from the middle a trial looks at one side of it, in widths.
	flank = 1.5
	// doublingsMax is how often trials get twice as long.
	doublingsMax = 3
)

const holds = "the highest rate that may be tried holds"

// nextStep is the next trial. It never goes further up than one step of the ramp from
// a rate that was reached.
func (s *search) nextStep() (n searchStep) {
	if len(s.found.Trials) == 0 {
		return searchStep{rate: float64(s.StartRate), times: 1}
	}
	top := s.ceiling()
	switch {
	case s.neverRecovers():
		s.found.Why = "the service did not get back to its former response time"
	case !s.broke():
		n = s.ramp(top)
	case s.reached() == 0:
		n = s.stepDown()
	default:
		n = s.narrow(top)
	}
	n.rate = min(n.rate, top)
	if reached := s.reached(); reached > 0 {
		n.rate = min(n.rate, rampFactor*reached)
	}
	return n
}

// broke says whether anything broke yet.
func (s *search) broke() bool {
	for _, t := range s.found.Trials {
		if t.Verdict == Break || s.undecidable(t.Rate) && s.odds(t.Rate) > 0 {
			return true
		}
	}
	return false
}

// passed is the highest rate that passed.
func (s *search) passed() (rate float64) {
	for _, t := range s.found.Trials {
		if t.Verdict == Pass {
			rate = max(rate, t.Rate)
		}
	}
	return rate
}

// reached is the highest rate that passed, or that ever longer trials could not
// decide about, as long as nothing suggests that it is too high.
func (s *search) reached() (rate float64) {
	rate = s.passed()
	for _, t := range s.found.Trials {
		if t.Rate > rate && s.undecidable(t.Rate) && s.odds(t.Rate) <= 0 {
			rate = t.Rate
		}
	}
	return rate
}

// undecidable says whether ever longer trials at a rate did not decide.
func (s *search) undecidable(rate float64) bool {
	n := 0
	for _, t := range s.found.Trials {
		if t.Verdict == Inconclusive && len(t.Doubts) == 0 && !t.Recovered.missed() &&
			sameRate(t.Rate, rate) {
			n++
		}
	}
	return n > doublingsMax
}

// repeat is another trial at the rate of the last one, where that told nothing:
// once where mfaload itself was at fault, and else ever longer ones.
func (s *search) repeat() (n searchStep, ok bool) {
	last := s.found.Trials[len(s.found.Trials)-1]
	tried := s.tried(last.Rate)
	switch {
	case last.Verdict != Inconclusive || last.Recovered.missed():
		return n, false
	case len(last.Doubts) > 0:
		return searchStep{rate: last.Rate, times: 1}, tried < 2
	}
	return searchStep{rate: last.Rate, times: 1 << min(tried, doublingsMax)}, !s.undecidable(last.Rate)
}

// ramp doubles the rate until something breaks, or until mfaload itself can't
// keep up.
func (s *search) ramp(top float64) searchStep {
	if n, ok := s.repeat(); ok {
		return n
	}
	reached := s.reached()
	switch {
	case reached == 0 || s.anyGeneratorLimited() && top <= reached*(1+s.Width):
		s.found.Why = "mfaload itself, or what it was given, could not do more"
	case s.anyGeneratorLimited() && reached*rampFactor > top:
		return searchStep{rate: math.Sqrt(reached * top), times: 1}
	case reached < top:
		return searchStep{rate: min(reached*rampFactor, top), times: 1}
	case s.holds(top):
		return s.settle(top, holds)
	}
	return searchStep{rate: top, times: 1 << min(s.tried(top), doublingsMax)}
}

// holds says whether it is sure enough that a rate is not too high.
func (s *search) holds(rate float64) bool { return probability(s.odds(rate)) <= 1-s.Confidence+1e-9 }

// stepDown steps down geometrically until something holds: to half of the lowest rate,
// or further where the service served less than that when it was overloaded.
func (s *search) stepDown() searchStep {
	if n, ok := s.repeat(); ok {
		return n
	}
	lowest := s.found.Trials[0]
	for _, t := range s.found.Trials {
		if t.Rate < lowest.Rate {
			lowest = t
		}
	}
	rate := lowest.Rate / rampFactor
	if lowest.Growing && lowest.Served > 0 {
		rate = max(min(rate, lowest.Served*(1-edge*s.Width)), lowest.Rate/downMax)
	}
	if rate < float64(s.StartRate)*lowestShare {
		s.found.Why = fmt.Sprintf("no rate was found that holds, down to %s", rateText(lowest.Rate))
	}
	return searchStep{rate: rate, times: 1}
}

// narrow closes in on the limit, which lies between rates that were tried.
func (s *search) narrow(top float64) searchStep {
	p := s.posterior()
	if w, sure := s.interval(p); sure && w.width() <= s.Width*(1+1e-9) {
		if below, above := s.trialsNear(w); below >= sideMin && above >= sideMin {
			return s.settle(w.low, "the interval has the requested width and confidence")
		}
	}
	if n := len(p.rates); n > 0 && p.above() >= s.Confidence && p.rates[n-1] >= float64(s.MaxRate)*(1-1e-9) {
		return s.settle(p.rates[n-1], holds)
	}
	rate, times, near := s.nearEstimate(p)
	if !near {
		rate, times = s.bisect(p, top)
	}
	return searchStep{rate: rate, times: times << min(s.tried(rate), doublingsMax)}
}

// sideMin is how many trials on each side of an interval's middle bear it out.
const sideMin = 2

// trialsNear counts the trials near an interval on both sides of its middle.
func (s *search) trialsNear(w rateWindow) (below, above int) {
	middle := (w.low + w.high) / 2
	for _, t := range s.found.Trials {
		switch away := t.At/middle - 1; {
		case len(t.Doubts) > 0 || t.Recovered.missed() || math.Abs(away) > flank*s.Width:
		case away < 0:
			below++
		default:
			above++
		}
	}
	return below, above
}

// settle ends the search where all limits are proved at a rate that holds, and
// else asks for what is missing.
func (s *search) settle(rate float64, why string) searchStep {
	missing := s.missing(rate)
	if missing == 0 {
		s.found.Settled, s.found.Why = true, why
		return searchStep{}
	}
	length := time.Duration(math.Ceil(missing/rate)) * time.Second
	if left := s.Budget - s.found.Took; s.Settle+s.Warmup+length > left || len(s.found.Trials) >= s.Trials {
		s.found.Why = "it would take more time or trials to judge rates of few events"
	}
	return searchStep{rate: rate, times: 1, min: length}
}

// bisect tries the middle of where the limit may be, or makes sure of an end of
// an interval that is narrow enough.
func (s *search) bisect(p *posterior, top float64) (rate float64, times int) {
	likely, ok := p.window(0.5)
	switch {
	case p.above() > 0.5:
		return top, 2
	case ok && likely.width() <= s.Width*(1+1e-9):
		rate = likely.low
		if 1-likely.mass-p.below(likely.low) > p.below(likely.low) {
			rate = likely.high
		}
		return s.stepAside(p, s.nearTried(p, rate)), 4
	}
	times = 1
	if ok && likely.width() <= 4*s.Width {
		times = 2
	}
	return s.stepAside(p, s.nearTried(p, p.quantile(0.5))), times
}

// nearEstimate tries an end of an interval around the estimate: the one whose
// side was tried for less time.
func (s *search) nearEstimate(p *posterior) (rate float64, times int, ok bool) {
	times = 3
	middle, ok := s.estimate(p)
	if !ok {
		if middle, ok = s.saturation(p); !ok {
			return 0, 0, false
		}
		times = 1
	}
	low, high := 0.0, 0.0
	for _, t := range s.found.Trials {
		switch away := (t.Rate/middle - 1) / s.Width; {
		case len(t.Doubts) > 0 || math.Abs(away) < same || math.Abs(away) > flank:
		case away < 0:
			low += float64(len(t.Seconds))
		default:
			high += float64(len(t.Seconds))
		}
	}
	if low <= high {
		return middle * (1 - edge*s.Width), times, true
	}
	return middle * (1 + edge*s.Width), times, true
}

// saturation is how much the service served when the lowest rate was too much for
// it. It only says where to look: what is to be fast has its limit below that, and
// what collapses above.
func (s *search) saturation(p *posterior) (rate float64, ok bool) {
	var lowest *Trial
	for _, t := range s.found.Trials {
		if t.Verdict == Break && t.Growing && t.Served > 0 && (lowest == nil || t.Rate < lowest.Rate) {
			lowest = t
		}
	}
	if lowest == nil || lowest.Served > lowest.Rate {
		return 0, false
	}
	return lowest.Served, lowest.Served > p.quantile(estimateTail) && lowest.Served < p.quantile(
		1-estimateTail)
}

// ceiling is the highest rate that may be tried: at most the one that a limit
// accepts, where refusals are to be avoided, and less than what mfaload could not
// do twice.
func (s *search) ceiling() (top float64) {
	top = float64(s.MaxRate)
	for _, t := range s.found.Trials {
		if r, ok := t.refusal(); ok && s.StopOn429 {
			top = min(top, r.accepted*(1-edge*s.Width))
		}
		if s.generatorLimited(t.Rate) {
			top = min(top, t.Rate*(1-s.Width/2))
		}
	}
	return top
}

// nearTried is the rate, or one next to it that was tried already.
func (s *search) nearTried(p *posterior, rate float64) float64 {
	nearest := rate
	for _, r := range p.rates {
		if d := math.Abs(r/rate - 1); d < same*s.Width && (nearest == rate || d < math.Abs(nearest/rate-1)) {
			nearest = r
		}
	}
	return nearest
}

// stepAside moves away from a rate that was tried again and again and is right at
// the limit: an interval around it is as good as one next to it.
func (s *search) stepAside(p *posterior, rate float64) float64 {
	if s.tried(rate) < 2 || math.Abs(s.odds(rate)) > oddsMax/2 {
		return rate
	}
	low, high := s.nearTried(p, rate*(1-edge*s.Width)), s.nearTried(p, rate*(1+edge*s.Width))
	if s.tried(low) > s.tried(high) || s.tried(low) == s.tried(high) && p.quantile(0.5) > rate {
		return high
	}
	return low
}
