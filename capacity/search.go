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
func Search(ctx context.Context, o SearchOptions, try RunTrial) (*SearchResult, error) {
	s := &search{SearchOptions: o, found: &SearchResult{}}
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
	SearchOptions
	found *SearchResult
}

func (s *search) add(t *Trial) {
	s.placeRefused(t)
	s.found.Trials = append(s.found.Trials, t)
	if s.found.Took += t.Settle; !t.Recovered.missed() {
		s.found.Took += t.Warmup + time.Duration(len(t.Seconds))*time.Second + t.Drained
	}
	if t.Recovered != nil {
		s.found.Took += t.Recovered.Took
	}
}

// next is the next trial, or the reason why there is none.
func (s *search) next() (a TrialSpec, more bool) {
	n := s.nextStep()
	if s.found.Why != "" {
		return a, false
	}
	if len(s.found.Trials) >= s.Trials {
		s.found.Why = fmt.Sprintf("all %d trials were used", s.Trials)
		return a, false
	}
	a = TrialSpec{Number: len(s.found.Trials) + 1, Rate: n.rate, Warmup: s.Warmup, Settle: s.Settle}
	if a.Number == 1 {
		a.Settle = 0
	}
	left := s.Budget - s.found.Took
	a.Length = s.length(n, left-a.Settle-a.Warmup)
	a.Recovery = s.recovery(left - a.TotalTime())
	if a.TotalTime() > left || a.Recovery != nil && a.Recovery.Max < recoveryMin {
		s.found.Why = fmt.Sprintf("the budget of %v was used", s.Budget)
		return a, false
	}
	if s.MaxRequests > 0 && s.requests(a) > float64(s.MaxRequests) {
		s.found.Why = fmt.Sprintf("more than the %d requests of load.maxRequests would be sent",
			s.MaxRequests)
		return a, false
	}
	return a, true
}

// length is how long the next trial is judged, of what is left of the budget.
func (s *search) length(n searchStep, left time.Duration) time.Duration {
	least := max(s.needed(n.rate), n.min)
	length := max(least*time.Duration(n.times), s.lengthToDecide(n.rate))
	if r, ok := s.refusal(); ok {
		length = max(length, r.untilRefused(n.rate))
	}
	// The later trials are worth more, and each gets its share of the time.
	spent := s.Settle + s.Warmup
	share := (left+spent)/time.Duration(min(s.Trials-len(s.found.Trials), trialsMin)) - spent
	return max(min(length, share), least).Truncate(time.Second)
}

// requests are those of the trials so far and of another one, and of what came
// before each.
func (s *search) requests(next TrialSpec) (sum float64) {
	for _, t := range s.found.Trials {
		if !t.Recovered.missed() {
			sum += t.Rate * (t.Warmup + t.Length).Seconds()
		}
		if t.Recovered != nil {
			sum += t.Recovered.Sent
		}
	}
	return sum + next.Rate*(next.Warmup+next.Length).Seconds() + next.Recovery.requests()
}

// lengthToDecide is how long a trial next to the limit has to be to tell half of what
// is allowed from what is, by what the trials at about the rate told.
func (s *search) lengthToDecide(rate float64) (length time.Duration) {
	for _, t := range s.found.Trials {
		if math.Abs(t.Rate/rate-1) > 2*s.Width || len(t.Seconds) == 0 {
			continue
		}
		for _, j := range t.Judged {
			if j.Limit == t.By && j.Allowed > 0 && (j.Over > 0 || j.Rate && !j.Open) && j.Effective > 0 {
				seconds := requestsToHalve / j.Allowed / j.Effective * float64(len(t.Seconds))
				length = max(length, time.Duration(min(seconds, s.Budget.Seconds())*1e9))
			}
		}
	}
	return length
}

// requestsToHalve is how many independent requests tell half of a small share from the
// whole with odds of 19 to 1, times the share: 1.645² / (2·(½·ln ½ + ½)).
const requestsToHalve = 8.8

// trialsMin are as many as it takes to make sure of an interval.
const trialsMin = 5

// needed is how long a trial takes at least at a rate: that of the scenario, or
// what its percentiles need. On the way up to the first break most trials are so
// far from a limit that fewer requests do; but the one at the top decides.
func (s *search) needed(rate float64) time.Duration {
	if !s.broke() && (rate < float64(s.MaxRate) || s.tried(rate) == 0) {
		return s.Trial
	}
	return max(s.Trial, LengthNeeded(s.Limits, rate))
}

// beyond is how many requests are expected beyond a percentile in a trial.
const beyond = 50

// LengthNeeded is how long a trial has to be for the percentiles that it judges: 50
// requests beyond each, a thousand requests for a p95 and 5,000 for a p99.
func LengthNeeded(limits []Criterion, rate float64) time.Duration {
	requests := 0.0
	for i := range limits {
		if l := &limits[i]; l.timed() && !l.Mean && l.Allowed > 0 {
			requests = max(requests, beyond/l.Allowed)
		}
	}
	return time.Duration(math.Ceil(requests/rate-1e-6)) * time.Second
}

func (s *search) posterior() *posterior {
	low := float64(s.StartRate)
	for _, t := range s.found.Trials {
		low = min(low, t.Rate)
	}
	p := newPosterior(low, float64(s.MaxRate), s.found.Trials, 0)
	if between := s.between(p.quantile(0.5)); between > 0 {
		p = newPosterior(low, float64(s.MaxRate), s.found.Trials, between)
	}
	return p
}

// between is how much trials differ, as the standard deviation of the logarithm of the rate
// that each would find, by what they say of the limit that tells most; 0 where too few tell.
func (s *search) between(around float64) (most float64) {
	for i := range s.Limits {
		l := crossingLine{points: s.points(i, around)}
		if len(l.points) >= pointsMin {
			l.fit()
			most = max(most, l.between)
		}
	}
	return most
}

// tried is how many trials there were at a rate.
func (s *search) tried(rate float64) (n int) {
	for _, t := range s.found.Trials {
		if sameRate(t.Rate, rate) && !t.Recovered.missed() {
			n++
		}
	}
	return n
}

func sameRate(a, b float64) bool { return math.Abs(a/b-1) < 1e-9 }

// odds are those of all trials at a rate.
func (s *search) odds(rate float64) (odds float64) {
	for _, l := range poolByRate(s.found.Trials) {
		if sameRate(l.rate, rate) {
			odds += l.odds
		}
	}
	return odds
}

// generatorLimited says whether mfaload itself was at fault at a rate again and again.
func (s *search) generatorLimited(rate float64) bool {
	n := 0
	for _, t := range s.found.Trials {
		if len(t.Doubts) > 0 && sameRate(t.Rate, rate) {
			n++
		}
	}
	return n > 1
}

// anyGeneratorLimited says whether there is such a rate.
func (s *search) anyGeneratorLimited() bool {
	return slices.ContainsFunc(s.found.Trials, func(t *Trial) bool { return s.generatorLimited(t.Rate) })
}

// interval is where the limit lies with the confidence that is asked for: by lines
// through the trials where they make some, else by their odds alone.
func (s *search) interval(p *posterior) (w rateWindow, sure bool) {
	if w, ok := s.lineWindow(p); ok {
		return w, true
	}
	return p.window(s.Confidence)
}
