package capacity

import (
	"context"
	"fmt"
	"math"
	"slices"
	"time"
)

// Search looks for the highest rate that keeps the limits. It returns what it
// found so far with an error too, as when the context ends.
func Search(ctx context.Context, o Options, try Try) (*Found, error) {
	s := &search{Options: o, found: &Found{}}
	for _, t := range o.Recorded {
		s.add(t)
	}
	for {
		ask, more := s.next()
		if !more {
			return s.conclude(), nil
		}
		outcome, err := try(ctx, ask)
		if err != nil {
			s.found.Why = "it was stopped"
			return s.conclude(), err
		}
		s.add(Judge(ask, outcome, o.Limits))
		if outcome.Interrupted {
			s.found.Why = "it was interrupted"
			return s.conclude(), ctx.Err()
		}
	}
}

// search is one that is under way.
type search struct {
	Options
	found *Found
}

func (s *search) add(t *Trial) {
	s.stopAt(t)
	s.found.Trials = append(s.found.Trials, t)
	s.found.Took += t.Settle + t.Warmup + time.Duration(len(t.Seconds))*time.Second
}

// next is the next trial, or the reason why there is none.
func (s *search) next() (a Ask, more bool) {
	rate, double := s.rate()
	if s.found.Why != "" {
		return a, false
	}
	if len(s.found.Trials) >= s.Trials {
		s.found.Why = fmt.Sprintf("all %d trials were used", s.Trials)
		return a, false
	}
	a = Ask{Number: len(s.found.Trials) + 1, Rate: rate, Warmup: s.Warmup, Settle: s.Settle}
	if a.Number == 1 {
		a.Settle = 0
	}
	left := s.Budget - s.found.Took
	least := s.needed(rate)
	length := max(least*time.Duration(double), s.telling(rate))
	if r, ok := s.refusal(); ok {
		length = max(length, r.drains(rate))
	}
	// The later trials are worth more, and each gets its share of the time.
	share := left/time.Duration(min(s.Trials-len(s.found.Trials), fewTrials)) - a.Settle - a.Warmup
	a.Length = max(min(length, share), least).Truncate(time.Second)
	if a.Takes() > left {
		s.found.Why = fmt.Sprintf("the budget of %v was used", s.Budget)
		return a, false
	}
	if s.MaxRequests > 0 && s.requests(a) > float64(s.MaxRequests) {
		s.found.Why = fmt.Sprintf("more than the %d requests of load.maxRequests would be sent", s.MaxRequests)
		return a, false
	}
	return a, true
}

// requests are those of the trials so far and of another one.
func (s *search) requests(next Ask) (sum float64) {
	for _, t := range s.found.Trials {
		sum += t.Rate * (t.Warmup + t.Length).Seconds()
	}
	return sum + next.Rate*(next.Warmup+next.Length).Seconds()
}

// telling is how long a trial next to the limit has to be to tell half of what
// is allowed from what is, by what the trials at about the rate told.
func (s *search) telling(rate float64) (length time.Duration) {
	for _, t := range s.found.Trials {
		if math.Abs(t.Rate/rate-1) > 2*s.Width || len(t.Seconds) == 0 {
			continue
		}
		for _, j := range t.Judged {
			if j.Limit == t.By && j.Allowed > 0 && j.Over > 0 && j.Effective > 0 {
				seconds := halfTold / j.Allowed / j.Effective * float64(len(t.Seconds))
				length = max(length, time.Duration(min(seconds, s.Budget.Seconds())*1e9))
			}
		}
	}
	return length
}

// halfTold is how many independent requests tell half of a small share from the
// whole with odds of 19 to 1, times the share: 1.645² / (2·(½·ln ½ + ½)).
const halfTold = 8.8

// fewTrials are as many as it takes to make sure of an interval.
const fewTrials = 5

// needed is how long a trial takes at least at a rate: that of the scenario, or
// what its percentiles need. On the way up to the first break most trials are so
// far from a limit that fewer requests do.
func (s *search) needed(rate float64) time.Duration {
	if !s.broke() {
		return s.Trial
	}
	return max(s.Trial, Needed(s.Limits, rate))
}

