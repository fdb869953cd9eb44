package capacity

import (
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"mfaload/internal/stat"
	"mfaload/scenario"
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
	sum = float64(s.Spent)
	for _, t := range s.found.Trials {
		for _, seconds := range [][]TrialSecond{t.Before, t.Seconds} {
			for k := range seconds {
				sum += seconds[k].Sent
			}
		}
		if t.Recovered != nil {
			sum += t.Recovered.Sent
		}
	}
	return sum + next.Requests() + next.Recovery.requests()
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
	s := &search{SearchOptions: o, found: &SearchResult{Why: "the search is running, or was interrupted"}}
	for _, t := range trials {
		s.add(t)
	}
	return s.conclude()
}