// broke says whether anything broke yet.
func (s *search) broke() bool {
	return slices.ContainsFunc(s.found.Trials, func(t *Trial) bool { return t.Broken > 0.5 })
}

// beyond is how many requests are expected beyond a percentile in a trial.
const beyond = 50

// Needed is how long a trial has to be for the percentiles that it judges: 50
// requests beyond each, a thousand requests for a p95 and 5,000 for a p99.
func Needed(limits []Limit, rate float64) time.Duration {
	requests := 0.0
	for i := range limits {
		if l := &limits[i]; l.timed() && !l.Mean && l.Allowed > 0 {
			requests = max(requests, beyond/l.Allowed)
		}
	}
	return time.Duration(math.Ceil(requests/rate-1e-6)) * time.Second
}

// Steps of the search.
const (
	rampFactor = 2.0
	// same is how close two rates are that count as one, as a share of the
	// width that is looked for.
	same = 0.25
	// edge is how far an end of the final interval is from its middle, as a share
	// of the width.
	edge = 0.46
	// flank is how far from the middle a trial looks at one side of it, in widths.
	flank = 1.5
	// mostDoubles is how often trials get twice as long.
	mostDoubles = 3
)

// rate is the rate to try next, and how many times as long as it needs.
func (s *search) rate() (rate float64, times int) {
	trials := s.found.Trials
	if len(trials) == 0 {
		return float64(s.StartRate), 1
	}
	top := s.ceiling()
	if !s.broke() {
		return s.ramp(trials[len(trials)-1], top)
	}
	p := s.posterior()
	if w, sure := s.interval(p); sure && w.width() <= s.Width*(1+1e-9) {
		s.found.Settled, s.found.Why = true, "the interval is as narrow and as sure as it was asked for"
		return 0, 0
	}
	if n := len(p.rates); p.above() >= s.Confidence && p.rates[n-1] >= float64(s.MaxRate)*(1-1e-9) {
		s.found.Settled, s.found.Why = true, holds
		return 0, 0
	}
	rate, times, near := s.nearEstimate(p)
	if !near {
		rate, times = s.halve(p, top)
	}
	return min(rate, top), times << min(s.tried(rate), mostDoubles)
}

const holds = "the highest rate that may be tried holds"

// halve tries the middle of where the limit may be, or makes sure of an end of
// an interval that is narrow enough.
func (s *search) halve(p *posterior, top float64) (rate float64, times int) {
	likely, ok := p.window(0.5)
	switch {
	case p.above() > 0.5:
		return top, 2
	case ok && likely.width() <= s.Width*(1+1e-9):
		rate = likely.low
		if 1-likely.mass-p.below(likely.low) > p.below(likely.low) {
			rate = likely.high
		}
		return s.unstick(p, rate), 4
	}
	times = 1
	if ok && likely.width() <= 4*s.Width {
		times = 2
	}
	return s.unstick(p, s.snap(p, p.quantile(0.5))), times
}

// nearEstimate tries an end of an interval around the estimate: the one whose
// side was looked at for less time.
func (s *search) nearEstimate(p *posterior) (rate float64, times int, ok bool) {
	middle, ok := s.estimate(p)
	if !ok {
		return 0, 0, false
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
		return middle * (1 - edge*s.Width), 3, true
	}
	return middle * (1 + edge*s.Width), 3, true
}

// odds are those of all trials at a rate.
func (s *search) odds(rate float64) (odds float64) {
	for _, l := range pool(s.found.Trials) {
		if math.Abs(l.rate/rate-1) < 1e-9 {
			odds += l.odds
		}
	}
	return odds
}

// ramp doubles the rate until something breaks, or until mfaload itself can't
// keep up.
func (s *search) ramp(last *Trial, top float64) (rate float64, times int) {
	passed := s.passed()
	switch {
	case last.Verdict == Inconclusive && s.tried(last.Rate) < 2 || last.Verdict == Inconclusive && len(last.Doubts) == 0:
		return min(last.Rate, top), 1 << min(s.tried(last.Rate), mostDoubles)
	case passed == 0 || s.outrun() && top <= passed*(1+s.Width):
		s.found.Why = "mfaload itself, or what it was given, could not do more"
		return 0, 0
	case s.outrun() && passed*rampFactor > top:
		return math.Sqrt(passed * top), 1
	case passed < top:
		return min(passed*rampFactor, top), 1
	case s.posterior().below(passed) <= 1-s.Confidence:
		s.found.Settled, s.found.Why = true, holds
		return 0, 0
	}
	return top, 1 << min(s.tried(top), mostDoubles)
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

// ceiling is the highest rate that may be tried: at most the one that a limit
// accepts, where refusals are to be avoided, and less than what mfaload could not
// do twice.
func (s *search) ceiling() (top float64) {
	top = float64(s.MaxRate)
	for _, t := range s.found.Trials {
		if r, ok := t.refusal(); ok && s.StopOn429 {
			top = min(top, r.accepted*(1-edge*s.Width))
		}
		if s.doubted(t.Rate) {
			top = min(top, t.Rate*(1-s.Width/2))
		}
	}
	return top
}

// doubted says whether mfaload itself was at fault at a rate again and again.
func (s *search) doubted(rate float64) bool {
	n := 0
	for _, t := range s.found.Trials {
		if len(t.Doubts) > 0 && math.Abs(t.Rate/rate-1) < 1e-9 {
			n++
		}
	}
	return n > 1
}

// outrun says whether there is such a rate.
func (s *search) outrun() bool {
	return slices.ContainsFunc(s.found.Trials, func(t *Trial) bool { return s.doubted(t.Rate) })
}

func (s *search) posterior() *posterior {
	low := float64(s.StartRate)
	for _, t := range s.found.Trials {
		low = min(low, t.Rate)
	}
	return newPosterior(low, float64(s.MaxRate), s.found.Trials)
}

// tried is how many trials there were at a rate.
func (s *search) tried(rate float64) (n int) {
	for _, t := range s.found.Trials {
		if math.Abs(t.Rate/rate-1) < 1e-9 {
			n++
		}
	}
	return n
}

// snap is the rate, or one next to it that was tried already.
func (s *search) snap(p *posterior, rate float64) float64 {
	nearest := rate
	for _, r := range p.rates {
		if d := math.Abs(r/rate - 1); d < same*s.Width && (nearest == rate || d < math.Abs(nearest/rate-1)) {
			nearest = r
		}
	}
	return nearest
}

// unstick moves away from a rate that was tried again and again and is right at
// the limit: an interval around it is as good as one beside it.
func (s *search) unstick(p *posterior, rate float64) float64 {
	if s.tried(rate) < 2 || math.Abs(s.odds(rate)) > mostOdds/2 {
		return rate
	}
	low, high := s.snap(p, rate*(1-edge*s.Width)), s.snap(p, rate*(1+edge*s.Width))
	if s.tried(low) > s.tried(high) || s.tried(low) == s.tried(high) && p.quantile(0.5) > rate {
		return high
	}
	return low
}

// interval is where the limit lies with the confidence that is asked for: by lines
// through the trials where they make some, else by their odds alone.
func (s *search) interval(p *posterior) (w window, sure bool) {
	if w, ok := s.lines(p); ok {
		return w, true
	}
	return p.window(s.Confidence)
}

// conclude reads the interval off the trials.
func (s *search) conclude() *Found {
	f := s.found
	if len(f.Trials) == 0 {
		return f
	}
	p := s.posterior()
	w, _ := s.interval(p)
	switch n := len(p.rates); {
	case n == 0:
		f.Confidence = 0
	case p.above() > max(w.mass, p.below(p.rates[0])):
		f.Low, f.Confidence = p.rates[n-1], p.above()
	case p.below(p.rates[0]) > w.mass:
		f.High, f.Confidence = p.rates[0], p.below(p.rates[0])
	default:
		f.Low, f.High, f.Confidence = w.low, w.high, w.mass
	}
	f.LimitedBy = s.limit()
	return f
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
	case s.outrun():
		return LimitedByGenerator
	default:
		return LimitedByMaxRate
	}
	return lowest.By
}
